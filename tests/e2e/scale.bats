#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Many attaches at once, and many in a row.

load lib

# How many attach at once, how many of them are tried with packets, how many want one address, how many a
# node has in the end, and how many attach in a row.
setup_file()
{
	export MANY=64 TRIED=64 RIVALS=64 ENDPOINTS=${NKCTL_TEST_ROUNDS:-300} CYCLES=${NKCTL_TEST_ROUNDS:-1000}
	if [[ $E2E_DEVICE == netkit ]]; then # a guest is slow
		TRIED=8 RIVALS=16 ENDPOINTS=${NKCTL_TEST_ROUNDS:-20} CYCLES=${NKCTL_TEST_ROUNDS:-100}
	fi
	((ENDPOINTS >= 20)) || ENDPOINTS=20 # a tenth of them is timed
}

teardown()
{
	ip netns list | sed -n 's/^\(m[0-9]*\).*/netns delete \1/p' | ip -batch -
	take_all_down
	clean_up
}

# Makes namespaces m0, m1 and so on.
make_many() # COUNT
{
	local i
	for ((i = 0; i < $1; i++)); do echo "netns add m$i"; done | ip -batch -
}

# Calls a function with each of 0 to COUNT-1, all at once; prints how many ended with each status.
all_at_once() # COUNT FUNCTION
{
	local i
	for ((i = 0; i < $1; i++)); do
		{
			local status=0
			"$2" $i >"$BATS_TEST_TMPDIR/$i.out" 2>"$BATS_TEST_TMPDIR/$i.err" || status=$?
			echo $status
		} 3>&- &
	done | sort -n | uniq -c | awk '{ print $2 ": " $1 }'
}

attach_one() { attach "m$1" --json; }
ping_host() { at "m$1" ping -q -c 1 -W 10 $GATEWAY4; }
detach_one() { nkctl detach --ns "m$1"; }
attach_by_same_address() { attach "m$1" --ip 10.88.0.77 --ip fd00:88::77; }
attach_by_same_id() { attach "m$1" --id same --ip 10.88.0.78 --ip fd00:88::78; }

state_note() { host_state >"$BATS_TEST_TMPDIR/before"; }

expect_state_as_noted() # WORDS
{
	host_state >"$BATS_TEST_TMPDIR/after"
	expect "$1" diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

# Prints the IPv4 or the IPv6 address of an endpoint that the test has listed.
listed_address() # ID 4|6
{
	awk -v id="$1" -v family="$2" '$2 == id { print family == 4 ? $8 : $9 }' "$BATS_TEST_TMPDIR/list"
}

# Expects pings between an endpoint and the host, a neighbour and the world.
expect_works() # ID NEIGHBOUR
{
	expect "the host to $1" ping -q -c 1 -W 5 "$(listed_address "$1" 6)"
	expect "$1 to $2" at "$1" ping -q -c 1 -W 5 "$(listed_address "$2" 6)"
	expect "the world to $1" at remote ping -q -c 1 -W 5 "$(listed_address "$1" 4)"
}

@test "64 attaches at once on an untouched host make 64 endpoints that work" {
	local i
	make_many "$MANY"
	state_note
	expect_same "each attach succeeds" "0: $MANY" "$(all_at_once "$MANY" attach_one)"
	nkctl list >"$BATS_TEST_TMPDIR/list"
	nkctl list --json >"$BATS_TEST_TMPDIR/json"
	expect "all are well, with two addresses each, all different, and one program" jq -e '
		length == 64 and ([.[].state] | unique == ["ok"]) and
		([.[].addresses | length] | unique == [2]) and
		([.[].addresses[]] | unique | length == 128) and
		([.[].host_device] | unique | length == 64) and
		([.[].program_id] | unique | length == 1)' "$BATS_TEST_TMPDIR/json"
	expect_same "list tells what the attaches have told" \
		"$(cat "$BATS_TEST_TMPDIR"/*.out | jq -c . | sort)" \
		"$(jq -c '.[]' "$BATS_TEST_TMPDIR/json" | sort)"
	expect_same "they reach the host" "0: $TRIED" "$(all_at_once "$TRIED" ping_host)"
	for ((i = 0; i < MANY; i += 16)); do
		expect_works m$i m$((i + 15))
	done
	expect_same "each detach succeeds" "0: $MANY" "$(all_at_once "$MANY" detach_one)"
	expect_same "nothing is attached" '[]' "$(nkctl list --json)"
	nkctl down
	expect_state_as_noted "the host is untouched again"
}

@test "of many attaches at once of one address, or of one identity, one wins; the others leave nothing" {
	local winner result=$'0: 1\n4: '$((RIVALS - 1))
	make_many "$RIVALS"
	containers c1
	state_note
	expect_same "of one address" "$result" "$(all_at_once "$RIVALS" attach_by_same_address)"
	winner=$(nkctl list | awk '$2 ~ /^m/ { print $2 }')
	expect_same "who has won is well" '10.88.0.77 fd00:88::77 ok' \
		"$(shown "$winner" addresses) $(shown "$winner" state)"
	nkctl detach --id "$winner"
	expect_state_as_noted "nothing is left"
	expect_same "of one identity" "$result" "$(all_at_once "$RIVALS" attach_by_same_id)"
	expect_same "who has won is well" ok "$(shown same state)"
	nkctl detach --id same
	expect_state_as_noted "nothing is left"
}

# Each finds bpffs missing, and all have done so before one mounts it.
attach_as_bpffs_is_missing() # NUMBER
{
	# shellcheck disable=SC2086 # a list of options
	strace -f -qq -o "$BATS_TEST_TMPDIR/calls$1" -e trace=statfs,mount \
		-e inject=statfs:delay_exit=500000:when=1 \
		"$NKCTL_PROGRAM" attach --ns "m$1" $E2E_ATTACH
}

@test "first commands at once mount bpffs once, and find each other's endpoints" {
	make_many 8
	while umount /sys/fs/bpf 2>/dev/null; do :; done
	expect_same "each attach succeeds" '0: 8' "$(all_at_once 8 attach_as_bpffs_is_missing)"
	expect_same "one of them mounts it" 1 "$(cat "$BATS_TEST_TMPDIR"/calls* | grep -c 'mount("bpf"')"
	expect_same "all are well" '["ok"]' "$(nkctl list --json | jq -c '[.[].state] | unique')"
	expect_same "all are there" 8 "$(nkctl list --json | jq length)"
}

# The kernel's memory that it can't take back, in KB: what leaks is in it.
kernel_memory() { awk '/^(SUnreclaim|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo; }

# Calls a function for each of FIRST to LAST-1; prints how many microseconds one takes.
one_after_the_other() # FIRST LAST FUNCTION
{
	local i begin=${EPOCHREALTIME/./}
	for ((i = $1; i < $2; i++)); do "$3" $i >/dev/null 2>&1; done
	echo $(((${EPOCHREALTIME/./} - begin) / ($2 - $1)))
}

@test "a node full of endpoints has them all, and nothing of them when they are detached" {
	local first last begin before tenth=$((ENDPOINTS / 10))
	make_many "$ENDPOINTS"
	state_note
	attach m0
	nkctl detach --ns m0
	before=$(kernel_memory)
	first=$(one_after_the_other 0 $tenth attach_one)
	one_after_the_other $tenth $((ENDPOINTS - tenth)) attach_one >/dev/null
	last=$(one_after_the_other $((ENDPOINTS - tenth)) "$ENDPOINTS" attach_one)
	echo "# $ENDPOINTS endpoints: an attach took $first us at first, $last us at last;" \
		"$((($(kernel_memory) - before) / ENDPOINTS)) KB of the kernel's memory each" >&3
	begin=${EPOCHREALTIME/./}
	nkctl list >"$BATS_TEST_TMPDIR/list"
	echo "# a list of them took $(((${EPOCHREALTIME/./} - begin) / 1000)) ms" >&3
	nkctl list --json >"$BATS_TEST_TMPDIR/json"
	expect "all are well, with two addresses each, all different" jq -e --argjson count "$ENDPOINTS" '
		length == $count and ([.[].state] | unique == ["ok"]) and
		([.[].addresses[]] | unique | length == 2 * $count)' "$BATS_TEST_TMPDIR/json"
	expect_works m0 m$((ENDPOINTS - 1))
	expect_works m$((ENDPOINTS - 1)) m$((ENDPOINTS / 2))
	one_after_the_other 0 "$ENDPOINTS" detach_one >/dev/null
	expect_same "nothing is attached" '[]' "$(nkctl list --json)"
	expect_same "no claim is left" 'endpoints_v4 0 endpoints_v6 0 owners 0' \
		"$(map_counts endpoints_v4 endpoints_v6 owners | paste -sd ' ')"
	nkctl down
	expect_state_as_noted "the host is untouched again"
}

# After ten of these, all of the small network's addresses have been used and it begins again.
ten_cycles()
{
	local i
	for ((i = 0; i < 10; i++)); do
		attach c2 --network ring
		nkctl detach --ns c2 --network ring
	done >/dev/null 2>&1
}

# Prints the ids of the kernel's programs that use our maps, attached or not.
programs()
{
	local map
	map=$(bpftool -j map show pinned /sys/fs/bpf/nkctl*/maps/endpoints_v4 | jq .id)
	bpftool -j prog show | jq -c --argjson map "$map" \
		'[.[] | select(.map_ids | index($map)) | .id] | sort'
}

@test "attaches and detaches leak nothing, a thousand times (in a guest a hundred)" {
	local count=0 before memory grown
	nkctl network add ring --subnet 10.99.0.0/29 --subnet fd00:99::/126
	containers c1
	ip netns add c2
	ten_cycles
	state_note
	before=$(programs)
	memory=$(kernel_memory)
	until ((count >= CYCLES)); do
		ten_cycles
		((count += 10))
	done
	grown=$(($(kernel_memory) - memory))
	echo "# $count cycles; the kernel's memory grew by $grown KB" >&3
	expect "half a kilobyte for each would be a leak" test $grown -lt $((4096 + count / 2))
	expect_state_as_noted "devices, routes, addresses, claims and pins are as before"
	expect_same "so are the kernel's programs" "$before" "$(programs)"
	expect_same "no process is left" '' "$(pgrep nkctl || true)"
	expect_not "nor a device in the container" ip -n c2 link show eth0
	attach c2 --network ring
	expect "it works as on the first day" at c2 ping -c 1 -W 5 10.88.0.2
	expect "so does who was there all the time" at c1 ping -c 1 -W 5 $REMOTE6
}
