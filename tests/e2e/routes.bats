#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The kernel's routes, rules and neighbours are the control plane: containers' packets follow them,
# and every change of them at once.
#
#   c1 -- host -- wire -- remote -- (198.51.100.1, 2001:db8:51::1 on its loopback)
#          \----- second wire ----- other: the same addresses, too

load lib

# shellcheck disable=SC2034 # for attach()
readonly ATTACH_OPTIONS=--no-masquerade

readonly OWN4=10.88.0.2 OWN6=fd00:88::2 FAR4=198.51.100.1 FAR6=2001:db8:51::1
readonly OTHER4=192.0.3.2 OTHER6=2001:db8:3::2

setup_file()
{
	containers c1
	netns_make other
	ip link add eth1 type veth peer name eth0 netns other
	ip address add 192.0.3.1/24 dev eth1
	ip address add 2001:db8:3::1/64 dev eth1 nodad
	ip link set eth1 up
	ip -n other address add $OTHER4/24 dev eth0
	ip -n other address add $OTHER6/64 dev eth0 nodad
	ip -n other link set eth0 up
	ip -n other route add $CONTAINERS4 via 192.0.3.1
	ip -n other route add $CONTAINERS6 via 2001:db8:3::1
	far_addresses remote
	far_addresses other
	nkctl uplink add eth1
	eventually "the second wire is there" at c1 ping -c 1 -W 1 $OTHER6
}

far_addresses() # PLACE
{
	ip -n "$1" address add $FAR4/32 dev lo
	ip -n "$1" address add $FAR6/128 dev lo nodad
}

setup()
{
	trace_test_only
	drops_note
}

# Expects that the far addresses are reached at a place, and nowhere else.
expect_far_at() # WORDS PLACE
{
	local addr place
	sniff remote remote eth0
	sniff other other eth0
	for addr in $FAR4 $FAR6; do
		expect "$1: $addr answers" at c1 ping -c 1 -W 5 "$addr"
	done
	for place in remote other; do
		expect_same "$1: the packets that $place gets" "$([[ $place != "$2" ]] || echo 4 6)" \
			"$(far_families $place)"
	done
	stop remote
	stop other
}

# The families of which packets to the far addresses were seen.
far_families() # SNIFF
{
	local families=''
	! has_sniffed "$1" '^in .*c6336401' || families+='4 '
	! has_sniffed "$1" '^in .*20010db8005100000000000000000001' || families+='6 '
	echo "${families% }"
}

@test "packets follow the most specific route, at once" {
	expect_far_at "by the default route" remote
	ip route add $FAR4/32 via $OTHER4
	defer ip route delete $FAR4/32
	ip -6 route add $FAR6/128 via $OTHER6
	defer ip -6 route delete $FAR6/128
	expect_far_at "by a new route" other
	ip route replace $FAR4/32 via $REMOTE4
	ip -6 route replace $FAR6/128 via $REMOTE6
	expect_far_at "by a changed route" remote
	ip route replace $FAR4/32 via $OTHER4
	ip -6 route replace $FAR6/128 via $OTHER6
	ip link set eth1 down
	defer ip link set eth1 up
	expect_far_at "when the route's device is down" remote
	ip link set eth1 up
	ip route replace $FAR4/32 via $OTHER4
	ip -6 address replace 2001:db8:3::1/64 dev eth1 nodad
	eventually "the wire is there again" ip -6 route replace $FAR6/128 via $OTHER6
	eventually "and so is its neighbour" ping -c 1 -W 1 $OTHER6
	expect_far_at "when it is up again" other
}

@test "packets follow rules: by the container's address, another table" {
	ip route add default via $OTHER4 table 100
	defer ip route flush table 100
	ip -6 route add default via $OTHER6 table 100
	defer ip -6 route flush table 100
	ip rule add from $OWN4 table 100
	defer ip rule delete from $OWN4
	ip -6 rule add from $OWN6 table 100
	defer ip -6 rule delete from $OWN6
	expect_far_at "by the rule" other
	ip rule delete from $OWN4
	ip rule add from 10.88.0.9 table 100
	defer ip rule delete from 10.88.0.9
	ip -6 rule delete from $OWN6
	expect_far_at "without it" remote
	ip rule add from $OWN4 table 100
	ip -6 rule add from $OWN6 table 100
}

@test "an IPv4 route by an IPv6 next hop (RFC 5549)" {
	ip route add $FAR4/32 via inet6 $OTHER6
	defer ip route delete $FAR4/32
	sniff other other eth0
	ip neigh flush dev eth1
	expect "it answers" at c1 ping -c 3 -i 0.01 -W 5 $FAR4
	expect_same "by that next hop" 3 "$(sniffed_count other '^in .*c6336401')"
	expect_flow tcp c1 other $FAR4 $OWN4
}

@test "traffic spreads over the next hops of a route" {
	local port eth
	eth=$(eth_from c1)
	sysctl -qw net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1
	defer sysctl -qw net.ipv4.fib_multipath_hash_policy=0 net.ipv6.fib_multipath_hash_policy=0
	ip route add $FAR4/32 nexthop via $REMOTE4 nexthop via $OTHER4
	defer ip route delete $FAR4/32
	ip -6 route add $FAR6/128 nexthop via $REMOTE6 nexthop via $OTHER6
	defer ip -6 route delete $FAR6/128
	sniff remote remote eth0
	sniff other other eth0
	for port in {4000..4031}; do
		at c1 frame eth0 "$eth" ip4:src=$OWN4,dst=$FAR4 udp:sport=$port,dport=9
		at c1 frame eth0 "$eth" ip6:src=$OWN6,dst=$FAR6 udp:sport=$port,dport=9
	done
	eventually "both families use the one" eval '[[ $(far_families remote) == "4 6" ]]'
	eventually "and the other" eval '[[ $(far_families other) == "4 6" ]]'
}

# The stack would ask for a neighbour and let the packet wait.
@test "a neighbour that isn't known yet costs no packet, the first time and later" {
	local addr
	for addr in $REMOTE4 $REMOTE6; do
		ip neigh flush dev eth0
		expect "the first packet to $addr arrives" at c1 ping -c 1 -W 5 $addr
		ip neigh flush dev eth0
		expect "all at once arrive, soon after" at c1 ping -c 5 -i 0.01 -W 5 $addr
		ip neigh flush dev eth0
		expect "so do large ones" at c1 ping -c 3 -i 0.01 -W 5 -s 4000 $addr
	done
	expect_no_drops "nothing was dropped"
}

# An entry that only programs use would never be looked after; that they let the kernel use it takes a
# dozen seconds.
@test "a next hop that gets another MAC address, and doesn't say so, is found again" {
	local mac family
	mac=$(mac_of remote)
	defer at remote ip link set eth0 address "$mac"
	for family in 4 6; do
		sysctl -qw net.ipv$family.neigh.eth0.{base_reachable_time_ms=1000,retrans_time_ms=100}
		sysctl -qw net.ipv$family.neigh.eth0.delay_first_probe_time=1
	done
	ip neigh flush dev eth0
	expect "IPv4" at c1 ping -c 1 -W 5 $REMOTE4
	expect "IPv6" at c1 ping -c 1 -W 5 $REMOTE6
	at remote ip link set eth0 address 02:00:00:00:12:34
	eventually "IPv4 again" at c1 ping -c 1 -W 1 $REMOTE4
	eventually "IPv6 again" at c1 ping -c 1 -W 1 $REMOTE6
}
