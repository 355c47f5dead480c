# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Commands that are killed at one point after the other.

# The system calls that change something. What is between two of them leaves the same; all the same,
# NKCTL_TEST_EXHAUSTIVE=1 tries each.
CHANGING='^(bpf|sendto|sendmsg|write|mkdir|mkdirat|rename|unlink|unlinkat|rmdir|flock|exit_group)$'
[[ -z ${NKCTL_TEST_EXHAUSTIVE:-} ]] || CHANGING='^[a-z0-9_]+$'
readonly CHANGING

# Prints "CALL N" for each changing system call of a command from the first one on whose line
# matches: the N-th of its name. They come in a scattered order, always the same.
points_of() # REGEX COMMAND...
{
	strace -o "$BATS_TEST_TMPDIR/calls" "${@:2}" >/dev/null 2>&1
	awk -v from="$1" -v changing="$CHANGING" '
		$0 ~ from { found = 1 }
		{ call = $0; sub(/\(.*/, "", call); seen[call]++ }
		found && call ~ changing { points[count++] = call " " seen[call] }
		END { for (i = 0; i < count; i++) print points[(i * 7919) % count] }
	' "$BATS_TEST_TMPDIR/calls"
}

# Kills a command at one point after the other, from the call on that matches, and has a function
# look at what the INDEX-th death has left. It is called once before, for the command that was
# looked at. At least MIN points are tried, and more while there is time: guests are slow.
for_each_death() # MIN FUNCTION REGEX COMMAND...
{
	local end=$((SECONDS + 20)) index=0 call n points
	[[ $E2E_DEVICE != netkit ]] || end=$SECONDS
	points=$(points_of "${@:3}")
	"$2" 0
	while read -r call n; do
		[[ -n ${NKCTL_TEST_EXHAUSTIVE:-} ]] || ((index < $1 || SECONDS < end)) || break
		echo "killed at $call $n:"
		killed_at "$call" "$n" "${@:4}"
		"$2" $index
		((index += 1))
	done <<<"$points"
	echo "# killed at $index of $(wc -l <<<"$points") points" >&3
}
