#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The world reaches published ports: who gets there, whom the container sees, and who isn't led there.
# How ports are claimed is ports.bats; how the host itself reaches them is localhost.bats.
#
#   c1, c2 -- host -- wire -- remote
#                \--- second wire --- other, in a test

load lib

readonly C1_4=10.88.0.2 C1_6=fd00:88::2 C2_4=10.88.0.3

# c1's port 90 is published as 8090 of all addresses, and as 8091 of one of each family; c2 has a
# range.
setup_file()
{
	containers c1 c2
	nkctl publish add c1 8090:90 8090:90/udp \
		"$HOST4:8091:90" "$HOST4:8091:90/udp" "[$HOST6]:8091:90" "[$HOST6]:8091:90/udp"
	nkctl publish add c2 9000-9009:100-109 9000-9009:100-109/udp
	export ETH_FROM_C1 ETH_TO_C1
	ETH_FROM_C1=$(eth_from c1) ETH_TO_C1=$(eth_to c1)
}

setup()
{
	trace_test_only
	drops_note
}

# By which expect_reached asks; a test may have others.
PROTOCOLS='tcp udp'

# Expects that who speaks to PORT of ADDRESS reaches LISTEN of a place, by TCP and UDP, data comes there
# and back whole, and the place sees SENDER.
expect_reached() # WORDS FROM ADDRESS PORT TO LISTEN SENDER [FLOW-OPTION]...
{
	local protocol said
	for protocol in $PROTOCOLS; do
		listen_to flow -b -l "$6" -c "$4" "${@:8}" $protocol "$2" "$5" "$3" \
			"${BYTES:-10000}" || true
		expect_same "$1: from $2 to $3 port $4 by $protocol, $5 sees" "$7" "$said"
	done
}

# Expects that nobody is there, and that the host says so.
expect_refused() # WORDS FROM ADDRESS PORT
{
	local way said
	for way in tcp udp; do
		if listen_to at "$2" greet ask $way "$3" "$4"; then fail "$1: by $way" "$said"; fi
		expect_match "$1: from $2 to $3 port $4 by $way" 'refused' "$said"
	done
}

## From outside

# bats test_tags=core
@test "from another machine, which the container sees; a megabyte each way" {
	BYTES=1000000 expect_reached "IPv4" remote $HOST4 8090 c1 90 $REMOTE4
	BYTES=1000000 expect_reached "IPv6" remote $HOST6 8090 c1 90 $REMOTE6
	expect_reached "with its port" remote $HOST4 8090 c1 90 "$REMOTE4 5555" -p -s 5555 -r
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "datagrams in fragments, each way" {
	PROTOCOLS=udp
	BYTES=50000 expect_reached "IPv4" remote $HOST4 8090 c1 90 $REMOTE4 -d 5000
	BYTES=50000 expect_reached "IPv6" remote $HOST6 8090 c1 90 $REMOTE6 -d 5000
	BYTES=130000 expect_reached "the largest" remote $HOST4 8090 c1 90 $REMOTE4 -d 65000
	expect_no_drops "nothing was dropped"
}

@test "datagrams without a checksum" {
	PROTOCOLS=udp
	expect_reached "IPv4" remote $HOST4 8090 c1 90 $REMOTE4 -z
	expect_no_drops "nothing was dropped"
}

@test "a port of one address is at that one alone; one of all is at each" {
	ip address add 192.0.2.77/32 dev lo
	defer ip address delete 192.0.2.77/32 dev lo
	ip address add 2001:db8::77/128 dev lo nodad
	defer ip address delete 2001:db8::77/128 dev lo
	ip -n remote route add 192.0.2.77/32 via $HOST4
	defer ip -n remote route delete 192.0.2.77/32
	ip -n remote route add 2001:db8::77/128 via $HOST6
	defer ip -n remote route delete 2001:db8::77/128
	expect_reached "one" remote $HOST4 8091 c1 90 $REMOTE4
	expect_reached "one" remote $HOST6 8091 c1 90 $REMOTE6
	expect_refused "another" remote 192.0.2.77 8091
	expect_refused "another" remote 2001:db8::77 8091
	expect_refused "the gateway's" remote $GATEWAY4 8091
	expect_reached "all" remote 192.0.2.77 8090 c1 90 $REMOTE4
	expect_reached "all" remote 2001:db8::77 8090 c1 90 $REMOTE6
	expect_reached "all" remote $GATEWAY4 8090 c1 90 $REMOTE4
}

@test "each port of a range leads to its own, and no other does" {
	expect_reached "the first" remote $HOST4 9000 c2 100 $REMOTE4
	expect_reached "one between" remote $HOST6 9004 c2 104 $REMOTE6
	expect_reached "the last" remote $HOST4 9009 c2 109 $REMOTE4
	expect_refused "before it" remote $HOST4 8999
	expect_refused "behind it" remote $HOST6 9010
}

@test "SCTP: the address is the container's, all else as sent" {
	local upper=0fa01b9edeadbeef01020304c0ffee mac expected
	nkctl publish add c1 7070:7070/sctp
	defer nkctl publish remove c1 7070:7070/sctp
	mac=$(mac_of host)
	sniff arriving c1 eth0
	at remote frame eth0 "eth:dst=$mac" ip4:src=$REMOTE4,dst=$HOST4,protocol=132 data:hex=$upper
	at remote frame eth0 "eth:dst=$mac" ip6:src=$REMOTE6,dst=$HOST6,next=132 data:hex=$upper
	for expected in ip4:src=$REMOTE4,dst=$C1_4,ttl=63,protocol=132 \
		ip6:src=$REMOTE6,dst=$C1_6,hop=63,next=132; do
		expected=$(frame -x "$ETH_TO_C1" $expected data:hex=$upper)
		eventually "arrives as this: $expected" has_sniffed arriving "^in [0-9]+ $expected"
	done
	modprobe sctp 2>/dev/null || true
	[[ -e /proc/sys/net/sctp ]] || return 0
	PROTOCOLS=sctp
	expect_reached "a real association" remote $HOST4 7070 c1 7070 $REMOTE4
	expect_reached "a real association" remote $HOST6 7070 c1 7070 $REMOTE6
}

@test "the way is short: the host's netfilter sees none of it, and can't stop it" {
	nft -f - <<-'RULES'
	table inet seen {
		chain forward { type filter hook forward priority 0; policy drop; counter; }
		chain in { type filter hook input priority 0; tcp dport { 90, 8090 } counter; }
	}
	RULES
	defer nft delete table inet seen
	expect_reached "IPv4" remote $HOST4 8090 c1 90 $REMOTE4
	expect_reached "IPv6" remote $HOST6 8090 c1 90 $REMOTE6
	expect_same "packets in the stack" 'packets 0 packets 0' \
		"$(nft list table inet seen | grep -o 'packets [0-9]*' | xargs)"
}

## From containers

# bats test_tags=core
@test "from another container, by the host's addresses: it comes from there" {
	local addr
	for addr in $HOST4 $GATEWAY4 $HOST6 $GATEWAY6; do
		BYTES=1000000 expect_reached "hairpin" c2 $addr 8090 c1 90 $addr
	done
	PROTOCOLS=udp BYTES=50000 expect_reached "in fragments" c2 $HOST4 8090 c1 90 $HOST4 -d 5000
	PROTOCOLS=udp BYTES=50000 expect_reached "in fragments" c2 $HOST6 8090 c1 90 $HOST6 -d 5000
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "from the container itself" {
	local addr
	for addr in $HOST4 $GATEWAY4 $HOST6 $GATEWAY6; do
		BYTES=200000 expect_reached "hairpin" c1 $addr 8090 c1 90 $addr
	done
	expect_no_drops "nothing was dropped"
}

@test "from a container that doesn't masquerade, and to one" {
	ip netns add c3
	defer ip netns delete c3
	attach c3 --no-masquerade --publish 8093:93 --publish 8093:93/udp
	defer nkctl detach --ns c3
	expect_reached "from it" c3 $HOST4 8090 c1 90 $HOST4
	expect_reached "from it" c3 $HOST6 8090 c1 90 $HOST6
	expect_reached "to it" c1 $HOST4 8093 c3 93 $HOST4
	expect_reached "to itself" c3 $HOST6 8093 c3 93 $HOST6
	expect_reached "to it, from outside" remote $HOST6 8093 c3 93 $REMOTE6
	expect_no_drops "nothing was dropped"
}

@test "containers speak to each other by their own addresses and ports as ever" {
	nkctl flows flush --endpoint c2
	expect_reached "not translated" c2 $C1_4 90 c1 90 $C2_4
	expect_reached "a port of that number" c2 $C1_4 8090 c1 8090 $C2_4
	expect_same "flows that were made" 0 "$(flows_count --endpoint c2)"
}

## Nobody is led astray

@test "a remote host's service at the same port is left alone, and its own of the host" {
	expect_reached "masqueraded" c2 $REMOTE4 8090 remote 8090 $HOST4
	expect_reached "masqueraded" c1 $REMOTE6 8090 remote 8090 $HOST6
	expect_reached "the host's own" host $REMOTE4 8090 remote 8090 $HOST4
	expect_reached "routed to the container itself" remote $C1_4 8090 c1 8090 $REMOTE4
	expect_reached "the host's other ports" remote $HOST4 8099 host 8099 $REMOTE4
	expect_reached "a port of the host that has the container's number" remote $HOST6 90 host 90 $REMOTE6
	expect_no_drops "nothing was dropped"
}

@test "what the host forwards for others is left alone" {
	netns_make other
	defer ip netns delete other
	ip link add eth1 type veth peer name eth0 netns other
	ip address add 192.0.3.1/24 dev eth1
	ip link set eth1 up
	ip -n other address add 192.0.3.2/24 dev eth0
	ip -n other link set eth0 up
	ip -n other route add default via 192.0.3.1
	nkctl uplink add eth1
	defer nkctl uplink remove eth1
	ip -n remote route add 192.0.3.0/24 via $HOST4
	defer ip -n remote route delete 192.0.3.0/24
	defer sysctl -qw net.ipv4.conf.eth0.forwarding="$(sysctl -n net.ipv4.conf.eth0.forwarding)"
	sysctl -qw net.ipv4.conf.eth0.forwarding=1 net.ipv4.conf.eth1.forwarding=1
	expect_reached "through the host" remote 192.0.3.2 8090 other 8090 $REMOTE4
	expect_reached "and back" other $REMOTE4 8090 remote 8090 192.0.3.2
	expect_reached "from there to the container" other $HOST4 8090 c1 90 192.0.3.2
	expect_no_drops "nothing was dropped"
}

## Life and death

@test "ports come and go on a live endpoint; others' connections go on" {
	hold_open old -l 90 -c 8090 tcp remote c1 $HOST4
	nkctl publish add c1 8092:92 8092:92/udp
	expect_reached "added" remote $HOST4 8092 c1 92 $REMOTE4
	expect_goes_on "the other port's connection" old
	nkctl publish remove c1 8092:92 8092:92/udp
	expect_refused "removed" remote $HOST4 8092
	expect_refused "removed" remote $HOST6 8092
	expect_refused "removed, for containers" c2 $HOST4 8092
	expect_goes_on "the other port's connection" old
	expect_reached "a process of the host may have it now" remote $HOST4 8092 host 8092 $REMOTE4
	hold_close old
}

# The client keeps silent: nothing but the answer itself can make its flow anew.
@test "a connection whose flow was evicted lives on by the container's answer" {
	local wait=$BATS_TEST_TMPDIR/wait
	echo "until [ -e '$BATS_TEST_TMPDIR/go' ]; do sleep 0.1; done" >"$wait"
	nkctl flows flush --all
	start server c1 socat -T 60 TCP-LISTEN:90,bind=$C1_4,reuseaddr SYSTEM:"timeout 30 sh $wait && echo answer",pipes
	start client remote socat -T 60 -u TCP:$HOST4:8090,retry=200,interval=0.1 -
	eventually "it is there" eval 'nkctl flows list --protocol tcp | grep -q established'
	nkctl flows flush --all
	: >"$BATS_TEST_TMPDIR/go"
	expect "the client ends well" finish client
	expect_same "what it was told" answer "$(<"$(output_of client)")"
	expect_no_drops "nothing was dropped"
}

@test "a detach withdraws its ports; who is attached next may have them" {
	ip netns add c3
	defer ip netns delete c3
	ip netns add c4
	defer ip netns delete c4
	attach c3 --publish 8094:94 --publish 8094:94/udp
	expect_reached "c3" remote $HOST4 8094 c3 94 $REMOTE4
	expect_refusal "while c3 has it" 4 'port 8094/tcp is taken by .*c3' publish add c2 8094:94
	nkctl detach --ns c3
	expect_refused "after the detach" remote $HOST4 8094
	attach c4 --publish 8094:94 --publish 8094:94/udp
	defer nkctl detach --ns c4
	expect_reached "c4" remote $HOST4 8094 c4 94 $REMOTE4
	expect_reached "c4" remote $HOST6 8094 c4 94 $REMOTE6
}

@test "the port of a dead container is free for another" {
	ip netns add c3
	attach c3 --publish 8095:95 --publish 8095:95/udp
	expect_reached "c3" remote $HOST4 8095 c3 95 $REMOTE4
	ip netns delete c3
	eventually "c2 gets it" nkctl publish add c2 8095:95 8095:95/udp
	defer nkctl publish remove c2 8095:95 8095:95/udp
	expect_reached "c2" remote $HOST4 8095 c2 95 $REMOTE4
	expect_reached "c2" remote $HOST6 8095 c2 95 $REMOTE6
}

@test "many connections at the same time, of which each keeps its client's port" {
	local port
	hold_open crowd -n 500 -s 5000 -l 90 -c 8090 tcp remote c1 $HOST4
	expect_same "whom c1 sees" "$(for port in {5000..5499}; do echo "$REMOTE4 $port"; done)" \
		"$(hold_peers crowd)"
	nkctl upgrade
	nft flush ruleset
	expect_goes_on "after an upgrade, and without a firewall" crowd
	hold_close crowd
	expect_no_drops "nothing was dropped"
}

# What isn't answered goes first, and nobody loses what another one's flows need.
@test "a flood from outside costs the flooded container no connection, and others nothing" {
	local before
	nkctl nat set --endpoint-flows 16
	defer nkctl nat set --endpoint-flows 16384
	hold_open own -l 90 -c 8090 tcp remote c1 $HOST4
	hold_open other -l 100 -c 9000 tcp remote c2 $HOST6
	before=$(packets_of own)
	at remote bash -c "for port in {4000..4099}; do
		frame eth0 eth:dst=$(mac_of host) ip4:src=$REMOTE4,dst=$HOST4 udp:sport=\$port,dport=8090
	done"
	expect_same "flows of c1" 16 "$(flows_count --endpoint c1)"
	expect_goes_on "its connection" own
	(($(packets_of own) > before)) || fail "by the same flow"
	expect_goes_on "another container's" other
	expect_no_drops "nothing was dropped"
	hold_close own
	expect_reached "new ones" remote $HOST4 8090 c1 90 $REMOTE4
	hold_close other
}

# How many packets the flow of the only peer has had.
packets_of() # NAME
{
	local port
	port=$(hold_peers "$1" | cut -d' ' -f2)
	nkctl flows list --protocol tcp --json |
		jq ".[] | select(.original.source_port == $port) | .packets"
}

@test "an address that isn't the host's is published, with a warning, and serves once it is" {
	local warning="warning: c[13]: 192.0.2.77 is no address of this host"
	expect_match "publish add" "$warning" "$(nkctl publish add c1 8097:97 192.0.2.77:8096:90 2>&1)"
	defer nkctl publish remove c1 8097:97 192.0.2.77:8096:90
	ip netns add c3
	defer ip netns delete c3
	expect_match "attach" "$warning" "$(attach c3 --publish 192.0.2.77:8098:98 2>&1)"
	defer nkctl detach --ns c3
	expect_no_match "its own" 'no address' "$(nkctl publish add c2 192.0.2.1:8096:90 127.0.0.2:8096:90 \
		0.0.0.0:8099:99 '[::]:8099:99' 2>&1)"
	nkctl publish remove c2 192.0.2.1:8096:90 127.0.0.2:8096:90 0.0.0.0:8099:99 '[::]:8099:99'
	ip address add 192.0.2.77/32 dev eth0
	defer ip address delete 192.0.2.77/32 dev eth0
	PROTOCOLS=tcp expect_reached "it is the host's now" remote 192.0.2.77 8096 c1 90 $REMOTE4
	expect_no_match "now it's the host's" 'no address' "$(nkctl publish add c1 192.0.2.77:8096:90 2>&1)"
}
