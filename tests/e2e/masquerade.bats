#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Containers with private addresses reach the world by the host's address: who sees what, that it
# arrives whole, and that nobody's connection suffers: not by others, nor by a full table, nor by
# what happens to the host.
#
#   c1, c2 -- host -- wire -- remote
#                \--- second wire --- other, in a test

load lib

readonly OWN4=10.88.0.2 OWN6=fd00:88::2 PORT_MIN=16384 PORT_MAX=32767
readonly FAR4=198.51.100.7 FAR6=2001:db8:51::7

# Which address of the remote host, and what it sees then.
readonly FAMILIES="
	$REMOTE4 $HOST4
	$REMOTE6 $HOST6
"

setup_file()
{
	containers c1 c2
	export ETH_FROM_C1
	ETH_FROM_C1=$(eth_from c1)
}

setup()
{
	trace_test_only
	drops_note
}

teardown()
{
	clean_up
	nkctl nat set --ports $PORT_MIN-$PORT_MAX --endpoint-flows 16384 >/dev/null
	nkctl flows flush --all >/dev/null
}

for_each_family() # FUNCTION ARGUMENT...
{
	local addr sender
	while read -r addr sender; do
		[[ -z $addr ]] || "$1" "$addr" "$sender" "${@:2}"
	done <<<"$FAMILIES"
}

## What the world sees

# Sends there and back; expects the remote host to see a sender with a port of the range.
expect_masqueraded() # ADDRESS SENDER FLOW-ARGUMENT...
{
	local said result=0 port
	listen_to flow -b -p "${@:4}" "$3" c1 remote "$1" $BYTES || result=$?
	expect_same "data from c1 to $1 and back by $3 ${*:4}: $said" 0 $result
	port=${said#* }
	expect_same "the sender" "$2" "${said% *}"
	((port >= PORT_MIN && port <= PORT_MAX)) || fail "port $port is of the range"
}

# bats test_tags=core
@test "TCP: the host's address and a port of the range; a megabyte each way" {
	BYTES=1000000 for_each_family expect_masqueraded tcp
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "UDP: the host's address and a port of the range; a hundred datagrams each way" {
	BYTES=100000 for_each_family expect_masqueraded udp
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "UDP datagrams in fragments, each way" {
	BYTES=100000 for_each_family expect_masqueraded udp -d 5000
	BYTES=130000 for_each_family expect_masqueraded udp -d 65000
	expect_no_drops "nothing was dropped"
}

@test "UDP without a checksum gets none" {
	capture wire remote eth0 udp and src host $HOST4
	BYTES=10000 expect_masqueraded $REMOTE4 $HOST4 udp -z
	eventually "ten datagrams are captured" eval '(($(captured_count wire) == 10))'
	expect_same "those without a checksum" 10 "$(captured wire -vv | grep -c 'no cksum')"
}

readonly IS_FIRST_FRAGMENT6='ip6[6] == 44 and ip6[42:2] & 0xfff8 == 0'

# Pings, and prints the echo requests that the remote host gets: source, identifier.
requests_of() # ADDRESS PING-OPTION...
{
	capture echo remote eth0 "icmp[icmptype] == icmp-echo or icmp6[icmp6type] == icmp6-echo or
		($IS_FIRST_FRAGMENT6 and ip6[40] == 58 and ip6[48] == 128)"
	expect "every ping to $1 is answered" at c1 ping -c 3 -i 0.01 -W 5 -e 77 "${@:2}" "$1" >&2
	eventually "the requests are captured" eval '(($(captured_count echo) == 3))' >&2
	stop echo
	captured echo | sed -nE 's/.*IP6? ([^ ]*) > .* id ([0-9]+),.*/\1 \2/p' | sort -u
}

expect_echo() # ADDRESS SENDER PING-OPTION...
{
	local said id
	said=$(requests_of "$1" "${@:3}")
	id=${said#* }
	expect_same "one sender" "$2" "${said% *}"
	((id >= PORT_MIN && id <= PORT_MAX)) || fail "identifier $id is of the range"
}

# bats test_tags=core
@test "echo: the host's address and an identifier of the range" {
	for_each_family expect_echo
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "echo in fragments" {
	for_each_family expect_echo -s 4000
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "SCTP: the host's address, the port as it was, and the checksum too" {
	local upper=0fa00fa1deadbeef01020304c0ffee sent
	sniff arriving remote eth0
	for sent in ip4:src=$OWN4,dst=$REMOTE4,protocol=132 ip6:src=$OWN6,dst=$REMOTE6,next=132; do
		at c1 frame eth0 "$ETH_FROM_C1" $sent data:hex=$upper
		sent=$(sed "s/$OWN4/$HOST4,ttl=63/; s/$OWN6/$HOST6,hop=63/" <<<"$sent")
		sent=$(frame -x "eth:dst=$(mac_of remote),src=$(mac_of host)" $sent data:hex=$upper)
		eventually "arrives as this: $sent" has_sniffed arriving "^in [0-9]+ $sent"
	done
	expect_no_drops "nothing was dropped"
}

@test "SCTP: data there and back" {
	modprobe sctp 2>/dev/null || true
	has_sctp || skip "kernel has no SCTP"
	expect_same "the sender by IPv4" "$HOST4 5000" \
		"$(flow -b -p -s 5000 sctp c1 remote $REMOTE4 200000)"
	expect_same "the sender by IPv6" "$HOST6 5000" \
		"$(flow -b -p -s 5000 sctp c1 remote $REMOTE6 200000)"
}

has_sctp() { [[ -e /proc/sys/net/sctp ]]; }

@test "what can't be masqueraded is dropped, by its reason's name" {
	capture wire remote eth0 "net $CONTAINERS4 or net $CONTAINERS6"
	at c1 frame eth0 "$ETH_FROM_C1" ip4:src=$OWN4,dst=$REMOTE4,protocol=47 data:len=20
	at c1 frame eth0 "$ETH_FROM_C1" ip6:src=$OWN6,dst=$REMOTE6,next=47 data:len=20
	at c1 frame eth0 "$ETH_FROM_C1" ip4:src=$OWN4,dst=$REMOTE4,frag=0x00b9,protocol=17 data:len=20
	at c1 frame eth0 "$ETH_FROM_C1" ip4:src=$OWN4,dst=$REMOTE4,options=01010101 udp:dport=9
	expect_same "reasons" $'nat-fragment 1\nnat-protocol 3' "$(drops_since | sort)"
	BYTES=1000 expect_masqueraded $REMOTE4 $HOST4 udp
	stop wire
	expect_same "with private addresses on the wire" '' "$(captured wire)"
}

## Who is masqueraded

# Expects a source of a container's TCP, UDP and echo at an address of the remote host.
expect_source() # WORDS CONTAINER ADDRESS SOURCE
{
	local protocol said
	for protocol in tcp udp; do
		listen_to flow -a -b $protocol "$2" remote "$3" 2000 || true
		expect_same "$1: source of $2 at $3 by $protocol" "$4" "$said"
	done
	capture source remote eth0 "(icmp[icmptype] == icmp-echo or icmp6[icmp6type] == icmp6-echo) and src host $4"
	expect "$1: echo" at "$2" ping -c 1 -W 5 "$3"
	eventually "$1: source of the echo" has_captured source
	stop source
}

@test "exempt prefixes are reached without, from the next flow on" {
	expect_source "before" c1 $REMOTE4 $HOST4
	nkctl nat exempt add $REMOTE4/32 2001:db8::/64
	defer nkctl nat exempt remove $REMOTE4/32 2001:db8::/64
	expect_source "exempt" c1 $REMOTE4 $OWN4
	expect_source "exempt" c1 $REMOTE6 $OWN6
	nkctl nat exempt remove $REMOTE4/32 2001:db8::/64
	expect_source "no longer" c1 $REMOTE4 $HOST4
	expect_source "no longer" c1 $REMOTE6 $HOST6
	nkctl nat exempt add $REMOTE4/32 2001:db8::/64
	expect_no_drops "nothing was dropped"
}

@test "the containers' own subnets are exempt, wherever their addresses are" {
	nkctl network add lab --subnet 10.99.0.0/24 --subnet fd00:99::/64
	defer nkctl network remove lab
	ip -n remote address add 10.99.0.50/32 dev lo
	defer ip -n remote address delete 10.99.0.50/32 dev lo
	ip -n remote address add fd00:99::50/128 dev lo nodad
	defer ip -n remote address delete fd00:99::50/128 dev lo
	ip route add 10.99.0.50/32 via $REMOTE4
	defer ip route delete 10.99.0.50/32
	ip -6 route add fd00:99::50/128 via $REMOTE6
	defer ip -6 route delete fd00:99::50/128
	expect_source "of network lab" c1 10.99.0.50 $OWN4
	expect_source "of network lab" c1 fd00:99::50 $OWN6
	expect_source "another address of that host" c1 $REMOTE4 $HOST4
}

# Has a network with a container of the same name, whose subnets the remote host knows.
network_with_container() # NAME SUBNET4 SUBNET6 NETWORK-OPTION [ATTACH-OPTION]...
{
	# shellcheck disable=SC2086 # none is as good
	nkctl network add "$1" --subnet "$2" --subnet "$3" $4
	defer nkctl network remove "$1"
	ip netns add "$1"
	defer ip netns delete "$1"
	attach "$1" --network "$1" "${@:5}"
	defer nkctl detach --ns "$1" --network "$1"
	ip -n remote route add "$2" via $HOST4
	defer ip -n remote route delete "$2"
	ip -n remote -6 route add "$3" via $HOST6
	defer ip -n remote -6 route delete "$3"
}

@test "attach and network say who masquerades; by default those with private subnets" {
	network_with_container off 10.91.0.0/24 fd00:91::/64 --no-masquerade
	expect_source "the network's word" off $REMOTE4 10.91.0.2
	expect_source "the network's word" off $REMOTE6 fd00:91::2
	network_with_container on 10.92.0.0/24 fd00:92::/64 --no-masquerade --masquerade
	expect_source "attach has the last" on $REMOTE4 $HOST4
	expect_source "attach has the last" on $REMOTE6 $HOST6
	network_with_container never 10.93.0.0/24 fd00:93::/64 --masquerade --no-masquerade
	expect_source "attach has the last" never $REMOTE4 10.93.0.2
	expect_source "attach has the last" never $REMOTE6 fd00:93::2
	network_with_container public 203.0.113.0/24 2001:db8:93::/64 ''
	expect_source "public addresses" public $REMOTE4 203.0.113.2
	expect_source "public addresses" public $REMOTE6 2001:db8:93::2
}

# bats test_tags=core
@test "who has a route reaches a masquerading container by its own address, and gets answers from it" {
	local addr protocol
	for addr in $OWN4 $OWN6; do
		for protocol in tcp udp; do
			expect "by $protocol to $addr and back" \
				flow -b $protocol remote c1 $addr 200000
		done
		expect "ping $addr" at remote ping -c 3 -i 0.01 -W 5 $addr
	done
	expect_no_drops "nothing was dropped"
}

## Ports

expect_shared_port() # ADDRESS SENDER PROTOCOL
{
	local said
	hold_open pair -l 7000 -s 5000 "$3" c1,c2 remote "$1"
	said=$(hold_peers pair)
	expect_same "both come from the host" $'2 '"$2" "$(cut -d' ' -f1 <<<"$said" | sort | uniq -c | xargs)"
	expect_same "by ports of their own" 2 "$(sort -u <<<"$said" | wc -l)"
	expect_goes_on "both go on" pair
	hold_close pair
}

@test "two containers with one source port, to one destination, at the same time" {
	for_each_family expect_shared_port tcp
	for_each_family expect_shared_port udp
	expect_no_drops "nothing was dropped"
}

expect_reuse() # ADDRESS SENDER
{
	local end first again
	first=$(flow -p -b -l 7000 -s 5000 tcp c1 remote "$1")
	for end in '' -r -r ''; do
		# shellcheck disable=SC2086 # none is as good
		again=$(flow -p -b $end -l 7000 -s 5000 tcp c1 remote "$1")
		expect_same "the port after ${end:-FIN}" "$first" "$again"
	done
}

@test "a tuple is used again after FIN, and after RST" {
	for_each_family expect_reuse
	expect_no_drops "nothing was dropped"
}

# Listens in the background at ports of the host.
host_listens() # PROTOCOL PORT...
{
	local port
	for port in "${@:2}"; do start "$1$port" host greet serve host "$1" "$port"; done
	for port in "${@:2}"; do
		eventually "the host listens at $port" grep -q ready "$(output_of "$1$port")"
	done
}

# The range has 16 ports, and the host all but one of them.
@test "ports of the host's sockets aren't taken, and go on; without a free one: nat-ports" {
	local port
	nkctl nat set --ports 20000-20015
	hold_open inbound -l 20000 tcp remote host $HOST4
	hold_open datagrams -l 20000 udp remote host $HOST4
	host_listens tcp {20001..20014}
	host_listens udp {20001..20014}
	for port in 5000 5001 5002; do
		expect_same "the port that is left, TCP" "$HOST4 20015" \
			"$(flow -p -r -s $port tcp c1 remote $REMOTE4)"
		expect_same "the port that is left, UDP" "$HOST4 20015" \
			"$(flow -p -s $port udp c1 remote $REMOTE4)"
	done
	expect_match "the host's own are reached" "^host $REMOTE4 " \
		"$(at remote greet ask tcp $HOST4 20001)"
	expect_match "by UDP too" "^host $REMOTE4 " "$(at remote greet ask udp $HOST4 20002)"
	expect_goes_on "a connection to the host's listener" inbound
	expect_goes_on "and its datagrams" datagrams
	expect_no_drops "nothing was dropped"
	host_listens tcp 20015
	at c1 frame eth0 "$ETH_FROM_C1" ip4:src=$OWN4,dst=$REMOTE4 tcp:sport=5005,dport=9,flags=2
	expect_same "no port is left" 'nat-ports 1' "$(drops_since)"
	hold_close inbound
	hold_close datagrams
}

# They share a destination: with any other port the far end could tell them apart anyway.
@test "a connection of the host by a port of the range is left alone, and goes on" {
	nkctl nat set --ports 20000-20015
	hold_open own -n 8 -l 7000 -s 20000 tcp host,c1 remote $REMOTE4
	expect_same "the host's ports, then the container's" "$(printf "$HOST4 %d\n" {20000..20015})" \
		"$(hold_peers own | head -n 8; hold_peers own | tail -n 8 | sort)"
	expect_goes_on "both go on" own
	hold_close own
}

@test "the host's own connections are as they were" {
	local protocol
	for protocol in tcp udp; do
		expect_same "$protocol by IPv4" "$HOST4 25000" \
			"$(flow -b -p -s 25000 $protocol host remote $REMOTE4)"
		expect_same "$protocol by IPv6" "$HOST6 25000" \
			"$(flow -b -p -s 25000 $protocol host remote $REMOTE6)"
		expect_same "$protocol to a port of the range" "$REMOTE4" \
			"$(flow -b -l 25001 $protocol remote host $HOST4)"
	done
	expect "echo" ping -c 1 -W 5 -e 20000 $REMOTE4
	expect "echo by IPv6" ping -c 1 -W 5 -e 20000 $REMOTE6
	expect_no_drops "nothing was dropped"
}

## Time, and want of room

# The clock that flows go by begins with the machine.
@test "an idle connection goes on; one that has expired begins anew with the same port" {
	(($(cut -d. -f1 /proc/uptime) > 320)) || skip "this machine is younger than an idle flow"
	hold_open tcp tcp c1 remote $REMOTE4
	hold_open udp udp c1 remote $REMOTE4
	hold_pause tcp udp
	flows_age 270
	hold_resume tcp udp
	expect_goes_on "TCP after four and a half minutes" tcp
	expect_goes_on "UDP after four and a half minutes" udp
	hold_pause tcp udp
	expect_same "both are flows" 'tcp udp' "$(flow_protocols)"
	flows_age 310
	expect_same "after more than five minutes TCP alone is one" tcp "$(flow_protocols)"
	hold_resume tcp udp
	expect_goes_on "TCP" tcp
	expect_goes_on "UDP, by the same port: the answer finds its way" udp
	expect_same "both are flows again" 'tcp udp' "$(flow_protocols)"
	expect_no_drops "nothing was dropped"
	hold_close tcp
	hold_close udp
}

flow_protocols() { nkctl flows list --json | jq -r '.[].protocol' | sort | xargs; }

# bats test_tags=core
@test "a connection whose flow was evicted lives on in both directions" {
	local port
	nkctl nat set --endpoint-flows 16
	hold_open first -l 7000 tcp c1 remote $REMOTE4
	port=$(hold_peers first | cut -d' ' -f2)
	hold_pause first
	expect_same "its flow" 1 "$(flows_count --endpoint c1)"
	hold_open others -n 40 udp c1 remote $REMOTE4
	hold_close others
	expect_not "its flow is gone" grep -q "$port" <(nkctl flows list --protocol tcp)
	capture wire remote eth0 tcp and src host $HOST4
	at remote frame eth0 "eth:dst=$(mac_of host)" ip4:src=$REMOTE4,dst=$HOST4 \
		tcp:sport=7000,dport="$port",flags=16
	expect_same "what comes in meanwhile isn't reset" 'nat-no-flow 1' "$(drops_since)"
	hold_resume first
	expect_goes_on "it goes on" first
	stop wire
	expect_same "resets" '' "$(captured wire 'tcp[tcpflags] & tcp-rst != 0')"
	expect "its flow has the same port again" grep -q "$port" <(nkctl flows list --protocol tcp)
	hold_close first
}

@test "a container with as many flows as it may have loses its own; another's go on, and new ones work" {
	nkctl nat set --endpoint-flows 16
	hold_open other tcp c2 remote $REMOTE4
	at c1 bash -c "for port in {4000..4099}; do
		frame eth0 $ETH_FROM_C1 ip4:src=$OWN4,dst=$REMOTE4 udp:sport=\$port,dport=9
	done"
	expect_same "flows of c1" 16 "$(flows_count --endpoint c1)"
	expect_goes_on "the other's connection" other
	expect_same "and it is the same flow" 1 "$(flows_count --endpoint c2)"
	BYTES=100000 expect_masqueraded $REMOTE4 $HOST4 tcp
	expect_same "another new one" $HOST4 "$(flow -b udp c2 remote $REMOTE4)"
	expect_no_drops "nothing was dropped"
	hold_close other
}

# In two halves, since a process may not have as many sockets everywhere.
@test "10,000 connections of one container at the same time" {
	local half peers
	start half1 host hold -n 5000 -l 7000 tcp c1 remote $REMOTE4
	start half2 host hold -n 5000 -l 7001 tcp c1 remote $REMOTE4
	for half in half1 half2; do
		# Over a minute in a guest of one processor. What is late itself 'hold' tells after 15 s.
		eventually_in 300 "$half has its connections" hold_is_settled $half
		peers=$(hold_peers $half)
		expect_same "all from the host" $HOST4 "$(cut -d' ' -f1 <<<"$peers" | sort -u)"
		expect_same "ports" 5000 "$(sort -u <<<"$peers" | wc -l)"
		expect_same "ports beyond the range" '' \
			"$(awk -v min=$PORT_MIN -v max=$PORT_MAX '$2 < min || $2 > max' <<<"$peers")"
	done
	expect_same "flows" 10000 "$(flows_count --endpoint c1)"
	expect_same "another one" $HOST4 "$(flow -b tcp c1 remote $REMOTE4)"
	expect_goes_on "the first half goes on" half1
	expect_goes_on "the second half goes on" half2
	expect_no_drops "nothing was dropped"
	hold_close half1
	hold_close half2
}

## What happens to the host

@test "a firewall that is reloaded, an upgrade, and a killed CLI leave connections running" {
	hold_open tcp tcp c1,c2 remote $REMOTE4
	hold_open udp udp c1,c2 remote $REMOTE6
	nft -f - <<-'RULES'
		table inet firewall {
			chain forward { type filter hook forward priority 0; policy drop; }
			chain out { type nat hook postrouting priority 100; masquerade; }
		}
	RULES
	defer nft flush ruleset
	expect_goes_on "with a firewall that forwards nothing" tcp
	nft flush ruleset
	expect_goes_on "nft flush ruleset" tcp
	expect_goes_on "nft flush ruleset" udp
	nkctl upgrade
	expect_goes_on "upgrade" tcp
	expect_goes_on "upgrade" udp
	ip netns add c3
	defer ip netns delete c3
	run -137 at_bpf $BPF_PROG_ATTACH 1 kill "$NKCTL_PROGRAM" attach --ns c3
	expect_goes_on "an attach killed half way" tcp
	attach c3
	run -137 at_bpf $BPF_MAP_DELETE_ELEM 1 kill "$NKCTL_PROGRAM" detach --ns c3
	expect_goes_on "a detach killed half way" tcp
	expect_goes_on "a detach killed half way" udp
	nkctl detach --ns c3 || true
	expect_no_drops "nothing was dropped"
	hold_close tcp
	hold_close udp
}

# A network namespace 'other' across a second wire, and the far addresses at both.
other_make()
{
	local place
	netns_make other
	defer ip netns delete other
	ip link add eth1 type veth peer name eth0 netns other
	ip address add 192.0.3.1/24 dev eth1
	ip address add 2001:db8:3::1/64 dev eth1 nodad
	ip link set eth1 up
	ip -n other address add 192.0.3.2/24 dev eth0
	ip -n other address add 2001:db8:3::2/64 dev eth0 nodad
	ip -n other link set eth0 up
	for place in remote other; do
		ip -n $place address add $FAR4/32 dev lo
		ip -n $place address add $FAR6/128 dev lo nodad
	done
	defer ip -n remote address delete $FAR4/32 dev lo
	defer ip -n remote address delete $FAR6/128 dev lo
	nkctl uplink add eth1
	defer nkctl uplink remove eth1
	eventually "the second wire is there" ping -c 1 -W 1 2001:db8:3::2
}

@test "the source is the route's: by rules, and when routes change" {
	other_make
	expect_same "by the default route" $HOST4 "$(flow -b tcp c1 remote $FAR4)"
	expect_same "by the default route" $HOST6 "$(flow -a -b udp c1 remote $FAR6)"
	ip route add $FAR4/32 via 192.0.3.2 table 100
	defer ip route flush table 100
	ip -6 route add $FAR6/128 via 2001:db8:3::2 table 100
	defer ip -6 route flush table 100
	ip rule add from $OWN4 table 100
	defer ip rule delete from $OWN4
	ip -6 rule add from $OWN6 table 100
	defer ip -6 rule delete from $OWN6
	expect_same "by a rule for the container" 192.0.3.1 "$(flow -b tcp c1 other $FAR4)"
	expect_same "by a rule for the container" 2001:db8:3::1 "$(flow -a -b udp c1 other $FAR6)"
	expect_same "the other container by the default route" $HOST4 "$(flow -b tcp c2 remote $FAR4)"
	ip rule add dsfield 0x08 table 100
	defer ip rule delete dsfield 0x08 table 100
	expect "by a rule for a type of service" at c2 ping -c 1 -W 5 -Q 0x08 $FAR4
	ip route add $FAR4/32 via 192.0.3.2 src 192.0.3.77 2>/dev/null &&
		fail "a source that the host doesn't have"
	ip address add 192.0.3.77/32 dev eth1
	ip route add $FAR4/32 via 192.0.3.2 src 192.0.3.77
	defer ip route delete $FAR4/32
	expect_same "a route's preferred source" 192.0.3.77 "$(flow -b tcp c2 other $FAR4)"
	expect_no_drops "nothing was dropped"
}

@test "a flow whose route leads to another uplink begins anew, with that one's address" {
	other_make
	expect_same "by the first wire" $HOST4 "$(flow -s 7100 -a -b udp c1 remote $FAR4)"
	expect_same "by the first wire" $HOST6 "$(flow -s 7100 -a -b udp c1 remote $FAR6)"
	ip route add $FAR4/32 via 192.0.3.2
	defer ip route delete $FAR4/32
	ip -6 route add $FAR6/128 via 2001:db8:3::2
	defer ip -6 route delete $FAR6/128
	expect_same "by the second" 192.0.3.1 "$(flow -s 7100 -a -b udp c1 other $FAR4)"
	expect_same "by the second" 2001:db8:3::1 "$(flow -s 7100 -a -b udp c1 other $FAR6)"
	expect_no_drops "nothing was dropped"
}
