#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whatever comes, in any order, for NKCTL_SOAK_S seconds: containers that come, go, die, are killed half way, get
# ports and lose them, beside upgrades, repairs and routes and links that change. Others' connections go on all the
# time, and in the end everything is as it was. NKCTL_TEST_SEED repeats a run's choices, as far as
# time allows.
#
#   steady1, steady2, n1 ... n5 -- host -- wire -- remote

# processors: all

load lib

readonly NAMES=(n1 n2 n3 n4 n5)

# What is expected of each container: attached, absent, or either, after a kill.
declare -gA state=()

setup()
{
	trace_test_only
	local name
	containers steady1 steady2
	nkctl publish add steady1 8080:80
	for name in "${NAMES[@]}"; do
		ip netns add "$name"
		state[$name]=absent
	done
	note traces
	hold_open tcp tcp steady1 remote $REMOTE4
	hold_open udp udp steady2 remote $REMOTE6
	hold_open local tcp steady1 steady2 "$(address4_of steady2)"
	hold_open published -c 8080 -l 80 tcp remote steady1 $HOST4
}

teardown()
{
	clean_up
	take_all_down
}

address4_of() { endpoint "$1" '.addresses[0] | sub("/.*"; "")'; }

# Puts one of its arguments into 'picked'. Not in a subshell, whose RANDOM would be forgotten.
pick() { picked=${*:1 + RANDOM % $#:1}; }

## What may happen: each is told the name of a container

do_attach()
{
	local -a options=(--device "$E2E_DEVICE")
	((RANDOM % 3)) || options+=(--mode l2)
	((RANDOM % 3)) || options+=(--no-masquerade)
	((RANDOM % 3)) || options+=(--publish "$((9000 + RANDOM % 9)):80")
	((RANDOM % 4)) || options+=(--egress-rate 50M)
	if nkctl attach --ns "$1" "${options[@]}" 2>"$BATS_TEST_TMPDIR/refusal"; then
		[[ ${state[$1]} != attached ]] || fail "$1 is attached twice"
		state[$1]=attached
	else
		expect "a refusal has its reason" \
			grep -qE 'already attached|is taken|published' "$BATS_TEST_TMPDIR/refusal"
	fi
}

do_detach()
{
	local result=0
	nkctl detach --ns "$1" 2>/dev/null || result=$?
	if [[ ${state[$1]} == attached ]]; then
		expect_same "$1 is detached" 0 $result
	fi
	state[$1]=absent
}

do_death()
{
	ip netns delete "$1"
	ip netns add "$1"
	state[$1]=absent
	eventually "nothing of $1 is left" expect_not '' nkctl show "$1"
}

do_kill()
{
	local -a command
	pick "attach --ns $1 --device $E2E_DEVICE" "detach --ns $1" upgrade repair
	read -ra command <<<"$picked"
	timeout -s KILL "0.0$((RANDOM % 90 + 10))" "$NKCTL_PROGRAM" "${command[@]}" >/dev/null 2>&1 || true
	[[ ${command[0]} == @(upgrade|repair) ]] || state[$1]=either
}

do_publish()
{
	local port=$((9100 + RANDOM % 5))
	nkctl publish add "$1" $port:80 >/dev/null 2>&1 || return 0
	nkctl publish remove "$1" $port:80
}

do_upgrade() { nkctl upgrade >/dev/null; }

do_repair() { nkctl repair >/dev/null; }

do_route()
{
	ip route replace 198.51.100.0/24 via $REMOTE4
	ip -6 route replace 2001:db8:51::/64 via $REMOTE6
	((RANDOM % 2)) || ip route replace unreachable 203.0.113.0/24
	ip route flush 203.0.113.0/24
	ip route delete 198.51.100.0/24
	ip -6 route delete 2001:db8:51::/64
}

# A link that was down has lost its IPv6 addresses, and routes.
do_link()
{
	ip link add flap type veth peer name flop
	ip link set flap up
	ip link delete flap
	[[ ${state[$1]} == attached ]] || return 0
	ip -n "$1" link set eth0 down
	ip -n "$1" link set eth0 up
	nkctl repair "$1"
}

do_collect() { nkctl list >/dev/null && nkctl flows list >/dev/null && nkctl stats >/dev/null; }

readonly EVENTS=(attach attach attach detach detach death kill kill publish upgrade repair route link collect)

## What has to be so after each of them

expect_all_is_well()
{
	local name listed
	listed=$(nkctl list --json | jq -r '.[] | .id + " " + .state')
	for name in steady1 steady2; do
		expect_match "$name is well" "(^|"$'\n'")$name ok" "$listed"
	done
	for name in "${NAMES[@]}"; do
		case ${state[$name]} in
		attached) expect_match "$name is attached" "(^|"$'\n'")$name ok" "$listed" ;;
		absent)   expect_not "$name is absent" grep -q "^$name " <<<"$listed" ;;
		esac
	done
	for name in tcp udp local published; do
		expect "the connection '$name' lives" test -e "/proc/${started[$name]}"
	done
}

@test "whatever comes, connections go on, and in the end all is as it was" {
	local end=$((SECONDS + ${NKCTL_SOAK_S:-15})) seed=${NKCTL_TEST_SEED:-$SRANDOM} events=0 event name picked
	RANDOM=$seed
	echo "# NKCTL_TEST_SEED=$seed" >&3
	while ((SECONDS < end)); do
		pick "${EVENTS[@]}"
		event=$picked
		pick "${NAMES[@]}"
		name=$picked
		echo "$event $name (${state[$name]})"
		"do_$event" "$name"
		expect_all_is_well
		((events += 1))
	done
	for name in tcp udp local published; do
		expect_goes_on "the connection '$name'" $name
	done
	echo "# $events events; rounds of a connection: $(hold_rounds udp)" >&3
	for name in "${NAMES[@]}"; do do_detach "$name"; done
	expect_as_noted "all is as it was" traces
	for name in tcp udp local published; do hold_close $name; done
}
