#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI spec 1.1.0 in its order, as far as its sentences can be tested from outside and the other files
# of the plugin's don't have them: cni (ADD, DEL, VERSION), cni_check, cni_gc (GC, STATUS), cni_ipam,
# cni_requests, cni_many, cni_chain.

load lib
load cni

# Expects the last answer to be an error object and nothing else. In a guest jq takes longer than all else.
expect_error_object() # WORDS VERSION CODE [REGEX]
{
	expect_match "$1: an error object" \
		"^\{\s*\"cniVersion\": \"${2//./\\.}\",\s*\"code\": $3,\s*\"msg\": \"[^"$'\n'"]+\"\s*\}\$" "$answer"
	expect_match "$1: its words" "${4:-}" "$answer"
	expect_same "$1: nothing on stderr" '' "$beside"
}

# Calls with the variables of an ADD of c1, and perhaps others instead.
call_c1() # COMMAND INPUT [VARIABLE=VALUE]...
{
	cni_call "$1" CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 \
		CNI_PATH=$CNI_PLUGIN_DIR "${@:3}" -- "$2"
}

## Section 1: the configuration

@test "1: keys that the plugin doesn't know, or the runtime has made, change nothing" {
	expect 'attached' call_c1 ADD "$(cni_config '{"cniVersions": ["1.0.0", "1.1.0"], "disableCheck": true,
		"disableGC": false, "loadOnlyInlinedPlugins": true, "capabilities": {"portMappings": true},
		"args": {"labels": {"a": "b"}, "cni": {"labels": [{"key": "a"}]}}, "cni.dev/x": {"y": [1]},
		"bridge": "cni0", "hairpinMode": 7, "runtimeConfig": {"cgroupPath": "/x", "deviceID": "0000"},
		"ipam": {}, "dns": {}, "prevResult": null, "subnets": null, "mtu": 0}')"
	expect_same 'with addresses of the built-in allocation' 10.88.0.2/32 "$(answered '.ips[0].address')"
}

@test "1: of a key that is there twice the last one counts, as to libcni" {
	expect 'attached' call_c1 ADD '{"cniVersion": "9.9.9", "cniVersion": "1.0.0", "name": "x", "name": "pods",
		"device": "'"$E2E_DEVICE"'", "mtu": "big", "mtu": 1400}'
	expect_same 'the version' 1.0.0 "$(answered .cniVersion)"
	expect_same 'the name' pods/c1/eth0 "$(attached)"
}

@test "1: names of networks and of plugins that can be files' names alone" {
	local name
	for name in . .. -x _x .x 'a b' 'a/b' 'a\\b' 'ä' 'a\nb' '*'; do
		expect_not "the network '$name'" call_c1 ADD "{\"cniVersion\": \"1.1.0\", \"name\": \"$name\"}"
		expect_error_object "the network '$name'" 1.1.0 7
	done
	expect_not 'an empty one' call_c1 ADD '{"cniVersion": "1.1.0", "name": ""}'
	expect_error_object 'an empty one' 1.1.0 7
	for name in . .. a/b /bin/true; do
		expect_not "the plugin '$name'" call_c1 ADD \
			"{\"cniVersion\": \"1.1.0\", \"name\": \"pods\", \"ipam\": {\"type\": \"$name\"}}"
		expect_error_object "the plugin '$name'" 1.1.0 7
	done
	expect 'odd, but allowed' call_c1 ADD "$(cni_config '{}' 1.1.0 0.a_b-c.)"
}

## Section 2: parameters

@test "2: container ids that are allowed, and that are not" {
	local id long config
	long=$(printf 'x%.0s' {1..300})
	config=$(cni_config)
	for id in .. . -x _x a/b ../../x 'a b' 'a;b' 'ä' $'a\nb' '$(id)' "$long"; do
		expect_not "'$id'" call_c1 ADD "$config" CNI_CONTAINERID="$id"
		expect_error_object "'$id'" 1.1.0 4 CNI_CONTAINERID
	done
	for id in 0 A..b_-. "${long:0:200}"; do
		expect "'$id'" call_c1 ADD "$config" CNI_CONTAINERID="$id"
		expect "'$id' is detached" call_c1 DEL "$config" CNI_CONTAINERID="$id" CNI_NETNS=
	done
	expect_not "a bad one to DEL" call_c1 DEL "$config" CNI_CONTAINERID=..
	expect_error_object "a bad one to DEL" 1.1.0 4
	expect_same 'nothing is left' '' "$(attached)"
}

@test "2: CNI_NETNS is a path to a network namespace, and not the host's" {
	local path config
	config=$(cni_config)
	for path in /run/netns/none /etc/passwd /run /proc/self/ns/mnt /proc/self/ns/net /proc/1/ns/net \
		/proc/4194304/ns/net c1 ../netns/c1/x /dev/null ''; do
		expect_not "'$path'" call_c1 ADD "$config" CNI_NETNS="$path"
		expect_error_object "'$path'" 1.1.0 4 CNI_NETNS
	done
	expect 'a path that goes round' call_c1 ADD "$config" CNI_NETNS=/run/../run/netns/c1
	expect_same 'the sandbox is told as it was given' /run/../run/netns/c1 "$(answered '.interfaces[1].sandbox')"
}

@test "2: CNI_ARGS in all its forms" {
	local args config
	config=$(cni_config)
	for args in FOO FOO=BAR '=x' 'IgnoreUnknown=2;FOO=BAR' 'IgnoreUnknown=truest;FOO=BAR' \
		'IgnoreUnknown=;FOO=BAR' 'K8S_=x' 'MAC=zz' 'IP=zz' 'IP=10.88.0.9,zz'; do
		expect_not "'$args'" call_c1 ADD "$config" CNI_ARGS="$args"
		expect_match "'$args': it is named" CNI_ARGS "$answer"
	done
	expect 'DEL needs none' call_c1 DEL "$config" CNI_ARGS=FOO
	for args in ';' 'IgnoreUnknown=True;FOO=BAR' 'FOO=BAR;;IgnoreUnknown=1;' \
		'K8S_POD_NAME=a;K8S_POD_UID=b;K8S_POD_ANY=c=d' 'IP=10.88.0.9,fd00:88::9;GATEWAY=10.88.0.1'; do
		expect "'$args'" call_c1 ADD "$config" CNI_ARGS="$args"
		[[ $args != IP=* ]] || expect_same 'the addresses asked for' '10.88.0.9/32 fd00:88::9/128' \
			"$(answered '[.ips[].address] | join(" ")')"
		expect 'detached' call_c1 DEL "$config" CNI_ARGS="$args"
	done
}

## Section 2: errors and operations

@test "2: errors are objects on stdout with the request's version, and nothing is on stderr" {
	local version deep
	expect_not 'no JSON' call_c1 ADD '{"cniVersion": "1.0.0"'
	expect_error_object 'no JSON' 1.1.0 6
	deep=$(printf '[%.0s' {1..5000})
	for version in '' null '"x"' 7 '{"name": "pods"}{}' "$deep" $'{"cniVersion": "\x01"}' $'\xef\xbb\xbf{}' \
		$'{"a": "\xff"}'; do
		expect_not "'${version:0:20}'" call_c1 ADD "$version"
		expect_error_object "'${version:0:20}'" 1.1.0 6
	done
	expect_not 'no version' call_c1 ADD '{"name": "pods"}'
	expect_error_object 'no version' 1.1.0 1
	for version in 0.2.0 1.2.0 2.0.0 1.1.0-rc1 v1.0.0 1.0; do
		expect_not "version $version" call_c1 ADD "{\"cniVersion\": \"$version\", \"name\": \"pods\"}"
		expect_error_object "version $version" $version 1 "cniVersion $version:"
	done
	expect_not 'to DEL, too' call_c1 DEL "{\"cniVersion\": \"$version\", \"name\": \"pods\"}"
	expect_error_object 'to DEL, too' $version 1
	for version in 0.3.1 0.4.0 1.0.0 1.1.0; do
		expect_not "a failure in version $version" call_c1 ADD \
			"{\"cniVersion\": \"$version\", \"name\": \"pods\", \"mtu\": 1}"
		expect_error_object "a failure in version $version" $version 7
	done
	expect_same 'nothing was attached' '[]' "$(nkctl list --json)"
}

@test "2: input that can't be read, is endless or huge, and output that can't be written" {
	local config said
	config=$(cni_config)
	expect_same 'stdin is closed' 5 "$(cni_raw <&- | jq .code)"
	expect_same 'stdin is a directory' 5 "$(cni_raw </ | jq .code)"
	expect_same 'stdin is endless' 6 "$(cni_raw </dev/zero | jq .code)"
	expect_not 'stdout is full' eval 'cni_raw <<<"$config" >/dev/full'
	expect_not 'stdout is closed' eval 'cni_raw <<<"$config" >&-'
	expect_same 'an attachment that nobody learns of is undone' '' "$(attached)"
	said=$(head -c 4000000 /dev/zero | tr '\0' x)
	jq -c --rawfile x <(printf %s "$said") '. + {x: $x}' <<<"$config" >"$BATS_TEST_TMPDIR/large"
	expect 'four megabytes that are nobody'\''s business' cni_raw <"$BATS_TEST_TMPDIR/large"
	expect_same 'attached' pods/c1/eth0 "$(attached)"
}

# An ADD of c1 with this shell's stdin and stdout.
cni_raw()
{
	CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 "$NKCTL_PROGRAM"
}

@test "2: ADD doesn't touch an interface that has the name, whosever it is" {
	at c1 ip link add eth0 type veth peer name other
	expect_not 'of somebody else' call_c1 ADD "$(cni_config)"
	expect_error_object 'of somebody else' 1.1.0 104
	expect 'it is there still' at c1 ip link show eth0
	expect 'its DEL comes, and removes nothing' call_c1 DEL "$(cni_config)"
	expect 'it is there still' at c1 ip link show eth0
	expect 'by another name' call_c1 ADD "$(cni_config)" CNI_IFNAME=eth1
	expect_not 'by another network under that name' call_c1 ADD "$(cni_config '{}' 1.1.0 other)" CNI_IFNAME=eth1
	expect_error_object 'by another network' 1.1.0 104
	expect_same 'the first stays' pods/c1/eth1 "$(attached)"
	expect 'another container in the same namespace' call_c1 ADD "$(cni_config)" CNI_CONTAINERID=c2 CNI_IFNAME=eth2
}

@test "2: DEL with nothing but a name, an id and an interface" {
	expect 'attached' call_c1 ADD "$(cni_config "$BUILT_IN")"
	expect 'detached' cni_call DEL CNI_CONTAINERID=c1 CNI_IFNAME=eth0 -- '{"cniVersion": "0.3.1", "name": "pods"}'
	expect_same 'it answers nothing' '' "$answer$beside"
	expect_same 'no endpoint' '' "$(attached)"
	expect_not 'the interface is gone' at c1 ip link show eth0
	expect 'attached' call_c1 ADD "$(cni_config)"
	expect 'another interface' call_c1 DEL "$(cni_config)" CNI_IFNAME=eth1
	expect 'another network' call_c1 DEL "$(cni_config '{}' 1.1.0 other)"
	expect 'another container' call_c1 DEL "$(cni_config)" CNI_CONTAINERID=c2
	expect_same 'are not this one' pods/c1/eth0 "$(attached)"
	expect 'a prevResult of nonsense' call_c1 DEL "$(cni_config '{"prevResult": {"ips": 7}, "runtimeConfig": []}')"
	expect_same 'no endpoint' '' "$(attached)"
	expect 'attached' call_c1 ADD "$(cni_config)"
	expect_not 'an ipam of nonsense' call_c1 DEL "$(cni_config '{"ipam": []}')"
	expect_error_object 'it is told' 1.1.0 7
	expect_same 'and yet the endpoint is gone' '' "$(attached)"
}

@test "2: CHECK consults prevResult" {
	local config change
	config=$(cni_config "$BUILT_IN")
	expect 'attached' call_c1 ADD "$config"
	config=$(with_previous "$config")
	expect 'as it was' call_c1 CHECK "$config"
	expect_same 'it answers nothing' '' "$answer$beside"
	while read -r change; do
		expect_not "$change" call_c1 CHECK "$(jq -c "$change" <<<"$config")"
		expect_error_object "$change" 1.1.0 106
	done <<-'CHANGES'
		.prevResult.ips[0].address = "10.91.0.77/32"
		.prevResult.ips[0].address = "10.91.0.2/24"
		.prevResult.ips += [{address: "10.91.0.3/32", interface: 1}]
		.prevResult.ips = []
		.prevResult.ips[].interface = 0
		.prevResult.routes += [{dst: "198.51.100.0/24"}]
		.prevResult.interfaces[1].name = "eth1"
		.prevResult.interfaces[1].sandbox = "/run/netns/c2"
		.prevResult.interfaces[1].mac = "06:00:00:00:00:99"
		.prevResult.interfaces[1].mtu = 1400
		.prevResult.interfaces = []
		.prevResult = {}
		.runtimeConfig = {portMappings: [{hostPort: 8080, containerPort: 80}]}
	CHANGES
	expect_not 'null' call_c1 CHECK "$(jq -c '.prevResult = null' <<<"$config")"
	expect_error_object 'null' 1.1.0 7
	expect_not 'in another namespace' call_c1 CHECK "$config" CNI_NETNS=/run/netns/c2
	expect_error_object 'in another namespace' 1.1.0 106
	expect 'what another plugin has added' call_c1 CHECK "$(jq -c '.prevResult.interfaces += [{name: "ifb0"},
		{name: "lo", sandbox: "/run/netns/c1"}] | .prevResult.ips += [{address: "127.0.0.1/8", interface: 3}]
		| .prevResult.dns = {nameservers: ["192.0.2.1"]}' <<<"$config")"
	expect 'detached' call_c1 DEL "$config"
	expect_not 'after DEL' call_c1 CHECK "$config"
	expect_error_object 'after DEL' 1.1.0 106
}

@test "2: STATUS and GC need no attachment, and a configuration all the same" {
	local config
	config=$(cni_config)
	expect 'STATUS' cni_call STATUS -- "$config"
	expect_same 'it answers nothing' '' "$answer$beside"
	expect 'GC where nothing was ever loaded' cni_call GC CNI_PATH=/x -- \
		"$(jq -c '. + {"cni.dev/valid-attachments": []}' <<<"$config")"
	expect_same 'it answers nothing' '' "$answer$beside"
	expect_not 'STATUS of what ADD would refuse' cni_call STATUS -- "$(cni_config '{"mtu": "big"}')"
	expect_error_object 'it is told' 1.1.0 7
	expect_same 'nothing was loaded' '' "$(find /sys/fs/bpf -name 'nkctl*')"
}

@test "2: GC leaves what a person attached, and what is of another network" {
	local config
	config=$(cni_config "$BUILT_IN")
	nkctl network add pods --subnet 10.91.0.0/16
	# shellcheck disable=SC2086 # a list of options
	nkctl attach --ns c1 --network pods --ifname eth5 $E2E_ATTACH
	expect 'attached by CNI' call_c1 ADD "$config"
	expect 'to another network' call_c1 ADD "$(cni_config "$BUILT_IN" 1.1.0 pods2)" CNI_IFNAME=eth1
	expect_not 'a list of nonsense' call_c1 GC "$(jq -c '. + {"cni.dev/valid-attachments": [{}]}' <<<"$config")"
	expect_error_object 'a list of nonsense' 1.1.0 7
	expect_same 'removes nothing' 'pods/c1/eth0 pods/c1/eth5 pods2/c1/eth1' "$(attached)"
	expect 'nothing is valid' call_c1 GC "$(jq -c '. + {"cni.dev/valid-attachments": null}' <<<"$config")"
	expect_same 'what stays' 'pods/c1/eth5 pods2/c1/eth1' "$(attached)"
	expect_not 'its identity is taken' call_c1 ADD "$config" CNI_IFNAME=eth5
	expect_error_object 'its identity is taken' 1.1.0 104
	expect 'a person detaches what CNI attached' nkctl detach --ns c1 --network pods2 --ifname eth1
}

@test "2: VERSION repeats the version and lists what is spoken" {
	local version
	for version in 0.1.0 0.3.1 1.1.0 7.0.0-rc.1; do
		expect "$version" cni_call VERSION -- "{\"cniVersion\": \"$version\"}"
		expect_same "$version" "{\"cniVersion\":\"$version\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}" \
			"$(jq -cS . <<<"$answer")"
	done
	expect 'whatever else is set' cni_call VERSION CNI_ARGS=x CNI_IFNAME=a/b CNI_CONTAINERID=/ -- '{}'
}

## Section 3: concurrency

@test "3: ADDs, DELs and CHECKs at once, the same ones among them" {
	local config i id pids=()
	local -i added=0 refused=0
	config=$(cni_config '{"subnets": ["10.94.0.0/24"]}')
	for i in {1..8}; do ip netns add "p$i"; done
	for i in {1..32}; do
		id=p$((i % 8 + 1))
		CNI_COMMAND=ADD CNI_CONTAINERID=$id CNI_IFNAME=eth0 CNI_NETNS=/run/netns/$id "$NKCTL_PROGRAM" \
			<<<"$config" >"$BATS_TEST_TMPDIR/add.$i" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do if wait "$i"; then added+=1; fi; done
	refused=$(jq -s '[.[] | select(.code == 104)] | length' "$BATS_TEST_TMPDIR"/add.*)
	expect_same 'of each four one succeeds, and the others learn that it is attached' '8 24' "$added $refused"
	expect_same 'eight addresses' 8 "$(nkctl list --json | jq '[.[].addresses[]] | unique | length')"
	for i in {1..8}; do
		expect "p$i works" ping -c 1 -W 2 "$(endpoint "p$i" '.addresses[0] | split("/")[0]')"
	done
	pids=()
	for i in {1..32}; do
		id=p$((i % 8 + 1))
		CNI_COMMAND=DEL CNI_CONTAINERID=$id CNI_IFNAME=eth0 "$NKCTL_PROGRAM" <<<"$config" \
			>"$BATS_TEST_TMPDIR/del.$i" 3>&- &
		pids+=($!)
	done
	added=0
	for i in "${pids[@]}"; do if wait "$i"; then added+=1; fi; done
	expect_same 'each DEL succeeds' 32 $added
	expect_same 'nothing is left' '' "$(attached)"
}

## Section 4: delegation

# Makes the IPAM plugin "mine": it notes each command, its environment and its input, and then does what
# the shell commands say.
mine() # COMMANDS
{
	mkdir -p "$BATS_TEST_TMPDIR/plugins"
	printf '#!/bin/bash\ncd %q\necho $CNI_COMMAND >>calls\ncat >input.$CNI_COMMAND\nenv >env.$CNI_COMMAND\n%s\n' \
		"$BATS_TEST_TMPDIR" "$1" >"$BATS_TEST_TMPDIR/plugins/mine"
	chmod +x "$BATS_TEST_TMPDIR/plugins/mine"
	rm -f "$BATS_TEST_TMPDIR"/calls
}

call_mine() # COMMAND CONFIG [VARIABLE=VALUE]...
{
	call_c1 "$1" "$2" CNI_PATH="::/nowhere:$BATS_TEST_TMPDIR/dirs:$BATS_TEST_TMPDIR/plugins:" "${@:3}"
}

calls() { xargs <"$BATS_TEST_TMPDIR/calls"; }

readonly GIVES='echo "{\"ips\": [{\"address\": \"10.96.0.5/24\"}]}"'

@test "4: the delegated plugin gets the environment and the whole input, byte by byte" {
	local config='{ "cniVersion" : "1.0.0","name":"pods", "type":"nkctl",  "x": [1.50, 1e3, "ü\/\u00e4"],
		"device": "'"$E2E_DEVICE"'", "ipam": {"type": "mine", "x": 12345678901234567} }   '
	mkdir -p "$BATS_TEST_TMPDIR/dirs/mine" # a directory of the name is no plugin
	mine "$GIVES"
	expect 'attached' call_mine ADD "$config" CNI_ARGS='IgnoreUnknown=1;A=b' MINE=1
	expect_same 'the input' "$config" "$(<"$BATS_TEST_TMPDIR/input.ADD")"
	expect_same 'the environment' "CNI_ARGS=IgnoreUnknown=1;A=b
CNI_COMMAND=ADD
CNI_CONTAINERID=c1
CNI_IFNAME=eth0
CNI_NETNS=/run/netns/c1
CNI_PATH=::/nowhere:$BATS_TEST_TMPDIR/dirs:$BATS_TEST_TMPDIR/plugins:
MINE=1" "$(grep -E '^(CNI_|MINE)' "$BATS_TEST_TMPDIR/env.ADD" | sort)"
	expect 'detached' call_mine DEL "$config" CNI_NETNS=
	expect_same 'DEL, too' "$config ADD DEL" "$(<"$BATS_TEST_TMPDIR/input.DEL") $(calls)"
	expect 'and again' call_mine DEL "$config" CNI_NETNS=
	expect_same 'each DEL' 'ADD DEL DEL' "$(calls)"
}

@test "4: a plugin that fails at ADD is run again with DEL" {
	local config failure
	config=$(cni_config '{"ipam": {"type": "mine"}}')
	for failure in 'echo "{\"code\": 11, \"msg\": \"busy\"}"; exit 1' 'exit 2' 'kill -9 $$' 'echo x' \
		'echo "{\"ips\": [{\"address\": \"x\"}]}"' 'echo "{}"'; do
		mine "[[ \$CNI_COMMAND == DEL ]] && exit; $failure"
		expect_not "$failure" call_mine ADD "$config"
		expect_same "$failure: DEL follows" 'ADD DEL' "$(calls)"
		expect_same "$failure: DEL has the same input" "$config" "$(<"$BATS_TEST_TMPDIR/input.DEL")"
	done
	mine "$GIVES"
	expect 'another one has that address' call_mine ADD "$config" CNI_CONTAINERID=c2 CNI_NETNS=/run/netns/c2
	rm "$BATS_TEST_TMPDIR/calls"
	expect_not 'the address is taken' call_mine ADD "$config"
	expect_error_object 'the address is taken' 1.1.0 105
	at c1 ip link add eth0 type veth peer name other
	expect_not 'the interface is there' call_mine ADD "$config"
	expect_error_object 'the interface is there' 1.1.0 104
	expect_match 'each ADD has its DEL' '^(ADD DEL ?)+$' "$(calls)"
	at c1 ip link delete eth0
	expect 'the other one goes' call_mine DEL "$config" CNI_CONTAINERID=c2
	expect 'attached' call_mine ADD "$config"
	rm "$BATS_TEST_TMPDIR/calls"
	expect_not 'a second time' call_mine ADD "$config"
	expect_error_object 'a second time' 1.1.0 104
	expect_not 'the first one keeps its addresses' test -e "$BATS_TEST_TMPDIR/calls"
}

@test "4: errors of the delegated plugin are passed on by each command, after our own work" {
	local config
	config=$(cni_config '{"ipam": {"type": "mine"}}')
	mine "$GIVES"
	expect 'attached' call_mine ADD "$config"
	config=$(with_previous "$config" | jq -c '. + {"cni.dev/valid-attachments": []}')
	mine 'echo "{\"cniVersion\": \"0.4.0\", \"code\": 107, \"msg\": \"lost\", \"details\": \"all\"}"; echo oops >&2; exit 1'
	expect_not 'CHECK' call_mine CHECK "$config"
	expect_same 'CHECK' '1.1.0 107 ipam plugin mine: lost: all' "$(answered '"\(.cniVersion) \(.code) \(.msg)"')"
	expect_same 'what it says on stderr is on ours' oops "$beside"
	expect_not 'STATUS' call_mine STATUS "$config"
	expect_answered_error 'STATUS' 107 lost
	expect_same 'it is attached' pods/c1/eth0 "$(attached)"
	expect_not 'GC' call_mine GC "$config"
	expect_answered_error 'GC' 107 lost
	expect_same 'and yet collected' '' "$(attached)"
	expect_not 'DEL' call_mine DEL "$config"
	expect_answered_error 'DEL' 107 lost
	expect_same 'all were delegated' 'CHECK STATUS GC DEL' "$(calls)"
	mine 'echo "anything"'
	expect 'where there is no result, nobody reads one' call_mine CHECK "$(jq -c . <<<"$config")" ||
		expect_answered_error 'not attached any more' 106 'not attached'
	expect_not 'no CNI_PATH' call_c1 ADD "$(cni_config '{"ipam": {"type": "mine"}}')" CNI_PATH=
	expect_error_object 'no CNI_PATH' 1.1.0 4
	chmod -x "$BATS_TEST_TMPDIR/plugins/mine"
	expect_not 'no program' call_mine ADD "$(cni_config '{"ipam": {"type": "mine"}}')"
	expect_error_object 'no program' 1.1.0 100
}

@test "4: dhcp is refused by name, and what there may be is removed" {
	local config
	config=$(cni_config '{"ipam": {"type": "dhcp"}}' 1.1.0)
	expect_not 'ADD' call_c1 ADD "$config"
	expect_error_object 'ADD' 1.1.0 2
	expect_match 'key and value are told' "ipam.type: 'dhcp'" "$(answered .msg)"
	expect_not 'STATUS' call_c1 STATUS "$config"
	expect_error_object 'STATUS' 1.1.0 2
}

## Section 5: results

@test "5: the result has the keys of its version, and no others" {
	local version keys
	for version in 0.3.1 0.4.0 1.0.0 1.1.0; do
		expect "$version" call_c1 ADD "$(cni_config "$BUILT_IN" $version)"
		keys=$(jq -c '[keys, (.interfaces | map(keys) | add | unique), (.ips | map(keys) | add | unique),
			(.routes | map(keys - ["gw"]) | add | unique), (.dns | type)]' <<<"$answer")
		case $version in
		0.*)   expect_same $version '[["cniVersion","dns","interfaces","ips","routes"],["mac","name","sandbox"],["address","gateway","interface","version"],["dst"],"object"]' "$keys" ;;
		1.0.0) expect_same $version '[["cniVersion","dns","interfaces","ips","routes"],["mac","name","sandbox"],["address","gateway","interface"],["dst"],"object"]' "$keys" ;;
		1.1.0) expect_same $version '[["cniVersion","dns","interfaces","ips","routes"],["mac","mtu","name","sandbox"],["address","gateway","interface"],["dst"],"object"]' "$keys" ;;
		esac
		expect 'detached' call_c1 DEL "$(cni_config "$BUILT_IN" $version)"
	done
}

@test "5: prevResult of an ADD is in its result, with keys that nobody knows" {
	local previous='{"cniVersion": "1.1.0", "interfaces": [{"name": "net9", "sandbox": "/run/netns/c1", "x": 1,
		"socketPath": "/s", "pciID": "0"}], "ips": [{"address": "10.9.9.9/24", "interface": 0}],
		"routes": [{"dst": "10.9.0.0/16", "gw": "10.9.9.1", "mtu": 1300}], "y": {"z": []}}'
	expect 'attached' call_c1 ADD "$(cni_config "$BUILT_IN" | jq -c --argjson p "$previous" '. + {prevResult: $p}')"
	expect_same 'its own come first, unchanged' "$(jq -cS '[.interfaces[0], .ips[0], .routes[0], .y]' <<<"$previous")" \
		"$(jq -cS '[.interfaces[0], .ips[0], .routes[0], .y]' <<<"$answer")"
	expect_same 'ours follow' 'eth0 2' "$(answered '.interfaces[2].name + " " + (.ips[1].interface | tostring)')"
	expect_cni 'and CHECK knows which is which' CHECK c1 "$(with_previous "$(cni_config "$BUILT_IN")" |
		jq -c 'del(.prevResult.routes[0])')"
}
