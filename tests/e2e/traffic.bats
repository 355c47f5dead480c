#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Packets between containers, the host and a remote host: that they arrive, whole and unharmed, by
# the short way, and that none is dropped.

# modes: l3 l2

load lib

# Who sends to whom, by which address, from which. The remote host sees c1 by the host's address,
# and all the same reaches it by c1's own; c2 keeps its address.
readonly PATHS="
	c1      c2      10.88.0.3   10.88.0.2
	c1      c2      fd00:88::3  fd00:88::2
	c1      remote  $REMOTE4    $HOST4
	c1      remote  $REMOTE6    $HOST6
	c2      remote  $REMOTE4    10.88.0.3
	c2      remote  $REMOTE6    fd00:88::3
	remote  c1      10.88.0.2   $REMOTE4
	remote  c1      fd00:88::2  $REMOTE6
	remote  c2      10.88.0.3   $REMOTE4
	remote  c2      fd00:88::3  $REMOTE6
	c1      host    $GATEWAY4   10.88.0.2
	c1      host    $GATEWAY6   fd00:88::2
	c1      host    $HOST4      10.88.0.2
	c1      host    $HOST6      fd00:88::2
	host    c1      10.88.0.2   $GATEWAY4
	host    c1      fd00:88::2  $GATEWAY6
"

setup_file()
{
	containers c1
	ip netns add c2
	attach c2 --no-masquerade
	export ETH_FROM_C1 ETH_FROM_C2 ETH_TO_C1 ETH_TO_C2 MAC_HOST MAC_REMOTE
	ETH_FROM_C1=$(eth_from c1) ETH_FROM_C2=$(eth_from c2)
	ETH_TO_C1=$(eth_to c1) ETH_TO_C2=$(eth_to c2)
	MAC_HOST=$(mac_of host) MAC_REMOTE=$(mac_of remote)
}

setup()
{
	trace_test_only
	drops_note
}

# Calls a function for each path, with the path and the given arguments.
for_each_path() # FUNCTION ARGUMENT...
{
	local from to addr sender
	while read -r from to addr sender; do
		[[ -z $from ]] || "$1" "$from" "$to" "$addr" "$sender" "${@:2}"
	done <<<"$PATHS"
}

# The hops between two places cost 1 of 64 for each router, and the host is the only one.
expected_ttl() # FROM TO
{
	if [[ $1 == host || $2 == host ]]; then echo 64; else echo 63; fi
}

expect_pings() # FROM TO ADDRESS SENDER SIZE
{
	local said
	said=$(at "$1" ping -c 3 -i 0.01 -W 10 -s "$5" "$3") || true
	expect_match "every ping from $1 to $3 is answered, with one TTL less for the host between" \
		"(ttl=$(expected_ttl "$1" "$2").*){3} 3 received, 0% packet loss" "$said"
}

expect_flow_by() # FROM TO ADDRESS SENDER PROTOCOL BYTES
{
	expect_flow "$5" "$1" "$2" "$3" "$4" "$6"
}

# bats test_tags=core
@test "ping in every direction" {
	for_each_path expect_pings 56
	expect_no_drops "nothing was dropped"
}

@test "ping in fragments, in every direction" {
	for_each_path expect_pings 4000
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "a megabyte by TCP in every direction" {
	for_each_path expect_flow_by tcp 1000000
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "datagrams by UDP in every direction" {
	for_each_path expect_flow_by udp 100000
	expect_no_drops "nothing was dropped"
}

# Sends a packet from a place and compares the frame that arrives at another one, byte by byte.
expect_frame() # FROM ETHERNET-SENT ETHERNET-EXPECTED IP-SENT IP-EXPECTED
{
	local upper='udp:sport=4000,dport=4001 data:len=99' expected
	# shellcheck disable=SC2086 # two words
	{
		expected=$(frame -x "$3" "$5" $upper)
		at "$1" frame eth0 "$2" "$4" $upper
	}
	eventually "the packet arrives as this frame: $expected" \
		has_sniffed arriving "^in [0-9]+ $expected$"
}

# Both families; the sender's TTL is 9, of which the host takes one.
expect_frames() # FROM TO ETHERNET-SENT ETHERNET-EXPECTED SOURCE4 DESTINATION4 SOURCE6 DESTINATION6
{
	sniff arriving "$2" eth0
	expect_frame "$1" "$3" "$4" "ip4:src=$5,dst=$6,ttl=9,id=4711,tos=0x10" \
		"ip4:src=$5,dst=$6,ttl=8,id=4711,tos=0x10"
	expect_frame "$1" "$3" "$4" "ip6:src=$7,dst=$8,hop=9,first=0x61234567" \
		"ip6:src=$7,dst=$8,hop=8,first=0x61234567"
	expect_no_drops "nothing was dropped"
}

# bats test_tags=core
@test "out to the wire: TTL one less, its checksum right, the next hop's MACs, all else as sent" {
	expect_frames c2 remote "$ETH_FROM_C2" "eth:dst=$MAC_REMOTE,src=$MAC_HOST" \
		10.88.0.3 $REMOTE4 fd00:88::3 $REMOTE6
}

# bats test_tags=core
@test "in from the wire: TTL one less, its checksum right, the container's MACs, all else as sent" {
	expect_frames remote c1 "eth:dst=$MAC_HOST" "$ETH_TO_C1" \
		$REMOTE4 10.88.0.2 $REMOTE6 fd00:88::2
}

# bats test_tags=core
@test "to another container: TTL one less, its checksum right, that one's MACs, all else as sent" {
	expect_frames c1 c2 "$ETH_FROM_C1" "$ETH_TO_C2" 10.88.0.2 10.88.0.3 fd00:88::2 fd00:88::3
}

# Has the host do what a wire needs done, as a card would: segments and checksums.
wire_without_offload()
{
	ethtool -K eth0 tx off tso off gso off >/dev/null
	defer ethtool -K eth0 tx on tso on gso on
}

@test "TCP on the wire: segments of the MTU, right checksums, one TTL less" {
	local said
	wire_without_offload
	capture wire remote eth0 "tcp and (src host $HOST4 or src host $HOST6 or
		src net $CONTAINERS4 or src net $CONTAINERS6)"
	expect_flow tcp c2 remote $REMOTE4 10.88.0.3
	expect_flow tcp c1 remote $REMOTE4 $HOST4
	expect_flow tcp c2 remote $REMOTE6 fd00:88::3
	expect_flow tcp c1 remote $REMOTE6 $HOST6
	eventually "the last segment is seen" has_captured wire "src host $HOST6 and ip6[53] & 1 != 0"
	said=$(captured wire -vv)
	expect_match "right checksums" 'cksum 0x[0-9a-f]* \(correct\)' "$said"
	expect_no_match "no other ones" 'incorrect|bad cksum' "$said"
	expect_match "full segments by IPv4" 'proto TCP \(6\), length 1500' "$said"
	expect_match "full segments by IPv6" 'next-header TCP \(6\) payload length: 1460\)' "$said"
	expect_same "nothing above the MTU" '' "$(captured wire greater 1515)"
	expect_same "TTLs" 63 "$(grep -oE '(ttl|hlim) [0-9]+' <<<"$said" | cut -d' ' -f2 | sort -u)"
}

expect_large_segments() # FROM TO ADDRESS SENDER
{
	[[ $1 != host && $2 != host ]] || return 0
	sniff arriving "$2" eth0
	expect_flow tcp "$1" "$2" "$3" "$4" 1000000
	expect "$2 gets segments above 10000 bytes" has_sniffed arriving '^in [0-9]{5} '
	stop arriving
}

@test "large TCP segments stay whole on the way through" {
	for_each_path expect_large_segments
}

expect_unhindered() # FROM TO ADDRESS SENDER
{
	[[ $1 != host && $2 != host ]] || return 0
	expect_pings "$@" 56
	expect_flow tcp "$@"
}

# bats test_tags=core
@test "the way is short: the host's netfilter sees none of it, and can't stop it" {
	nft -f - <<-'RULES'
	table inet seen {
		chain forward { type filter hook forward priority 0; policy drop; counter; }
	}
	RULES
	defer nft delete table inet seen
	for_each_path expect_unhindered
	expect_match "nothing was forwarded by the stack" 'counter packets 0 ' \
		"$(nft list chain inet seen forward)"
}

@test "many flows at once" {
	start server remote iperf3 --server --one-off --forceflush
	eventually "the server listens" grep -q 'Server listening' "$(output_of server)"
	expect "eight TCP flows for a second" at c1 iperf3 --client $REMOTE4 --parallel 8 --time 1
	expect "the server is content" finish server
	expect_no_drops "nothing was dropped"
}
