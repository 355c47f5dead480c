#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What root in a container sends that nobody may send. Of each kind 20 frames: none of them reaches
# the wire, another container or the host's stack, and the counter of the reason grows by 20.

# modes: l3 l2

load lib

readonly COUNT=20
readonly OWN4=10.88.0.2 OWN6=fd00:88::2 OTHER4=10.88.0.3 OTHER6=fd00:88::3
readonly ALL_NODES=33:33:00:00:00:01 BROADCAST=ff:ff:ff:ff:ff:ff

# At the end of each frame; what is sent last, and must arrive, has the other one.
readonly MARK=5b00f5b00f LAST=1a571a571a57

setup_file()
{
	containers c1 c2
	export ETH OWN_MAC PRIMARY
	ETH=$(eth_from c1) PRIMARY=$(primary_of c1)
	OWN_MAC=${ETH#*,src=}
	# Behind the program, and in front of all else of the host.
	nft -f - <<-RULES
		table netdev guard {
			chain in {
				type filter hook ingress device "$PRIMARY" priority -500
				counter
			}
		}
	RULES
	at c1 ping -c 1 -W 5 $REMOTE4
}

setup()
{
	trace_test_only
	sniff wire remote eth0
	sniff other c2 eth0
	passed_before=$(passed_to_host)
	drops_note
	forged=0
}

passed_to_host()
{
	nft list chain netdev guard in | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'
}

# Sends a kind of frames.
forge() # FRAME-ARGUMENT...
{
	at c1 frame -n $COUNT "$@"
	((forged += COUNT))
}

# Expects that all that was forged since the last time was dropped, for one reason.
expect_dropped() # WORDS REASON
{
	local sent=$forged before=${drops_noted[link-local]}
	forged=0
	drops_note
	if [[ $2 != link-local ]]; then
		expect_same "$1: all are dropped, for this reason alone" "$2 $sent" "$drops_new"
		return
	fi
	# A guest's own chatter may come on top.
	expect_same "$1: nothing is dropped for another reason" '' "$drops_new"
	expect "$1: as many are dropped as were sent" \
		test "${drops_noted[link-local]}" -ge $((before + sent))
}

# One kind, one reason.
expect_forged_dropped() # WORDS REASON FRAME-ARGUMENT...
{
	forge "${@:3}"
	expect_dropped "$1" "$2"
}

# Expects that nothing of it came anywhere: what is sent last has arrived, and nothing before it.
expect_nothing_arrived()
{
	local reset=tcp:dport=9,flags=0x04 # which nobody answers
	at c1 frame eth0 "$ETH" ip4:src=$OWN4,dst=$REMOTE4 $reset data:hex=$LAST
	at c1 frame eth0 "$ETH" ip4:src=$OWN4,dst=$OTHER4 $reset data:hex=$LAST
	eventually "a good packet reaches the wire" has_sniffed wire "^in .*$LAST$"
	eventually "a good packet reaches the other container" has_sniffed other "^in .*$LAST$"
	expect_same "frames on the wire" 0 "$(sniffed_count wire "$MARK")"
	expect_same "frames to the other container but the good one" 1 "$(sniffed_from_host other)"
	expect_same "frames to the host's stack" "$passed_before" "$(passed_to_host)"
}

# All but the multicast reports of the host's own end.
sniffed_from_host() # NAME
{
	echo $(($(sniffed_count "$1" '^in ') - $(sniffed_count "$1" '^in [0-9]+ 333300000016')))
}

# bats test_tags=core
@test "IPv4 from addresses that aren't the container's" {
	local source destination
	for source in $OTHER4 $GATEWAY4 $HOST4 $REMOTE4 203.0.113.9 127.0.0.1 169.254.7.7 224.0.0.1; do
		for destination in $REMOTE4 $OTHER4 $GATEWAY4; do
			forge eth0 "$ETH" ip4:src=$source,dst=$destination udp:dport=9 data:hex=$MARK
		done
		expect_dropped "from $source" source
	done
	forge eth0 "$ETH" ip4:src=0.0.0.0,dst=$REMOTE4 udp:dport=9 data:hex=$MARK
	expect_dropped "from nobody" link-local
	expect_nothing_arrived
}

# bats test_tags=core
@test "IPv6 from addresses that aren't the container's" {
	local source destination
	for source in $OTHER6 $GATEWAY6 $HOST6 $REMOTE6 2001:db8:99::9 ::1 ::ffff:10.88.0.2 ff02::1; do
		for destination in $REMOTE6 $OTHER6 $GATEWAY6; do
			forge eth0 "$ETH" ip6:src=$source,dst=$destination udp:dport=9 data:hex=$MARK
		done
		expect_dropped "from $source" source
	done
	for source in :: fe80::1; do
		forge eth0 "$ETH" ip6:src=$source,dst=$REMOTE6 udp:dport=9 data:hex=$MARK
	done
	expect_dropped "from nobody, and within the link" link-local
	expect_nothing_arrived
}

@test "a foreign source in other clothes" {
	local from4=ip4:src=$OTHER4,dst=$REMOTE4 from6=ip6:src=$OTHER6,dst=$REMOTE6
	local -a end=(udp:dport=9 "data:hex=$MARK")
	expect_forged_dropped "TCP" source eth0 "$ETH" $from4 tcp:dport=80 data:hex=$MARK
	expect_forged_dropped "ICMP" source eth0 "$ETH" $from4 icmp data:hex=$MARK
	expect_forged_dropped "ICMPv6" source eth0 "$ETH" $from6 icmp6 data:hex=$MARK
	expect_forged_dropped "an error" source eth0 "$ETH" $from6 icmp6:type=1 data:hex=$MARK
	expect_forged_dropped "another protocol" source eth0 "$ETH" $from4,protocol=132 data:hex=$MARK
	expect_forged_dropped "options" source eth0 "$ETH" $from4,options=94040000 "${end[@]}"
	expect_forged_dropped "a first fragment" source eth0 "$ETH" $from4,frag=0x2000 "${end[@]}"
	expect_forged_dropped "a later fragment" source eth0 "$ETH" $from4,frag=0x0010 data:hex=$MARK
	expect_forged_dropped "TTL 1" source eth0 "$ETH" $from4,ttl=1 "${end[@]}"
	expect_forged_dropped "hop limit 1" source eth0 "$ETH" $from6,hop=1 "${end[@]}"
	expect_forged_dropped "hop-by-hop options" source eth0 "$ETH" $from6 hopopts "${end[@]}"
	expect_forged_dropped "an IPv6 fragment" source eth0 "$ETH" $from6 fragment:offset=0x0100 data:hex=$MARK
	expect_forged_dropped "to all" source eth0 eth:dst=$BROADCAST ip4:src=$OTHER4,dst=255.255.255.255 \
		"${end[@]}"
	expect_forged_dropped "to many" source eth0 eth:dst=$ALL_NODES ip6:src=$OTHER6,dst=ff02::1 "${end[@]}"
	expect_forged_dropped "past the queueing discipline" source -b eth0 "$ETH" $from4 "${end[@]}"
	expect_forged_dropped "to another MAC address" source eth0 eth:dst=02:00:00:00:00:99 $from4 "${end[@]}"
	expect_nothing_arrived
}

# veth goes by the header, netkit by what the socket claims; either way it's somebody else's packet.
@test "a frame whose header lies about what it is" {
	local claim count sum=0 _
	for claim in 0x0800 0x86dd 0x0806 0x8100 0x88b5 0x0003; do
		forge -p $claim eth0 "$ETH" ip4:src=$OTHER4,dst=$REMOTE4 udp data:hex=$MARK
		forge -p $claim eth0 "$ETH" ip6:src=$OTHER6,dst=$REMOTE6 udp data:hex=$MARK
		forge -p $claim eth0 "$ETH,type=0x88b5" ip4:src=$OTHER4,dst=$REMOTE4 udp data:hex=$MARK
	done
	drops_note
	while read -r _ count; do ((sum += count)); done <<<"$drops_new"
	expect_same "all are counted" $forged $sum
	expect_nothing_arrived
}

@test "ARP: answers, announcements, questions in another's name" {
	local arp=eth:dst=$BROADCAST mac=02:00:00:00:00:99
	expect_forged_dropped "an answer" arp eth0 $arp \
		arp:op=2,sha=$OWN_MAC,spa=$OWN4,tha=$BROADCAST,tpa=$GATEWAY4 data:hex=$MARK
	expect_forged_dropped "an answer for the gateway" arp eth0 $arp \
		arp:op=2,sha=$OWN_MAC,spa=$GATEWAY4,tpa=$OTHER4 data:hex=$MARK
	expect_forged_dropped "an announcement of its own" arp eth0 $arp \
		arp:sha=$OWN_MAC,spa=$OWN4,tpa=$OWN4 data:hex=$MARK
	expect_forged_dropped "an announcement of the gateway's" arp eth0 $arp \
		arp:sha=$OWN_MAC,spa=$GATEWAY4,tpa=$GATEWAY4 data:hex=$MARK
	expect_forged_dropped "a probe" arp eth0 $arp \
		arp:sha=$OWN_MAC,spa=0.0.0.0,tpa=$OTHER4 data:hex=$MARK
	expect_forged_dropped "a question from another's address" arp eth0 $arp \
		arp:sha=$OWN_MAC,spa=$OTHER4,tpa=$GATEWAY4 data:hex=$MARK
	expect_forged_dropped "a question from another's MAC address" arp eth0 $arp \
		arp:sha=$mac,spa=$OWN4,tpa=$GATEWAY4 data:hex=$MARK
	expect_nothing_arrived
}

# Neighbour discovery has nothing behind its options: there a target is what it's known by.
nd() { echo "ip6:src=$1,dst=$2,hop=${3:-255}"; }

@test "neighbour discovery: routers, advertisements, redirects, solicitations in another's name" {
	local eth=eth:dst=$ALL_NODES target=target:addr=fd00:88::5b00:f5b0 header
	for header in '' dstopts hopopts fragment 'dstopts fragment:id=5'; do
		# shellcheck disable=SC2086 # a list of headers
		forge eth0 $eth "$(nd fe80::1 ff02::1)" $header icmp6:type=134,seq=1800 data:hex=$MARK
		# shellcheck disable=SC2086
		forge eth0 $eth "$(nd $OWN6 ff02::1)" $header icmp6:type=134,seq=1800 data:hex=$MARK
		expect_dropped "routers' advertisements, $header" ra
		# shellcheck disable=SC2086
		forge eth0 $eth "$(nd $OWN6 ff02::1)" $header icmp6:type=136,id=0x2000 $target \
			option:type=2,mac=$OWN_MAC
		# shellcheck disable=SC2086
		forge eth0 $eth "$(nd fe80::1 $OTHER6)" $header icmp6:type=137 $target $target
		expect_dropped "neighbours' advertisements and redirects, $header" nd
	done
	expect_forged_dropped "a solicitation from another's address" source eth0 $eth \
		"$(nd $OTHER6 ff02::1:ff00:1)" icmp6:type=135 $target option:mac=$OWN_MAC
	expect_forged_dropped "one that came from afar" nd eth0 $eth \
		"$(nd $OWN6 ff02::1:ff00:1 64)" icmp6:type=135 $target option:mac=$OWN_MAC
	expect_forged_dropped "one for its own address" nd eth0 $eth \
		"$(nd $OWN6 ff02::1:ff00:2)" icmp6:type=135 target:addr=$OWN6 option:mac=$OWN_MAC
	expect_forged_dropped "one whose option names another's MAC address" nd eth0 $eth \
		"$(nd $OWN6 ff02::1:ff00:1)" icmp6:type=135 $target option:mac=02:00:00:00:00:99
	expect_forged_dropped "one in a fragment" nd eth0 $eth \
		"$(nd $OWN6 ff02::1:ff00:1)" fragment icmp6:type=135 $target option:mac=$OWN_MAC
	expect_forged_dropped "one for duplicates" link-local eth0 $eth \
		"$(nd :: ff02::1:ff00:1)" icmp6:type=135 $target
	expect_forged_dropped "a question for routers" link-local eth0 $eth "$(nd fe80::2 ff02::2)" \
		icmp6:type=133 data:hex=0000000000000000
	expect_same "targets on the wire" 0 "$(sniffed_count wire 5b00f5b0)"
	expect_nothing_arrived
}

@test "DHCP servers" {
	local mark=data:hex=$MARK
	expect_forged_dropped "DHCP" dhcp-server eth0 "$ETH" \
		ip4:src=$OWN4,dst=$OTHER4 udp:sport=67,dport=68 $mark
	expect_forged_dropped "DHCP to all" dhcp-server eth0 eth:dst=$BROADCAST \
		ip4:src=$OWN4,dst=255.255.255.255 udp:sport=67,dport=68 $mark
	expect_forged_dropped "DHCP, with options" dhcp-server eth0 "$ETH" \
		ip4:src=$OWN4,dst=$OTHER4,options=94040000 udp:sport=67,dport=68 $mark
	expect_forged_dropped "DHCPv6" dhcp-server eth0 "$ETH" \
		ip6:src=$OWN6,dst=$OTHER6 udp:sport=547,dport=546 $mark
	expect_forged_dropped "DHCPv6, behind options" dhcp-server eth0 "$ETH" \
		ip6:src=$OWN6,dst=$OTHER6 dstopts udp:sport=547,dport=546 $mark
	expect_forged_dropped "DHCPv6 in the link" dhcp-server eth0 eth:dst=$ALL_NODES \
		ip6:src=fe80::1,dst=ff02::1 udp:sport=547,dport=546 $mark
	expect_nothing_arrived
}

@test "VLAN tags, and whatever is neither IPv4 nor IPv6 nor ARP" {
	local type
	expect_forged_dropped "a tag" vlan eth0 "$ETH" vlan:id=7 ip4:src=$OWN4,dst=$REMOTE4 udp data:hex=$MARK
	expect_forged_dropped "the tag of priority" vlan eth0 "$ETH" vlan:id=0 ip4:src=$OWN4,dst=$REMOTE4 udp \
		data:hex=$MARK
	expect_forged_dropped "a provider's tag" vlan eth0 "$ETH,type=0x88a8" vlan:id=7 \
		ip4:src=$OWN4,dst=$REMOTE4 udp data:hex=$MARK
	expect_forged_dropped "two tags" vlan eth0 "$ETH,type=0x88a8" vlan:id=7 vlan:id=8 \
		ip4:src=$OWN4,dst=$REMOTE4 udp data:hex=$MARK
	for type in 0x88b5 0x88cc 0x8863 0x8847 0x8035 0x88f7 0x0842; do
		forge eth0 "$ETH,type=$type" data:len=60 data:hex=$MARK
	done
	expect_dropped "other types" ethertype
	expect_nothing_arrived
}

@test "truncated and malformed packets" {
	local ip4=ip4:src=$OWN4,dst=$OTHER4 ip6=ip6:src=$OWN6,dst=$OTHER6 size
	local -a end=(udp:dport=9 "data:hex=$MARK")
	for size in 15 24 33; do forge -s $size eth0 "$ETH" $ip4 "${end[@]}"; done
	expect_dropped "the beginning of IPv4" truncated
	for size in 15 40 53; do forge -s $size eth0 "$ETH" $ip6 "${end[@]}"; done
	expect_dropped "the beginning of IPv6" truncated
	expect_forged_dropped "half a UDP header" truncated -s 38 eth0 "$ETH" $ip4,len=24 udp:dport=9
	expect_forged_dropped "half a UDP header by IPv6" truncated -s 58 eth0 "$ETH" $ip6,len=4 udp:dport=9
	expect_forged_dropped "a short header" ip-header eth0 "$ETH" $ip4,first=0x44 "${end[@]}"
	expect_forged_dropped "a version that isn't" ip-header eth0 "$ETH" $ip4,first=0x55 "${end[@]}"
	expect_forged_dropped "less than a header" ip-header eth0 "$ETH" $ip4,len=19 "${end[@]}"
	expect_forged_dropped "more than there is" ip-header eth0 "$ETH" $ip4,len=200 "${end[@]}"
	expect_forged_dropped "another version" ip-header eth0 "$ETH" $ip6,first=0x40000000 "${end[@]}"
	expect_forged_dropped "more than there is, by IPv6" ip-header eth0 "$ETH" $ip6,len=200 "${end[@]}"
	expect_forged_dropped "a chain without an end" ext-headers eth0 "$ETH" $ip6 \
		dstopts dstopts dstopts dstopts dstopts dstopts dstopts "${end[@]}"
	expect_forged_dropped "a header that leads nowhere" ext-headers eth0 "$ETH" $ip6,next=60
	expect_nothing_arrived
}

@test "destinations that are on no wire" {
	local addr
	for addr in 127.0.0.1 127.1.2.3 0.0.0.0 0.1.2.3; do
		forge eth0 "$ETH" ip4:src=$OWN4,dst=$addr udp data:hex=$MARK
	done
	expect_dropped "IPv4" martian
	for addr in ::1 :: ::ffff:127.0.0.1 ::ffff:10.88.0.3; do
		forge eth0 "$ETH" ip6:src=$OWN6,dst=$addr udp data:hex=$MARK
	done
	expect_dropped "IPv6" martian
	expect_nothing_arrived
}

@test "unicast packets in frames to all go no further than the host" {
	local destination
	for destination in $REMOTE4 $OTHER4; do
		at c1 frame -n $COUNT eth0 eth:dst=$BROADCAST ip4:src=$OWN4,dst=$destination udp \
			data:hex=$MARK
	done
	for destination in $REMOTE6 $OTHER6; do
		at c1 frame -n $COUNT eth0 eth:dst=$ALL_NODES ip6:src=$OWN6,dst=$destination udp \
			data:hex=$MARK
	done
	passed_before=$(passed_to_host)
	expect_nothing_arrived
}

@test "honest ARP and neighbour solicitations: answered in l2, needless in l3" {
	local question="arp:sha=$OWN_MAC,spa=$OWN4,tpa=$GATEWAY4"
	if [[ $E2E_MODE == l3 ]]; then
		expect_forged_dropped "ARP" arp eth0 "eth:dst=$BROADCAST" "$question"
		expect_nothing_arrived
		return
	fi
	sniff own c1 eth0
	at c1 frame eth0 "eth:dst=$BROADCAST" "$question"
	eventually "ARP for the gateway" has_sniffed own "^in [0-9]+ $(frame -x \
		eth:dst=$OWN_MAC,src=$GATEWAY_MAC \
		arp:op=2,sha=$GATEWAY_MAC,spa=$GATEWAY4,tha=$OWN_MAC,tpa=$OWN4)$"
	at c1 frame eth0 eth:dst=33:33:ff:00:00:01 "$(nd $OWN6 ff02::1:ff00:1)" icmp6:type=135 \
		target:addr=$GATEWAY6 option:mac=$OWN_MAC
	eventually "neighbour discovery for the gateway" has_sniffed own "^in [0-9]+ $(frame -x \
		eth:dst=$OWN_MAC,src=$GATEWAY_MAC "$(nd $GATEWAY6 $OWN6)" icmp6:type=136,id=0xe000 \
		target:addr=$GATEWAY6 option:type=2,mac=$GATEWAY_MAC)$"
	expect_nothing_arrived
	expect_no_drops "nothing was dropped"
}
