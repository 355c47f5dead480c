#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Programs that are replaced under traffic, by those of the same build and of another: that nothing is lost,
# reset or overtaken, and that a build whose maps are others keeps away. What is killed half way is in
# killed.bats.

# processors: all

load lib

readonly BURST=64 # messages that are on their way at a time
readonly OTHER=$BATS_TEST_DIRNAME/../../build/other/nkctl

teardown()
{
	clean_up
	take_all_down
}

# Prints the ids of the programs on the endpoints' devices and on the uplink.
program_ids()
{
	program_ids_of_c1
	shown c2 program
}

program_ids_of_c1()
{
	shown c1 program
	hook query tcx/ingress eth0
}

readonly PINGS=1000

# Pings an address every 10 ms, until all that it sends have had their answer or are lost.
ping_long() # NAME FROM ADDRESS
{
	start "$1" "$2" ping -q -i 0.01 -c $PINGS -W 10 "$3"
}

expect_upgrade()
{
	local old
	old=$(program_ids)
	run -0 nkctl upgrade
	expect_match "it tells what it has replaced" '2 endpoints, 1 uplink$' "$output"
	expect_same "none of the programs is the same" '' "$(comm -12 \
		<(sort -u <<<"$old") <(program_ids | sort -u))"
}

# Upgrades as long as the pings go on, and adds how often to 'count'.
expect_upgrades_unseen()
{
	local name
	ping_long out c1 $REMOTE4
	ping_long in remote fd00:88::2
	ping_long across c1 fd00:88::3
	ping_long host c2 $GATEWAY4
	while kill -0 "${started[out]}" 2>/dev/null; do
		expect_upgrade
		((count += 1))
	done
	for name in out in across host; do
		finish $name
		expect_match "$name: every packet is answered" \
			"$PINGS packets transmitted, $PINGS received, 0% packet loss" "$(<"$(output_of $name)")"
	done
}

@test "an upgrade under traffic loses no packet, and keeps counters and addresses" {
	local before addresses count=0
	containers c1 c2
	at c1 frame -n 3 eth0 ip4:src=10.88.0.66,dst=$REMOTE4
	before=$(program_ids)
	addresses=$(shown c1 addresses)
	expect_same "what was dropped" 'source 3' "$(drops)"
	until ((count >= 3)); do expect_upgrades_unseen; done
	expect_same "the counters" 'source 3' "$(drops)"
	expect_same "the addresses" "$addresses" "$(shown c1 addresses)"
	eventually "the first programs are gone" \
		eval "! bpftool prog show id ${before%%$'\n'*} && ! bpftool prog show id ${before##*$'\n'}"
}

@test "an upgrade makes programs anew whose pins were lost" {
	local old
	containers c1
	old=$(program_ids_of_c1)
	rm /sys/fs/bpf/nkctl*/progs/nk_from_ctr* /sys/fs/bpf/nkctl*/progs/nk_uplink*
	run -0 nkctl upgrade
	expect_match "it tells what it has replaced" '1 endpoint, 1 uplink$' "$output"
	expect_same "none of the programs is the same" '' "$(comm -12 <(sort <<<"$old") <(program_ids_of_c1 | sort))"
	expect "c1 goes on" at c1 ping -c 1 -W 5 $REMOTE4
}

@test "an upgrade to another build puts back maps whose pins were lost" {
	containers c1
	rm /sys/fs/bpf/nkctl*/maps/endpoints_v*
	run -0 "$OTHER" upgrade
	expect "c1 goes on" at c1 ping -c 1 -W 5 $REMOTE4
	expect_same "it is known" ok "$("$OTHER" show c1 --json | jq -r .state)"
	nkctl upgrade
	expect "by this one, too" at c1 ping -c 1 -W 5 $REMOTE6
}

@test "an upgrade loads nothing where nothing is loaded" {
	expect_refusal "it says so" 3 'nothing is loaded' upgrade
	expect_same "nothing is pinned" '' "$(find /sys/fs/bpf -name 'nkctl*')"
}

# Prints what a build tells of itself: its version, as a regex, or its maps' layout.
told_by() # PROGRAM version|abi
{
	"$1" version --json | jq -r ".$2 | tostring | gsub(\"[.]\"; \"[.]\")"
}

# Has as many messages as there can be on a way. They take the time that the upgrades leave.
load_start() # NAME ARGUMENT-OF-HOLD...
{
	hold_open "$1" -b $BURST "${@:2}"
	renice -n 19 -p "${started[$1]}" >/dev/null
	loads+=("$1")
}

loads_start()
{
	local protocol
	for protocol in udp tcp; do
		load_start across-$protocol $protocol c1 c2 "$(endpoint c2 '.addresses[0] | sub("/.*"; "")')"
		load_start routed-$protocol $protocol c3 remote $REMOTE6
		load_start masqueraded-$protocol $protocol c2 remote $REMOTE4
		load_start published-$protocol -c 8080 -l 80 $protocol remote c1 $HOST4
	done
}

# Prints how many datagrams, there and back, have been waited for and come: hold tells of one burst in ten.
datagrams()
{
	local name sum=0
	for name in "${loads[@]}"; do
		[[ $name != *-udp ]] || ((sum += $(hold_rounds $name) * 10 * BURST * 2))
	done
	echo $sum
}

@test "upgrades and downgrades under all the traffic there can be: nothing lost, reset or overtaken" {
	local count=0 wanted=${NKCTL_TEST_ROUNDS:-4} name loads=() own other
	own=$(told_by "$NKCTL_PROGRAM" version) other=$(told_by "$OTHER" version)
	[[ $E2E_DEVICE != netkit ]] || wanted=${NKCTL_TEST_ROUNDS:-2} # a guest is slow
	containers c1 c2
	nkctl publish add c1 8080:80/tcp
	nkctl publish add c1 8080:80/udp
	ip netns add c3
	attach c3 --no-masquerade
	loads_start
	while ((count < wanted)); do
		expect_match "to the other build" "nkctl $own replaced by $other" "$("$OTHER" upgrade)"
		expect_match "and back" "nkctl $other replaced by $own" "$(nkctl upgrade)"
		((count += 2))
	done
	for name in "${loads[@]}"; do expect_goes_on "$name goes on" $name; done
	echo "# $count upgrades and downgrades beside $(datagrams) datagrams" >&3
	for name in "${loads[@]}"; do hold_close $name; done
	expect_no_drops "nothing was dropped"
}

pins() { find /sys/fs/bpf -printf '%p %i\n' | sort; }

# Has the pinned configuration say what another build's would: puts one with another byte into its place. Byte 0 is
# the layout.
config_set() # BYTE VALUE
{
	local pin
	local -a bytes
	pin=$(echo /sys/fs/bpf/nkctl*/maps/config)
	mapfile -t bytes < <(bpftool -j map dump pinned "$pin" | jq -r '.[0].value[]')
	bytes[$1]=$2
	bpftool map create "$pin-new" type array key 4 value ${#bytes[@]} entries 1 name config
	bpftool map update pinned "$pin-new" key 0 0 0 0 value "${bytes[@]}"
	mv "$pin-new" "$pin"
}

@test "a build whose maps are others touches nothing, and says whose they are" {
	local verb own layout
	own=$(told_by "$NKCTL_PROGRAM" version) layout=$(told_by "$NKCTL_PROGRAM" abi)
	containers c1
	ip netns add c2
	hold_open tcp tcp c1 remote $REMOTE4
	config_set 0 77
	defer config_set 0 "$layout"
	note pins
	for verb in 'attach --ns c2' 'detach --ns c1' upgrade repair list 'publish add c1 8080:80' 'flows list'; do
		# shellcheck disable=SC2086 # a command
		expect_refusal "$verb" 5 "nkctl $own loaded maps of layout 77, this one \\($own\\) has layout $layout" $verb
	done
	expect_as_noted "all is as it was" pins
	expect_goes_on "so are connections" tcp
	hold_close tcp
	expect "a runtime's DEL is done" env CNI_COMMAND=DEL CNI_CONTAINERID=c1 CNI_IFNAME=eth0 \
		"$NKCTL_PROGRAM" <<<'{"cniVersion": "1.0.0", "name": "default", "type": "nkctl"}'
	expect_same "the device is gone" '' "$(ip -o link show group 0x6e6b)"
}
