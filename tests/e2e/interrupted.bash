# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Commands that are killed, or refused something, at one system call after the other: in a scattered
# order, always the same, as many as there is time for. With NKCTL_TEST_EXHAUSTIVE at each of them, or,
# if it is "changing", killed at each that changes something.

# The system calls that change something. What is between two of them leaves the same.
CHANGING='^(bpf|sendto|sendmsg|bind|write|pwrite64|mount|mkdir|mkdirat|rename|unlink|unlinkat|rmdir|flock|clone3|execve|exit_group)$'
# Of bpf(2) a lookup changes nothing, and what is made there goes with who has made it until it is pinned.
UNCHANGING='^[0-9]* *bpf[(]BPF_([A-Z_]*GET[A-Z_]*|[A-Z_]*LOOKUP[A-Z_]*|[A-Z_]*QUERY|[A-Z_]*LOAD|MAP_CREATE|MAP_FREEZE|PROG_TEST_RUN),'
if [[ ${NKCTL_TEST_EXHAUSTIVE:-changing} != changing ]]; then CHANGING='^[a-z0-9_]+$' UNCHANGING='^$'; fi
readonly CHANGING UNCHANGING

# What can't fail and have done nothing (close), and what the C library does for itself.
readonly SPARED='^[0-9]* *(close|exit|exit_group|futex|execve|brk|mprotect|munmap|mremap|arch_prctl|set_tid_address|rseq)[(]'

readonly ERRORS=(ENOMEM EIO EPERM EINTR ENOSPC EBUSY)

# What else strace is to trace: -f, the command's threads and children as well; and the command's input.
follow='' input=/dev/null

# Runs a command, with its output in 'said', and puts "CALL N" for its system calls into 'points', from the
# first one on whose line matches: the N-th of its name in a thread. WANTED is of names, SPARED of lines.
points_find() # FROM WANTED SPARED COMMAND...
{
	local calls=$BATS_TEST_TMPDIR/calls
	# shellcheck disable=SC2086 # an option, or none
	said=$(strace $follow -o "$calls" "${@:4}" 2>&1 <"$input")
	mapfile -t points < <(awk -v from="$1" -v wanted="$2" -v spared="$3" '
		$0 ~ from { found = 1 }
		!/^[0-9]/ { $0 = "0 " $0 }
		{ call = $2; sub(/\(.*/, "", call); point = call " " ++seen[$1 " " call] }
		found && call ~ wanted && call ~ /^[a-z0-9_]+$/ && $0 !~ spared && !known[point]++ {
			points[count++] = point
		}
		END { for (i = 0; i < count; i++) print points[(i * 7919) % count] }
	' "$calls")
}

# Calls a function with CALL, N and an index, for each of 'points' there is time for, and for MIN of them.
for_each_point() # MIN FUNCTION
{
	local end=$((SECONDS + 20)) index call n
	[[ $E2E_DEVICE != netkit ]] || end=$SECONDS
	for ((index = 0; index < ${#points[@]}; index++)); do
		[[ -n ${NKCTL_TEST_EXHAUSTIVE:-} ]] || ((index < $1 || SECONDS < end)) || break
		read -r call n <<<"${points[index]}"
		"$2" "$call" "$n" "$index"
	done
	echo "# at $index of ${#points[@]} points" >&3
}

# Kills a command at one point after the other, from the call on that matches, and has a function
# look at what the INDEX-th death has left. It is called once before, for the command that was
# looked at.
for_each_death() # MIN FUNCTION REGEX COMMAND...
{
	local look=$2 said
	local -a command=("${@:4}") points
	points_find "$3" "$CHANGING" "$UNCHANGING" "${command[@]}"
	"$look" 0
	for_each_point "$1" die_at
}

die_at() # CALL N INDEX
{
	echo "killed at $1 $2:"
	killed_at "$1" "$2" "${command[@]}"
	"$look" "$3"
}

# Has each system call of a command fail, for lack of memory unless there is time for other errors, and a
# function look at what is left of it. It gets the exit status, and what was said in 'said' and 'beside'.
for_each_refusal() # MIN FUNCTION COMMAND...
{
	local -a harms=(error=ENOMEM)
	if [[ -n ${NKCTL_TEST_EXHAUSTIVE:-} ]]; then harms=("${ERRORS[@]/#/error=}"); fi
	for_each_harm "$1" . "${@:2}"
}

# Has the kernel refuse each netlink request of a command: it gets its header and a byte more (17, in the order of x86
# and arm64), which is too short for any, and long enough not to be passed over (rtnetlink_rcv_msg() in
# net/core/rtnetlink.c).
for_each_refused_request() # MIN FUNCTION COMMAND...
{
	local -a harms=(poke_enter=@arg2=11000000)
	for_each_harm "$1" '^sendto$' "${@:2}"
}

for_each_harm() # MIN WANTED FUNCTION COMMAND...
{
	local look=$3 said beside='' harm
	local -a command=("${@:4}") points
	points_find . "$2" "$SPARED" "${command[@]}"
	"$look" 0
	for harm in "${harms[@]}"; do for_each_point "$1" harm_at; done
}

harm_at() # CALL N INDEX
{
	local result=0
	echo "$harm at $1 $2:"
	# shellcheck disable=SC2086 # an option, or none
	timeout 60 strace $follow ${follow:+--seccomp-bpf} -qq -o /dev/null -e trace="$1" -e inject="$1:$harm:when=$2" \
		"${command[@]}" >"$BATS_TEST_TMPDIR/said" 2>"$BATS_TEST_TMPDIR/beside" <"$input" || result=$?
	# shellcheck disable=SC2034 # for the function that looks
	said=$(<"$BATS_TEST_TMPDIR/said") beside=$(<"$BATS_TEST_TMPDIR/beside")
	echo "exit status $result: $beside"
	"$look" $result
}
