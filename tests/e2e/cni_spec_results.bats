#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI spec 1.1.0 in its order, as far as its sentences can be tested from outside: sections 3
# (concurrency), 4 (delegation) and 5 (results).
# What has a file of its own isn't repeated: cni (ADD, DEL, VERSION), cni_check, cni_gc (GC, STATUS),
# cni_ipam, cni_requests, cni_many, cni_chain (section 3).
#
# places: native
#
# datapath: stays loaded

load lib
load cni

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
	mine 'exit 1'
	mv "$BATS_TEST_TMPDIR"/plugins/{mine,dhcp}
	expect 'attached without it' call_c1 ADD "$(cni_config "$BUILT_IN")"
	expect 'DEL' call_mine DEL "$config"
	expect_same 'the endpoint is gone' '' "$(attached)"
	expect 'DEL without a CNI_PATH' call_c1 DEL "$config" CNI_PATH=
	expect_not 'GC' call_mine GC "$(jq -c '. + {"cni.dev/valid-attachments": []}' <<<"$config")"
	expect_error_object 'GC' 1.1.0 2
	expect_not 'it was never asked' test -e "$BATS_TEST_TMPDIR/calls"
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
	expect_same 'its own come first, unchanged' "$(jq -c '[.interfaces[0], .ips[0], .routes[0], .y]' <<<"$previous")" \
		"$(jq -c '[.interfaces[0], .ips[0], .routes[0], .y]' <<<"$answer")"
	expect_same 'ours follow' 'eth0 2' "$(answered '.interfaces[2].name + " " + (.ips[1].interface | tostring)')"
	expect_cni 'and CHECK knows which is which' CHECK c1 "$(with_previous "$(cni_config "$BUILT_IN")" |
		jq -c 'del(.prevResult.routes[0])')"
}
