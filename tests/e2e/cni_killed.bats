#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The end of the plugin itself in the midst of ADD, DEL and GC: what a runtime calls next finishes it, or
# takes it away, and another container's connection goes on.
#
# datapath: stays loaded

load lib
load cni
load interrupted

setup()
{
	trace_test_only
	ip netns add c1
	containers c2
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	note traces
	hold_open traffic tcp c2 remote $REMOTE4
}

teardown()
{
	clean_up
	take_all_down
}

# What an attachment has, but for the traffic's own.
traces()
{
	ip -o link show | sed 's/^[0-9]*: //; s/@if[0-9]*//'
	ip -n c1 -o link show type "$E2E_DEVICE" | sed 's/^[0-9]*: //; s/@if[0-9]*//'
	ip route show | sed 's/10\.91\.0\.[0-9]* dev/ADDRESS dev/'
	ip -6 route show | sed 's/fd00:91::[0-9a-f]* dev/ADDRESS dev/'
	map_counts endpoints_v4 endpoints_v6 owners
}

# Kills a command of the plugin at one point after the other: see for_each_death().
for_each_death_of() # COMMAND INPUT MIN FUNCTION
{
	printf %s "$2" >"$BATS_TEST_TMPDIR/input"
	for_each_death "$3" "$4" 'locks/' env CNI_COMMAND="$1" CNI_CONTAINERID=c1 CNI_IFNAME=eth0 \
		CNI_NETNS=/run/netns/c1 CNI_PATH=$CNI_PLUGIN_DIR \
		sh -c "exec '$NKCTL_PROGRAM' <'$BATS_TEST_TMPDIR/input'"
}

attached_again()
{
	expect_cni 'attached' ADD c1 "$config"
	expect_as_noted 'as at first' traces
	expect_cni 'CHECK' CHECK c1 "$(with_previous "$config")"
}

expect_traffic_went_on()
{
	expect_goes_on 'the other container'"'"'s connection' traffic
	hold_close traffic
}

# As a runtime does after an ADD that failed. One of two is attached anew at once: that is an error, or works.
del_after_add() # INDEX
{
	if (($1 % 2)); then
		cni ADD c1 "$config" || expect_match 'attached already' 'already attached' "$(answered .msg)"
	fi
	expect_cni 'DEL' DEL c1 "$config"
	expect_cni 'DEL once more' DEL c1 "$config"
	expect_same 'what stays' default/c2/eth0 "$(attached)"
}

@test "an ADD killed at any point leaves what DEL takes away" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'DEL' DEL c1 "$config"
	for_each_death_of ADD "$config" 5 del_after_add
	attached_again
	expect_traffic_went_on
}

# One of two is attached anew at once: it isn't detached at all, or that works.
add_after_death() # INDEX
{
	(($1 % 2)) || return 0
	cni ADD c1 "$config" || expect_match 'attached already' 'already attached' "$(answered .msg)"
	expect_same 'it is well' ok "$(shown c1 state)"
}

del_after_del() # INDEX
{
	add_after_death "$1"
	expect_cni 'DEL' DEL c1 "$config"
	expect_same 'what stays' default/c2/eth0 "$(attached)"
	attached_again
}

@test "a DEL killed at any point is finished by the next one, or by an ADD" {
	local config
	config=$(cni_config "$BUILT_IN")
	for_each_death_of DEL "$config" 4 del_after_del
	expect_traffic_went_on
}

gc_after_gc() # INDEX
{
	add_after_death "$1"
	expect_cni 'GC' GC c1 "$collects_all"
	expect_same 'what stays' default/c2/eth0 "$(attached)"
	attached_again
}

@test "a GC killed at any point is finished by the next one, or by an ADD" {
	local config collects_all
	config=$(cni_config "$BUILT_IN")
	collects_all=$(jq -c '. + {"cni.dev/valid-attachments": []}' <<<"$config")
	for_each_death_of GC "$collects_all" 4 gc_after_gc
	expect_traffic_went_on
}
