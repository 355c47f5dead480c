#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Limits of bandwidth: that what is measured is what was set, wherever the data come from and go to;
# that nobody else pays; and that a container can't get more.
#
# datapath: stays loaded

load lib
load cni


# Into and out of c1, in bits per second. c2 has no limit.
readonly IN_BPS=12000000 OUT_BPS=10000000

setup_file()
{
	ip netns add c1
	attach c1 --ingress-rate 12M --egress-rate 10000k --ingress-burst 120k --egress-burst 120000 --publish 8080:80
	containers c2
}

setup()
{
	trace_test_only
	drops_note
}

teardown() { clean_up; }

# TCP takes a moment to find the rate; datagrams just come, twice as many as go on.
measure() # tcp|udp FROM TO ADDRESS RATE [OPTION-OF-RATE]...
{
	case $1 in
	tcp) rate -w 800 -t 1500 "${@:6}" "${@:1:4}" ;;
	udp) rate -w 400 -t 600 -o $(($5 * 2)) "${@:6}" "${@:1:4}" ;;
	esac
}

# What arrives is within a tenth of what was set. A machine that has too much to do may be late, for which
# it gets more tries; there is never too much.
expect_rate() # tcp|udp FROM TO ADDRESS RATE [OPTION-OF-RATE]...
{
	local try measured=0
	for ((try = 0; try < 5 && measured < $5 * 9 / 10; try++)); do
		measured=$(measure "$@")
	done
	expect "by $1 from $2 to $3 ($4) goes what was set: $5, and not $measured" \
		test "$measured" -ge $(($5 * 9 / 10)) -a "$measured" -le $(($5 * 11 / 10))
}

# No more than that arrives. How much less is up to what TCP makes of losses.
expect_no_more() # tcp|udp FROM TO ADDRESS RATE
{
	local measured
	measured=$(measure "$@")
	expect "by $1 from $2 to $3 ($4) goes no more than $5: $measured" \
		test "$measured" -gt 0 -a "$measured" -le $(($5 * 11 / 10))
}

# The programs and the qdisc of a place's device.
programs_at() # PLACE HOOK DEVICE
{
	at "$1" hook query "$2" "$3" | tr '\n' ' '
}

qdisc_at() # PLACE DEVICE
{
	at "$1" tc qdisc show dev "$2" root
}

# Where the host sees what comes out of a container.
host_hook()
{
	if [[ $(shown "$1" device) == netkit* ]]; then echo netkit/peer; else echo tcx/ingress; fi
}

# bats test_tags=core
@test "to and from another host" {
	expect_rate tcp remote c1 10.88.0.2 $IN_BPS
	expect_rate udp remote c1 fd00:88::2 $IN_BPS
	drops_note
	expect_rate tcp c1 remote $REMOTE6 $OUT_BPS
	expect_rate udp c1 remote $REMOTE4 $OUT_BPS
	expect_no_drops "the container's sockets are stopped before anything is dropped"
}

@test "between containers of the node" {
	expect_rate tcp c2 c1 fd00:88::2 $IN_BPS
	expect_rate udp c2 c1 10.88.0.2 $IN_BPS
	expect_rate tcp c1 c2 10.88.0.3 $OUT_BPS
	expect_rate udp c1 c2 fd00:88::3 $OUT_BPS
}

@test "by a published port" {
	expect_rate tcp remote c1 $HOST6 $IN_BPS -l 80 -c 8080
	expect_rate tcp c2 c1 $HOST4 $IN_BPS -l 80 -c 8080
}

@test "between host and container" {
	expect_rate tcp host c1 10.88.0.2 $IN_BPS
	expect_rate udp host c1 fd00:88::2 $IN_BPS
	expect_rate tcp c1 host $GATEWAY6 $OUT_BPS
	expect_rate udp c1 host $GATEWAY4 $OUT_BPS
}

@test "what is too much is dropped, and counted under its reason" {
	rate -w 0 -t 300 udp remote c1 10.88.0.2
	expect_match "into the container" '^ingress-rate [0-9]+$' "$(drops_since)"
}

@test "who has no limit isn't slowed by who has one" {
	local measured
	start flood host rate -t 2000 -o 24000000 udp remote c1 10.88.0.2
	measured=$(rate -w 500 -t 1000 tcp remote c2 10.88.0.3)
	expect "into c2 goes ten times as much as into c1: $measured" \
		test "$measured" -ge $((IN_BPS * 10))
	measured=$(rate -w 500 -t 1000 tcp c2 remote $REMOTE4)
	expect "and out of it: $measured" test "$measured" -ge $((IN_BPS * 10))
	finish flood
}

@test "root of a container gets no more for what it removes" {
	ip netns add c3
	attach c3 --egress-rate 10M --ip 10.88.9.9
	defer ip netns delete c3
	defer nkctl detach --ns c3
	at c3 tc qdisc delete dev eth0 root
	expect_no_more udp c3 remote $REMOTE4 $OUT_BPS
	at c3 hook detach tcx/egress eth0 "$(at c3 hook query tcx/egress eth0)"
	drops_note
	expect_no_more udp c3 remote $REMOTE4 $OUT_BPS
	expect_no_more tcp c3 remote $REMOTE4 $OUT_BPS
	expect_match "the host's end drops the rest" '^egress-rate [0-9]+$' "$(drops_since)"
}

@test "limits are shown" {
	expect_match "in the list" 'in 12M, out 10M  *ok' "$(nkctl list)"
	expect_same "of one" 'in 12M, out 10M' "$(shown c1 limits)"
	expect_same "of one that has none" '' "$(shown c2 limits)"
	expect_same "as JSON" '[12000000,120000,10000000,120000]' \
		"$(endpoint c1 '[.bandwidth | .ingress_rate, .ingress_burst, .egress_rate, .egress_burst] | tojson')"
	expect_same "as JSON, without" '[null]' "$(endpoint c2 '[.bandwidth[]] | unique | tojson')"
}

@test "an upgrade keeps them" {
	local primary before
	primary=$(primary_of c1)
	before="$(programs_at host tcx/egress "$primary")$(programs_at c1 tcx/egress eth0)"
	before+=$(programs_at host "$(host_hook c1)" "$primary")
	nkctl upgrade
	for id in $before; do
		expect_no_match "program $id was replaced" " $id " \
			" $(programs_at host tcx/egress "$primary")$(programs_at c1 tcx/egress \
				eth0)$(programs_at host "$(host_hook c1)" "$primary")"
	done
	expect_same "the limits" 'in 12M, out 10M' "$(shown c1 limits)"
	expect_rate udp remote c1 10.88.0.2 $IN_BPS
	expect_rate udp c1 remote $REMOTE4 $OUT_BPS
}

@test "what can't be a limit is refused, and nothing is changed" {
	local words before
	ip netns add c4
	defer ip netns delete c4
	before=$(host_state)
	while read -r words; do
		# shellcheck disable=SC2086 # a list of options
		expect_refusal "$words" 2 'attach' attach --ns c4 $words
	done <<-'OPTIONS'
		--ingress-rate 0
		--ingress-rate 10Mbit
		--ingress-rate -5M
		--ingress-rate 999
		--egress-rate 1001T
		--egress-rate 18446744073709551616
		--ingress-burst 8k
		--egress-burst 8k --ingress-rate 10M
		--egress-rate 1M --egress-burst 18G
		--egress-rate
	OPTIONS
	expect_same "nothing is changed" "$before" "$(host_state)"
}

# Attaches c5 with limits, and expects CHECK to find what a command does to it.
expect_found() # WORDS REGEX COMMAND...
{
	local config
	config=$(cni_config "$BUILT_IN" | jq -c '. + {runtimeConfig: {bandwidth: {
		ingressRate: 10000000, ingressBurst: 2147483647, egressRate: 6000000}}}')
	expect_cni "attached" ADD c5 "$config"
	config=$(with_previous "$config")
	expect_cni "all is well" CHECK c5 "$config"
	primary=$(jq -r '.prevResult.interfaces[0].name' <<<"$config")
	"${@:3}"
	expect_cni_error "$1" 106 "$2" CHECK c5 "$config"
	expect_cni "detached" DEL c5 "$config"
}

police_detach()
{
	local ids
	read -ra ids <<<"$(programs_at host "$(host_hook c5)" "$primary")"
	hook detach "$(host_hook c5)" "$primary" "${ids[0]}"
}

pace_detach() # PLACE DEVICE
{
	at "$1" hook detach tcx/egress "$2" "$(at "$1" hook query tcx/egress "$2")"
}

qdisc_other() { tc qdisc replace dev "$primary" root tbf rate 20mbit burst 64kb latency 50ms; }

@test "CHECK finds a limit that is lost" {
	ip netns add c5
	defer ip netns delete c5
	# shellcheck disable=SC2016 # of the primary that there will be
	expect_found "the host's qdisc" "qdisc .* host's end" eval 'tc qdisc delete dev $primary root'
	expect_found "the container's qdisc" "qdisc .* container's end" \
		at c5 tc qdisc delete dev eth0 root
	expect_found "another rate" "qdisc .* other rate|another rate" qdisc_other
	# shellcheck disable=SC2016
	expect_found "the host's program" "program .* host's end" eval 'pace_detach host $primary'
	expect_found "the container's program" "program .* container's end" pace_detach c5 eth0
	expect_found "the program that polices" "program .* host's end" police_detach
}

# c7 has both limits, and another address than those that come next.
attach_c7()
{
	ip netns add c7
	attach c7 --ip 10.88.9.11 --ip fd00:88::9:11 --ingress-rate 12M --egress-rate 10M
	defer ip netns delete c7
	defer nkctl detach --ns c7
	primary=$(primary_of c7)
}

# Puts a program that bears the name, and limits nothing, in the place of c7's own.
pace_forge()
{
	at c7 hook replace tcx/egress eth0 "$(at c7 hook query tcx/egress eth0)" next:nk_pace
}

# Expects that a repair tells of something and mends it, at once and for good.
expect_limit_mended() # REGEX
{
	run -1 nkctl repair --dry-run c7
	expect_match "a dry run tells" "c7: $1: to be mended" "$output"
	expect_match "it is mended" "c7: $1: mended" "$(nkctl repair c7)"
	expect_match "then nothing is left" 'nothing to mend' "$(nkctl repair c7)"
	expect_same "its state" ok "$(shown c7 state)"
}

@test "a limit that is lost at the host's end is told, and repair puts its qdisc back" {
	local primary
	attach_c7
	expect_same "all is well" ok "$(shown c7 state)"
	tc qdisc delete dev "$primary" root
	expect_same "its state" lost-limit "$(shown c7 state)"
	expect_match "by doctor, too" 'c7 is lost-limit' "$(nkctl doctor || true)"
	expect_limit_mended "the qdisc .* host's end is gone"
	tc qdisc replace dev "$primary" root tbf rate 1gbit burst 100k latency 10ms 2>/dev/null ||
		tc qdisc replace dev "$primary" root pfifo # a kernel without it has fq
	expect_limit_mended "the qdisc .* host's end (has another rate|is gone)"
	expect_rate udp remote c7 10.88.9.11 $IN_BPS
	pace_detach host "$primary"
	expect_same "without its program" lost-limit "$(shown c7 state)"
	run -1 nkctl repair c7
	expect_match "nothing tells what it was" "limit's program is gone" "$output"
}

@test "what root of a container takes off its end, or puts there, hinders nobody" {
	local primary
	attach_c7
	at c7 tc qdisc delete dev eth0 root
	expect_limit_mended "the qdisc .* container's end is gone"
	pace_detach c7 eth0
	expect_limit_mended "the program .* container's end was taken off"
	pace_forge
	expect_limit_mended "another program .* container's end"
	pace_forge
	nkctl upgrade
	expect_match "an upgrade puts its own there" 'nothing to mend' "$(nkctl repair c7)"
	expect_rate udp c7 remote $REMOTE4 $OUT_BPS
}

@test "with the endpoint goes all of it" {
	local before
	ip netns add c6
	defer ip netns delete c6
	before=$(host_state; bpftool prog show | grep -c nk_pol; bpftool map show | grep -c rodata.pace)
	attach c6 --ip 10.88.9.10 --ingress-rate 1M --egress-rate 1M
	expect_not "there are more programs" test "$before" == \
		"$(host_state; bpftool prog show | grep -c nk_pol; bpftool map show | grep -c rodata.pace)"
	nkctl detach --ns c6
	expect_same "nothing is left" "$before" \
		"$(host_state; bpftool prog show | grep -c nk_pol; bpftool map show | grep -c rodata.pace)"
}
