#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What root in a container can't do: send from an address that isn't its own, play router, DHCP server
# or neighbour, or send what makes no packet. Each forged frame is dropped and counted, under its reason.

# modes: l3 l2

load lib

readonly COUNT=20

# In every forged frame, so that it is known wherever it turns up: "nkspoof".
readonly MARK=6e6b73706f6f66

setup_file()
{
	containers c1 c2
	export ETH_FROM_C1 MAC_C1
	ETH_FROM_C1=$(eth_from c1)
	MAC_C1=${ETH_FROM_C1##*src=}
}

setup()
{
	trace_test_only
	drops_note
	sniff remote remote eth0
	sniff c2 c2 eth0
}

send() # FRAME-ARGUMENT...
{
	expect "c1 sends $*" at c1 frame "$@"
}

expect_nowhere() # WORDS
{
	expect_same "$1: frames at the remote host" 0 "$(sniffed_count remote "$MARK")"
	expect_same "$1: frames at another container" 0 "$(sniffed_count c2 "$MARK")"
}

# Sends frames that are to be dropped for one reason, every one of them, and to arrive nowhere.
expect_dropped() # WORDS REASON LAYER...
{
	drops_note
	send -n "$COUNT" eth0 "$ETH_FROM_C1" "${@:3}" "data:hex=$MARK"
	expect_same "$1: what is counted" "$2 $COUNT" "$(drops_since)"
	expect_nowhere "$1"
}

# bats test_tags=core
@test "an honest frame arrives: what these tests look for would be seen" {
	send eth0 "$ETH_FROM_C1" ip4:src=10.88.0.2,dst="$REMOTE4" udp:dport=9 "data:hex=$MARK"
	eventually "it is seen at the remote host" has_sniffed remote "$MARK"
	send eth0 "$ETH_FROM_C1" ip6:src=fd00:88::2,dst=fd00:88::3 udp:dport=9 "data:hex=$MARK"
	eventually "it is seen at the other container" has_sniffed c2 "$MARK"
	expect_no_drops "nothing is dropped"
}

# bats test_tags=core
@test "IPv4 from an address that isn't its own" {
	local source
	for source in 10.88.0.3 10.88.0.1 10.88.0.99 192.0.2.2 127.0.0.1 169.254.0.1 224.0.0.1; do
		expect_dropped "$source to the remote host" source \
			ip4:src="$source",dst="$REMOTE4" udp:dport=9
		expect_dropped "$source to another container" source \
			ip4:src="$source",dst=10.88.0.3 udp:dport=9
	done
}

# bats test_tags=core
@test "IPv6 from an address that isn't its own" {
	local source
	for source in fd00:88::3 fd00:88::1 fd00:88::99 2001:db8::2 ::1 ::ffff:10.88.0.2; do
		expect_dropped "$source to the remote host" source \
			ip6:src="$source",dst="$REMOTE6" udp:dport=9
		expect_dropped "$source to another container" source \
			ip6:src="$source",dst=fd00:88::3 udp:dport=9
	done
}

@test "a forged source behind fragments, options and extension headers" {
	expect_dropped "a later fragment" source ip4:src=10.88.0.3,dst="$REMOTE4",frag=100,protocol=17
	expect_dropped "IPv4 options" source \
		ip4:first=0x46,src=10.88.0.3,dst="$REMOTE4",options=01010101 udp:dport=9
	expect_dropped "an IPv6 fragment" source \
		ip6:src=fd00:88::3,dst="$REMOTE6" fragment:offset=0x100,next=17
	expect_dropped "destination options" source \
		ip6:src=fd00:88::3,dst="$REMOTE6" dstopts udp:dport=9
	expect_dropped "a routing header" source ip6:src=fd00:88::3,dst="$REMOTE6" routing udp:dport=9
}

@test "the host's loopback can't be reached" {
	expect_dropped "127.0.0.1" martian ip4:src=10.88.0.2,dst=127.0.0.1 udp:dport=9
	expect_dropped "127.255.255.254" martian ip4:src=10.88.0.2,dst=127.255.255.254 udp:dport=9
	expect_dropped "0.0.0.0" martian ip4:src=10.88.0.2,dst=0.0.0.0 udp:dport=9
	expect_dropped "::1" martian ip6:src=fd00:88::2,dst=::1 udp:dport=9
	expect_dropped "IPv4 in IPv6" martian ip6:src=fd00:88::2,dst=::ffff:127.0.0.1 udp:dport=9
}

# bats test_tags=core
@test "ARP in another's name" {
	expect_dropped "a reply for the gateway" arp \
		arp:op=2,sha="$MAC_C1",spa="$GATEWAY4",tpa=10.88.0.3
	expect_dropped "a gratuitous request" arp arp:sha="$MAC_C1",spa=10.88.0.2,tpa=10.88.0.2
	expect_dropped "a question from another's address" arp \
		arp:sha="$MAC_C1",spa=10.88.0.3,tpa="$GATEWAY4"
	expect_dropped "a question from another's MAC" arp \
		arp:sha=06:00:00:00:00:99,spa=10.88.0.2,tpa="$GATEWAY4"
}

# bats test_tags=core
@test "neighbour and router discovery in another's name" {
	local link_local=fe80::6e6b
	expect_dropped "an advertisement of the gateway" nd \
		ip6:src="$GATEWAY6",dst=ff02::1,hop=255 icmp6:type=136 \
		target:addr="$GATEWAY6" option:type=2,mac="$MAC_C1"
	expect_dropped "an advertisement of its own" nd \
		ip6:src=fd00:88::2,dst=fd00:88::3,hop=255 icmp6:type=136 target:addr=fd00:88::2
	expect_dropped "a redirect" nd \
		ip6:src="$link_local",dst=fd00:88::3,hop=255 icmp6:type=137 target:addr=fd00:88::2
	expect_dropped "a router advertisement" ra \
		ip6:src="$link_local",dst=ff02::1,hop=255 icmp6:type=134
	expect_dropped "one behind a destination option" ra \
		ip6:src="$link_local",dst=ff02::1,hop=255 dstopts icmp6:type=134
	expect_dropped "one in a fragment" ra \
		ip6:src="$link_local",dst=ff02::1,hop=255 fragment icmp6:type=134
}

@test "a DHCP server" {
	expect_dropped "DHCP" dhcp-server ip4:src=10.88.0.2,dst=10.88.0.3 udp:sport=67,dport=68
	expect_dropped "DHCPv6" dhcp-server ip6:src=fd00:88::2,dst=fd00:88::3 udp:sport=547,dport=546
}

@test "frames that are no packets of ours" {
	expect_dropped "a VLAN tag" vlan vlan:id=7 ip4:src=10.88.0.2,dst="$REMOTE4" udp:dport=9
	expect_dropped "an odd ethertype" ethertype eth:type=0x88cc
	expect_dropped "a header that promises more than there is" ip-header \
		ip4:src=10.88.0.2,dst="$REMOTE4",len=2000 udp:dport=9
	expect_dropped "an impossible header length" ip-header \
		ip4:first=0x44,src=10.88.0.2,dst="$REMOTE4" udp:dport=9
	expect_dropped "another version" ip-header ip4:first=0x65,src=10.88.0.2,dst="$REMOTE4" udp:dport=9
	expect_dropped "a payload longer than the packet" ip-header \
		ip6:src=fd00:88::2,dst="$REMOTE6",len=2000 udp:dport=9
	expect_dropped "a chain of seven extension headers" ext-headers \
		ip6:src=fd00:88::2,dst="$REMOTE6" dstopts dstopts dstopts dstopts dstopts dstopts \
		dstopts udp:dport=9
}

@test "frames that end within their headers" {
	local size
	for size in 15 33; do
		drops_note
		send -n "$COUNT" -s "$size" eth0 "$ETH_FROM_C1" \
			ip4:src=10.88.0.2,dst="$REMOTE4" udp:dport=9
		expect_same "$size bytes: what is counted" "truncated $COUNT" "$(drops_since)"
	done
}
