#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the host and the routers behind it answer a container: traceroute, path MTU discovery,
# unreachable destinations; and packets that a router has to look at.
#
#   c1, c2 (MTU 1300) -- host -- wire -- remote -- second wire, MTU 1400 -- far
#
# All of it untranslated: nat-errors.bats has the same of flows that are.

# modes: l3 l2

load lib

# shellcheck disable=SC2034 # for attach()
readonly ATTACH_OPTIONS=--no-masquerade

readonly FAR4=198.51.100.2 FAR6=2001:db8:51::2
readonly C1_4=10.88.0.2 C1_6=fd00:88::2 C2_4=10.88.0.3 C2_6=fd00:88::3

setup_file()
{
	containers c1
	ip netns add c2
	attach c2 --mtu 1300
	far_make
	export ETH_FROM_C1
	ETH_FROM_C1=$(eth_from c1)
	# Many errors in a second to one destination are what these tests are about.
	sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	at remote sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	# A neighbour that doesn't answer is given up after a third of a second.
	sysctl -qw net.ipv{4,6}.neigh.eth0.retrans_time_ms=100
}

far_make()
{
	netns_make far
	ip -n remote link add eth1 mtu 1400 type veth peer name eth0 mtu 1400 netns far
	ip -n remote address add 198.51.100.1/24 dev eth1
	ip -n remote address add 2001:db8:51::1/64 dev eth1 nodad
	ip -n remote link set eth1 up
	ip -n far address add $FAR4/24 dev eth0
	ip -n far address add $FAR6/64 dev eth0 nodad
	ip -n far link set eth0 up
	ip -n far route add default via 198.51.100.1
	ip -n far route add default via 2001:db8:51::1
	at remote sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	eventually "the far wire is there" at c1 ping -c 1 -W 1 $FAR4
	eventually "by IPv6, too" at c1 ping -c 1 -W 1 $FAR6
}

setup()
{
	trace_test_only
	ip -n c1 route flush cache
	ip -n c1 -6 route flush cache
	ip -n remote route flush cache
	ip -n remote -6 route flush cache
	drops_note
}

expect_hops() # WORDS FROM ADDRESS HOP...
{
	local said
	said=$(at "$2" traceroute -n -q 1 -w 3 -m $(($# - 3)) "$3" | sed -nE 's/^ *[0-9]+ +([^ ]+).*/\1/p')
	expect_same "$1" "${*:4}" "$(tr '\n' ' ' <<<"$said" | sed 's/ $//')"
}

# Pings once, and expects an error.
expect_answer() # WORDS FROM ADDRESS REGEX PING-OPTION...
{
	local said
	said=$(at "$2" ping -c 1 -W 5 "${@:5}" "$3" 2>&1) || true
	expect_match "$1" "$4" "$said"
}

is_answered() # FROM ADDRESS REGEX
{
	local said
	said=$(at "$1" ping -c 1 -W 1 "$2" 2>&1) || true
	[[ $said =~ $3 ]]
}

# The same for errors that the kernel tells a host only now and then: it counts per peer, in
# ip_error(), and that isn't a namespace's to change.
expect_answer_in_time() # WORDS FROM ADDRESS REGEX
{
	eventually "$1" is_answered "${@:2}"
}

# bats test_tags=core
@test "traceroute from a container: the host is the first hop" {
	expect_hops "IPv4, to the far host" c1 $FAR4 $GATEWAY4 $REMOTE4 $FAR4
	expect_hops "IPv6, to the far host" c1 $FAR6 $GATEWAY6 $REMOTE6 $FAR6
	expect_hops "IPv4, to a container" c1 $C2_4 $GATEWAY4 $C2_4
	expect_hops "IPv6, to a container" c1 $C2_6 $GATEWAY6 $C2_6
	expect_hops "IPv4, to the host" c1 $GATEWAY4 $GATEWAY4
	expect_hops "IPv6, to the host" c1 $GATEWAY6 $GATEWAY6
}

# bats test_tags=core
@test "traceroute to a container from outside: the host is a hop" {
	expect_hops "IPv4" remote $C1_4 $HOST4 $C1_4
	expect_hops "IPv6" remote $C1_6 $HOST6 $C1_6
	expect_hops "IPv4, from far" far $C1_4 198.51.100.1 $HOST4 $C1_4
	expect_hops "IPv6, from far" far $C1_6 2001:db8:51::1 $HOST6 $C1_6
}

# bats test_tags=core
@test "a packet too big for the uplink: the host tells the MTU, and TCP goes by it" {
	ip link set eth0 mtu 1350
	defer ip link set eth0 mtu 1500
	expect_answer "IPv4" c1 $REMOTE4 "From $GATEWAY4 .*Frag needed.*mtu = 1350" -M "do" -s 1400
	expect_answer "IPv6" c1 $REMOTE6 "From $GATEWAY6 .*Packet too big: mtu=1350" -M "do" -s 1400
	expect_match "the container knows it" "mtu 1350" "$(ip -n c1 route get $REMOTE4)"
	expect_match "also for IPv6" "mtu 1350" "$(ip -n c1 route get $REMOTE6)"
	ip -n c1 route flush cache
	ip -n c1 -6 route flush cache
	expect_flow tcp c1 remote $REMOTE4 $C1_4 1000000
	expect_flow tcp c1 remote $REMOTE6 $C1_6 1000000
}

# The lock is what bpf_fib_lookup() wants to see: ip_mtu_from_fib_result() in net/ipv4/route.c, ip6_mtu_from_fib6() in net/ipv6/route.c.
@test "a packet too big for a route of the host" {
	ip route add 198.51.100.0/24 via $REMOTE4 mtu lock 1320
	defer ip route delete 198.51.100.0/24
	ip -6 route add 2001:db8:51::/64 via $REMOTE6 mtu lock 1320
	defer ip -6 route delete 2001:db8:51::/64
	expect_answer "IPv4" c1 $FAR4 "From $GATEWAY4 .*Frag needed.*mtu = 1320" -M "do" -s 1372
	expect_answer "IPv6" c1 $FAR6 "From $GATEWAY6 .*Packet too big: mtu=1320" -M "do" -s 1352
	ip -n c1 route flush cache
	ip -n c1 -6 route flush cache
	expect "fragments may pass" at c1 ping -c 1 -W 5 -s 1372 -M dont $FAR4
	expect_flow tcp c1 far $FAR4 $C1_4 1000000
	expect_flow tcp c1 far $FAR6 $C1_6 1000000
}

# bats test_tags=core
@test "a packet too big for a router on the way: its word reaches the container" {
	expect_answer "IPv4" c1 $FAR4 "From $REMOTE4 .*Frag needed.*mtu = 1400" -M "do" -s 1472
	expect_answer "IPv6" c1 $FAR6 "From $REMOTE6 .*Packet too big: mtu=1400" -M "do" -s 1452
	ip -n c1 route flush cache
	ip -n c1 -6 route flush cache
	expect_flow tcp c1 far $FAR4 $C1_4 1000000
	expect_flow tcp c1 far $FAR6 $C1_6 1000000
}

# bats test_tags=core
@test "a packet too big for a container: the host tells the MTU, and TCP goes by it" {
	local from
	for from in c1 remote; do
		expect_answer "IPv4 from $from" $from $C2_4 "Frag needed.*mtu = 1300" -M "do" -s 1400
		expect_answer "IPv6 from $from" $from $C2_6 "Packet too big: mtu=1300" -M "do" -s 1400
		ip -n $from route flush cache
		ip -n $from -6 route flush cache
		expect "fragments may pass, from $from" \
			at $from ping -c 1 -W 5 -s 1400 -M dont $C2_4
	done
	ip -n c1 route flush cache
	expect_flow tcp c1 c2 $C2_4 $C1_4 1000000
	expect_flow tcp c1 c2 $C2_6 $C1_6 1000000
	expect_flow tcp remote c2 $C2_4 $REMOTE4 1000000
	expect_flow tcp remote c2 $C2_6 $REMOTE6 1000000
}

# The first packet may be the one that asks for the neighbour past the stack, without an answer.
@test "a neighbour that doesn't answer: the container is told" {
	expect_answer_in_time "IPv4" c1 192.0.2.99 "From $GATEWAY4 .*Destination Host Unreachable"
	expect_answer_in_time "IPv6" c1 2001:db8::99 "From $GATEWAY6 .*Address unreachable"
}

@test "a destination without a route, or with one that says no: the container is told" {
	default_routes_remove
	expect_answer_in_time "no route, IPv4" c1 203.0.113.1 "From $GATEWAY4 .*Destination Net Unreachable"
	expect_answer_in_time "no route, IPv6" c1 2001:db8:99::1 "From $GATEWAY6 .*No route"
	ip route add unreachable 203.0.113.0/24
	defer ip route delete 203.0.113.0/24
	expect_answer_in_time "unreachable, IPv4" c1 203.0.113.1 "From $GATEWAY4 .*Host Unreachable"
	ip route replace prohibit 203.0.113.0/24
	expect_answer_in_time "prohibited, IPv4" c1 203.0.113.1 "From $GATEWAY4 .*Packet filtered"
	ip -6 route add unreachable 2001:db8:99::/48
	defer ip -6 route delete 2001:db8:99::/48
	expect_answer_in_time "unreachable, IPv6" c1 2001:db8:99::1 "From $GATEWAY6 .*(No route|unreachable)"
	ip -6 route replace prohibit 2001:db8:99::/48
	expect_answer_in_time "prohibited, IPv6" c1 2001:db8:99::1 \
		"From $GATEWAY6 .*Administratively prohibited"
}

@test "a container address that nobody has: unreachable, from inside and outside" {
	local from
	for from in c1 remote; do
		expect_answer_in_time "IPv4 from $from" $from 10.88.0.99 "Destination Host Unreachable"
		expect_answer_in_time "IPv6 from $from" $from fd00:88::99 "(No route|unreachable)"
	done
}

@test "a port that nobody listens on: the host says so, and another container does" {
	local addr said
	for addr in $GATEWAY4 $GATEWAY6 $C2_4 $C2_6; do
		said=$(at c1 bash -c "exec 3<>/dev/udp/$addr/9; echo x >&3; read -rt 10 -u 3" 2>&1) || true
		expect_match "$addr" 'Connection refused' "$said"
	done
}

@test "IPv4 options: the host records its route, and its time" {
	local said
	said=$(at c1 ping -c 1 -W 5 -R -n $REMOTE4)
	expect_match "answered" '1 received' "$said"
	expect_match "the way out and back goes by the host" \
		"RR:.*$C1_4.*$HOST4.*$REMOTE4.*$GATEWAY4" "$(tr '\n' ' ' <<<"$said")"
	said=$(at c1 ping -c 1 -W 5 -R -n $C2_4)
	expect_match "to another container too" "RR:.*$C1_4.*$GATEWAY4.*$C2_4" "$(tr '\n' ' ' <<<"$said")"
	expect "time stamps" at c1 ping -c 1 -W 5 -T tsonly $REMOTE4
	expect "from outside" at remote ping -c 1 -W 5 -R $C1_4
	expect_no_drops "nothing was dropped"
}

# A packet socket leaves no more than the Ethernet header of a frame that is larger than a page in one
# piece (packet_alloc_skb() in net/packet/af_packet.c).
@test "IPv4 options of a packet whose headers aren't in one piece" {
	local own4
	ip netns add c3
	defer ip netns delete c3
	attach c3 --mtu 9000
	defer nkctl detach --ns c3
	own4=$(shown c3 addresses | sed 's/[ /].*//')
	sniff c3 c3 eth0
	drops_note
	at c3 frame eth0 "$(eth_from c3)" "ip4:src=$own4,dst=$GATEWAY4,options=01010101" \
		udp:dport=9 data:len=5000
	eventually "the host says that nobody listens at the port, and quotes the packet" \
		has_sniffed c3 '^in .{28,32}45c0.*0303.{12}4600'
	expect_no_drops "nothing was dropped"
}

# Some are for routers to look at, some are not.
readonly HEADERS=(hopopts dstopts routing fragment:id=7 'dstopts routing dstopts fragment:id=9')

expect_passage() # WORDS FROM ETHERNET SOURCE DESTINATION HEADERS
{
	local expected upper='udp:dport=4001 data:len=20'
	# shellcheck disable=SC2086 # lists of layers
	{
		expected=$(frame -x ip6:src=$4,dst=$5,hop=63 $6 $upper)
		at "$2" frame eth0 "$3" ip6:src=$4,dst=$5 $6 $upper
	}
	eventually "$1: arrives with one hop less, and otherwise as sent" \
		has_sniffed arriving "^in [0-9]+ .{24}${expected:24}$"
}

@test "IPv6 extension headers pass" {
	local header mac
	mac=$(mac_of host)
	sniff arriving remote eth0
	for header in "${HEADERS[@]}"; do
		expect_passage "$header, out" c1 "$ETH_FROM_C1" $C1_6 $REMOTE6 "$header"
	done
	stop arriving
	sniff arriving c2 eth0
	for header in "${HEADERS[@]}"; do
		expect_passage "$header, to a container" c1 "$ETH_FROM_C1" $C1_6 $C2_6 "$header"
	done
	stop arriving
	sniff arriving c1 eth0
	for header in "${HEADERS[@]}"; do
		expect_passage "$header, in" remote "eth:dst=$mac" $REMOTE6 $C1_6 "$header"
	done
	expect_no_drops "nothing was dropped"
}

@test "broadcast and multicast stay between the container and the host" {
	local addr
	sniff other c2 eth0
	sniff wire remote eth0
	for addr in 255.255.255.255 224.0.0.1 239.1.2.3; do
		at c1 frame -n 3 eth0 eth ip4:src=$C1_4,dst=$addr udp:dport=4001 data:hex=a1b2c3d4e5f6
	done
	for addr in ff02::1 ff05::1234 ff0e::1234; do
		at c1 frame -n 3 eth0 eth ip6:src=$C1_6,dst=$addr udp:dport=4001 data:hex=a1b2c3d4e5f6
	done
	at c1 frame eth0 "$ETH_FROM_C1" ip4:src=$C1_4,dst=$REMOTE4 udp:dport=4001 data:hex=0e0d
	at c1 frame eth0 "$ETH_FROM_C1" ip4:src=$C1_4,dst=$C2_4 udp:dport=4001 data:hex=0e0d
	eventually "a later packet reaches the wire" has_sniffed wire '^in .*0e0d$'
	eventually "and the other container" has_sniffed other '^in .*0e0d$'
	expect_same "on the wire" 0 "$(sniffed_count wire a1b2c3d4e5f6)"
	expect_same "at the other container" 0 "$(sniffed_count other '^in .*a1b2c3d4e5f6')"
}

@test "IPv6 multicast reaches who joined on the host in mode l2, and nobody in mode l3" {
	start joined host socat -u "UDP6-RECV:4002,ipv6-join-group=[ff05::1234]:$(primary_of c1)" -
	eventually "it has joined" eval 'ip maddress show | grep -q ff05::1234'
	eventually "it hears of what was sent to the host itself" eval '
		at c1 frame eth0 "$ETH_FROM_C1" ip6:src=$C1_6,dst=ff05::1234 udp:dport=4002 data:hex=23232323
		at c1 frame eth0 "$ETH_FROM_C1" ip6:src=$C1_6,dst=$GATEWAY6 udp:dport=4002 data:hex=40404040
		grep -q @@@@ "$(output_of joined)"'
	stop joined
	if [[ $E2E_MODE == l2 ]]; then
		expect "and of the group" grep -q "####" "$(output_of joined)"
	else
		expect_not "and not of the group" grep -q "####" "$(output_of joined)"
	fi
}
