#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Published ports as the host keeps them: claimed all or none, refused where somebody has them,
# withdrawn with their endpoint, and nothing left.

load lib

setup_file()
{
	containers c1 c2
	nkctl network add four --subnet 10.99.0.0/24
	ip netns add c3
	nkctl attach --ns c3 --network four --device $E2E_DEVICE
}

setup()
{
	trace_test_only
	expect_same "nothing is published yet" '' "$(published)"
}

teardown()
{
	clean_up
	withdraw_all
}

# Prints "ID SPEC" for each range of published ports.
published() { nkctl publish list "$@" | awk 'NR > 1 { print $2, $4 }'; }

withdraw_all()
{
	local id spec
	while read -r id spec; do nkctl publish remove "$id" "$spec"; done < <(published)
}

# Prints each entry of the map, in hexadecimal: its key, '=' and its value.
entries()
{
	bpftool --json map dump pinned /sys/fs/bpf/nkctl*/maps/published |
		jq -r '.[] | (.key | join(" ")) + "=" + (.value | join(" "))' | sed 's/0x//g; s/ //g' | sort
}

# Prints the ports beside those of masquerading that the programs are told to look at.
looked_at()
{
	bpftool --json map dump pinned /sys/fs/bpf/nkctl*/maps/nat | jq -r '
		.[0].formatted.value | .port_min as $min | .port_max as $max | .ports | to_entries[] |
		.key as $word | .value as $bits | select($bits != 0) | range(64) |
		select($bits / pow(2; .) | floor | . - 2 * (. / 2 | floor) == 1) | $word * 64 + . |
		select(. < $min or . > $max)' | xargs
}

# Prints the flags of an endpoint's claims, each once.
flags_of() # ID
{
	local ifindex
	ifindex=$(endpoint "$1" .host_ifindex)
	bpftool --json map dump pinned "$(echo /sys/fs/bpf/nkctl*/maps/endpoints_v4)" | jq -r \
		--argjson ifindex "$ifindex" \
		'.[].formatted.value | select(.ifindex == $ifindex) | .flags' | sort -u | xargs
}

# Has a process of the host take a port, given as an address of socat's.
listen() # ADDRESS PORT
{
	start listener host socat -u "$1" STDOUT
	eventually "a process has the port" has_socket "$2"
}

has_socket() { [[ -n $(ss --no-header --listening --numeric --tcp --udp "sport = :$1") ]]; }

# Expects that c2 isn't given a port, since a process has it.
refuse_to_c2() # WORDS SPEC REGEX
{
	expect_refusal "$1" 4 "publish add c2: port $3 is taken by the host's process socat \(pid [0-9]+\)" \
		publish add c2 "$2"
}

# bats test_tags=core
@test "an attach publishes ports, and its detach withdraws them" {
	ip netns add c4
	defer ip netns delete c4
	expect "it attaches" attach c4 --publish 8080:80 --publish 192.0.2.1:53-55:153-155/udp
	expect_same "they are listed" $'c4 192.0.2.1:53-55:153-155/udp\nc4 8080:80' "$(published | sort)"
	expect_same "an entry for each port and family" 5 "$(entries | wc -l)"
	expect_same "where they are looked for" '53 54 55 8080' "$(looked_at)"
	expect_same "the endpoint knows it" "$(($(flags_of c2) + 2))" "$(flags_of c4)"
	expect_same "show tells" $'8080:80\n192.0.2.1:53-55:153-155/udp' "$(shown c4 published | sort -r)"
	expect_match "list tells" ' 192.0.2.1:53-55:153-155/udp 8080:80 | 8080:80 192.0.2.1:53-55:153-155/udp ' \
		"$(nkctl list | tr -s ' ')"
	expect "it is detached" nkctl detach --ns c4
	expect_same "no entry is left" '' "$(entries)"
	expect_same "nor a place to look at" '' "$(looked_at)"
}

@test "an entry is what the programs read" {
	expect "it is published" nkctl publish add c1 192.0.2.1:8080:80/udp
	expect_match "address, port and protocol lead to address, port and device" \
		'^00000000000000000000ffffc00002011f901100=00000000000000000000ffff0a58000200500000[0-9a-f]{8}$' \
		"$(entries)"
}

@test "a port is published for each family that the container has" {
	expect "of c1" nkctl publish add c1 80:80
	expect_same "two" 2 "$(entries | wc -l)"
	expect "of c3" nkctl publish add c3 81:81 '0.0.0.0:82:82'
	expect_same "one each" 4 "$(entries | wc -l)"
	expect_same "all of a family that is its only one is all" 'c3 81-82:81-82' "$(published c3)"
	expect_refusal "a family that it hasn't" 2 'c3 has no IPv6 address that port \[::\]:83:83' \
		publish add c3 '[::]:83:83'
}

@test "publishing the same again changes nothing" {
	nkctl publish add c1 80:80 81-89:81-89
	entries >"$BATS_TEST_TMPDIR/before"
	expect "once more" nkctl publish add c1 80:80 81-89:81-89
	expect_same "the entries" "$(<"$BATS_TEST_TMPDIR/before")" "$(entries)"
	expect "with one more" nkctl publish add c1 80-90:80-90
	expect_same "it is added" 'c1 80-90:80-90' "$(published)"
}

@test "a port that another endpoint has is refused, and all beside it" {
	nkctl publish add c1 80-89:80-89 192.0.2.1:90:90 '[::]:91:91'
	entries >"$BATS_TEST_TMPDIR/before"
	expect_refusal "the same" 4 'publish add c2: port 85/tcp is taken by nkctl:default/c1/eth0 \(nk' \
		publish add c2 70:70 85:85 99:99
	expect_refusal "one address of all" 4 'port 192.0.2.9:80/tcp is taken by .*c1' \
		publish add c2 192.0.2.9:80:80
	expect_refusal "all of one address" 4 'port 90/tcp is taken by .*c1.*publishes 192.0.2.1:90/tcp' \
		publish add c2 90:80
	expect_refusal "all of a family" 4 'port 91/tcp is taken by .*c1' publish add c2 91:80
	expect_refusal "a whole range" 4 'port 80/tcp is taken' publish add c2 1-100:1-100
	ip netns add c4
	defer ip netns delete c4
	expect_refusal "at an attach" 4 'attach c4: port 80/tcp is taken by .*c1' \
		attach --ns c4 --device $E2E_DEVICE --publish 8080:80 --publish 80:80
	expect_same "the entries" "$(<"$BATS_TEST_TMPDIR/before")" "$(entries)"
	expect_not "no device is left of it" nkctl show c4
	expect "another address" nkctl publish add c2 192.0.2.9:90:90
	expect "another family" nkctl publish add c2 0.0.0.0:91:91
	expect "another protocol" nkctl publish add c2 80-89:80-89/udp
}

@test "a port of its own that leads elsewhere is refused" {
	nkctl publish add c1 80:80
	expect_refusal "another target" 4 'port 80/tcp is taken by its own port 80/tcp, which leads to 10.88.0.2, port 80' \
		publish add c1 80:81
	expect_refusal "another address" 4 'is taken by its own' publish add c1 192.0.2.1:80:80
	expect_refusal "twice at once" 2 'published ports 81:81 and 192.0.2.1:81:82 overlap' \
		publish add c1 81:81 192.0.2.1:81:82
	expect_same "what is published" 'c1 80:80' "$(published)"
}

@test "a port that a process listens on is refused" {
	listen TCP4-LISTEN:7000,bind=127.0.0.1 7000
	refuse_to_c2 "one address of all" 7000:80 7000/tcp
	refuse_to_c2 "in a range" 6000-7999:6000-7999 7000/tcp
	expect "another address" nkctl publish add c2 192.0.2.1:7000:80
	expect "another protocol" nkctl publish add c2 7000:80/udp
	stop listener
	expect "when it has ended" nkctl publish add c1 127.0.0.1:7000:80
}

@test "a process that listens on all IPv6 addresses has those of IPv4, too" {
	listen TCP6-LISTEN:7001,ipv6only=0 7001
	refuse_to_c2 "IPv4" 192.0.2.1:7001:80 192.0.2.1:7001/tcp
	refuse_to_c2 "IPv6" '[::1]:7001:80' '\[::1\]:7001/tcp'
	stop listener
	listen TCP6-LISTEN:7001,ipv6only=1 7001
	expect "unless it listens on those alone" nkctl publish add c2 0.0.0.0:7001:80
	refuse_to_c2 "IPv6 still" '[2001:db8::1]:7001:80' '\[2001:db8::1\]:7001/tcp'
	stop listener
	listen 'TCP6-LISTEN:7002,bind=[::ffff:127.0.0.1]' 7002
	refuse_to_c2 "an IPv4 address" 127.0.0.1:7002:80 127.0.0.1:7002/tcp
	expect "no other" nkctl publish add c2 192.0.2.1:7002:80
}

@test "a bound UDP port is refused" {
	listen UDP4-RECV:7003 7003
	refuse_to_c2 "it" 7003:80/udp 7003/udp
	expect "not that of IPv6" nkctl publish add c2 '[::]:7003:80/udp'
}

@test "removing takes what was published just so, all or none" {
	nkctl publish add c1 80-89:80-89 53:53/udp
	expect_refusal "another target" 3 "publish remove c1: port 80/tcp doesn't lead to its port 81" \
		publish remove c1 53:53/udp 80:81
	expect_refusal "another's" 3 "publish remove c2: port 80/tcp doesn't lead" publish remove c2 80:80
	expect_refusal "beyond the end" 3 'port 90/tcp' publish remove c1 80-90:80-90
	expect "a part of a range" nkctl publish remove c1 84-85:84-85
	expect_same "the rest" $'c1 53:53/udp\nc1 80-83:80-83\nc1 86-89:86-89' "$(published | sort)"
	expect_same "where they are looked for" '53 80 81 82 83 86 87 88 89' "$(looked_at)"
	expect "all of it" nkctl publish remove c1 80-83:80-83 86-89:86-89 53:53/udp
	expect_same "nowhere" '' "$(looked_at)"
	expect_same "the endpoint's flags" "$(flags_of c2)" "$(flags_of c1)"
}

flows() { nkctl flows list --json | jq length; }

@test "flows go with the port that they came by" {
	start server1 c1 greet serve c1 udp 80
	start server2 c2 greet serve c2 udp 80
	eventually "c1 serves" grep -q ready "$(output_of server1)"
	eventually "c2 serves" grep -q ready "$(output_of server2)"
	nkctl publish add c1 80:80/udp 81:80/udp
	expect_match "the remote host reaches c1" '^c1 ' "$(at remote greet ask udp $HOST4 80)"
	expect_match "by the other port, too" '^c1 ' "$(at remote greet ask udp $HOST6 81)"
	at c2 socat -u STDIN UDP4-SENDTO:$HOST4:80 <<<"from c2"
	expect_same "these are flows" 3 "$(flows)"
	nkctl publish remove c1 80:80/udp
	expect_same "one is left" '81' "$(nkctl flows list --json | jq -r '.[].original.destination_port')"
	nkctl publish add c2 80:80/udp
	expect_match "now it's c2" '^c2 ' "$(at remote greet ask udp $HOST4 80)"
	nkctl publish remove c1 81:80/udp
	nkctl publish remove c2 80:80/udp
	expect_same "none is left" 0 "$(flows)"
}

@test "a port stays looked at as long as anybody has it" {
	nkctl publish add c1 80:80 80:80/udp
	nkctl publish add c2 192.0.2.1:53:53 192.0.2.9:53:53
	nkctl publish remove c1 80:80
	nkctl publish remove c2 192.0.2.1:53:53
	expect_same "both" '53 80' "$(looked_at)"
}

@test "a port of the range for masquerading stays looked at" {
	local port word
	port=$(bpftool --json map dump pinned /sys/fs/bpf/nkctl*/maps/nat |
		jq '.[0].formatted.value.port_min')
	word() { bpftool --json map dump pinned /sys/fs/bpf/nkctl*/maps/nat |
		jq ".[0].formatted.value.ports[$((port / 64))]"; }
	word=$(word)
	nkctl publish add c1 "$port:80"
	nkctl publish remove c1 "$port:80"
	expect_same "its bits" "$word" "$(word)"
}

# Has masquerading take other ports for the rest of the test.
masquerade_with() # MIN-MAX
{
	local before
	before=$(nkctl nat show --json | jq -r '.ports | "\(.min)-\(.max)"')
	nkctl nat set --ports "$1"
	defer nkctl nat set --ports "$before"
}

# Prints the port that masquerading gave to the only flow.
port_given() { nkctl flows list --json | jq -r '.[0].translated.source_port'; }

@test "a port that is published ends the flow that masquerading gave it to" {
	local given
	masquerade_with 20000-20999
	flow -b -s 5000 -l 7000 udp c1 remote $REMOTE4
	given=$(port_given)
	expect "another protocol" nkctl publish add c2 "$given:80"
	expect "another port" nkctl publish add c2 $((given + 1)):80/udp
	expect "another address" nkctl publish add c2 "127.0.0.1:$given:80/udp"
	expect_same "are in nobody's way" 1 "$(flows)"
	nkctl publish remove c2 "127.0.0.1:$given:80/udp"
	expect "the port itself" nkctl publish add c2 "$given:80/udp"
	expect_same "the flow is gone" 0 "$(flows)"
	start server c2 greet serve c2 udp 80
	eventually "c2 serves" grep -q ready "$(output_of server)"
	expect_match "who had its answers reaches c2" '^c2 ' "$(at remote greet ask udp $HOST4 "$given")"
	nkctl flows flush --all
	flow -b -s 5000 -l 7000 udp c1 remote $REMOTE4
	expect_match "c1 gets another port" '^20[0-9]{3}$' "$(port_given)"
	expect_no_match "c1 gets another port" "^$given\$" "$(port_given)"
	nkctl flows flush --all
}

@test "a flow keeps its port of an earlier range, whatever is published" {
	local given
	masquerade_with 20000-20999
	hold_open connection tcp c1 remote $REMOTE4
	given=$(port_given)
	nkctl nat set --ports 2000-2099
	expect_same "its port is looked at" "$given" "$(looked_at)"
	nkctl publish add c2 "$given:80/udp" 90:90
	nkctl publish remove c2 "$given:80/udp" 90:90
	expect_same "and still is" "$given" "$(looked_at)"
	expect_goes_on "the connection" connection
	nkctl nat set --ports 3000-3099
	expect_same "after one more change" "$given" "$(looked_at)"
	expect_goes_on "the connection" connection
	hold_close connection
	nkctl flows flush --all
	nkctl nat set --ports 2000-2099
	expect_same "when the flow is gone" '' "$(looked_at)"
}

is_gone() { ! nkctl show "$1"; }

@test "the dead publish nothing" {
	containers c4
	nkctl publish add c4 80-89:80-89
	ip netns delete c4
	eventually "its device is gone" is_gone c4
	expect_same "it isn't listed" '' "$(published)"
	expect "another takes a port" nkctl publish add c2 85:85
	expect_same "and has it" 'c2 85:85' "$(published)"
	if has_collector; then
		expect_same "nothing else is left" 2 "$(entries | wc -l)"
		expect_same "to be looked at" 85 "$(looked_at)"
	fi
}

@test "without the collector, the next attach withdraws what the dead have published" {
	if has_collector; then
		rm /sys/fs/bpf/nkctl*/links/collect
		defer nkctl upgrade
	fi
	containers c4
	nkctl publish add c4 80-89:80-89
	ip netns delete c4
	eventually "its device is gone" is_gone c4
	expect_same "its entries are there" 20 "$(entries | wc -l)"
	containers c5
	expect_same "none is left" '' "$(entries)"
	expect_same "nor looked at" '' "$(looked_at)"
	nkctl detach --ns c5
	ip netns delete c5
}

@test "of many who want a port at once, one gets it" {
	local i
	for i in {1..8}; do
		start "c1-$i" host "$NKCTL_PROGRAM" publish add c1 "80:80" "$((100 + i)):1"
		start "c2-$i" host "$NKCTL_PROGRAM" publish add c2 "80:80" "$((200 + i)):1"
	done
	for i in {1..8}; do
		finish "c1-$i" || true
		finish "c2-$i" || true
	done
	expect_same "one container has it" 1 "$(published | awk '{ print $1 }' | sort -u | wc -l)"
	expect_same "and all else that it wanted" 18 "$(entries | wc -l)"
}

@test "a thousand ports at once" {
	expect "they are published" nkctl publish add c1 10000-10999:20000-20999
	expect_same "they are listed as one range" 'c1 10000-10999:20000-20999' "$(published)"
	expect_same "for both families" 2000 "$(entries | wc -l)"
	expect "they are withdrawn" nkctl publish remove c1 10000-10999:20000-20999
	expect_same "none is left" '' "$(entries)"
}

@test "a table that is full takes none of what is too much" {
	nkctl publish add c1 1-65535:1-65535/udp '0.0.0.0:1:1' &&
		fail "131071 entries were published"
	expect_same "none is left" '' "$(entries)"
	expect_same "nor looked at" '' "$(looked_at)"
	expect_same "the endpoint's flags" "$(flags_of c2)" "$(flags_of c1)"
}

@test "as JSON" {
	nkctl publish add c1 '[2001:db8::1]:80-81:90-91' 53:53/udp
	expect_same "what show has" \
		'[["2001:db8::1",80,81,90,91,"tcp"],[null,53,53,53,53,"udp"]]' \
		"$(nkctl show c1 --json | jq -c '[.published[] |
			[.host_ip, .host_port, .host_port_end, .port, .port_end, .protocol]]')"
	expect_same "whose they are" '["default","c1","eth0"]' \
		"$(nkctl publish list --json | jq -c '[.[] | [.network, .id, .ifname]] | unique[]')"
}

@test "what isn't attached publishes nothing" {
	expect_refusal "an unknown id" 3 "publish add nobody: isn't attached" publish add nobody 80:80
	expect_refusal "to be removed" 3 "publish remove nobody: isn't attached" \
		publish remove nobody 80:80
	expect_refusal "to be listed" 3 "publish list nobody: isn't attached" publish list nobody
}

@test "of several interfaces one is chosen" {
	nkctl attach --ns c1 --network four --ifname eth1 --device $E2E_DEVICE
	defer nkctl detach --ns c1 --network four --ifname eth1
	expect_refusal "none is" 2 'publish add c1: it has several interfaces' publish add c1 80:80
	expect "by its name" nkctl publish add c1 80:80 --ifname eth1
	expect "by its network" nkctl publish add c1 --network default 81:81
	expect "by the primary" nkctl publish add \
		"$(nkctl show c1 --ifname eth1 | sed -n 's/^host device *//p')" 82:82
	expect_same "they are its" $'default 81:81\nfour 80:80\nfour 82:82' \
		"$(nkctl publish list | awk 'NR > 1 { print $1, $4 }' | sort)"
	nkctl publish remove c1 81:81 --ifname eth0
	nkctl publish remove c1 80:80 82:82 --ifname eth1
}
