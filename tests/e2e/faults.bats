#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A kernel that refuses: the system calls of an attach, and of the plugin's ADD, fail one after the
# other. Either the command does without, and what it has made is whole, or one message tells what it was, and
# all is as before.
#
# datapath: stays loaded

load lib
load cni
load interrupted

follow=-f

# cni.bash has a setup and teardown of its own.
setup()
{
	trace_test_only
	containers c2
	ip netns add c1
}

# What an endpoint has, in maps as well.
traces()
{
	ip -o link show | sed 's/^[0-9]*: //'
	ip -o address show dev lo
	ip route show
	ip -6 route show
	ip -n c1 -o link show type "$E2E_DEVICE"
	find /sys/fs/bpf -name 'nk*' -prune
	map_counts endpoints_v4 endpoints_v6 owners published
	[[ ! -d $BATS_TEST_TMPDIR/ipam ]] || find "$BATS_TEST_TMPDIR/ipam" -name '*.*.*.*'
}

attach_is_whole() # EXIT-STATUS
{
	(($1 == 0)) || expect_match "one message ($1)" $'^nkctl: [^\n]*$' "$beside"
	if (($1 == 0)) || [[ $beside == *'result couldn'* ]]; then
		expect_same "attached" ok "$(shown c1 state)"
		nkctl detach --ns c1
	fi
	expect_as_noted "all is as before" traces
}

attaches_are_whole() # FOR-EACH
{
	local -a command=("$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE" --publish 8080:80)
	"${command[@]}"
	nkctl detach --ns c1
	note traces
	"$1" 10 attach_is_whole "${command[@]}"
	expect "c2 goes on" at c2 ping -c 1 -W 5 $REMOTE4
}

@test "an attach that is refused a system call does without it, or says so and leaves nothing" {
	attaches_are_whole for_each_refusal
}

@test "an attach whose netlink request is refused does without it, or says so and leaves nothing" {
	attaches_are_whole for_each_refused_request
}

# libbpf tries it again, for the verifier's words.
@test "no memory for the programs is told as that, and not as a kernel that is unfit" {
	local calls=$BATS_TEST_TMPDIR/calls load
	local -a command=(attach --ns c1 --device "$E2E_DEVICE")
	nkctl down
	strace -e trace=bpf -o "$calls" "$NKCTL_PROGRAM" "${command[@]}"
	nkctl down
	load=$(grep -nm 1 'BPF_PROG_LOAD.*SCHED_CLS, insn_cnt=[0-9]\{4,\}' "$calls" | cut -d: -f1)
	strace -o /dev/null -e trace=bpf -e inject="bpf:error=ENOMEM:when=$load..$((load + 3))" \
		"$NKCTL_PROGRAM" "${command[@]}" 2>"$BATS_TEST_TMPDIR/told" && fail "it succeeds"
	expect_match "the last line" '^nkctl: attach c1: load the eBPF programs: Cannot allocate memory \(.+\)$' \
		"$(tail -n 1 "$BATS_TEST_TMPDIR/told")"
	expect_not "nothing is left of what was loaded" ls /sys/fs/bpf/nkctl*
}

publication_is_whole() # EXIT-STATUS
{
	if (($1 == 0)) || [[ $beside == *' print '* || $beside == *printed* ]]; then
		nkctl publish remove c2 80-89:80-89/sctp
	else
		expect_match "the message ($1)" $'(^|\n)nkctl: publish add c2: ' "$beside"
	fi
	expect_as_noted "all is as before" traces
}

# Of SCTP, for which flows of before are always looked at.
@test "a publication that is refused a system call publishes all or nothing" {
	nkctl publish add c2 8080:80
	note traces
	nkctl publish add c2 80-89:80-89/sctp
	publication_is_whole 0
	for_each_refusal 12 publication_is_whole "$NKCTL_PROGRAM" publish add c2 80-89:80-89/sctp
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
	local input=$BATS_TEST_TMPDIR/config
	printf %s "$config" >"$input"
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
	local config
	# shellcheck disable=SC2034 # for strace
	follow='' # what the plugins do isn't ours to test
	need_plugins
	config=$(host_local)
	adds_are_whole 4
}
