#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Flows as people see them: listed with what is translated into what, by filters; flushed without harm
# to connections; gone with their endpoint; and the settings of translation.

load lib

readonly C1_4=10.88.0.2 C1_6=fd00:88::2 C2_4=10.88.0.3

setup_file()
{
	containers c1 c2
	nkctl publish add c1 8090:90 8090:90/udp
	export ETH_FROM_C1
	ETH_FROM_C1=$(eth_from c1)
}

setup()
{
	trace_test_only
	expect_same "no flow is left" 0 "$(flows_count)"
	drops_note
}

teardown()
{
	clean_up
	nkctl flows flush --all >/dev/null
}

# Prints "KIND ENDPOINT PROTOCOL ORIGINAL TRANSLATED" for each flow.
flows_listed()
{
	nkctl flows list --json | jq -r '
		def ends: "\(.source):\(.source_port)>\(.destination):\(.destination_port)";
		.[] | "\(.kind) \(.endpoint) \(.protocol) \(.original | ends) \(.translated | ends)"'
}

# Prints a field of the only flow.
flow_field() # JQ-FILTER
{
	nkctl flows list --json | jq -r "if length == 1 then .[0] | $1 else \"\(length) flows\" end"
}

expect_listed() # WORDS REGEX
{
	expect_match "$1" "^$2\$" "$(flows_listed)"
	nkctl flows flush --all >/dev/null
}

@test "each kind of flow, with what it came with and what it goes on with" {
	flow -s 5000 -l 7000 tcp c1 remote $REMOTE4
	expect_listed "masquerade, TCP" \
		"masquerade c1 tcp $C1_4:5000>$REMOTE4:7000 $HOST4:[0-9]{5}>$REMOTE4:7000"
	flow -s 5000 -l 7000 udp c1 remote $REMOTE6
	expect_listed "masquerade, UDP" \
		"masquerade c1 udp $C1_6:5000>$REMOTE6:7000 $HOST6:[0-9]{5}>$REMOTE6:7000"
	at c1 ping -c 1 -W 5 -e 77 $REMOTE4
	expect_listed "echo" "masquerade c1 icmp $C1_4:77>$REMOTE4:0 $HOST4:[0-9]{5}>$REMOTE4:0"
	at c1 ping -c 1 -W 5 -e 77 $REMOTE6
	expect_listed "echo by IPv6" "masquerade c1 icmp6 $C1_6:77>$REMOTE6:0 $HOST6:[0-9]{5}>$REMOTE6:0"
	at c1 frame eth0 "$ETH_FROM_C1" ip4:src=$C1_4,dst=$REMOTE4,protocol=132 data:hex=0fa00fa1deadbeef
	expect_listed "SCTP" "masquerade c1 sctp $C1_4:4000>$REMOTE4:4001 $HOST4:4000>$REMOTE4:4001"
	flow -s 5000 -l 90 -c 8090 tcp remote c1 $HOST6
	expect_listed "published" "published c1 tcp $REMOTE6:5000>$HOST6:8090 $REMOTE6:5000>$C1_6:90"
	flow -s 5000 -l 90 -c 8090 udp c2 c1 $HOST4
	expect_listed "hairpin" "hairpin c2 udp $C2_4:5000>$HOST4:8090 $HOST4:[0-9]{5}>$C1_4:90"
	flow -s 5000 -l 7000 tcp remote c1 $C1_4
	expect_listed "routed" "routed c1 tcp $REMOTE4:5000>$C1_4:7000 $REMOTE4:5000>$C1_4:7000"
}

@test "what needs no translation makes no flow" {
	flow -b tcp c1 c2 $C2_4
	flow -b udp c2 c1 $C1_6
	flow -b tcp c1 host $HOST4
	flow -b udp host c1 $C1_4
	flow -b tcp host remote $REMOTE4
	at c1 ping -c 1 -W 5 $GATEWAY4
	at remote ping -c 1 -W 5 $C1_4
	expect_same "flows" '' "$(flows_listed)"
}

@test "packets and bytes there and back" {
	flow -b -d 1000 udp c1 remote $REMOTE4 20000
	expect_same "20 datagrams of 1000 bytes and their headers, each way" '20 20840 20 20840' \
		"$(flow_field '"\(.packets) \(.bytes) \(.reply_packets) \(.reply_bytes)"')"
	expect_match "for people" '20/20 +20840/20840' "$(nkctl flows)"
}

@test "states" {
	at c1 frame eth0 "$ETH_FROM_C1" ip4:src=$C1_4,dst=$REMOTE4 udp:sport=5000,dport=9
	expect_same "an error is no answer" opening "$(flow_field .state)"
	nkctl flows flush --all
	hold_open running tcp c1 remote $REMOTE4
	expect_same "a connection" established "$(flow_field .state)"
	hold_close running
	expect_same "when it was reset" reset "$(flow_field .state)"
	nkctl flows flush --all
	flow tcp c1 remote $REMOTE4
	expect_same "when both ends have finished" closing "$(flow_field .state)"
	nkctl flows flush --all
	flow -b udp c1 remote $REMOTE4
	expect_same "datagrams there and back" established "$(flow_field .state)"
	nkctl flows flush --all
	hold_open routed tcp remote c1 $C1_4
	expect_same "a routed connection" established "$(flow_field .state)"
	hold_close routed
}

# The clock that flows go by begins with the machine.
@test "age and silence; what has been silent for too long isn't listed" {
	(($(cut -d. -f1 /proc/uptime) > 130)) || skip "this machine is younger than an idle flow"
	flow -b udp c1 remote $REMOTE4
	at c1 frame eth0 "$ETH_FROM_C1" ip4:src=$C1_4,dst=$REMOTE4 udp:sport=5000,dport=9
	expect_same "both are listed" 2 "$(flows_count)"
	flows_age 40
	expect_same "both are listed 40 seconds later" 2 "$(flows_count)"
	flows_age 21
	expect_same "one has no answer" 1 "$(flows_count)"
	expect_match "its silence" '^6[1-9]$' "$(flow_field .idle_seconds)"
	expect_match "its age" '^[0-9]$' "$(flow_field .age_seconds)"
}

# Makes five flows of different kinds.
flows_make()
{
	flow tcp c1 remote $REMOTE4
	flow udp c1 remote $REMOTE6
	flow -c 8090 -l 90 tcp c2 c1 $HOST4
	flow -c 8090 -l 90 udp remote c1 $HOST4
	flow tcp c2 remote $REMOTE6
}

@test "filters" {
	flows_make
	expect_same "all" 5 "$(flows_count)"
	expect_same "without a verb" 5 "$(nkctl flows | sed 1d | wc -l)"
	expect_same "of c2" 2 "$(flows_count --endpoint c2)"
	expect_same "of c1, or to it" 4 "$(flows_count --endpoint c1)"
	expect_same "of a protocol" 2 "$(flows_count --protocol udp)"
	expect_same "to an address" 2 "$(flows_count --remote $REMOTE6)"
	expect_same "to a prefix" 2 "$(flows_count --remote 2001:db8::/64)"
	expect_same "several at once" 1 "$(flows_count --endpoint c1 --protocol udp --remote $REMOTE4/32)"
	expect_same "that fit nothing" 0 "$(flows_count --protocol sctp)"
	expect_same "nothing, as JSON" '[]' "$(nkctl flows list --protocol icmp --json)"
	expect_refusal "an unknown protocol" 2 "protocol.*'ip'" flows list --protocol ip
	expect_refusal "what is no prefix" 2 "'10.0.0'" flows list --remote 10.0.0
	expect_refusal "an unknown container" 3 "nobody" flows list --endpoint nobody
}

@test "flush by filters takes those and no other; without any it refuses" {
	flows_make
	expect_refusal "no filter" 2 'which flows' flows flush
	expect_same "all are left" 5 "$(flows_count)"
	run -0 nkctl flows flush --endpoint c2 --protocol tcp --remote $REMOTE6
	expect_match "how many" '^1 flow' "$output"
	expect_same "that one is gone" 0 "$(flows_count --endpoint c2 --remote $REMOTE6)"
	expect_same "flushed, as JSON" 2 "$(nkctl flows flush --protocol udp --json | jq .flows)"
	expect_same "two TCP flows are left" 2 "$(flows_count --protocol tcp)"
	nkctl flows flush --all
	expect_same "none" 0 "$(flows_count)"
	expect_same "and nothing in the table" '[]' \
		"$(bpftool -j map dump pinned "$(echo /sys/fs/bpf/nkctl*/maps/flows)")"
}

# As two packets at once may leave them: the first one's original leads to the second one's reply.
@test "what another flow has by now stays with that" {
	local map key value other
	map=$(echo /sys/fs/bpf/nkctl*/maps/flows)
	flow udp c1 remote $REMOTE4
	flow udp c1 remote $REMOTE6
	read -r key value other < <(bpftool -j map dump pinned "$map" | jq -r '
		map(select(.formatted.value.sender != 0)) | sort_by(.formatted.key.daddr.words[0])
		| "\(.[0].key | join("_")) \(.[0].value | join("_")) \(.[1].value | join("_"))"')
	# shellcheck disable=SC2086,SC2046 # lists of bytes; what it leads to comes first, of 40 bytes
	bpftool map update pinned "$map" key ${key//_/ } value $(cut -d_ -f -40 <<<"$other" | tr _ ' ') \
		$(cut -d_ -f 41- <<<"$value" | tr _ ' ')
	nkctl flows flush --remote $REMOTE4
	expect_same "the other flow is whole" 1 "$(flows_count --remote $REMOTE6)"
	entries -d "$map"
}

@test "connections go on after a flush, with the same ports" {
	local before
	hold_open tcp tcp c1,c2 remote $REMOTE4
	hold_open udp udp c1 remote $REMOTE6
	hold_open published -c 8090 -l 90 tcp remote c1 $HOST4
	before=$(flows_listed | sort)
	hold_pause tcp udp published
	nkctl flows flush --all
	expect_same "none" 0 "$(flows_count)"
	hold_resume tcp udp published
	expect_goes_on "TCP" tcp
	expect_goes_on "UDP" udp
	expect_goes_on "to a published port" published
	expect_same "the flows" "$before" "$(flows_listed | sort)"
	expect_no_drops "nothing was dropped"
	hold_close tcp
	hold_close udp
	hold_close published
}

@test "a detach removes its flows, and no other's" {
	ip netns add c3
	defer ip netns delete c3
	attach c3 --publish 8093:93
	flow tcp c3 remote $REMOTE4
	flow -c 8093 -l 93 tcp remote c3 $HOST6
	flow -c 8093 -l 93 tcp c2 c3 $HOST4
	flow -c 8090 -l 90 tcp c3 c1 $HOST4
	flow tcp c2 remote $REMOTE4
	expect_same "before" 5 "$(flows_count)"
	nkctl detach --ns c3
	expect_match "after" "^masquerade c2 tcp [^ ]*>$REMOTE4:[0-9]* [^ ]*\$" "$(flows_listed)"
	expect_same "entries in the table" 2 \
		"$(bpftool -j map dump pinned "$(echo /sys/fs/bpf/nkctl*/maps/flows)" | jq length)"
}

@test "flows of a dead container go with it" {
	local primary
	ip netns add c3
	attach c3
	primary=$(primary_of c3)
	flow tcp c3 remote $REMOTE4
	expect_same "before" 1 "$(flows_count --endpoint c3)"
	ip netns delete c3
	eventually "its device is gone" eval '! ip link show '"$primary"
	! has_collector || eventually "none is listed" eval '[[ $(flows_count) == 0 ]]'
	attach_again
	expect_same "nor in the table after the next attach" '[]' \
		"$(bpftool -j map dump pinned "$(echo /sys/fs/bpf/nkctl*/maps/flows)")"
}

attach_again()
{
	ip netns add c4
	defer ip netns delete c4
	attach c4
	defer nkctl detach --ns c4
}

@test "the settings: shown, set, refused where they make no sense, kept over an upgrade" {
	local before
	before=$(nkctl nat show --json)
	expect_same "ports" '16384 32767 16384' \
		"$(jq -r '"\(.ports.min) \(.ports.max) \(.endpoint_flows)"' <<<"$before")"
	expect_refusal "too few ports" 2 'too few' nat set --ports 20000-20001
	expect_refusal "a range upside down" 2 '20000-10000 ' nat set --ports 20000-10000
	expect_refusal "too few flows" 2 '15' nat set --endpoint-flows 15
	expect_refusal "too many flows" 2 '32769' nat set --endpoint-flows 32769
	expect_refusal "nothing to set" 2 'nothing to set' nat set
	expect_same "nothing has changed" "$before" "$(nkctl nat show --json)"
	defer nkctl nat set --ports 16384-32767 --endpoint-flows 16384
	run -0 nkctl nat set --ports 32000-33000
	expect_match "ports of the host's own sockets: a warning" \
		'warning: ports 32000-33000 overlap .*32768-60999 .*ip_local_port_range' "$output"
	nkctl nat set --ports 20000-20999 --endpoint-flows 100
	nkctl upgrade
	expect_same "after an upgrade" '20000 20999 100' \
		"$(nkctl nat show --json | jq -r '"\(.ports.min) \(.ports.max) \(.endpoint_flows)"')"
	expect_match "and in use" "^$HOST4 20[0-9]{3}\$" "$(flow -p tcp c1 remote $REMOTE4)"
}

# The last one: it takes all down.
@test "down leaves none" {
	flows_make
	nkctl down
	expect_same "none is listed" 0 "$(flows_count)"
	attach c1
	expect_same "nor after the next attach" 0 "$(flows_count)"
	expect_same "which begins with the usual settings" 16384 \
		"$(nkctl nat show --json | jq .endpoint_flows)"
}
