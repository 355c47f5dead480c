# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What the tests of `nkctl repair` share: a container c1 to which things are done, and what is expected
# of it before, meanwhile and afterwards.

# shellcheck disable=SC2034 # for lib.bash
readonly ATTACH_OPTIONS=--no-masquerade

readonly OWN4=10.88.0.7 OWN6=fd00:88::7
# Unquoted where it's used: each host of the tests has a directory of its own.
readonly PINS='/sys/fs/bpf/nkctl*'

setup_file()
{
	containers c2
	ip netns add c1
	attach c1 --ip $OWN4 --ip $OWN6
	export PRIMARY ETH HOOK=tcx/ingress
	PRIMARY=$(primary_of c1)
	ETH=$(eth_from c1)
	[[ $E2E_DEVICE != netkit ]] || HOOK=netkit/peer
	foreign_watch
}

# In mode l2 a neighbour that didn't answer before may be unreachable for one more packet.
c1_reaches_all()
{
	eventually "the world by IPv4" at c1 ping -c 1 -W 5 "$REMOTE4"
	eventually "the world by IPv6" at c1 ping -c 1 -W 5 "$REMOTE6"
	eventually "the host" at c1 ping -c 1 -W 5 "$GATEWAY4"
	eventually "another container" at c1 ping -c 1 -W 5 "$(shown c2 addresses | cut -d' ' -f1)"
	eventually "from the world" at remote ping -c 1 -W 5 $OWN4
}

# Sends from addresses that aren't c1's, to the world and to the host.
send_foreign()
{
	at c1 frame -n 5 eth0 "$ETH" "ip4:src=$FOREIGN4,dst=$REMOTE4" udp:dport=9 2>/dev/null || true
	at c1 frame -n 5 eth0 "$ETH" "ip6:src=$FOREIGN6,dst=$GATEWAY6" udp:dport=9 2>/dev/null || true
}

expect_none_foreign() # WORDS
{
	send_foreign
	expect_none_seen "$1: packets from foreign addresses in the host's stack"
}

# Repairs while the container does what it can to get out, each of the repair's calls drawn out. A fault may be
# left: see expect_all_well().
repair_under_flood()
{
	drops_note
	start flood c1 bash -c "while true; do
		frame eth0 '$ETH' ip4:src=$FOREIGN4,dst=$REMOTE4 udp:dport=9
		frame eth0 '$ETH' ip6:src=$FOREIGN6,dst=$GATEWAY6 udp:dport=9
	done"
	strace -f --seccomp-bpf -o /dev/null -e trace=bpf,sendto -e inject=bpf,sendto:delay_enter=2000 \
		"$NKCTL_PROGRAM" repair >"$BATS_TEST_TMPDIR/repaired" || (($? == 1))
	eventually "packets of the flood are dropped" eval "drops_since | grep -q source"
	stop flood
}

# Expects a state, and that a dry run tells the fault, changes nothing and fails; then mends it.
expect_mended() # STATE REGEX
{
	expect_same "its state" "$1" "$(shown c1 state)"
	run -1 nkctl repair --dry-run
	# shellcheck disable=SC2154 # of 'run'
	expect_match "a dry run tells" "$2: to be mended" "$output"
	expect_same "and changes nothing" "$1" "$(shown c1 state)"
	expect_none_foreign "before"
	repair_under_flood
	expect_match "it was told" "$2: mended" "$(<"$BATS_TEST_TMPDIR/repaired")"
	expect_all_well
}

expect_all_well()
{
	local faults
	faults=$(nkctl repair --json)
	expect_same "nothing is left to mend" '0 []' "$(jq -cr '"\(.left) \(.faults)"' <<<"$faults")"
	expect_same "its state afterwards" ok "$(shown c1 state)"
	c1_reaches_all
	expect_none_foreign "afterwards"
}

# Takes an address out of the endpoint map.
claim_delete() # FAMILY(4|6) ADDRESS
{
	# shellcheck disable=SC2046,SC2086 # lists of bytes, a glob
	bpftool map delete pinned $PINS/maps/endpoints_v"$1" key hex \
		$(python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).packed.hex(" "))' "$2")
}
