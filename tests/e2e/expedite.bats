#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The kernel's switch for expedited grace periods: on while nkctl waits for one, and as it was afterwards.
#
# datapath: stays loaded

load lib

readonly SWITCH=/sys/kernel/rcu_expedited OFF=0 ON_BY_NKCTL=28267

setup()
{
	trace_test_only
	containers c2
	ip netns add c1
}

teardown()
{
	clean_up
	take_all_down
}

expect_switch() # WORDS VALUE
{
	expect_same "$1" "$2" "$(<$SWITCH)"
}

# Prints what a command does with the switch, and what it asks of the kernel meanwhile.
sequence() # REQUEST-REGEX COMMAND...
{
	local calls=$BATS_TEST_TMPDIR/calls
	strace -f --seccomp-bpf -e trace=pwrite64,bpf,sendto -o "$calls" "${@:2}" >/dev/null
	awk -v request="$1" -v on="\"$ON_BY_NKCTL\"" '
		/pwrite64/ { print index($0, on) ? "on" : "off" }
		$0 ~ request { print "request" }
	' "$calls" | paste -sd ' '
}

@test "grace periods are expedited while the kernel is asked for what waits for one, and no longer" {
	expect_same "an attach" 'on request off' \
		"$(sequence BPF_PROG_ATTACH "$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE")"
	expect_switch "after an attach" $OFF
	expect_same "a detach" 'on request off' "$(sequence RTM_DELLINK "$NKCTL_PROGRAM" detach --ns c1)"
	expect_switch "after a detach" $OFF
	expect_same "a down" 'on request off' "$(sequence RTM_DELLINK "$NKCTL_PROGRAM" down)"
	expect_switch "after a down" $OFF
}

@test "who comes last turns the switch off" {
	local lock
	lock=$(echo /sys/fs/bpf/nkctl*/locks/expedite)
	start other host flock --no-fork --shared "$lock" sleep 60
	eventually "another is there" eval "! flock --nonblock --exclusive $lock true"
	attach c1
	expect_switch "while another is there" $ON_BY_NKCTL
	stop other
	nkctl detach --ns c1
	expect_switch "when all have gone" $OFF
}

@test "a switch that is left on by a death is turned off by the next command" {
	killed_at pwrite64 2 "$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE"
	expect_switch "after the death" $ON_BY_NKCTL
	nkctl detach --ns c1
	expect_switch "after the detach" $OFF
	killed_at pwrite64 2 "$NKCTL_PROGRAM" detach --ns c2
	expect_switch "after the death" $ON_BY_NKCTL
	expect_not "there is nothing to detach any more" nkctl detach --ns c2
	expect_switch "nevertheless" $OFF
	attach c2
	killed_at pwrite64 2 "$NKCTL_PROGRAM" detach --ns c2
	expect_switch "after the death" $ON_BY_NKCTL
	nkctl down
	expect_switch "after a down that finds nothing" $OFF
	attach c2
}

@test "an administrator's switch stays as it is" {
	echo 1 >$SWITCH
	defer eval "echo 0 >$SWITCH"
	attach c1
	expect_switch "after an attach" 1
	expect_match "doctor tells" 'grace-periods .*always expedited' "$(nkctl doctor || true)"
	nkctl detach --ns c1
	expect_switch "after a detach" 1
}

# An attach, a doctor and a detach, with the mounts that MOUNTS makes. What they write is in $CALLS.
expect_attached_with() # MOUNTS DOCTOR-REGEX
{
	local doctor=$BATS_TEST_TMPDIR/doctor
	CALLS=$BATS_TEST_TMPDIR/calls
	# shellcheck disable=SC2016 # for the inner shell
	expect "an attach and a detach" unshare --mount strace -f --seccomp-bpf -e trace=pwrite64 -o "$CALLS" \
		sh -euc "$1"'
			"$0" attach --ns c1 --device "$1"
			"$0" doctor >"$2" || true
			"$0" detach --ns c1' "$NKCTL_PROGRAM" "$E2E_DEVICE" "$doctor"
	expect_match "doctor tells" "grace-periods .*$2" "$(<"$doctor")"
}

@test "where the switch can't be turned an attach works nevertheless" {
	expect_attached_with '
		mount --bind /sys/kernel /sys/kernel
		mount -o remount,bind,ro /sys/kernel' "can't be written"
	expect_not "the switch is turned" grep -F pwrite64 "$CALLS"
}

@test "where grace periods are to be normal an attach works nevertheless" {
	echo 1 >"$BATS_TEST_TMPDIR/rcu_normal"
	expect_attached_with "mount --bind $BATS_TEST_TMPDIR/rcu_normal /sys/kernel/rcu_normal" 'never expedited'
	expect_switch "after a detach" $OFF
}

@test "the switch of a kernel for real time stays as it is" {
	local sys=$BATS_TEST_TMPDIR/sys
	mkdir -p "$sys/btf"
	echo 0 >"$sys/rcu_expedited"
	touch "$sys/realtime"
	expect_attached_with "
		mount --bind /sys/kernel/btf $sys/btf
		mount --rbind $sys /sys/kernel" 'not expedited on a kernel for real time'
	expect_not "the switch is turned" grep -F pwrite64 "$CALLS"
}
