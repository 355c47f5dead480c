#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The host's routes, rules, neighbours and devices are what packets go by, from the first packet on
# that is sent after a change: the paths that are kept never outlive it.

# processors: all

load lib
load doctor

readonly FAR4=203.0.113.9 FAR6=2001:db8:113::9 FAR_MTU=1300

setup()
{
	local way
	trace_test_only
	ip netns add c1
	attach c1 --no-masquerade
	for way in wa wb wc; do
		ip link add $way type veth peer name ${way}1
		ip link set ${way}1 up
		ip link set $way up
	done
}

rules_delete()
{
	ip rule delete pref 100 2>/dev/null || true
	ip -6 rule delete pref 100 2>/dev/null || true
}

teardown()
{
	clean_up
	ip link delete wa; ip link delete wb; ip link delete wc
	ip nexthop flush
	rules_delete
	take_all_down
}

pins() { echo /sys/fs/bpf/nkctl*; }
tellers() { find "$(pins)/links" -name 'nk_*' 2>/dev/null; }
no_teller_runs() { ! bpftool prog show | grep 'tracing.*name nk_' | grep -qv 'name nk_\(collect\|default_rou\)'; }

# The tests of what tells are about nothing where the kernel has no fentry.
need_tellers() { [[ -n $(tellers) ]] || skip "this kernel has no fentry: no paths are kept"; }

tellers_remove()
{
	tellers | xargs rm
	eventually "the kernel lets the programs go" no_teller_runs
}

# Expects packets from a container to take the new way after each of so many changes.
expect_coherent() # NS CHANGES
{
	local seed=${NKCTL_TEST_SEED:-$RANDOM} said result=0
	rules_delete
	said=$(coherence "/run/netns/$1" "$2" "$seed") || result=$?
	echo "NKCTL_TEST_SEED=$seed: $said"
	expect_same "none goes the old way" 0 "$result"
}

# bats test_tags=core
@test "after each of 400 random changes, on each CPU, the first packet takes the new way" {
	expect_coherent c1 400
}

@test "so does a translated packet" {
	ip netns add c2
	attach c2 --masquerade
	expect_coherent c2 200
}

@test "so it does while the programs are upgraded" {
	start upgrades host bash -c 'while :; do "$NKCTL_PROGRAM" upgrade || exit; done'
	until (($(grep -c 'replaced by' "$(output_of upgrades)") > 2)); do expect_coherent c1 100; done
	stop upgrades
}

@test "a host without the programs that tell of changes would be found out" {
	local said
	need_tellers
	tellers_remove
	said=$(coherence /run/netns/c1 40 1) && fail "no packet went the old way" "$said"
	expect_match "packets went the old way" '[1-9][0-9]* packets wrong' "$said"
}

@test "the next command puts back programs that tell of changes, and doctor tells" {
	need_tellers
	examine
	expect_check path-cache ok .
	rm "$(pins)/links/nk_route_v6_add"
	examine
	expect_check path-cache warn .
	containers c2
	examine
	expect_check path-cache ok .
	tellers_remove
	nkctl upgrade
	examine
	expect_check path-cache ok .
	expect_coherent c1 60
}

@test "nothing of the programs that tell of changes is left" {
	need_tellers
	nkctl down
	expect "none runs any more" no_teller_runs
	attach c1
}

generation()
{
	bpftool -j map lookup pinned "$(pins)/maps/generation" key 0 0 0 0 | jq -c .value
}

remote_changes_keep_generation()
{
	local before
	before=$(generation)
	at remote ip route replace 198.51.100.0/24 via $HOST4
	at remote ip -6 route replace 2001:db8:f::/64 via $HOST6
	at remote ip neighbour replace 192.0.2.77 lladdr 2:0:0:0:0:77 dev eth0
	at remote ip rule add pref 100 table 100
	at remote ip rule delete pref 100
	[[ $(generation) == "$before" ]]
}

# The host's own neighbours age when they do, which makes another one.
@test "what changes in another network namespace costs nothing" {
	local before
	need_tellers
	eventually "the generation is the same after changes there" remote_changes_keep_generation
	before=$(generation)
	ip neighbour add 192.0.2.77 lladdr 2:0:0:0:0:77 dev eth0
	defer ip neighbour delete 192.0.2.77 dev eth0
	expect_not "it is the same after a change here" test "$before" = "$(generation)"
}

@test "an address with a new owner: the first packets go to nobody, then to the new one" {
	local addr
	containers c2
	ip netns add c3
	for addr in 10.88.0.3 fd00:88::3; do
		expect "c1 reaches c2 by $addr" at c1 ping -c 2 -i 0.2 -W 5 $addr
	done
	nkctl detach --ns c2
	for addr in 10.88.0.3 fd00:88::3; do
		expect_not "nobody has $addr" at c1 ping -c 1 -W 1 $addr
	done
	attach c3 --ip 10.88.0.3 --ip fd00:88::3
	for addr in 10.88.0.3 fd00:88::3; do
		expect "the first packet reaches c3 by $addr" at c1 ping -c 1 -W 5 $addr
	done
}

@test "what is told of a container makes another generation" {
	local before command
	need_tellers
	ip netns add c2
	for command in 'publish add c1 8080:80' 'publish remove c1 8080:80' \
		'attach --ns c2 --masquerade' 'nat set --ports 40000-45000' 'detach --ns c2'; do
		before=$(generation)
		# shellcheck disable=SC2086 # words
		nkctl $command
		expect_not "$command" test "$before" = "$(generation)"
	done
}

# Behind the remote host there is a link with a small MTU.
narrow_link_make()
{
	at remote ip link add far mtu $FAR_MTU type veth peer name far1 mtu $FAR_MTU
	defer at remote ip link delete far
	at remote ip link set far up
	at remote ip link set far1 up
	at remote ip route add $FAR4 dev far
	at remote ip -6 route add $FAR6 dev far
	at remote sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	at remote ip neighbour add $FAR4 lladdr 2:0:0:0:0:9 dev far
	at remote ip -6 neighbour add $FAR6 lladdr 2:0:0:0:0:9 dev far
}

# Expects that it's the host who tells a container of a path's MTU, once the host has learnt it.
expect_mtu_from_host() # FAR REMOTE
{
	local said
	at c2 ping -c 3 -i 0.2 -W 1 -s 100 "$1" >/dev/null || true
	ping -c 1 -W 1 -s 1400 -M 'do' "$1" >/dev/null || true
	expect_match "the host has learnt the path's MTU" "mtu $FAR_MTU" "$(ip route get "$1")"
	said=$(at c2 ping -c 1 -W 2 -s 1400 -M 'do' "$1" 2>&1) || true
	expect_match "somebody tells the container of it" "mtu[ =]*$FAR_MTU" "$said"
	expect_not "it's the remote host who tells" grep -q "^From $2" <<<"$said"
}

# Of packets that aren't translated the stack doesn't count it.
@test "a path MTU that the host learns counts for a path that is known" {
	ip netns add c2
	attach c2 --masquerade
	narrow_link_make
	expect_mtu_from_host $FAR4 $REMOTE4
	expect_mtu_from_host $FAR6 $REMOTE6
}
