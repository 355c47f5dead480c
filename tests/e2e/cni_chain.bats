#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI plugin in front of others in a list, as libcni goes through one (CNI spec 1.1.0, section 3): ADD
# and CHECK in order, DEL in reverse, each plugin with the result of the one before, or with the last one's.
#
# datapath: stays loaded

load lib
load cni

teardown()
{
	clean_up
	take_all_down
	for program in iptables ip6tables; do # what a failed test leaves
		$program -F && $program -t nat -F && $program -X && $program -t nat -X
	done
}

# The configuration list of a test: a JSON array of plugin configurations, nkctl's first.
chain_of() # PLUGIN...
{
	chain=$(jq -nc --arg device "$E2E_DEVICE" --arg mode "$E2E_MODE" --argjson nets "$BUILT_IN" \
		'[{type: "nkctl", device: $device, mode: $mode} + $nets] + $ARGS.positional' --jsonargs -- "$@")
	length=$(jq length <<<"$chain")
}

# Goes through the list. The last plugin's answer to ADD is in 'final' then.
chain() # COMMAND CONTAINER
{
	local i
	local -a order
	mapfile -t order < <(seq 0 $((length - 1)))
	[[ $1 != DEL ]] || mapfile -t order < <(seq $((length - 1)) -1 0)
	[[ $1 != ADD ]] || final=null
	for i in "${order[@]}"; do
		chained "$1" "$2" "$(jq -c --argjson previous "$final" --argjson i "$i" '.[$i] | del(.capabilities) +
			{cniVersion: "1.0.0", name: "pods"} + if $previous then {prevResult: $previous} else {} end' \
			<<<"$chain")" || return
		[[ $1 != ADD ]] || final=$answer
	done
}

chained() # COMMAND CONTAINER CONFIG
{
	local program=$NKCTL_PROGRAM type
	type=$(jq -r .type <<<"$3")
	[[ $type == nkctl ]] || program=$CNI_PLUGIN_DIR/$type
	answer=$(CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/$2 \
		CNI_PATH=$CNI_PLUGIN_DIR "$program" <<<"$3" 2>&1) || fail "$1 by $type" "$answer"
}


# Expects nothing of a network to be left, by nkctl or by those behind it.
expect_nothing_left()
{
	expect_same 'no endpoint' '' "$(attached)"
	expect_same 'no device' 'eth0 lo' "$(ip -br link | sed 's/[@ ].*//' | sort | xargs)"
	expect_no_match 'no rule of the container' 'c1|10\.91\.' "$(iptables-save; ip6tables-save)"
}

# Sends data to a published port and back.
expect_through() # WORDS OPTION... PROTOCOL FROM ADDRESS
{
	local words=$1 said
	shift
	listen_to timeout 20 flow -b -l 80 -c 8080 "${@:1:$# - 1}" c1 "${@: -1}" ||
		fail "$words: $* reaches c1" "$said"
}

# Has sbr, which gives an interface a routing table of its own, see to eth1 of c1.
sbr() # COMMAND
{
	local said
	said=$(CNI_COMMAND=$1 CNI_CONTAINERID=c1 CNI_IFNAME=eth1 CNI_NETNS=/run/netns/c1 CNI_PATH=$CNI_PLUGIN_DIR \
		"$CNI_PLUGIN_DIR/sbr" 2>&1 < <(jq -nc --argjson previous "$answer" \
			'{cniVersion: "1.0.0", name: "db", type: "sbr", prevResult: $previous}')) || fail "$1 by sbr" "$said"
}

@test "a second network answers by itself, with sbr behind it" {
	local second
	need_plugins
	expect_cni 'attached' ADD c1 "$(cni_config "$BUILT_IN" 1.0.0)"
	second=$(cni_config '{"subnets": ["10.92.0.0/24", "fd00:92::/64"], "runtimeConfig": {"portMappings": [
		{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}}' 1.0.0 db)
	expect_cni 'to a second network' ADD c1:eth1 "$second"
	sbr ADD
	expect_cni 'it is as told' CHECK c1:eth1 "$(with_previous "$second")"
	for address in 10.91.0.2 fd00:91::2 10.92.0.2 fd00:92::2; do
		expect "$address answers" ping -c 1 -W 5 "$address"
	done
	for address in "$HOST4" "$HOST6"; do
		expect_through 'its port answers' tcp remote "$address"
	done
	sbr DEL
	expect_cni 'off the second' DEL c1:eth1 "$second"
	expect_cni 'off the first' DEL c1 "$(cni_config "$BUILT_IN" 1.0.0)"
	expect_nothing_left
}

@test "portmap behind it publishes ports for everybody" {
	local protocol
	need_plugins
	# Before Linux 6.17 the stack forwards IPv6 by the global switch alone.
	sysctl -qw net.ipv6.conf.all.forwarding=1
	defer sysctl -qw net.ipv6.conf.all.forwarding=0
	chain_of '{"type": "portmap", "capabilities": {"portMappings": true}, "runtimeConfig": {"portMappings": [
		{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
		{"hostPort": 8080, "containerPort": 80, "protocol": "udp"}]}}'
	chain ADD c1
	chained ADD c2 "$(cni_config "$BUILT_IN" 1.0.0)"
	for protocol in tcp udp; do
		expect_through 'the remote host' $protocol remote "$HOST4"
		expect_through 'the remote host, by IPv6' $protocol remote "$HOST6"
		expect_through 'another container' $protocol c2 "$HOST4"
		expect_through 'the host' $protocol host "$HOST4"
	done
	expect_through 'the remote host, in fragments' -d 8000 udp remote "$HOST4"
	expect_through 'the remote host, in fragments of IPv6' -d 8000 udp remote "$HOST6"
	expect_through 'another container, in fragments' -d 8000 udp c2 "$HOST4"
	expect_through 'the host, by localhost' tcp host 127.0.0.1
	expect_through 'the container itself' tcp c1 "$HOST4"
	chained DEL c2 "$(cni_config "$BUILT_IN" 1.0.0)"
	chain DEL c1
	expect_nothing_left
}

@test "portmap and our own ports, each its own" {
	need_plugins
	chain_of '{"type": "portmap", "runtimeConfig": {"portMappings": [
		{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}}'
	chain=$(jq -c '.[0].runtimeConfig = {portMappings: [{hostPort: 8081, containerPort: 81}]}' <<<"$chain")
	chain ADD c1
	expect_through 'by portmap' tcp remote "$HOST4"
	expect 'by nkctl' timeout 20 flow -b -l 81 -c 8081 tcp remote c1 "$HOST4"
	at remote ip route add 10.91.0.0/16 via "$HOST4"
	defer at remote ip route delete 10.91.0.0/16
	expect 'straight' timeout 20 flow -b tcp remote c1 10.91.0.2
	chain DEL c1
	expect_nothing_left
}

@test "tuning behind it sets what is the container's" {
	need_plugins
	chain_of '{"type": "tuning", "sysctl": {"net.core.somaxconn": "500"}, "promisc": true, "allmulti": true,
		"dataDir": "'"$BATS_TEST_TMPDIR"'"}'
	chain ADD c1
	expect_same 'a setting of the namespace' 500 "$(at c1 sysctl -n net.core.somaxconn)"
	expect_match 'one of the interface' PROMISC "$(at c1 ip link show eth0)"
	expect 'the host reaches it' ping -c 1 -W 2 10.91.0.2
	chain CHECK c1
	chain DEL c1
	expect_nothing_left
}

@test "tuning that takes the interface's MAC address away is found" {
	need_plugins
	[[ $E2E_DEVICE == veth ]] || skip 'netkit in mode l3 has no MAC address'
	chain_of '{"type": "tuning", "mac": "06:11:22:33:44:55", "dataDir": "'"$BATS_TEST_TMPDIR"'"}'
	chain ADD c1
	expect_same 'it told the new one' 06:11:22:33:44:55 "$(jq -r '.interfaces[1].mac' <<<"$final")"
	expect_not 'packets go to the old one' chain CHECK c1
	expect_match 'CHECK says so' "packets don't reach it" "$answer"
	chain DEL c1
	expect_nothing_left
}

@test "bandwidth and firewall behind it" {
	need_plugins
	chain_of '{"type": "bandwidth", "runtimeConfig": {"bandwidth": {"ingressRate": 8000000,
		"ingressBurst": 800000, "egressRate": 8000000, "egressBurst": 800000}}}' \
		'{"type": "firewall", "backend": "iptables"}'
	chain=$(jq -c '.[0].device = "veth"' <<<"$chain") # the bandwidth plugin knows nothing else
	chain ADD c1
	expect_same 'all interfaces are told' "$(primary_of c1) eth0 bwp" \
		"$(jq -r '[.interfaces[].name] | join(" ")' <<<"$final" | sed 's/bwp.*/bwp/')"
	expect_match 'the firewall accepts it' '-d 10.91.0.2/32' "$(iptables-save)"
	expect 'the host reaches it' ping -c 1 -W 2 10.91.0.2
	expect 'it reaches the outside' at c1 ping -c 1 -W 2 "$REMOTE4"
	chain CHECK c1
	chain DEL c1
	chain DEL c1
	expect_nothing_left
}

@test "the whole list, by DEL without a namespace" {
	need_plugins
	chain_of '{"type": "tuning", "sysctl": {"net.core.somaxconn": "500"}, "dataDir": "'"$BATS_TEST_TMPDIR"'"}' \
		'{"type": "portmap", "runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80,
		"protocol": "tcp"}]}}' '{"type": "firewall", "backend": "iptables"}'
	chain ADD c1
	# Debian's portmap looks for rules of an IPv6 address that there isn't, or that are the IPv4 one's.
	chained CHECK c1 "$(jq -c --argjson final "$final" \
		'.[0] + {cniVersion: "1.0.0", name: "pods", prevResult: $final}' <<<"$chain")"
	expect_through 'the remote host' tcp remote "$HOST4"
	ip netns delete c1
	chain DEL c1
	expect_nothing_left
}

@test "static behind 'ipam' gives what it is told" {
	local config
	need_plugins
	config=$(cni_config '{"ipam": {"type": "static", "addresses": [{"address": "10.97.0.9/24",
		"gateway": "10.97.0.1"}, {"address": "fd00:97::9/64", "gateway": "fd00:97::1"}],
		"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}], "dns": {"nameservers": ["192.0.2.53"]}}}' 1.0.0)
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'addresses and resolver' '10.97.0.9/24 fd00:97::9/64 192.0.2.53' \
		"$(answered '[.ips[].address, .dns.nameservers[0]] | join(" ")')"
	expect 'it reaches the outside' at c1 ping -c 1 -W 2 "$REMOTE4"
	expect_cni 'as told' CHECK c1 "$(with_previous "$config")"
	expect_cni 'detached' DEL c1 "$config"
	CNI_ARGS='IP=10.97.0.10/24;GATEWAY=10.97.0.1' expect_cni 'addresses of CNI_ARGS are its own' ADD c1 \
		"$(cni_config '{"ipam": {"type": "static"}}' 1.0.0)"
	expect_same 'that one' 10.97.0.10/24 "$(answered '.ips[0].address')"
	expect_cni 'addresses of the runtime, too' ADD c2 \
		"$(cni_config '{"ipam": {"type": "static"}, "runtimeConfig": {"ips": ["10.97.0.11/24"]}}' 1.0.0)"
	expect_same 'that one' 10.97.0.11/24 "$(answered '.ips[0].address')"
}
