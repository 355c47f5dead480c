#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What somebody takes away of a living endpoint, `nkctl repair` puts back; until then, and while it
# does, nothing leaves the container that its program hasn't seen.

load lib
load foreign
load interrupted
load repair

# bats test_tags=core
@test "where all is well there is nothing to mend, and nothing is changed" {
	host_state >"$BATS_TEST_TMPDIR/before"
	expect_match "it says so" '^2 endpoints, nothing to mend$' "$(nkctl repair)"
	host_state >"$BATS_TEST_TMPDIR/after"
	expect "the host is as before" diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	expect_refusal "an endpoint that isn't there" 3 "c9 isn't attached" repair c9
	expect "one of them alone" nkctl repair c2
	c1_reaches_all
}

# bats test_tags=core
@test "a program that was taken off is attached again" {
	hook detach $HOOK "$PRIMARY" "$(shown c1 program)"
	if [[ $E2E_DEVICE == netkit ]]; then
		expect_not "it sends without" at c1 ping -c 1 -W 1 $REMOTE4
		expect_mended no-program "c1: its program was taken off"
	else
		# A veth pair knows no policy: only down it is closed.
		ip link set "$PRIMARY" down
		expect_mended no-program "c1: its program was taken off"
	fi
	expect_same "one program" 1 "$(hook query $HOOK "$PRIMARY" | wc -l)"
}

@test "programs in netfilter are missed only where the kernel takes them" {
	local links
	links=$(echo $PINS/links)
	[[ -e $links/forward_v4 ]] || skip "this kernel has no links for netfilter"
	rm "$links/forward_v4"
	expect_match "a kernel without their links has nothing to mend" 'nothing to mend$' \
		"$(without 28 "$NKCTL_PROGRAM" repair)"
	expect_not "it made none" test -e "$links/forward_v4"
	expect_match "one with them has" "kernel's own functions was gone: mended" "$(nkctl repair)"
	expect "the pin is there again" test -e "$links/forward_v4"
	c1_reaches_all
}

# bats test_tags=core
@test "an address that was taken out of the endpoint map is claimed again" {
	local before
	before=$(host_state | grep -A 3 "$(printf 'key: 0a 58 00 07')" || true)
	claim_delete 4 $OWN4
	expect_not "it sends from that address" at c1 ping -c 1 -W 1 $REMOTE4
	expect_not "it is reached" at remote ping -c 1 -W 1 $OWN4
	expect_mended lost-address "c1: its address $OWN4 was gone from the endpoint map"
	expect_same "the claim is as the attach made it" "$before" \
		"$(host_state | grep -A 3 "$(printf 'key: 0a 58 00 07')" || true)"
}

# The note of the claims of $PRIMARY.
note_delete()
{
	local index
	index=$(<"/sys/class/net/$PRIMARY/ifindex")
	# shellcheck disable=SC2046,SC2086 # a list of bytes, a glob
	bpftool map delete pinned $PINS/maps/owners key hex \
		$(printf '%02x %02x %02x %02x' $((index & 255)) $((index >> 8 & 255)) 0 0)
}

@test "without any claim, and without the note of them, the host's routes tell the addresses" {
	claim_delete 4 $OWN4
	claim_delete 6 $OWN6
	note_delete
	# Only our routes are proof: neither somebody else's nor the container's word.
	ip route add $FOREIGN4/32 dev "$PRIMARY"
	defer ip route delete $FOREIGN4/32 dev "$PRIMARY"
	at c1 ip address add $FOREIGN4/32 dev eth0
	defer ip -n c1 address delete $FOREIGN4/32 dev eth0
	expect_not "it sends" at c1 ping -c 1 -W 1 $REMOTE6
	expect_mended no-address "c1: its address $OWN6 was gone from the endpoint map"
	expect_same "its addresses" "$OWN4 $OWN6" "$(shown c1 addresses)"
	expect_same "where nothing is masqueraded it isn't, either" no "$(shown c1 masquerade)"
	expect_match "what they don't tell" "c1: it is kept away from metadata addresses, as nothing tells .*: left" \
		"$(<"$BATS_TEST_TMPDIR/repaired")"
}

@test "what isn't known of an endpoint any more is left as it is" {
	local PRIMARY
	ip netns add c3
	defer ip netns delete c3
	attach c3 --ip 10.88.0.33 --ip fd00:88::33
	defer nkctl detach --ns c3
	PRIMARY=$(primary_of c3)
	claim_delete 6 fd00:88::33
	note_delete
	ip link set "$PRIMARY" down # which takes the route to its IPv6 address away as well
	nkctl repair c3 || true
	expect_match "what was mended" "dev $PRIMARY" "$(ip route show 10.88.0.33)"
	expect_same "IPv6 on the host's end" 0 "$(sysctl -n "net.ipv6.conf.$PRIMARY.disable_ipv6")"
}

@test "an address that is another's by now stays his" {
	claim_delete 4 $OWN4
	ip netns add c3
	attach c3 --ip $OWN4
	run -1 nkctl repair c1
	expect_match "it tells whose" "address $OWN4 is nkctl:default/c3/eth0's by now: left: detach it" \
		"$output"
	expect "c3 has it" at c3 ping -c 1 -W 5 $REMOTE4
	nkctl detach --ns c3
	ip netns delete c3
	expect "c1 gets it back" nkctl repair c1
	expect_all_well
}

# bats test_tags=core
@test "the host's route, the gateway's address and forwarding come back" {
	ip route delete $OWN4 dev "$PRIMARY"
	expect_not "the host reaches it" ping -c 1 -W 1 $OWN4
	expect_mended ok "c1: the host had no route to $OWN4"
	ip address delete $GATEWAY4/32 dev lo
	expect_not "the host is reached" at c1 ping -c 1 -W 1 $GATEWAY4
	expect_mended ok "the host had no gateway address $GATEWAY4"
	ip -6 route delete unreachable $CONTAINERS6
	expect_mended ok "the host had no last-resort route for $CONTAINERS6"
	sysctl -qw "net.ipv4.conf.$PRIMARY.forwarding=0"
	expect_mended ok "c1: net.ipv4.conf.$PRIMARY.forwarding was off"
}

# bats test_tags=core
@test "the host's end, down, comes up, with the program that was taken off before" {
	ip link set "$PRIMARY" down
	expect_not "it sends" at c1 ping -c 1 -W 1 $REMOTE4
	expect_mended down "c1: $PRIMARY was down"
	ip link set "$PRIMARY" down
	hook detach $HOOK "$PRIMARY" "$(shown c1 program)"
	expect_mended no-program "c1: $PRIMARY was down"
}

# bats test_tags=core
@test "the host's end gets its MTU and its MAC address back" {
	local mac
	ip link set "$PRIMARY" mtu 1000 # by which the kernel takes IPv6 off it
	expect_not "it sends by IPv6" at c1 ping -c 1 -W 1 $REMOTE6
	expect_mended ok "c1: $PRIMARY had the MTU 1000 instead of 1500"
	expect_same "its MTU" 1500 "$(<"/sys/class/net/$PRIMARY/mtu")"
	if [[ $E2E_DEVICE == veth || $E2E_MODE == l2 ]]; then
		mac=$(<"/sys/class/net/$PRIMARY/address")
		ip link set "$PRIMARY" address 02:00:00:00:00:99
		expect_mended ok "c1: $PRIMARY had another MAC address"
		expect_same "its MAC address" "$mac" "$(<"/sys/class/net/$PRIMARY/address")"
		mac=$(mac_of c1)
		ip -n c1 link set eth0 address 02:00:00:00:00:98
		expect_mended ok "c1: the container's eth0 had another MAC address"
		expect_same "the container's" "$mac" "$(mac_of c1)"
	fi
}

# bats test_tags=core
@test "the host's neighbour entry comes back, where it has one" {
	if [[ $E2E_MODE == l3 ]]; then
		expect_same "an l3 pair has none" '' "$(ip neigh show dev "$PRIMARY" nud permanent)"
		return
	fi
	ip neigh flush dev "$PRIMARY" nud permanent
	expect_not "it reaches the container" ping -c 1 -W 1 $OWN4
	expect_mended ok "c1: the host had no neighbour entry for $OWN4"
	expect "it does" ping -c 1 -W 5 $OWN4
}

# bats test_tags=core
@test "the container's addresses and routes come back, by any name of its device" {
	ip -n c1 address delete $OWN4/32 dev eth0
	expect_not "it sends" at c1 ping -c 1 -W 1 $REMOTE4
	expect_mended ok "c1: the container's eth0 had no address $OWN4"
	ip -n c1 link set eth0 down
	expect_mended ok "c1: the container's eth0 was down"
	ip -n c1 -6 route delete default
	expect_not "it sends by IPv6" at c1 ping -c 1 -W 1 $REMOTE6
	expect_mended ok "c1: the container's eth0 had no route by which it sends IPv6"
}

@test "the container's MTU, too small for IPv6, comes back" {
	ip -n c1 link set eth0 mtu 1200
	expect_mended ok "c1: the container's eth0 had an MTU too small for IPv6: 1200"
	expect_same "its MTU" 1500 "$(ip -n c1 -j link show eth0 | jq '.[].mtu')"
	expect_same "its default routes" 1 "$(ip -n c1 -6 route show default | wc -l)"
	expect_same "and no other" 1 "$(ip -n c1 route show | wc -l)"
}

@test "the route of an address with a prefix is no way to elsewhere" {
	ip netns add c3
	defer ip netns delete c3
	attach c3 --ip 10.88.0.34/24
	defer nkctl detach --ns c3
	ip -n c3 route delete default
	expect_match "it is told" "c3: the container's eth0 had no route by which it sends IPv4: mended" "$(nkctl repair c3)"
	expect "it sends" at c3 ping -c 1 -W 5 $REMOTE4
}

@test "a name that the container gave its device reaches no terminal, and JSON holds it" {
	local report result=0 told=$BATS_TEST_TMPDIR/told
	ip -n c1 link set eth0 down
	ip -n c1 link set eth0 name $'e\e[31m\xff'
	report=$(nkctl repair --dry-run --json 2>"$told") || result=$?
	expect_same "the exit status of a dry run" 1 "$result"
	expect_match "what the JSON tells" "the container's e\?\[31m\? was down" \
		"$(jq -r '.faults[].finding' <<<"$report")"
	expect_match "what would be mended" '^nkctl: repair: [0-9]+ faults would be mended$' "$(<"$told")"
	nkctl repair >"$BATS_TEST_TMPDIR/repaired"
	expect_match "what was mended" "c1: the container's e\?\[31m\? .*down" \
		"$(<"$BATS_TEST_TMPDIR/repaired")"
	ip -n c1 link set $'e\e[31m\xff' down
	ip -n c1 link set $'e\e[31m\xff' name eth0
	nkctl repair >/dev/null
	expect_all_well
}

@test "the remains of a killed attach are removed" {
	ip netns add c3
	defer ip netns delete c3
	ip link add nk00000000dead group 0x6e6b type veth peer name eth0 netns c3
	device_unfinish nk00000000dead
	expect_match "list tells" 'nk00000000dead .* unfinished' "$(nkctl list)"
	expect_match "they are removed" 'nk00000000dead: .*killed half way' "$(nkctl repair)"
	expect_not "the device is gone" ip link show nk00000000dead
	expect_all_well
}

@test "an endpoint whose alias is lost lives on, and goes by its names" {
	local alias PRIMARY
	ip netns add c3
	defer ip netns delete c3
	ip netns add c4
	defer ip netns delete c4
	for alias in '' 'monitoring: web'; do
		attach c3
		PRIMARY=$(primary_of c3)
		ip link set "$PRIMARY" alias "$alias"
		expect_match "list tells" "- +- +- +$PRIMARY [^-]* - +- +unnamed" "$(nkctl list)"
		run -1 nkctl repair
		expect_match "it is told" \
			"$PRIMARY: its alias, .*: left: ip link set $PRIMARY alias nkctl:NETWORK/" "$output"
		expect "it works" at c3 ping -c 1 -W 5 $REMOTE4
		expect_refusal "attached again" 4 "already attached" attach --ns c3
		expect_refusal "its address is its own" 4 \
			"is taken by ${alias:-an endpoint that lost its alias} \\($PRIMARY\\)" \
			attach --ns c4 --ip "$(shown "$PRIMARY" addresses | cut -d' ' -f1)"
		ip link set "$PRIMARY" alias nkctl:default/c3/eth0
		expect_same "named as it was told" ok "$(shown c3 state)"
		ip link set "$PRIMARY" alias "$alias"
		expect "detached" nkctl detach --ns c3
		expect_not "its device is gone" ip link show "$PRIMARY"
	done
	expect_all_well
}

damage()
{
	claim_delete 4 $OWN4
	ip link set "$PRIMARY" down
	hook detach $HOOK "$PRIMARY" "$(shown c1 program)"
}

repair_again() # INDEX
{
	expect_none_foreign "after death $1"
	expect "the next one" nkctl repair
	damage
}

@test "a repair killed at any point leaves nothing open, and the next one finishes it" {
	damage
	for_each_death 5 repair_again 'LOCK_EX' "$NKCTL_PROGRAM" repair
	expect "in the end" nkctl repair
	expect_all_well
}

@test "a look at its program that fails isn't taken for a fault of it" {
	local n calls=$BATS_TEST_TMPDIR/calls
	strace -o "$calls" -e trace=bpf -e signal=none "$NKCTL_PROGRAM" repair c1
	for n in $(grep '^bpf(' "$calls" | grep -n BPF_PROG_GET_FD_BY_ID | cut -d: -f1); do
		run strace -o /dev/null -e trace=bpf -e inject=bpf:error=ENOMEM:when="$n" \
			"$NKCTL_PROGRAM" repair c1
		printf '%s\n' "$output" >>"$BATS_TEST_TMPDIR/told"
	done
	expect_match "it is told what failed" \
		'c1: .*eBPF program [0-9]+: Cannot allocate memory: left' "$(<"$BATS_TEST_TMPDIR/told")"
	expect_not "nothing else" grep -E "worked on maps|was taken off" "$BATS_TEST_TMPDIR/told"
	expect_all_well
}

# A container whose addresses change all the time would see to that itself.
@test "an endpoint that can't be looked at keeps no other from its repair" {
	local calls=$BATS_TEST_TMPDIR/calls nth
	strace -f -o "$calls" -e trace=sendto -e signal=none "$NKCTL_PROGRAM" repair c1
	nth=$(awk '/sendto\(/ { requests++ } /RTM_GETADDR/ { nth = requests } END { print nth }' "$calls")
	ip route delete "$(shown c2 addresses | cut -d' ' -f1)" dev "$(primary_of c2)"
	run -1 strace -o /dev/null -e trace=sendto -e inject=sendto:error=ENOBUFS:when="$nth" \
		"$NKCTL_PROGRAM" repair c1 c2
	expect_match "it is told" 'c1: .*No buffer space available.*: left' "$output"
	expect_match "the other one is mended" 'c2: the host had no route to .*: mended' "$output"
	expect_all_well
}

# The last one: from now on the programs translate.
@test "where the programs translate, it is told that no claim says who is masqueraded" {
	local id
	for id in c3 c4; do
		ip netns add $id
		defer ip netns delete $id
	done
	attach c3 --ip 10.88.0.33 --ip fd00:88::33
	defer nkctl detach --ns c3
	# shellcheck disable=SC2086 # a list of options
	nkctl attach --ns c4 $E2E_ATTACH --masquerade
	defer nkctl detach --ns c4
	claim_delete 4 10.88.0.33
	claim_delete 6 fd00:88::33
	run -1 nkctl repair c3
	expect_match "of one whose claims are gone" \
		"c3: it is masqueraded, as nothing tells whether .*: left: detach it" "$output"
	expect_same "it is" yes "$(shown c3 masquerade)"
	claim_delete 4 $OWN4
	expect_not "of one with a claim left" grep masquerade <<<"$(nkctl repair c1)"
	expect_same "that tells" no "$(shown c1 masquerade)"
	expect_all_well
}
