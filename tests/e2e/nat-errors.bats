#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Errors about translated packets reach who sent them, and quote what he sent: path MTU discovery,
# traceroute and refused ports, out of containers and into them. Untranslated ones are icmp.bats.
#
#   c1, c2 (MTU 1300) -- host -- wire -- remote -- second wire, MTU 1400 -- far
#
# The far host takes large segments as far as it knows, so that TCP has to find out.

load lib

readonly FAR4=198.51.100.2 FAR6=2001:db8:51::2
readonly C1_4=10.88.0.2 C1_6=fd00:88::2

setup_file()
{
	containers c1
	ip netns add c2
	attach c2 --mtu 1300
	nkctl publish add c1 8090:90 8090:90/udp
	nkctl publish add c2 8091:91 8091:91/udp
	far_make
	# Many errors in a second to one destination are what these tests are about.
	local place
	for place in host remote c1; do
		at $place sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	done
	# A neighbour that doesn't answer is given up after a third of a second.
	sysctl -qw net.ipv{4,6}.neigh.eth0.retrans_time_ms=100
}

# It knows no way to the containers' own addresses.
far_make()
{
	netns_make far
	ip -n remote link add eth1 mtu 1400 type veth peer name eth0 mtu 1500 netns far
	ip -n remote address add 198.51.100.1/24 dev eth1
	ip -n remote address add 2001:db8:51::1/64 dev eth1 nodad
	ip -n remote link set eth1 up
	ip -n far address add $FAR4/24 dev eth0
	ip -n far address add $FAR6/64 dev eth0 nodad
	ip -n far link set eth0 up
	ip -n far route add default via 198.51.100.1 mtu 1400 advmss 1460
	ip -n far route add default via 2001:db8:51::1 mtu 1400 advmss 1440
	ip -n far route add unreachable $CONTAINERS4
	ip -n far -6 route add unreachable $CONTAINERS6
	at remote sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	eventually "the far wire is there" at c1 ping -c 1 -W 1 $FAR4
	eventually "by IPv6, too" at c1 ping -c 1 -W 1 $FAR6
}

setup()
{
	trace_test_only
	forget_mtus
	drops_note
}

forget_mtus()
{
	local place
	for place in c1 remote far; do
		ip -n $place route flush cache
		ip -n $place -6 route flush cache
	done
}

# Pings once, and expects an error.
expect_error() # WORDS FROM ADDRESS REGEX PING-OPTION...
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

# The same for errors that a kernel tells a host only now and then: it counts per peer, in ip_error(),
# and that isn't a namespace's to change.
expect_error_in_time() # WORDS FROM ADDRESS REGEX
{
	eventually "$1" is_answered "${@:2}"
}

expect_hops() # WORDS FROM OPTION ADDRESS HOP...
{
	local said
	said=$(at "$2" traceroute -n -q 1 -w 3 -m $(($# - 4)) "$3" "$4" |
		sed -nE 's/^ *[0-9]+ +([^ ]+).*/\1/p')
	expect_same "$1" "${*:5}" "$(tr '\n' ' ' <<<"$said" | sed 's/ $//')"
}

## Out of a container

# bats test_tags=core
@test "a packet too big for a router on the way: its word reaches the container, and TCP goes by it" {
	local said
	expect_error "IPv4" c1 $FAR4 "From $REMOTE4 .*Frag needed.*mtu = 1400" -M "do" -s 1472
	expect_error "IPv6" c1 $FAR6 "From $REMOTE6 .*Packet too big: mtu=1400" -M "do" -s 1452
	forget_mtus
	expect_same "TCP by IPv4" $HOST4 "$(flow -b tcp c1 far $FAR4 1000000)"
	expect_same "TCP by IPv6" $HOST6 "$(flow -b tcp c1 far $FAR6 1000000)"
	expect_match "the container knows the MTU" "mtu 1400" "$(ip -n c1 route get $FAR4)"
	expect_match "also for IPv6" "mtu 1400" "$(ip -n c1 route get $FAR6)"
	said=$(ip route get $FAR4; ip -6 route get $FAR6)
	expect_no_match "the host itself was told nothing" "mtu 1400" "$said"
	expect_no_drops "nothing was dropped"
}

@test "a packet too big for the uplink: the host tells the MTU, and TCP goes by it" {
	ip link set eth0 mtu 1350
	defer ip link set eth0 mtu 1500
	expect_error "IPv4" c1 $REMOTE4 "From $GATEWAY4 .*Frag needed.*mtu = 1350" -M "do" -s 1400
	expect_error "IPv6" c1 $REMOTE6 "From $GATEWAY6 .*Packet too big: mtu=1350" -M "do" -s 1400
	forget_mtus
	# The wire's other end takes large segments as far as c1 knows, and sends none: veth drops what the receiver
	# is too small for, and nobody learns of it (__is_skb_forwardable() in include/linux/netdevice.h).
	ip -n remote route add $HOST4 dev eth0 mtu 1350 advmss 1460
	ip -n remote -6 route add $HOST6 dev eth0 mtu 1350 advmss 1440
	defer ip -n remote route delete $HOST4
	defer ip -n remote -6 route delete $HOST6
	expect_same "TCP by IPv4" $HOST4 "$(flow -b tcp c1 remote $REMOTE4 1000000)"
	expect_same "TCP by IPv6" $HOST6 "$(flow -b tcp c1 remote $REMOTE6 1000000)"
	expect_match "the container knows it" "mtu 1350" "$(ip -n c1 route get $REMOTE4)"
	expect_match "also for IPv6" "mtu 1350" "$(ip -n c1 route get $REMOTE6)"
}

# Nobody fragments what is translated: its sender does, from the second packet on.
@test "an IPv4 packet too big for the uplink that may be fragmented: its sender does it once it is told" {
	ip link set eth0 mtu 1350
	defer ip link set eth0 mtu 1500
	ip -n remote route add $HOST4 dev eth0 mtu 1350
	defer ip -n remote route delete $HOST4
	expect_error "the first one" c1 $REMOTE4 "From $GATEWAY4 .*Frag needed.*mtu = 1350" -M "dont" -s 1400
	expect "the next one" at c1 ping -c 1 -W 5 -M "dont" -s 1400 $REMOTE4
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "traceroute from a container sees every hop behind the host, too" {
	local option
	for option in -U -I -T; do
		expect_hops "IPv4 $option" c1 "$option" $FAR4 $GATEWAY4 $REMOTE4 $FAR4
		expect_hops "IPv6 $option" c1 "$option" $FAR6 $GATEWAY6 $REMOTE6 $FAR6
	done
	expect_no_drops "nothing was dropped"
}

# Prints a packet in hexadecimal from its IP header on, without what routers change.
ip_constant() # HEX
{
	if [[ $1 == 4* ]]; then echo "${1:0:16} ${1:18:2} ${1:24}"; else echo "${1:0:14} ${1:16}"; fi
}

expect_quotation() # WORDS SENT-FILTER ERROR-FILTER OFFSET-OF-QUOTATION
{
	local sent quoted
	sent=$(captured_hex errors "$2")
	quoted=$(captured_hex errors "$3")
	[[ -n $sent && -n $quoted ]] || fail "$1: both are captured"
	expect_same "$1: what is quoted" "$(ip_constant "${sent:28}")" "$(ip_constant "${quoted:2 * $4}")"
}

# With checksums that the container computes: else what is quoted has none yet.
@test "a router's error quotes what the container sent, bit by bit, and its checksums are right" {
	at c1 ethtool -K eth0 tx off >/dev/null
	defer at c1 ethtool -K eth0 tx on
	capture errors c1 eth0 icmp or icmp6 or udp
	at c1 traceroute -n -q 1 -w 3 -f 2 -m 2 -U -p 4711 $FAR4
	at c1 traceroute -n -q 1 -w 3 -f 2 -m 2 -U -p 4711 $FAR6
	eventually "both errors are captured" has_captured errors 'icmp6[icmp6type] == 3'
	stop errors
	expect_quotation "IPv4" 'udp and dst host '$FAR4 'icmp[icmptype] == icmp-timxceed' 42
	expect_quotation "IPv6" 'udp and dst host '$FAR6 'icmp6[icmp6type] == 3' 62
	expect_match "who says it" "$REMOTE4 > $C1_4: ICMP time exceeded" "$(captured errors icmp)"
	expect_match "by IPv6" "$REMOTE6 > $C1_6: \[icmp6 sum ok\] ICMP6, time exceeded" \
		"$(captured errors -vv 'icmp6[icmp6type] == 3')"
	expect_no_match "wrong checksums" 'wrong|bad|incorrect' "$(captured errors -vv icmp or icmp6)"
}

@test "a port that nobody has: the container's socket is told" {
	local addr
	for addr in $REMOTE4 $REMOTE6 $FAR4 $FAR6; do
		expect_refused_udp c1 "$addr" 9
		expect_not "TCP, too" at c1 greet ask tcp "$addr" 9
	done
	expect_no_drops "nothing was dropped"
}

# Sends a datagram by a connected socket and expects that it is told.
expect_refused_udp() # FROM ADDRESS PORT
{
	local said
	if listen_to at "$1" greet ask udp "$2" "$3"; then fail "$2 port $3 answers $1"; fi
	expect_match "$1 is told of $2 port $3" 'Connection refused' "$said"
}

@test "a destination that a router has no route to: the container is told" {
	expect_error_in_time "IPv4" c1 203.0.113.1 "From $REMOTE4 .*Destination Net Unreachable"
	expect_error_in_time "IPv6" c1 2001:db8:99::1 "From $REMOTE6 .*No route"
	ip -n remote route add prohibit 203.0.113.0/24
	defer ip -n remote route delete 203.0.113.0/24
	expect_error_in_time "prohibited" c1 203.0.113.1 "From $REMOTE4 .*Packet filtered"
}

# The first packet may be the one that asks for the neighbour past the stack, without an answer.
@test "a neighbour that doesn't answer: the container is told" {
	expect_error_in_time "IPv4" c1 192.0.2.99 "From [0-9.]* .*Destination Host Unreachable"
	expect_error_in_time "IPv6" c1 2001:db8::99 "From [0-9a-f:]* .*Address unreachable"
}

@test "a destination that the host has no route to: the container is told" {
	default_routes_remove
	expect_error_in_time "IPv4" c1 203.0.113.1 "From $GATEWAY4 .*Destination Net Unreachable"
	expect_error_in_time "IPv6" c1 2001:db8:99::1 "From $GATEWAY6 .*No route"
}

## Into a container

# bats test_tags=core
@test "a published port that nobody in the container has: the client is told, by the host's address" {
	local from addr
	capture errors remote eth0 icmp or icmp6
	for from in remote far; do
		expect_refused_udp $from $HOST4 8090
		expect_refused_udp $from $HOST6 8090
		for addr in $HOST4 $HOST6; do
			expect_not "TCP, too" at $from greet ask tcp $addr 8090
		done
	done
	expect_refused_udp c2 $HOST4 8090
	expect_refused_udp c2 $HOST6 8090
	eventually "an error is captured" has_captured errors 'icmp6[icmp6type] == 1'
	stop errors
	expect_match "who says it" "IP $HOST4 > $REMOTE4: ICMP $HOST4 udp port 8090 unreachable" \
		"$(captured errors -t icmp)"
	expect_match "by IPv6" "IP6 $HOST6 > $REMOTE6: .*unreachable port, $HOST6 udp port 8090" \
		"$(captured errors -t icmp6)"
	expect_same "words of the container's own address" '' \
		"$(captured errors -t "src net $CONTAINERS4 or src net $CONTAINERS6")"
	expect_no_drops "nothing was dropped"
}

@test "to a published port, a packet too big for the container: the client's TCP goes by its MTU" {
	local from
	for from in remote far; do
		expect "IPv4 from $from" flow -b -l 91 -c 8091 tcp $from c2 $HOST4 300000
		expect "IPv6 from $from" flow -b -l 91 -c 8091 tcp $from c2 $HOST6 300000
	done
}

@test "from a published port, a packet too big for a router: the container's TCP goes by it" {
	expect_same "IPv4" $FAR4 "$(flow -b -l 90 -c 8090 tcp far c1 $HOST4 1000000)"
	expect_same "IPv6" $FAR6 "$(flow -b -l 90 -c 8090 tcp far c1 $HOST6 1000000)"
	expect_no_drops "nothing was dropped"
}

@test "traceroute to a published port ends at the host, behind which the container answers" {
	expect_same "IPv4" $HOST4 "$(hop_to_published far $HOST4 3)"
	expect_same "IPv6" $HOST6 "$(hop_to_published far $HOST6 3)"
	expect_same "the host itself" $HOST4 "$(hop_to_published far $HOST4 2)"
	expect_same "the host itself, by IPv6" $HOST6 "$(hop_to_published far $HOST6 2)"
}

# Prints who answers to UDP to port 8090 with a TTL.
hop_to_published() # FROM ADDRESS TTL
{
	at "$1" traceroute -n -q 1 -w 3 -U -p 8090 -f "$3" -m "$3" "$2" | tail -n 1 | awk '{ print $2 }'
}

@test "a forged error about no flow of the container's changes nothing" {
	hold_open running tcp c1 remote $REMOTE4
	at remote frame eth0 "eth:dst=$(mac_of host)" ip4:src=$REMOTE4,dst=$HOST4 icmp:type=3,code=4,seq=576 \
		ip4:src=$HOST4,dst=$REMOTE4 tcp:sport=20000,dport=9
	expect_goes_on "the connection" running
	expect_no_match "an MTU" "mtu 576" "$(ip -n c1 route get $REMOTE4)"
	hold_close running
}
