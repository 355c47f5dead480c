#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI plugin, sentence by sentence of the spec, as a runtime sees it.

load lib
load cni

readonly BUILT_IN='{"subnets": ["10.91.0.0/16", "fd00:91::/64"]}'

setup()
{
	trace_test_only
	ip netns add c1
	ip netns add c2
}

teardown()
{
	clean_up
	take_all_down
}

## ADD

# A file of eth0 below /sys, as the container's own sysfs has it.
host_path() # CONTAINER FILE
{
	local file=$BATS_TEST_TMPDIR/$2
	within "$1" unshare -m sh -c "mount -t sysfs sysfs /sys && cat /sys/class/net/eth0/$2" >"$file"
	echo "$file"
}

# Prints the endpoints that nkctl knows, as NETWORK/ID/IFNAME.
attached()
{
	nkctl list --json | jq -r '[.[] | "\(.network)/\(.id)/\(.ifname)"] | join(" ")'
}

# A configuration whose addresses come from host-local, whose files are this test's own.
host_local() # [MORE] [VERSION]
{
	local more=${1:-'{}'}
	cni_config "$(jq -nc --argjson more "$more" --arg dir "$BATS_TEST_TMPDIR/ipam" '{ipam: {
		type: "host-local", dataDir: $dir, ranges: [[{subnet: "10.92.0.0/24"}],
		[{subnet: "fd00:92::/64"}]], routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"},
		{dst: "198.51.100.0/24"}]}} * $more')" "${2:-1.0.0}"
}

# The addresses that host-local has given out.
reserved() { (cd "$BATS_TEST_TMPDIR/ipam/pods" && printf '%s ' [0-9f]*); }

need_plugins() { [[ -x $CNI_PLUGIN_DIR/host-local ]] || skip 'containernetworking-plugins is not installed'; }

## ADD

# bats test_tags=core
@test "ADD connects the container and tells what it made" {
	expect_cni 'a container is attached' ADD c1 "$(cni_config "$BUILT_IN")"
	expect_same 'the version is that of the request' 1.1.0 "$(answered .cniVersion)"
	expect_same 'the first interface is the host'\''s' null "$(answered '.interfaces[0].sandbox')"
	expect_same 'the second is the container'\''s' 'eth0 /run/netns/c1' \
		"$(answered '.interfaces[1] | .name + " " + .sandbox')"
	expect_same 'the addresses' '10.91.0.2/32 10.91.0.1 1,fd00:91::2/128 fd00:91::1 1' \
		"$(answered '[.ips[] | "\(.address) \(.gateway) \(.interface)"] | join(",")')"
	expect_same 'the routes' '0.0.0.0/0,::/0' "$(answered '[.routes[].dst] | join(",")')"
	expect_same 'the MTU is the device'\''s' 1500 "$(answered '.interfaces[1].mtu')"
	expect_same 'the MAC address is the device'\''s' "$(cat "$(host_path c1 address)")" \
		"$(answered '.interfaces[1].mac')"
	expect_same 'nothing else is printed' '' "$beside"
	expect 'the host reaches it by IPv4' ping -c 1 -W 2 10.91.0.2
	expect 'the host reaches it by IPv6' ping -c 1 -W 2 fd00:91::2
	expect 'it reaches the outside' at c1 ping -c 1 -W 2 "$REMOTE4"
}

@test "ADD answers in the version that the request has" {
	local version
	for version in 0.3.1 0.4.0 1.0.0 1.1.0; do
		expect_cni "$version" ADD c1 "$(cni_config "$BUILT_IN" $version)"
		expect_same "$version: its number" $version "$(answered .cniVersion)"
		case $version in
		0.*) expect_same "$version: addresses have a version" '4 6' \
			"$(answered '[.ips[].version] | join(" ")')" ;;
		*)   expect_same "$version: addresses have none" '' \
			"$(answered '[.ips[] | select(has("version"))] | .[].address')" ;;
		esac
		expect_same "$version: interfaces have an MTU from 1.1.0 on" \
			"$([[ $version == 1.1.0 ]] && echo true || echo false)" \
			"$(answered '.interfaces[1] | has("mtu")')"
		expect_cni "$version" DEL c1 "$(cni_config "$BUILT_IN" $version)"
		expect_same "$version: DEL answers nothing" '' "$answer"
	done
}

@test "without subnets there are those of the network default" {
	expect_cni 'a container is attached' ADD c1 "$(cni_config)"
	expect_same 'the addresses' '10.88.0.2/32,fd00:88::2/128' \
		"$(answered '[.ips[].address] | join(",")')"
}

@test "a second ADD is refused and leaves the first alone" {
	local config first
	config=$(cni_config "$BUILT_IN")
	expect_cni 'the first' ADD c1 "$config"
	first=$answer
	expect_cni_error 'the second' 104 'already attached' ADD c1 "$config"
	expect_same 'the error has the request'\''s version' 1.1.0 "$(answered .cniVersion)"
	expect 'the first still works' ping -c 1 -W 2 10.91.0.2
	answer=$first
	expect_cni 'and is as it was' CHECK c1 "$(with_previous "$config")"
}

@test "ADD in place of the remains of a killed one" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	ip link set "$(answered '.interfaces[0].name')" alias '' # as a kill before the commit leaves it
	expect_cni 'attached again' ADD c1 "$config"
	expect_same 'one endpoint' pods/c1/eth0 "$(attached)"
}

@test "ADD keeps what earlier plugins of the chain have done" {
	answer='{"cniVersion": "1.0.0", "interfaces": [{"name": "lo", "sandbox": "/run/netns/c1"}],
		"ips": [{"address": "127.0.0.1/8", "interface": 0}], "dns": {"nameservers": ["192.0.2.53"]}}'
	expect_cni 'attached' ADD c1 "$(with_previous "$(cni_config "$BUILT_IN" 1.0.0)")"
	expect_same 'its interfaces come first' 'lo eth0' \
		"$(answered '[.interfaces[] | select(.sandbox)| .name] | join(" ")')"
	expect_same 'addresses point at their interfaces' '0 2 2' \
		"$(answered '[.ips[].interface] | join(" ")')"
	expect_same 'its resolver stays' 192.0.2.53 "$(answered '.dns.nameservers[0]')"
}

@test "two networks in one container" {
	expect_cni 'the first' ADD c1 "$(cni_config "$BUILT_IN" 1.1.0 one)"
	expect_cni 'the second' ADD c1:net1 "$(cni_config '{"subnets": ["10.93.0.0/24"]}' 1.1.0 two)"
	expect_same 'it has no default route to give, but that to its subnet' 10.93.0.0/24 \
		"$(answered '[.routes[].dst] | join(",")')"
	expect_cni 'the second is as told' CHECK c1:net1 \
		"$(with_previous "$(cni_config '{"subnets": ["10.93.0.0/24"]}' 1.1.0 two)")"
	expect 'the host reaches the first' ping -c 1 -W 2 10.91.0.2
	expect 'the host reaches the second' ping -c 1 -W 2 10.93.0.2
	expect_cni 'the first is detached' DEL c1 "$(cni_config "$BUILT_IN" 1.1.0 one)"
	expect_same 'the second stays' two/c1/net1 "$(attached)"
}

@test "100 containers are attached at once" {
	local config pids=() i failed=0
	config=$(cni_config '{"subnets": ["10.94.0.0/24"]}')
	for i in {1..100}; do ip netns add "p$i"; done
	for i in {1..100}; do
		env -i PATH="$PATH" CNI_COMMAND=ADD CNI_CONTAINERID="p$i" CNI_IFNAME=eth0 \
			CNI_NETNS="/run/netns/p$i" "$NKCTL_PROGRAM" <<<"$config" \
			>"$BATS_TEST_TMPDIR/add.$i" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || ((failed += 1)); done
	expect_same 'none fails' 0 $failed
	expect_same 'each has an address of its own' 100 \
		"$(jq -r '.ips[0].address' "$BATS_TEST_TMPDIR"/add.* | sort -u | wc -l)"
	answer=null
	expect_cni 'all are collected' GC c1 "$(jq -c '. + {"cni.dev/valid-attachments": null}' <<<"$config")"
	expect_same 'none is left' '' "$(attached)"
}

@test "ADD takes less than 8 MB of memory" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'loaded' ADD c2 "$config"
	# What it has mapped is more than what it uses.
	expect 'in 8 MiB of address space' env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 \
		CNI_NETNS=/run/netns/c1 sh -c 'ulimit -v 8192 && exec "$0" <<-END
			$1
			END' "$NKCTL_PROGRAM" "$config"
}

## What is asked for

@test "ranges, exclusions and requested addresses" {
	local subnet='{"subnet": "10.91.0.0/24", "rangeStart": "10.91.0.10", "rangeEnd": "10.91.0.13",
		"exclude": ["10.91.0.10/31"], "gateway": "10.91.0.1"}'
	local config
	config=$(cni_config "{\"subnets\": [$subnet]}")
	expect_cni 'the first' ADD c1 "$config"
	expect_same 'the first that is in the range and not excluded' 10.91.0.12/32 \
		"$(answered '.ips[0].address')"
	expect_cni 'the second' ADD c2 "$config"
	expect_same 'the next' 10.91.0.13/32 "$(answered '.ips[0].address')"
	ip netns add c3
	expect_cni_error 'no third' 103 'no address' ADD c3 "$config"
	expect_cni 'a range of the runtime goes first' ADD c3 "$(jq -c '. + {runtimeConfig:
		{ipRanges: [[{subnet: "10.95.0.0/24", rangeStart: "10.95.0.77"}]]}}' <<<"$config")"
	expect_same 'its first address' 10.95.0.77/32 "$(answered '.ips[0].address')"
	expect_cni 'detached' DEL c3 "$config"
	expect_cni 'an address is asked for' ADD c3 "$(jq -c '. + {runtimeConfig:
		{ips: ["10.91.0.99/24"]}}' <<<"$config")"
	expect_same 'with its prefix' 10.91.0.99/24 "$(answered '.ips[0].address')"
	expect_cni 'detached' DEL c3 "$config"
	CNI_ARGS='IP=10.91.0.98' expect_cni 'the elder way to ask' ADD c3 "$config"
	expect_same 'that address' 10.91.0.98/32 "$(answered '.ips[0].address')"
	expect_cni 'detached' DEL c3 "$config"
	expect_cni_error 'an address that is taken' 105 '10.91.0.12 is taken by' ADD c3 \
		"$(jq -c '. + {args: {cni: {ips: ["10.91.0.12"]}}}' <<<"$config")"
	expect_cni_error 'an address of elsewhere' 7 'outside every subnet' ADD c3 \
		"$(jq -c '. + {runtimeConfig: {ips: ["10.99.0.1/24"]}}' <<<"$config")"
	expect_same 'nothing of the refused is left' 'pods/c1/eth0 pods/c2/eth0' "$(attached)"
}

@test "ports are published, with the keys that containerd sends" {
	local config
	config=$(cni_config "$BUILT_IN" 1.0.0 | jq -c '. + {capabilities: {portMappings: true},
		runtimeConfig: {portMappings: [
			{HostPort: 8080, ContainerPort: 80, Protocol: "tcp", HostIP: ""},
			{hostPort: 5353, containerPort: 53, protocol: "UDP", hostIP: "192.0.2.1"}]}}')
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'the ports' '8080:80 192.0.2.1:5353:53/udp' "$(shown c1 published | tr '\n' ' ' | sed 's/ $//')"
	expect_cni 'they are as told' CHECK c1 "$(with_previous "$config")"
	expect_cni_error 'a port that is taken' 105 8080 ADD c2 "$config"
	expect_same 'nothing of the refused is left' pods/c1/eth0 "$(attached)"
	expect_cni 'detached' DEL c1 "$config"
	expect_cni 'the ports are free' ADD c2 "$config"
}

@test "a resolver is told on" {
	local config
	config=$(cni_config '{"dns": {"nameservers": ["192.0.2.53"], "domain": "example.org"}}')
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'the configuration'\''s' '192.0.2.53 example.org' \
		"$(answered '.dns | .nameservers[0] + " " + .domain')"
	expect_cni 'attached' ADD c2 "$(jq -c '. + {runtimeConfig: {dns: {servers: ["192.0.2.54"],
		searches: ["example.net"], options: ["ndots:2"]}}}' <<<"$config")"
	expect_same 'the runtime'\''s goes first' '192.0.2.54 example.net ndots:2' \
		"$(answered '.dns | .nameservers[0] + " " + .search[0] + " " + .options[0]')"
}

@test "a MAC address is for mode l2" {
	local more='{"mode": "l2", "runtimeConfig": {"mac": "06:00:00:00:00:17"}}'
	expect_cni 'attached' ADD c1 "$(cni_config "$more")"
	expect_same 'it is told' 06:00:00:00:00:17 "$(answered '.interfaces[1].mac')"
	expect_same 'the device has it' 06:00:00:00:00:17 "$(mac_of c1)"
	expect 'and works' ping -c 1 -W 2 10.88.0.2
	expect_cni_error 'in mode l3' 2 'runtimeConfig.mac.*06:00:00:00:00:17' ADD c2 \
		"$(cni_config "$(jq -c '. + {mode: "l3"}' <<<"$more")")"
}

@test "the MTU of the configuration" {
	expect_cni 'attached' ADD c1 "$(cni_config '{"mtu": 1400}')"
	expect_same 'it is told' 1400 "$(answered '.interfaces[1].mtu')"
	expect_same 'the device has it' 1400 "$(cat "$(host_path c1 mtu)")"
	expect_cni_error 'too small for IPv6' 7 '1280' ADD c2 "$(cni_config '{"mtu": 500}')"
}

## Bad requests

@test "what is wrong with the environment is refused by name" {
	local config
	config=$(cni_config)
	expect_not 'an unknown command' cni_call NOP CNI_CONTAINERID=c1 CNI_IFNAME=eth0 -- "$config"
	expect_answered_error 'an unknown command' 4 CNI_COMMAND
	expect_not 'no id' cni_call ADD CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 -- "$config"
	expect_answered_error 'no id' 4 CNI_CONTAINERID
	expect_not 'no interface' cni_call DEL CNI_CONTAINERID=c1 -- "$config"
	expect_answered_error 'no interface' 4 CNI_IFNAME
	expect_not 'no namespace' cni_call ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 -- "$config"
	expect_answered_error 'no namespace' 4 CNI_NETNS
	expect_cni_error 'a bad id' 4 'CNI_CONTAINERID.*-c1' ADD -c1 "$config"
	expect_cni_error 'a bad interface' 4 'CNI_IFNAME.*a/b' ADD c1:a/b "$config"
	expect_cni_error 'an interface of 16 characters' 4 CNI_IFNAME ADD c1:abcdefghijklmnop "$config"
	expect_cni_error 'no such namespace' 4 'CNI_NETNS.*/run/netns/none' ADD none "$config"
	CNI_NS=/etc/passwd expect_cni_error 'no namespace at all' 4 CNI_NETNS ADD c1 "$config"
	CNI_NS=/proc/self/ns/net expect_cni_error 'the host'\''s' 4 'CNI_NETNS.*host' ADD c1 "$config"
	CNI_ARGS='FOO=BAR' expect_cni_error 'an unknown argument' 4 'CNI_ARGS.*FOO' ADD c1 "$config"
	CNI_ARGS='FOO' expect_cni_error 'no pair' 4 CNI_ARGS ADD c1 "$config"
	CNI_ARGS='IgnoreUnknown=1;FOO=BAR;K8S_POD_NAME=web' expect_cni 'ignored if asked' ADD c1 "$config"
	expect_same 'that alone was attached' pods/c1/eth0 "$(attached)"
}

@test "what is wrong with the document is refused by name" {
	local key value
	expect_cni_error 'no JSON' 6 'no JSON' ADD c1 '{'
	expect_cni_error 'no object' 6 'no JSON object' ADD c1 '[]'
	expect_cni_error 'an empty document' 6 'no JSON' ADD c1 ''
	expect_cni_error 'no version' 1 cniVersion ADD c1 '{"name": "pods"}'
	expect_cni_error 'an old version' 1 '0.2.0' ADD c1 "$(cni_config '{}' 0.2.0)"
	expect_same 'the error has the request'\''s version' 0.2.0 "$(answered .cniVersion)"
	expect_cni_error 'a version that is no string' 7 cniVersion ADD c1 '{"cniVersion": 1}'
	expect_cni_error 'no CHECK in 0.3.1' 1 CHECK CHECK c1 "$(cni_config '{}' 0.3.1)"
	expect_cni_error 'no GC in 1.0.0' 1 GC GC c1 "$(cni_config '{}' 1.0.0)"
	expect_cni_error 'no STATUS in 1.0.0' 1 STATUS STATUS c1 "$(cni_config '{}' 1.0.0)"
	expect_cni_error 'no name' 7 name ADD c1 '{"cniVersion": "1.0.0"}'
	expect_cni_error 'a bad name' 7 'name.*a/b' ADD c1 "$(cni_config '{}' 1.0.0 a/b)"
	while read -r key value; do
		expect_cni_error "$key: $value" 7 "$key" ADD c1 "$(cni_config "{\"$key\": $value}")"
	done <<-'KEYS'
		mtu "1500"
		mtu -1
		mtu 70000
		mtu 1.5
		ipMasq "yes"
		device "tap"
		device 7
		mode "l4"
		isGateway 1
		isDefaultGateway "true"
		subnets "10.0.0.0/8"
		subnets [7]
		subnets ["10.91.0.1/16"]
		subnets ["10.91.0.0"]
		subnets []
		subnets [{}]
		subnets [{"subnet":"10.91.0.0/24","rangeStart":"10.92.0.1"}]
		subnets [{"subnet":"10.91.0.0/24","rangeStart":"10.91.0.9","rangeEnd":"10.91.0.8"}]
		subnets [{"subnet":"10.91.0.0/24","exclude":"10.91.0.9"}]
		dns []
		dns {"nameservers":"192.0.2.53"}
		ipam []
		ipam {"subnet":"10.1.0.0/24"}
		ipam {"type":"../host-local"}
		runtimeConfig []
		runtimeConfig {"portMappings":{}}
		runtimeConfig {"portMappings":[{"hostPort":"80"}]}
		runtimeConfig {"portMappings":[{"hostPort":70000,"containerPort":80}]}
		runtimeConfig {"portMappings":[{"hostPort":80}]}
		runtimeConfig {"portMappings":[{"hostPort":80,"containerPort":80,"protocol":"icmp"}]}
		runtimeConfig {"portMappings":[{"hostPort":80,"containerPort":80,"hostIP":"localhost"}]}
		runtimeConfig {"ips":"10.88.0.7"}
		runtimeConfig {"mac":"zz"}
		runtimeConfig {"bandwidth":[]}
		prevResult []
	KEYS
	expect_cni_error 'a bandwidth' 2 'runtimeConfig.bandwidth.ingressRate.*1000' ADD c1 \
		"$(cni_config '{"runtimeConfig": {"bandwidth": {"ingressRate": 1000}}}')"
	expect_cni 'unknown keys, and zeros' ADD c1 "$(cni_config '{"x": [], "hairpinMode": true,
		"runtimeConfig": {"aliases": {"net": ["web"]}, "x": 1, "bandwidth": {"egressRate": 0}}}')"
	expect_same 'that alone was attached' pods/c1/eth0 "$(attached)"
}

@test "names may be as long as a device's alias holds" {
	local long config
	long=$(printf 'x%.0s' {1..128})
	config=$(cni_config '{}' 1.1.0 "$long")
	ip netns add c3
	CNI_NS=/run/netns/c3 expect_cni 'a name of 128 and an id of 64' ADD "${long:0:64}" "$config"
	CNI_NS=/run/netns/c3 expect_cni 'CHECK knows it' CHECK "${long:0:64}" "$(with_previous "$config")"
	CNI_NS=/run/netns/c1 expect_cni_error 'an id that is too long' 4 'CNI_CONTAINERID.*247' ADD \
		"$long" "$config"
	CNI_NS=/run/netns/c1 expect_cni_error 'a name that is too long' 7 '247' ADD \
		"${long:0:64}" "$(cni_config '{}' 1.1.0 "$long$long")"
	CNI_NS='' expect_cni 'DEL knows it' DEL "${long:0:64}" "$config"
	expect_same 'nothing is left' '' "$(attached)"
}

## VERSION

@test "VERSION tells what is spoken, whatever the environment" {
	expect 'as libcni asks' cni_call VERSION CNI_NETNS=dummy CNI_PATH=dummy CNI_IFNAME=dummy \
		CNI_CONTAINERID=dummy -- '{"cniVersion": "1.0.0"}'
	expect_same 'the versions' '1.0.0: 0.3.1 0.4.0 1.0.0 1.1.0' \
		"$(answered '.cniVersion + ": " + (.supportedVersions | join(" "))')"
	expect 'without a document' cni_call VERSION -- ''
	expect_same 'it is the newest' 1.1.0 "$(answered .cniVersion)"
	expect 'by name it is the command line still' nkctl version
}

## DEL

# bats test_tags=core
@test "DEL removes everything, any number of times, in any state" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'what was never attached' DEL c1 "$config"
	expect_cni 'attached' ADD c1 "$config"
	expect_cni 'detached' DEL c1 "$(with_previous "$config")"
	expect_not 'the interface is gone' at c1 ip link show eth0
	expect_same 'no endpoint' '' "$(attached)"
	expect_cni 'again' DEL c1 "$config"

	expect_cni 'attached' ADD c1 "$config"
	at c1 ip link delete eth0
	expect_cni 'the interface is gone' DEL c1 "$config"

	expect_cni 'attached' ADD c1 "$config"
	CNI_NS='' expect_cni 'no namespace is told' DEL c1 "$config"
	expect_same 'no endpoint' '' "$(attached)"

	expect_cni 'attached' ADD c1 "$config"
	ip netns delete c1
	expect_cni 'the namespace is gone' DEL c1 "$config"
	ip netns add c1
	expect_cni 'attached' ADD c1 "$config"
	rm -r /sys/fs/bpf/nkctl*
	expect_cni 'the pins are gone' DEL c1 "$config"
	expect_not 'the interface is gone' at c1 ip link show eth0
	expect_cni 'a configuration that ADD refuses' DEL c1 "$(cni_config '{"mtu": "big"}')"
}

@test "DEL never touches a container that has got the namespace's path" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'the first' ADD c1 "$config"
	ip netns delete c1
	ip netns add c1
	CNI_NS=/run/netns/c1 expect_cni 'the second, at the same path' ADD other "$config"
	expect_cni 'the first is detached late' DEL c1 "$config"
	expect_same 'the second stays' pods/other/eth0 "$(attached)"
	expect 'and works' at c1 ping -c 1 -W 2 10.91.0.1
}

## CHECK

# Attaches c1 with a published port, and expects CHECK to find what a command does to it.
expect_found() # WORDS REGEX COMMAND...
{
	local config
	config=$(cni_config "$BUILT_IN" | jq -c '. + {runtimeConfig: {portMappings: [
		{hostPort: 8080, containerPort: 80}]}}')
	expect_cni 'attached' ADD c1 "$config"
	config=$(with_previous "$config")
	expect_cni 'all is well' CHECK c1 "$config"
	primary=$(jq -r '.prevResult.interfaces[0].name' <<<"$config")
	address=$(jq -r '.prevResult.ips[0].address' <<<"$config")
	"${@:3}"
	expect_cni_error "$1" 106 "$2" CHECK c1 "$config"
	expect_cni 'detached' DEL c1 "$config"
}

claim_delete()
{
	local -a bytes
	IFS=. read -ra bytes <<<"${address%/*}"
	bpftool map delete pinned /sys/fs/bpf/nkctl*/maps/endpoints_v4 key "${bytes[@]}"
}

program_detach()
{
	local id
	id=$(nkctl show c1 --json | jq .program_id)
	if [[ $E2E_DEVICE == netkit ]]; then
		hook detach netkit/peer "$primary" "$id"
	else
		hook detach tcx/ingress "$primary" "$id"
	fi
}

unpublish() { nkctl publish remove c1 8080:80; }
primary_down() { ip link set "$primary" down; }
primary_mtu() { ip link set "$primary" mtu 1400; }
host_route_delete() { ip route delete "${address%/*}"; }
forwarding_off() { sysctl -qw "net.ipv4.conf.$primary.forwarding=0"; }

@test "CHECK finds what is missing in the container" {
	expect_found 'an address' 'no address 10.91.0' at c1 ip -4 address flush dev eth0
	expect_found 'an IPv6 address' 'fd00:91::' at c1 ip -6 address flush dev eth0 scope global
	expect_found 'a route' '0.0.0.0/0' at c1 ip route delete default
	expect_found 'an IPv6 route' '::/0' at c1 ip -6 route delete default
	expect_found 'the link is down' 'down' at c1 ip link set eth0 down
	expect_found 'a wrong MTU' 'MTU 1400 instead of 1500' at c1 ip link set eth0 mtu 1400
	expect_found 'the interface is gone' 'not attached' at c1 ip link delete eth0
	expect_found 'it has another name' 'no interface eth0' eval \
		'at c1 ip link set eth0 down && at c1 ip link set eth0 name eth7'
}

@test "CHECK finds what is missing on the host" {
	expect_found 'the link is down' 'down' primary_down
	expect_found 'a wrong MTU' 'MTU' primary_mtu
	expect_found 'a route' 'no route to 10.91.0' host_route_delete
	expect_found 'the program' 'program' program_detach
	expect_found 'an address'\''s entry' 'missing in the endpoint map' claim_delete
	expect_found 'forwarding' 'forwarding' forwarding_off
	expect_found 'a port' '8080' unpublish
}

@test "CHECK needs an attachment, and what it was told" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni_error 'without prevResult' 7 prevResult CHECK c1 "$config"
	expect_cni 'attached' ADD c2 "$config"
	config=$(with_previous "$config")
	CNI_NS=/run/netns/c2 expect_cni_error 'not attached' 106 'not attached' CHECK c1 "$config"
	expect_cni 'a later plugin has changed what it may' CHECK c2 "$(jq -c \
		'.prevResult.interfaces += [{name: "ifb0"}] | .prevResult.routes = []' <<<"$config")"
}

@test "CHECK writes nothing" {
	local config before
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	before=$(host_state)
	expect_cni 'all is well' CHECK c1 "$(with_previous "$config")"
	expect_same 'the host is as before' "$before" "$(host_state)"
}

## GC

@test "GC removes exactly what is not valid" {
	local config valid
	config=$(cni_config "$BUILT_IN")
	expect_cni_error 'without a list' 7 valid-attachments GC c1 "$config"
	expect_cni 'without anything' GC c1 "$(jq -c '. + {"cni.dev/attachments": []}' <<<"$config")"
	expect_cni 'valid' ADD c1 "$config"
	expect_cni 'valid, of another interface' ADD c1:eth1 "$config"
	expect_cni 'not valid' ADD c2 "$config"
	expect_cni 'not valid, of another interface' ADD c2:eth1 "$config"
	expect_cni 'of another network' ADD c2:eth2 "$(cni_config "$BUILT_IN" 1.1.0 other)"
	attach c2 --ifname eth3
	valid='[{"containerID": "c1", "ifname": "eth0"}, {"containerID": "c1", "ifname": "eth1"},
		{"containerID": "gone", "ifname": "eth0"}]'
	expect_cni 'collected' GC c1 "$(jq -c --argjson valid "$valid" \
		'. + {"cni.dev/valid-attachments": $valid, "cni.dev/attachments": $valid}' <<<"$config")"
	expect_same 'it answers nothing' '' "$answer"
	expect_same 'what stays' 'default/c2/eth3 other/c2/eth2 pods/c1/eth0 pods/c1/eth1' "$(attached)"
	expect 'the valid ones work' ping -c 1 -W 2 10.91.0.3
}

@test "GC removes what a kill left" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	expect_cni 'attached' ADD c2 "$config"
	ip link set "$(answered '.interfaces[0].name')" alias ''
	expect_cni 'collected' GC c1 "$(jq -c '. + {"cni.dev/valid-attachments": [
		{containerID: "c1", ifname: "eth0"}]}' <<<"$config")"
	expect_same 'what stays' pods/c1/eth0 "$(attached)"
}

@test "an ADD that is killed, anywhere, is cleaned by DEL" {
	local config delay left
	config=$(cni_config "$BUILT_IN")
	expect_cni 'loaded' ADD c2 "$config"
	for delay in 0.001 0.003 0.005 0.008 0.012 0.016 0.02; do
		CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 \
			timeout -s KILL $delay "$NKCTL_PROGRAM" <<<"$config" >/dev/null 2>&1 || true
		expect_cni "after $delay s" DEL c1 "$config"
		left=$(ip -o link show group 28267 | wc -l)
		expect_same "after $delay s, the other one alone is left" 1 "$left"
		expect_cni "after $delay s, it can be attached" ADD c1 "$config"
		expect_cni 'detached' DEL c1 "$config"
	done
}

## STATUS

@test "STATUS tells whether an ADD would work" {
	local config
	config=$(cni_config '{"subnets": ["10.91.0.0/30"]}')
	expect_cni 'where nothing is loaded' STATUS c1 "$config"
	expect_same 'it answers nothing' '' "$answer"
	expect_cni 'attached' ADD c1 "$config"
	expect_cni_error 'no address is free' 50 'no IPv4 address' STATUS c1 "$config"
	expect_cni 'another network is not concerned' STATUS c1 "$(cni_config "$BUILT_IN" 1.1.0 other)"
	ip netns delete c1
	eventually 'the address of the dead is free' cni STATUS c1 "$config"
	expect_cni_error 'no plugin for addresses' 50 'no ipam plugin nothing' STATUS c2 \
		"$(cni_config '{"ipam": {"type": "nothing"}}')"
	expect_cni 'attached' ADD c2 "$config"
	hook detach tcx/ingress eth0 "$(hook query tcx/ingress eth0 | head -1)"
	expect_cni_error 'no way in' 51 'eth0' STATUS c2 "$(cni_config "$BUILT_IN" 1.1.0 other)"
	[[ $E2E_DEVICE == netkit ]] || expect_cni_error 'no netkit' 50 netkit STATUS c2 \
		"$(cni_config '{"device": "netkit"}')"
}

## Delegated addresses

# bats test_tags=core
@test "host-local gives addresses, routes and a resolver" {
	local config
	need_plugins
	config=$(host_local)
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'the addresses' '10.92.0.2/24 10.92.0.1,fd00:92::2/64 fd00:92::1' \
		"$(answered '[.ips[] | .address + " " + .gateway] | join(",")')"
	expect_same 'the routes' '0.0.0.0/0 ::/0 198.51.100.0/24' \
		"$(answered '[.routes[].dst] | join(" ")')"
	expect_match 'the container has one' 'dev eth0' "$(at c1 ip route show 198.51.100.0/24)"
	expect 'the host reaches it' ping -c 1 -W 2 10.92.0.2
	expect 'it reaches the outside' at c1 ping -c 1 -W 2 "$REMOTE4"
	expect_cni 'another one' ADD c2 "$config"
	expect 'they reach each other' at c1 ping -c 1 -W 2 10.92.0.3
	expect 'by IPv6, too' at c1 ping -c 1 -W 2 fd00:92::3
	expect_cni 'it is as told' CHECK c2 "$(with_previous "$config")"
	expect_same 'the addresses are noted' '10.92.0.2 10.92.0.3 fd00:92::2 fd00:92::3 ' "$(reserved)"
	expect_cni 'detached' DEL c1 "$config"
	expect_same 'and given back' '10.92.0.3 fd00:92::3 ' "$(reserved)"
	rm "$BATS_TEST_TMPDIR"/ipam/pods/{10.92.0.3,fd00:92::3}
	answer='{}' # CHECK is delegated, too
	expect_cni_error 'a reservation is lost' 999 'host-local' CHECK c2 "$(delegated_previous c2)"
}

# The configuration of host-local with what its ADD of a container has told.
delegated_previous() # CONTAINER
{
	host_local | jq -c --arg primary "$(primary_of "$1")" --arg ns "/run/netns/$1" '. + {prevResult: {
		cniVersion: "1.0.0", interfaces: [{name: $primary}, {name: "eth0", sandbox: $ns}],
		ips: [{address: "10.92.0.3/24", interface: 1}]}}'
}

@test "an ADD that fails gives the addresses back" {
	local config
	need_plugins
	config=$(host_local '{"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80}]}}')
	expect_cni 'attached' ADD c1 "$config"
	expect_cni_error 'its port is taken' 105 8080 ADD c2 "$config"
	expect_same 'the first alone has addresses' '10.92.0.2 fd00:92::2 ' "$(reserved)"
	expect_cni_error 'a second ADD' 104 'already attached' ADD c1 "$config"
	expect_same 'the first still has its addresses' '10.92.0.2 fd00:92::2 ' "$(reserved)"
	at c2 ip link add eth0 type veth peer name other
	expect_cni_error 'its interface is taken' 104 'eth0' ADD c2 "$(host_local)"
	expect_same 'the first alone has addresses' '10.92.0.2 fd00:92::2 ' "$(reserved)"
}

@test "the host has the gateway's address if it is to be the gateway" {
	need_plugins
	expect_cni 'attached' ADD c1 "$(host_local '{"isGateway": true}')"
	expect 'it reaches the gateway' at c1 ping -c 1 -W 2 10.92.0.1
	expect_cni 'detached' DEL c1 "$(host_local)"
	expect_cni 'attached' ADD c1 "$(host_local '{"isDefaultGateway": true, "ipam": {"routes": null}}')"
	expect_same 'it has a default route' '0.0.0.0/0 ::/0' "$(answered '[.routes[].dst] | join(" ")')"
	expect 'it reaches the outside' at c1 ping -c 1 -W 2 "$REMOTE4"
}

@test "a plugin that fails, is missing, or says nonsense" {
	local config
	mkdir -p "$BATS_TEST_TMPDIR/plugins"
	config=$(cni_config '{"ipam": {"type": "mine"}}')
	expect_cni_error 'it is missing' 100 'no ipam plugin mine' ADD c1 "$config"
	expect_cni_error 'it is missing for DEL' 100 'no ipam plugin mine' DEL c1 "$config"
	mine 'echo oops >&2; echo "{\"code\": 11, \"msg\": \"busy\", \"details\": \"later\"}"; exit 1'
	expect_not 'it fails' cni_mine ADD "$config"
	expect_answered_error 'its own number and words' 11 'mine: busy: later'
	expect_same 'what it says on stderr is passed on' oops "$beside"
	mine 'exit 3'
	expect_not 'it fails silently' cni_mine ADD "$config"
	expect_answered_error 'its status' 100 'exit status 3'
	mine 'kill -9 $$'
	expect_not 'it is killed' cni_mine ADD "$config"
	expect_answered_error 'the signal' 100 'signal 9'
	mine 'echo hello'
	expect_not 'it says nonsense' cni_mine ADD "$config"
	expect_answered_error 'no JSON' 6 'no JSON object'
	mine 'echo "{\"ips\": []}"'
	expect_not 'it gives nothing' cni_mine ADD "$config"
	expect_answered_error 'no address' 100 'no address'
	mine 'yes'
	expect_not 'it never ends' cni_mine ADD "$config"
	mine "cat >'$BATS_TEST_TMPDIR/seen'; env | sort >'$BATS_TEST_TMPDIR/env'
		echo '{\"ips\": [{\"address\": \"10.96.0.5/24\"}], \"dns\": {\"nameservers\": [\"192.0.2.9\"]}}'"
	expect 'it gives an address' cni_mine ADD "$config"
	expect_same 'that address' '10.96.0.5/24 192.0.2.9' \
		"$(answered '.ips[0].address + " " + .dns.nameservers[0]')"
	expect_same 'it has seen the whole configuration' "$config" "$(<"$BATS_TEST_TMPDIR/seen")"
	expect_match 'and the environment' 'CNI_COMMAND=ADD.*CNI_CONTAINERID=c1.*CNI_IFNAME=eth0' \
		"$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/env")"
	expect 'GC is delegated' cni_mine GC "$(jq -c '. + {"cni.dev/valid-attachments": []}' <<<"$config")"
	expect_match 'with its command' 'CNI_COMMAND=GC' "$(<"$BATS_TEST_TMPDIR/env")"
	expect_same 'and our own is done' '' "$(attached)"
	expect 'STATUS is delegated' cni_mine STATUS "$config"
	expect_match 'with its command' 'CNI_COMMAND=STATUS' "$(<"$BATS_TEST_TMPDIR/env")"
}

# Makes the IPAM plugin "mine" of shell commands.
mine() # COMMANDS
{
	printf '#!/bin/bash\n%s\n' "$1" >"$BATS_TEST_TMPDIR/plugins/mine"
	chmod +x "$BATS_TEST_TMPDIR/plugins/mine"
}

cni_mine() # COMMAND CONFIG
{
	cni_call "$1" CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 \
		CNI_PATH="/nowhere:$BATS_TEST_TMPDIR/plugins" -- "$2"
}

## Chains

@test "in front of tuning and portmap" {
	local config tuning
	need_plugins
	config=$(cni_config "$BUILT_IN" 1.0.0)
	expect_cni 'attached' ADD c1 "$config"
	tuning=$(with_previous '{"cniVersion": "1.0.0", "name": "pods", "type": "tuning",
		"sysctl": {"net.core.somaxconn": "500"}, "dataDir": "'"$BATS_TEST_TMPDIR"'"}')
	expect 'tuning takes our result' plugin tuning ADD "$tuning"
	expect_same 'and does its work' 500 "$(at c1 sysctl -n net.core.somaxconn)"
	expect_cni 'we check its result' CHECK c1 "$(with_previous "$config")"
	expect 'it checks its own' plugin tuning CHECK "$tuning"
}

# Runs a reference plugin for c1; the answer goes to 'answer'.
plugin() # NAME COMMAND CONFIG
{
	answer=$(CNI_COMMAND=$2 CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 \
		CNI_PATH=$CNI_PLUGIN_DIR "$CNI_PLUGIN_DIR/$1" <<<"$3") || fail "$answer"
}

@test "down leaves nothing of a configured network" {
	local before
	before=$(host_state)
	expect_cni 'attached' ADD c1 "$(cni_config "$BUILT_IN")"
	nkctl down
	expect_same 'the host is as before' "$before" "$(host_state)"
}

## Installation

@test "installed, a runtime finds it; uninstalled, nothing is left" {
	local dir=$BATS_TEST_TMPDIR/cni config
	expect 'installed' nkctl cni install --bin-dir "$dir/bin" --conf-dir "$dir/net.d" \
		--subnet 10.97.0.0/24
	expect 'the plugin is this program' cmp "$NKCTL_PROGRAM" "$dir/bin/nkctl"
	config=$(jq -c '. as $list | .plugins[0] + {name: $list.name, cniVersion: $list.cniVersions[-1]}' \
		"$dir/net.d/10-nkctl.conflist")
	NKCTL_PROGRAM=$dir/bin/nkctl expect_cni 'it works as a runtime would use it' ADD c1 "$config"
	expect_same 'with that subnet' 10.97.0.2/32 "$(answered '.ips[0].address')"
	NKCTL_PROGRAM=$dir/bin/nkctl expect_cni 'detached' DEL c1 "$config"
	expect_same 'again nothing changes, and the network stays as it is' 'unchanged kept' \
		"$(nkctl cni install --bin-dir "$dir/bin" --conf-dir "$dir/net.d" --json |
			jq -r '[.[].outcome] | join(" ")')"
	expect_same 'nothing but the files is there' '10-nkctl.conflist nkctl' \
		"$(find "$dir" -type f -printf '%f\n' | sort | xargs)"
	touch "$dir/net.d/05-other.conflist"
	expect_match 'a network that comes first is told' '05-other.conflist comes before' \
		"$(nkctl cni install --bin-dir "$dir/bin" --conf-dir "$dir/net.d" 2>&1)"
	expect_same 'uninstalled' 'removed removed' \
		"$(nkctl cni uninstall --bin-dir "$dir/bin" --conf-dir "$dir/net.d" --json |
			jq -r '[.[].outcome] | join(" ")')"
	expect_same 'the other file stays' 05-other.conflist "$(find "$dir" -type f -printf '%f\n')"
	expect 'again' nkctl cni uninstall --bin-dir "$dir/bin" --conf-dir "$dir/net.d"
	expect_refusal 'a bad subnet' 2 'host bits' cni install --subnet 10.97.0.1/24
	expect_refusal 'a bad name' 2 'a/b' cni install --network a/b
	expect_refusal 'a file in the way' 1 'Not a directory' cni install \
		--bin-dir "$dir/net.d/05-other.conflist/x" --conf-dir "$dir/net.d"
}
