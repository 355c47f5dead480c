#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Two things at the same time, that somebody might use or suffer from: in each of NKCTL_TEST_ROUNDS rounds the
# second one begins somewhere within the time that the first one takes. Neither may come to grief, and neither
# the host nor a container beside them may notice. NKCTL_TEST_SEED repeats a run's pauses.
#
#   bystander, r1, r2 -- host -- wire -- remote

# processors: all
# datapath: stays loaded

load lib
load cni

# What a refusal may be here: what was named isn't there (3), or is in use (4), or the kernel has taken it away
# half way (1).
readonly REFUSED='[134]'

setup_file()
{
	export ROUNDS=${NKCTL_TEST_ROUNDS:-20}
	[[ $E2E_DEVICE != netkit ]] || ROUNDS=${NKCTL_TEST_ROUNDS:-5} # a guest is slow
	load_to_stay
}

setup()
{
	trace_test_only
	RANDOM=${NKCTL_TEST_SEED:-$SRANDOM}
	containers bystander
	nkctl publish add bystander 8080:80
	ip netns add r1
	ip netns add r2
	exec {idle}<> <(:)
	hold_open to-remote tcp bystander remote $REMOTE4
	hold_open from-remote -c 8080 -l 80 tcp remote bystander $HOST4
}

teardown()
{
	clean_up
	take_all_down
}
teardown_file() { :; }

# Waits without a process.
pause_us() { read -rt "$(printf '0.%06d' "$1")" -u "$idle" || true; }

run_first() { first >"$BATS_TEST_TMPDIR/first" 2>&1; }
prepare() { :; }

# How long the first one takes alone, in microseconds, goes into 'span_us'.
span_measure()
{
	local begin
	prepare
	begin=${EPOCHREALTIME/./}
	run_first || true
	span_us=$((${EPOCHREALTIME/./} - begin))
	settle
	note traces_beside
}

# The second wire is a test's own, and another one each time.
traces_beside() { traces | grep -v wire2; }

# Runs a test's functions: 'prepare', then 'first' and 'second' at the same time, whose exit statuses go into 'one' and
# 'two', and 'settle', which looks at what has come of it and clears the ring for the next round; before the rounds
# without a second one. A status from 124 on is that of a command that hung, crashed or was killed.
race()
{
	local round span_us one two pid
	span_measure
	for ((round = 1; round <= ROUNDS; round++)); do
		one=0 two=0
		prepare
		run_first 3>&- &
		pid=$!
		pause_us $((RANDOM * (span_us + span_us / 4) / 32768))
		second >"$BATS_TEST_TMPDIR/second" 2>&1 || two=$?
		wait $pid || one=$?
		echo "round $round: $one, $two"
		expect "nothing crashes or hangs ($one, $two)" test $one -lt 124 -a $two -lt 124
		settle
		((round % 20)) || expect_nobody_noticed
	done
	expect_nobody_noticed
	echo "# $ROUNDS rounds within $span_us us" >&3
	hold_close to-remote
	hold_close from-remote
}

expect_nobody_noticed()
{
	expect_goes_on "the bystander's connection" to-remote
	expect_goes_on "the one to its port" from-remote
	eventually "the host is as it was" expect_as_noted '' traces_beside
}

# Detaches what may be attached.
detach_any() # OPTION...
{
	local said status=0
	listen_to nkctl detach "$@" || status=$?
	expect_match "detach $* ($said): its exit status" '^[03]$' $status
}

# Prints the containers among r1 and r2 that have an interface.
with_interface()
{
	local name
	for name in r1 r2; do
		[[ $(ip -n $name -br link show) != *eth0* ]] || echo -n "$name "
	done
}

@test "a namespace dies while it is attached" {
	first() { attach r1; }
	second() { ip netns delete r1; }
	settle()
	{
		expect_match "the attach" "^(0|2|$REFUSED)$" ${one:-0} # 2: its name was a mere file's, for a moment
		[[ ! -e /run/netns/r1 ]] || ip netns delete r1
		detach_any --ns r1
		ip netns add r1
	}
	race
}

@test "a namespace dies while it is detached" {
	prepare() { eventually "r1 can be attached" attach r1; }
	first() { nkctl detach --ns r1; }
	second() { ip netns delete r1; }
	settle()
	{
		expect_match "the detach" '^[03]$' ${one:-0}
		[[ ! -e /run/netns/r1 ]] || ip netns delete r1
		ip netns add r1
	}
	race
}

@test "the process that --ns pid:N names ends, and another one gets its number" {
	local number=0 heir='' reused=0 own
	own=$(readlink /proc/self/ns/net)
	prepare()
	{
		within r1 sleep 1000 3>&- &
		number=$!
		while [[ $(readlink /proc/$number/ns/net) == "$own" ]]; do :; done
	}
	first() { nkctl attach --ns "pid:$number" --id r1 --device "$E2E_DEVICE"; }
	second()
	{
		kill -KILL $number
		wait $number 2>/dev/null || true
		echo $((number - 1)) >/proc/sys/kernel/ns_last_pid
		within r2 sleep 1000 3>&- &
		heir=$!
		((heir != number)) || ((reused += 1))
	}
	settle()
	{
		expect_match "the attach" "^(0|2|$REFUSED)$" ${one:-0} # 2: it was the host's, for a moment
		if ((${one:-0} == 0)); then
			expect_match "it is in one of the two, whole" '^(r1|r2) $' "$(with_interface)"
			expect_same "and is well" ok "$(shown r1 state)"
		else
			expect_same "it is nowhere" '' "$(with_interface)"
		fi
		detach_any --id r1
		expect_same "nothing is left" '' "$(with_interface)"
		kill -KILL $number $heir 2>/dev/null || true
		wait $number $heir 2>/dev/null || true
	}
	race
	echo "# the number was another process's $reused times" >&3
}

@test "a path is made to lead to another namespace" {
	local path=$BATS_TEST_TMPDIR/path
	ln -s /run/netns/r1 "$path"
	first() { nkctl attach --ns "$path" --id web --device "$E2E_DEVICE"; }
	second()
	{
		ln -s /run/netns/r2 "$path.new"
		mv "$path.new" "$path"
	}
	settle()
	{
		expect_same "the attach" 0 ${one:-0}
		expect_match "it is in one of the two, whole" '^(r1|r2) $' "$(with_interface)"
		expect_same "which is told" "$(with_interface)" "$(shown web netns) "
		expect_same "and is well" ok "$(shown web state)"
		nkctl detach --id web
		expect_same "nothing is left" '' "$(with_interface)"
		ln -sfn /run/netns/r1 "$path"
	}
	race
}

@test "the container renames or deletes its interface while it is attached" {
	first() { attach r1; }
	second()
	{
		local tries=50
		until ip -n r1 link show eth0 || ((tries-- == 0)); do pause_us 500; done
		if ((round % 2)); then
			ip -n r1 link set eth0 down && ip -n r1 link set eth0 name mine
		else
			ip -n r1 link delete eth0
		fi
	}
	settle()
	{
		expect_match "the attach" "^(0|$REFUSED)$" ${one:-0}
		detach_any --ns r1
		expect_same "no interface is left" lo "$(ip -n r1 -br link show | awk '{ print $1 }')"
	}
	race
}

@test "two attach the same identity" {
	first() { attach r1; }
	second() { attach r1; }
	settle()
	{
		expect_match "one of them does it" '^(0 4|4 0|0 )$' "${one:-0} ${two:-}"
		expect_same "it is well" ok "$(shown r1 state)"
		nkctl detach --ns r1
	}
	race
}

@test "an endpoint is attached and detached" {
	first() { attach r1; }
	second() { nkctl detach --ns r1; }
	settle()
	{
		expect_same "the attach" 0 ${one:-0}
		expect_match "the detach" '^[03]$' ${two:-0}
		if [[ ${two:-3} == 0 ]]; then
			expect_refusal "it is gone" 3 "isn't attached" detach --ns r1
		else
			expect_same "it is well" ok "$(shown r1 state)"
			nkctl detach --ns r1
		fi
		expect_same "no interface is left" '' "$(with_interface)"
	}
	race
}

# Calls the plugin like a runtime.
plugin() # COMMAND ID CONFIG
{
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/$2 CNI_PATH=$CNI_PLUGIN_DIR \
		"$NKCTL_PROGRAM" <<<"$3"
}

@test "GC collects what isn't valid while a container is added that is" {
	local config valid
	config=$(cni_config '{"subnets": ["10.92.0.0/24"]}')
	valid=$(jq -c '. + {"cni.dev/valid-attachments": [{containerID: "r1", ifname: "eth0"}]}' <<<"$config")
	prepare() { plugin ADD r2 "$config"; }
	first() { plugin ADD r1 "$config"; }
	second() { plugin GC r1 "$valid"; }
	settle()
	{
		expect_same "ADD and GC" '0 0' "${one:-0} ${two:-0}"
		[[ -z ${two:-} ]] || expect_same "who has an interface" 'r1 ' "$(with_interface)"
		expect_same "who is valid is well" ok "$(shown r1 state)"
		plugin DEL r1 "$config"
		plugin DEL r2 "$config"
	}
	race
}

# The program comes before the traffic: until then answers to a flow are the host's own, which knows of no such
# connection and resets it.
second_wire_make()
{
	ip link add wire2 type veth peer name eth1 netns remote
	nkctl uplink add wire2
	ip address add 198.51.100.1/24 dev wire2
	ip link set wire2 up
	ip -n remote address add 198.51.100.2/24 dev eth1
	ip -n remote link set eth1 up
}

# Without it there is no other way: the far end would reset what came to it by that with another source.
@test "an uplink is removed and made again, with the flows that cross it" {
	ip route add unreachable 198.51.100.0/24 metric 9999
	defer ip route delete unreachable 198.51.100.0/24 metric 9999
	first()
	{
		ip link delete wire2
		second_wire_make
	}
	second() { if ((round % 2)); then attach r1; else nkctl uplink add wire2; fi; }
	settle()
	{
		expect_same "it is an uplink again" 0 ${one:-0}
		detach_any --ns r1
		expect_goes_on "the connection across it" across
	}
	second_wire_make
	hold_open across tcp bystander remote 198.51.100.2
	race
	hold_close across
	nkctl uplink remove wire2
	ip link delete wire2
}
