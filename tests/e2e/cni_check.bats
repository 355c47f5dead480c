#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI plugin, sentence by sentence of the spec, as a runtime sees it: CHECK.
#
# datapath: stays loaded

load lib
load cni

## CHECK

# Attaches c1 with a published port, and expects CHECK to find what a command does to it.
expect_found() # WORDS REGEX COMMAND...
{
	local config
	config=$(cni_config "${BUILT_IN%\}}, "'"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80}]}}')
	expect_cni 'attached' ADD c1 "$config"
	read -r primary address < <(answered '"\(.interfaces[0].name) \(.ips[0].address)"')
	config=$(with_previous "$config")
	expect_cni 'all is well' CHECK c1 "$config"
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

# Changes a byte of what the key of an IPv4 entry leads to.
value_change() # MAP BYTE VALUE
{
	local path entry
	local -a key value
	path=$(echo /sys/fs/bpf/nkctl*/maps/"$1")
	entry=$(bpftool --json map dump pinned "$path" | jq -c "map(select(.key | length == 4 or .[10] == \"0xff\"))[0]")
	mapfile -t key < <(jq -r '.key[]' <<<"$entry")
	mapfile -t value < <(jq -r '.value[]' <<<"$entry")
	value[$2]=$3
	bpftool map update pinned "$path" key "${key[@]}" value "${value[@]}"
}

masquerading_lose() { value_change endpoints_v4 20 0; }
port_lead_astray() { value_change published 15 99; }
sockets_detach() { bpftool link detach pinned /sys/fs/bpf/nkctl*/links/nk_connect4; }

uplink_detach() { hook detach tcx/ingress eth0 "$(hook query tcx/ingress eth0)"; }

second_default_route()
{
	second_wire
	ip route add default dev wire2 metric 500
}

unpublish() { nkctl publish remove c1 8080:80; }
primary_down() { ip link set "$primary" down; }
primary_mtu() { ip link set "$primary" mtu 1400; }
primary_mac() { ip link set "$primary" address 02:00:00:00:00:77; }
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
	[[ $E2E_DEVICE-$E2E_MODE == netkit-l3 ]] || # which has none
		expect_found 'a wrong MAC address' 'host.s end of the pair, has another MAC' primary_mac
	expect_found 'a route' 'no route to 10.91.0' host_route_delete
	expect_found 'the program' 'program' program_detach
	expect_found 'an address'\''s entry' 'missing in the endpoint map' claim_delete
	expect_found 'forwarding' 'forwarding' forwarding_off
	expect_found 'the gateway address' '10.91.0.1|no route' ip address delete 10.91.0.1/32 dev lo
	expect_found 'the IPv6 gateway address' 'no gateway address fd00:91::1' ip address delete fd00:91::1/128 dev lo
	expect_found 'a port' '8080' unpublish
	expect_found 'masquerading' 'is not masqueraded' masquerading_lose
	expect_found 'a port that leads elsewhere' '8080.*doesn.t lead' port_lead_astray
	[[ ! -e $(echo /sys/fs/bpf/nkctl*/progs/nk_connect4) ]] ||
		expect_found 'the way of the host'\''s own sockets' 'own sockets' sockets_detach
	expect_found 'the uplink'\''s program' 'uplink eth0' uplink_detach
	expect_found 'a new default route'\''s device' 'wire2 carries a default route' second_default_route
	ip link delete wire2
}

arp_set() { ip -n "$1" link set "$2" arp "$3"; }
neigh_flush() { ip neigh flush dev "$primary" nud permanent; }

@test "CHECK finds ends that ask for MAC addresses, or don't any more, and lost neighbours" {
	local E2E_MODE=l2
	expect_found 'no neighbour' 'no neighbour entry for 10.91.0' neigh_flush
	expect_found 'the container asks no more' 'eth0 has ARP off' arp_set c1 eth0 off
	expect_found 'the host asks no more' 'has ARP off' eval 'ip link set "$primary" arp off'
	E2E_MODE=l3
	expect_found 'the container asks' 'eth0 has ARP on' arp_set c1 eth0 on
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

@test "CHECK compares the host'\''s end with prevResult, and with what is claimed" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	config=$(with_previous "$config")
	primary=$(jq -r '.prevResult.interfaces[0].name' <<<"$config")
	expect_cni_error 'its MTU' 106 "$primary has the MTU 1500 instead of 1400" CHECK c1 \
		"$(jq -c '.prevResult.interfaces[0].mtu = 1400' <<<"$config")"
	expect_cni 'what another plugin made is its own' CHECK c1 \
		"$(jq -c '.prevResult.interfaces[0].name = "tap0" | .prevResult.interfaces[0].mtu = 1400' <<<"$config")"
	[[ $E2E_DEVICE-$E2E_MODE != netkit-l3 ]] || return 0
	primary_mac
	expect_cni_error 'a MAC address' 106 'than it was attached with' CHECK c1 \
		"$(jq -c 'del(.prevResult.interfaces[0].mac)' <<<"$config")"
}

@test "CHECK finds a route by another gateway, where a gateway means something" {
	local config
	config=$(cni_config "$BUILT_IN" | jq -c '.mode = "l2"')
	expect_cni 'attached' ADD c1 "$config"
	config=$(with_previous "$config")
	expect_cni 'all is well' CHECK c1 "$config"
	at c1 ip route replace default via 10.91.0.9 dev eth0 onlink
	expect_cni_error 'another gateway' 106 'no route to 0.0.0.0/0 by eth0, with the gateway 10.91.0.1' \
		CHECK c1 "$config"
	expect_cni 'as another plugin has told' CHECK c1 "$(jq -c \
		'(.prevResult.routes[] | select(.dst == "0.0.0.0/0")).gw = "10.91.0.9"' <<<"$config")"
}

@test "CHECK finds that a route is missing beside another interface of the container" {
	local config with_lo with_net1
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	config=$(with_previous "$config")
	with_lo=$(jq -c '.prevResult.interfaces += [{name: "lo", sandbox: "/run/netns/c1"}]' <<<"$config")
	with_net1=$(jq -c '.prevResult.interfaces += [{name: "net1", sandbox: "/run/netns/c1"}] |
		.prevResult.ips += [{address: "10.9.9.9/24", gateway: "10.9.9.1", interface: 2}] |
		.prevResult.routes += [{dst: "10.9.0.0/16", gw: "10.9.9.1"}, {dst: "10.8.0.0/16"}]' <<<"$config")
	expect_cni 'all is well with lo' CHECK c1 "$with_lo"
	expect_cni 'and with one that has routes of its own' CHECK c1 "$with_net1"
	at c1 ip route delete default
	expect_cni_error 'lo has none' 106 'no route to 0.0.0.0/0' CHECK c1 "$with_lo"
	expect_cni_error 'it is by our gateway' 106 'no route to 0.0.0.0/0' CHECK c1 "$with_net1"
	expect_cni 'which might be the other'\''s, too' CHECK c1 \
		"$(jq -c '.prevResult.ips[2].gateway = "10.91.0.1"' <<<"$with_net1")"
}

@test "CHECK writes nothing" {
	local config before
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	before=$(host_state)
	expect_cni 'all is well' CHECK c1 "$(with_previous "$config")"
	expect_same 'the host is as before' "$before" "$(host_state)"
}
