#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A kernel that refuses: the system calls of an attach, and of the plugin's ADD, fail one after the
# other. Either the command does without, and what it has made is whole, or one message tells what it was, and
# all is as before.
#
# With NKCTL_TEST_EXHAUSTIVE=1 each call fails with each error: hours in an emulated guest. Otherwise they fail
# for lack of memory, in a scattered order, as many as there is time for.

load lib
load cni

# cni.bash has a setup and teardown of its own.
setup()
{
	trace_test_only
	containers c2
	ip netns add c1
}

readonly ERRORS=(ENOMEM EIO EPERM EINTR ENOSPC EBUSY)

# What can't fail and have done nothing (close), and what the C library does for itself.
readonly SPARED='^(close|exit|exit_group|futex|execve|brk|mprotect|munmap|mremap|arch_prctl|set_tid_address|rseq)$'

# What the traced command is: its threads, too, unless a test says otherwise.
follow=-f

# Prints "CALL N" for the system calls of a command, in each of its threads the N-th of its name, in a
# scattered order, always the same.
points_of() # COMMAND...
{
	strace $follow -o "$BATS_TEST_TMPDIR/calls" "$@" >"$BATS_TEST_TMPDIR/said" 2>&1 <"${stdin:-/dev/null}"
	awk -v spared="$SPARED" '
		!/^[0-9]/ { $0 = "0 " $0 }
		{ call = $2; sub(/\(.*/, "", call); point = call " " ++seen[$1 " " call] }
		call ~ /^[a-z_0-9]+$/ && call !~ spared && !known[point]++ { points[count++] = point }
		END { for (i = 0; i < count; i++) print points[(i * 7919) % count] }
	' "$BATS_TEST_TMPDIR/calls"
}

# Runs a command whose N-th system call of a name fails. Return: its exit status.
with_refused() # ERROR CALL N COMMAND...
{
	local result=0
	timeout 60 strace $follow -qq -o /dev/null -e trace="$2" -e inject="$2:error=$1:when=$3" "${@:4}" \
		>"$BATS_TEST_TMPDIR/said" 2>"$BATS_TEST_TMPDIR/beside" <"${stdin:-/dev/null}" || result=$?
	said=$(<"$BATS_TEST_TMPDIR/said")
	beside=$(<"$BATS_TEST_TMPDIR/beside")
	return $result
}

# Refuses a command each of its calls, and has a function look at what is left of it: it gets the exit status.
for_each_refusal() # MIN FUNCTION COMMAND...
{
	local end=$((SECONDS + 20)) index=0 call n error result points
	local -a errors=(ENOMEM)
	[[ $E2E_DEVICE != netkit ]] || end=$SECONDS
	[[ -z ${NKCTL_TEST_EXHAUSTIVE:-} ]] || errors=("${ERRORS[@]}")
	points=$(points_of "${@:3}")
	said=$(<"$BATS_TEST_TMPDIR/said")
	"$2" 0
	for error in "${errors[@]}"; do
		while read -r call n; do
			[[ -n ${NKCTL_TEST_EXHAUSTIVE:-} ]] || ((index < $1 || SECONDS < end)) || break
			echo "$error from $call $n:"
			result=0
			with_refused "$error" "$call" "$n" "${@:3}" || result=$?
			"$2" $result
			((index += 1))
		done <<<"$points"
	done
	echo "# refused $index of $((${#errors[@]} * $(wc -l <<<"$points"))) calls" >&3
}

# What an endpoint has, in maps as well.
traces()
{
	local map
	ip -o link show | sed 's/^[0-9]*: //'
	ip -o address show dev lo
	ip route show
	ip -6 route show
	ip -n c1 -o link show type "$E2E_DEVICE"
	find /sys/fs/bpf -name 'nk*' -prune
	for map in endpoints_v4 endpoints_v6 owners published; do
		echo "$map $(bpftool -j map dump pinned "$(echo /sys/fs/bpf/nkctl*/maps/$map)" | jq length)"
	done
	[[ ! -d $BATS_TEST_TMPDIR/ipam ]] || find "$BATS_TEST_TMPDIR/ipam" -name '*.*.*.*'
}

attach_is_whole() # EXIT-STATUS
{
	(($1 == 0)) || expect_match "one message ($1)" $'^nkctl: [^\n]*$' "$beside"
	if (($1 == 0)) || [[ $beside == *'write the output'* ]]; then
		expect_same "attached" ok "$(shown c1 state)"
		nkctl detach --ns c1
	fi
	expect_as_noted "all is as before" traces
}

@test "an attach that is refused a system call does without it, or says so and leaves nothing" {
	nkctl attach --ns c1 --device "$E2E_DEVICE" --publish 8080:80
	nkctl detach --ns c1
	note traces
	for_each_refusal 10 attach_is_whole \
		"$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE" --publish 8080:80
	expect "c2 goes on" at c2 ping -c 1 -W 5 $REMOTE4
}

# An error object has a version, a code and a message: CNI spec 1.1.0, section 5, "Error".
add_is_whole() # EXIT-STATUS
{
	local answer=$said
	if (($1)); then
		expect "an error object ($1): $answer" \
			jq -e '.cniVersion and .code > 0 and (.msg | length > 0)' <<<"$answer"
	else
		expect "a result" jq -e '.ips | length == 2' <<<"$answer"
		expect_cni "CHECK" CHECK c1 "$(with_previous "$config")"
		expect_cni "DEL" DEL c1 "$config"
	fi
	expect_as_noted "all is as before" traces
}

adds_are_whole() # MIN
{
	local stdin=$BATS_TEST_TMPDIR/config
	printf %s "$config" >"$stdin"
	expect_cni "the first ADD" ADD c1 "$config"
	expect_cni "its DEL" DEL c1 "$config"
	note traces
	local -x CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1
	local -x CNI_PATH=$CNI_PLUGIN_DIR
	for_each_refusal "$1" add_is_whole "$NKCTL_PROGRAM"
}

@test "an ADD that is refused a system call answers with an error object and leaves nothing" {
	local config
	config=$(cni_config "$BUILT_IN")
	adds_are_whole 6
}

@test "an ADD with host-local that is refused a system call leaves no address reserved" {
	local config follow=''
	need_plugins
	config=$(host_local)
	adds_are_whole 4
}
