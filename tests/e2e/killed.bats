#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The end of nkctl itself in the midst of its work: that the next command finishes it, or takes it
# away, and that what worked goes on.
#
# datapath: stays loaded

load lib
load interrupted

teardown()
{
	clean_up
	take_all_down
}

# What an endpoint or a load has outside of the maps.
traces()
{
	ip -o link show
	ip -o address show dev lo
	ip route show
	ip -6 route show
	ip -n c1 -o link show type "$E2E_DEVICE"
	find /sys/fs/bpf -name 'nk*' -prune
	grep . /proc/sys/net/ipv[46]/conf/eth0/forwarding
	hook query tcx/ingress eth0
	published
}

published()
{
	local map
	for map in /sys/fs/bpf/nkctl*/maps/published; do
		[[ ! -e $map ]] || bpftool -j map dump pinned "$map" | jq '"\(length) ports are published"'
	done
}

# What was killed may have been before its first change, or after its last.
attach_once()
{
	local result=0
	nkctl attach --ns c1 --device "$E2E_DEVICE" --publish 8080:80 2>/dev/null || result=$?
	((result == 0)) || return $((result != 4))
	expect_same "its port is published" 'c1 8080:80' "$(nkctl publish list | awk 'NR > 1 { print $2, $4 }')"
}
detach_once() { nkctl detach --ns c1 2>/dev/null || (($? == 3)); }

# Two of three are attached anew; all are detached.
attach_and_detach() # INDEX
{
	if (($1 % 3 < 2)); then
		attach_once
		expect_same "attached anew" ok "$(shown c1 state)"
	fi
	detach_once
	expect_as_noted "after the detach" traces
}

owners() { bpftool -j map dump pinned /sys/fs/bpf/nkctl*/maps/owners | jq length; }

@test "an attach killed at any point is finished by the next one, or removed by a detach" {
	containers c2
	ip netns add c1
	note traces
	for_each_death 12 attach_and_detach 'locks/' \
		"$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE" --publish 8080:80
	expect_same "c2 alone is listed" $'ID STATE\nc2 ok' "$(nkctl list | awk '{ print $2, $NF }')"
	expect "c2 goes on" at c2 ping -c 1 -W 5 $REMOTE4
	expect_same "c2 alone has addresses" 1 "$(owners)"
}

detach_and_attach() # INDEX
{
	detach_once
	expect_as_noted "detached anew" traces
	attach_once
}

# It is as it was, or attached anew.
attach_over() # INDEX
{
	attach_once
	expect_same "it is well" ok "$(shown c1 state)"
}

@test "a detach killed at any point is finished by the next one, or by an attach" {
	containers c2
	ip netns add c1
	note traces
	attach_once
	for_each_death 2 detach_and_attach 'locks/' "$NKCTL_PROGRAM" detach --ns c1
	for_each_death 2 attach_over 'locks/' "$NKCTL_PROGRAM" detach --ns c1
	nkctl detach --ns c1
	expect_as_noted "in the end" traces
	expect_same "c2 alone has addresses" 1 "$(owners)"
}

# What may come first: the container goes and comes, a repair that has to tell of lost ports, an upgrade.
another_comes() # INDEX
{
	case $(($1 % 4)) in
	1) nkctl detach --ns c1
	   expect_same "its ports go with it" '"0 ports are published"' "$(published)"
	   attach c1 ;;
	2) nkctl repair || (($? == 1)) ;;
	3) nkctl upgrade ;;
	esac
	(($1 % 2 == 0)) || { withdraw_once; note traces; }
}

withdraw_once() { nkctl publish remove c1 80-89:80-89 2>/dev/null || (($? == 3)); }

# Anew, whatever the death has left: all of the ports, or none.
publish_and_withdraw() # INDEX
{
	expect_match "none is half published" '^"(0|20) ports' "$(published)"
	another_comes "$1"
	nkctl publish add c1 80-89:80-89
	expect_same "published anew" '"20 ports are published"' "$(published)"
	nkctl publish remove c1 80-89:80-89
	expect_as_noted "withdrawn" traces
}

# Connections that came by published ports.
published_flows() { nkctl flows list --json | jq '[.[] | select(.kind == "published")] | length'; }

withdraw_and_publish() # INDEX
{
	expect_match "none is half withdrawn" '^"(0|20) ports' "$(published)"
	another_comes "$1"
	withdraw_once
	expect_same "what came by them has ended" 0 "$(published_flows)"
	nkctl publish add c1 80-89:80-89
	expect_same "published again" '"20 ports are published"' "$(published)"
	at remote timeout 5 bash -c ": >/dev/tcp/$HOST4/80" 2>/dev/null || true
	expect_same "somebody has come by them" 1 "$(published_flows)"
}

@test "publishing killed at any point has done all or nothing, and so has withdrawing" {
	ip netns add c1
	attach c1
	note traces
	for_each_death 3 publish_and_withdraw 'locks/' \
		"$NKCTL_PROGRAM" publish add c1 80-89:80-89
	nkctl publish add c1 80-89:80-89
	for_each_death 3 withdraw_and_publish 'locks/' \
		"$NKCTL_PROGRAM" publish remove c1 80-89:80-89
	nkctl publish remove c1 80-89:80-89
	expect_as_noted "in the end" traces
}

lab_add() { nkctl network add lab --subnet 10.99.0.0/24 --subnet fd00:99::/64; }

# What a network has, and its use of it.
lab_traces()
{
	traces
	nkctl nat show
	nkctl network list
}

network_again() # INDEX
{
	if (($1 % 2)); then
		attach c1 --network lab 2>/dev/null || lab_use
		nkctl detach --ns c1 --network lab 2>/dev/null || (($? == 3))
		expect_as_noted "with an attach to it" lab_traces
		return
	fi
	nkctl network remove lab 2>/dev/null || (($? == 3))
	expect_as_noted "after the removal" traces
	lab_use
}

# A network that has all that an attach gives one.
lab_use()
{
	lab_add
	attach c1 --network lab
	nkctl detach --ns c1 --network lab
}

@test "the removal of a network killed at any point is finished by the next one" {
	ip netns add c1
	ip netns add c2
	attach c2
	note traces
	lab_use
	note lab_traces
	for_each_death 2 network_again 'locks/' "$NKCTL_PROGRAM" network remove lab
	nkctl network remove lab
	expect_as_noted "in the end" traces
}

# Made again, by who wants what it is; or taken away, if it is there.
lab_again() # INDEX
{
	if (($1 % 2)); then
		lab_add || expect_same "it is there" lab "$(nkctl network list | awk '$1 == "lab" { print $1 }')"
		attach c1 --network lab
		nkctl detach --ns c1 --network lab
	fi
	nkctl network remove lab 2>/dev/null || (($? == 3))
	expect_as_noted "without it" traces
}

@test "the addition of a network killed at any point has done all or nothing" {
	ip netns add c1
	ip netns add c2
	attach c2
	note traces
	for_each_death 2 lab_again 'locks/' "$NKCTL_PROGRAM" network add lab --subnet 10.99.0.0/24 \
		--subnet fd00:99::/64
	expect_as_noted "in the end" traces
}

# A device that is no uplink by itself, and what an uplink would change of it.
wire2_state()
{
	grep . /proc/sys/net/ipv[46]/conf/wire2/{forwarding,accept_ra,force_forwarding} 2>/dev/null || true
	hook query tcx/ingress wire2
	nkctl uplink list | grep wire2 || true
}

wire2_state_but_id() { wire2_state | sed 's/^[0-9]*$/ID/'; }

wire2_leave() { nkctl uplink remove wire2 2>/dev/null || (($? == 3)); }

wire2_again() # INDEX
{
	(($1 % 3 != 1)) || nkctl uplink add wire2
	(($1 % 3 != 2)) || attach_once
	(($1 % 3 != 2)) || detach_once
	wire2_leave
	expect_as_noted "no uplink any more" wire2_state
}

# Anew, or by an attach, which looks after all uplinks; or not at all.
wire2_taken_off() # INDEX
{
	(($1 % 3 != 1)) || wire2_leave
	(($1 % 3 != 1)) || expect_same "it is no uplink" '' "$(hook query tcx/ingress wire2)"
	(($1 % 3 != 2)) || attach_once
	(($1 % 3 != 2)) || detach_once
	nkctl uplink add wire2
	expect_as_noted "an uplink again" wire2_state_but_id
}

@test "adding or removing an uplink, killed at any point, is finished by the next one" {
	containers c2
	ip netns add c1
	ip link add wire2 type veth peer name wire3
	defer ip link delete wire2
	ip link set wire2 up
	note wire2_state
	for_each_death 2 wire2_again 'locks/' "$NKCTL_PROGRAM" uplink add wire2
	nkctl uplink add wire2
	note wire2_state_but_id
	for_each_death 2 wire2_taken_off 'locks/' "$NKCTL_PROGRAM" uplink remove wire2
	wire2_leave
	expect_as_noted "in the end" wire2_state
}

attach_and_down() # INDEX
{
	if (($1 % 2)); then
		attach_once
		expect_same "attached anew" ok "$(shown c1 state)"
	fi
	nkctl down
	expect_as_noted "after down" traces
}

@test "the first attach killed at any point of the load is finished by the next one, or by down" {
	nkctl down
	ip netns add c1
	note traces
	note host_state
	for_each_death 3 attach_and_down 'mkdir' \
		"$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE"
	expect_as_noted "the host is as before" host_state
}

down_and_attach() # INDEX
{
	if (($1 % 2)); then
		nkctl down
		expect_as_noted "after down" traces
	fi
	attach_once
	expect_same "attached" ok "$(shown c1 state)"
}

@test "a down killed at any point is finished by the next one, and hinders no attach" {
	nkctl down
	ip netns add c1
	note traces
	note host_state
	attach c1
	for_each_death 3 down_and_attach 'LOCK_EX' "$NKCTL_PROGRAM" down
	nkctl down
	expect_as_noted "the host is as before" host_state
}

reaches_published() { expect "its published port works" flow -c 8080 -l 80 tcp remote c1 $HOST4; }

# The first published port of a host has all programs replaced by ones that translate.
publish_first() # INDEX
{
	nkctl publish add c1 8080:80
	reaches_published
	nkctl down
	attach c1 --no-masquerade
}

@test "publishing the first port, killed at any point of the load, is finished by the next one" {
	nkctl down
	ip netns add c1
	attach c1 --no-masquerade
	for_each_death 3 publish_first 'progs/' "$NKCTL_PROGRAM" publish add c1 8080:80
}

pinned_id() # PROGRAM
{
	bpftool -j prog show pinned "$(echo /sys/fs/bpf/nkctl*/progs)/$1" | jq .id
}

# Also who comes between: a container, that goes again.
upgrade_again() # INDEX
{
	reaches_published
	attach c3
	expect "a new container reaches the world" at c3 ping -c 1 -W 5 $REMOTE4
	nkctl detach --ns c3
	nkctl upgrade
	expect_same "the uplink has the program that is pinned" "$(pinned_id nk_uplink)" \
		"$(hook query tcx/ingress eth0)"
	reaches_published
}

@test "an upgrade killed at any point leaves what works, and the next one finishes it" {
	containers c1
	ip netns add c3
	nkctl publish add c1 8080:80
	for_each_death 3 upgrade_again 'LOCK_EX' "$NKCTL_PROGRAM" upgrade
}
