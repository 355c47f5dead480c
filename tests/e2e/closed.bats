#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Closed until open: a container sends nothing before its program is there, nothing once that is
# gone, and only from its own addresses in between, whatever root inside of it tries.

load lib
load foreign

readonly ATTACH_OPTIONS=--no-masquerade

readonly OWN4=10.88.0.7 OWN6=fd00:88::7

# c1 is what the tests are about; whatever they do to it, it is attached again after them.
setup_file()
{
	containers c2
	ip netns add c1
	attach_c1
	export PRIMARY ETH HOOK=tcx/ingress
	PRIMARY=$(shown c1 'host device')
	ETH=$(eth_from c1)
	[[ $E2E_DEVICE != netkit ]] || HOOK=netkit/peer
}

attach_c1() { attach c1 --ip $OWN4 --ip $OWN6; }

## Before the program

# What root in a container that is being attached may do: takes its interface up as soon as it's
# there and sends by it, from addresses own and foreign, to the world and to the host. Tells the
# time before each frame that the device has taken.
flood() # ETHERNET-HEADER
{
	local packet time
	while true; do
		ip link set eth0 up || continue
		for packet in ip4:src=10.88.0.{7,66},dst={192.0.2.2,10.88.0.1} \
			ip6:src=fd00:88::{7,66},dst={2001:db8::2,fd00:88::1}; do
			time=$EPOCHREALTIME
			if frame eth0 "$1" "$packet" udp:dport=9; then echo "$time"; fi
		done
		frame eth0 eth:type=0x88b5 data:len=50
	done 2>/dev/null
}

# Prints the time of the first packet of a capture, in seconds since the epoch.
captured_first() # NAME
{
	captured "$1" -tt -c 1 | cut -d' ' -f1
}

expect_order() # WORDS EARLIER LATER
{
	[[ -n $2 && -n $3 && ! $2 > $3 ]] || fail "$1" "earlier: $2" "later:   $3"
}

@test "nothing leaves a container before its program is attached, and then only its own" {
	local calls=$BATS_TEST_TMPDIR/calls attached
	nkctl detach --ns c1
	foreign_watch
	defer nft delete table inet foreign
	capture wire remote eth0 udp port 9 or ether proto 0x88b5
	capture host host any udp port 9
	start flood c1 bash -c "$(declare -f flood); flood $ETH"
	# Whatever on the host takes new devices up: netkit is closed by its policy, veth by being down.
	[[ $E2E_DEVICE != netkit ]] ||
		start manager host bash -c "until ip link set $PRIMARY up; do :; done"
	# shellcheck disable=SC2086 # a list of options
	strace -ttt -o "$calls" -e trace=bpf -e inject=bpf:delay_enter=50000 \
		"$NKCTL_PROGRAM" attach --ns c1 --ip $OWN4 --ip $OWN6 $E2E_ATTACH $ATTACH_OPTIONS
	eventually "the container's own packets reach the wire" has_captured wire src host $OWN6
	eventually "foreign ones are dropped" eval "drops | grep -q source"
	stop flood
	attached=$(awk '/BPF_PROG_ATTACH/ { print $1 }' "$calls")
	expect_order "frames were sent before the program was attached" \
		"$(head -n 1 "$(output_of flood)")" "$attached"
	expect_order "none of them reached the wire" "$attached" "$(captured_first wire)"
	expect_order "none of them reached the host" "$attached" "$(captured_first host)"
	expect_same "only own packets on the wire" '' \
		"$(captured wire not src host $OWN4 and not src host $OWN6)"
	expect_none_seen "foreign packets in the host's stack"
}

## Without the program

program_remove()
{
	defer attach_c1
	defer nkctl detach --ns c1
	hook detach $HOOK "$PRIMARY" "$(shown c1 program)"
}

@test "an endpoint without its program is told, and no upgrade guesses what it wants" {
	program_remove
	expect_same "its state" no-program "$(shown c1 state)"
	expect_match "list tells it" 'default +c1 .* no-program' "$(nkctl list)"
	expect_match "show explains it" 'program' "$(nkctl show c1 | tail -n 1)"
	nkctl upgrade
	expect_same "after an upgrade" no-program "$(shown c1 state)"
}

@test "a container without its program sends nothing any more" {
	[[ $E2E_DEVICE == netkit ]] || skip "kernel has no netkit"
	expect "it sends" at c1 ping -c 1 -W 5 $REMOTE4
	program_remove
	capture wire remote eth0 src net $CONTAINERS4 or src net $CONTAINERS6
	capture host host any src host $OWN4 or src host $OWN6
	at c1 frame -n 10 eth0 "$ETH" ip4:src=$OWN4,dst=$REMOTE4 udp
	at c1 frame -n 10 eth0 "$ETH" ip6:src=$OWN6,dst=$REMOTE6 udp
	at c1 socat -u STDIN UDP4-SENDTO:$GATEWAY4:9 <<<"to the host" || true
	at c1 socat -u STDIN "UDP6-SENDTO:[$REMOTE6]:9" <<<"to the world" || true
	expect "another container does" at c2 ping -c 1 -W 5 $REMOTE4
	eventually "and is captured" has_captured wire src host 10.88.0.2
	stop wire
	stop host
	expect_same "on the wire" '' "$(captured wire src host $OWN4 or src host $OWN6)"
	expect_same "on the host" '' "$(captured host)"
}

## Root in the container

# Sends packets from addresses that aren't the container's, by one of its devices.
send_foreign() # DEVICE [OPTION]...
{
	at c1 frame -n 10 "${@:2}" "$1" "$ETH" ip4:src=$FOREIGN4,dst=$REMOTE4 udp
	at c1 frame -n 10 "${@:2}" "$1" "$ETH" ip6:src=$FOREIGN6,dst=$REMOTE6 udp
}

expect_foreign_dropped() # WORDS DEVICE [OPTION]...
{
	drops_note
	send_foreign "${@:2}"
	expect_same "$1: each packet is dropped for its source" 'source 20' "$(drops_since)"
}

# Prints which error each command of standard input ends with.
try_each()
{
	local error command
	while read -r error command; do
		error=$($command) && error=none
		echo "$error $command"
	done
}

# Has somebody try the commands of standard input, and expects each to end with the error before it.
expect_errors() # WORDS NSENTER-OPTION...
{
	local expected found
	expected=$(sed 's/^[[:space:]]*//')
	found=$(nsenter "${@:2}" bash -c "$(declare -f try_each); try_each" <<<"$expected")
	expect_same "$1" "$expected" "$found"
}

@test "root in the container can't take the program off, replace it or get in front of it" {
	local index program
	index=$(<"/sys/class/net/$PRIMARY/ifindex")
	program=$(shown c1 program)
	expect_errors "by the index of the host's end" --net=/run/netns/c1 <<-END
		ENODEV hook attach $HOOK $index next
		ENODEV hook replace $HOOK $index $program next
		ENODEV hook detach $HOOK $index $program
	END
	expect_errors "at the hooks of any device" --net=/run/netns/c1 <<-END
		ENOENT hook replace tcx/ingress eth0 $program next
		ENOENT hook detach tcx/ingress eth0 $program
		ENOENT hook replace tcx/egress eth0 $program next
		ENOENT hook detach tcx/egress eth0 $program
	END
	[[ $E2E_DEVICE != netkit ]] || expect_errors "of netkit" --net=/run/netns/c1 <<-END
		EACCES hook attach netkit/peer eth0 next
		EACCES hook attach netkit/primary eth0 next
		EACCES hook replace netkit/peer eth0 $program next
		EACCES hook replace netkit/primary eth0 $program next
		EACCES hook detach netkit/peer eth0 $program
		EACCES hook detach netkit/primary eth0 $program
		EACCES policy eth0 own forward
		EACCES policy eth0 own blackhole
		EACCES policy eth0 peer forward
		EACCES policy eth0 peer blackhole
	END
	expect_same "the program is there, and alone" "$program" "$(hook query $HOOK "$PRIMARY")"
	expect_foreign_dropped "afterwards" eth0
	expect "own packets pass" at c1 ping -c 1 -W 5 $REMOTE6
}

@test "root in a user namespace may do none of it either" {
	local pid program primary
	start box host unshare --user --map-root-user --net sleep 1000
	pid=${started[box]}
	eventually "it has a network namespace of its own" \
		eval "[[ ! /proc/$pid/ns/net -ef /proc/self/ns/net ]]"
	attach "pid:$pid" --id box
	primary=$(shown box 'host device')
	program=$(shown box program)
	expect_errors "programs" --user --net --target "$pid" <<-END
		EPERM hook attach $HOOK eth0 next
		EPERM hook replace $HOOK eth0 $program next
		EPERM hook detach $HOOK eth0 $program
		EPERM hook attach tcx/egress eth0 next
	END
	[[ $E2E_DEVICE != netkit ]] || expect_errors "policies" --user --net --target "$pid" <<-END
		EACCES policy eth0 own forward
		EACCES policy eth0 peer forward
	END
	expect_same "the program is there, and alone" "$program" "$(hook query $HOOK "$primary")"
	expect "it sends" nsenter --user --net --target "$pid" ping -c 1 -W 5 $REMOTE4
}

# Puts a device of the kernel's, if it has such, on top of eth0.
on_top() # KIND
{
	at c1 ip link add top link eth0 type "$@" 2>/dev/null && at c1 ip link set top up
}

@test "what root in the container does to its own devices opens no way out" {
	local kind
	defer attach_c1
	defer nkctl detach --ns c1
	capture wire remote eth0 src net $CONTAINERS4 or src net $CONTAINERS6
	expect_foreign_dropped "past the queueing discipline" eth0 -b
	at c1 ip address add $FOREIGN4/32 dev eth0
	at c1 ip address add $FOREIGN6/128 dev eth0 nodad
	drops_note
	at c1 socat -u STDIN UDP4-SENDTO:$REMOTE4:9,bind=$FOREIGN4 <<<"from an address of its making" || true
	at c1 socat -u STDIN "UDP6-SENDTO:[$REMOTE6]:9,bind=[$FOREIGN6]" <<<"and of IPv6" || true
	expect_same "addresses it has given itself: dropped for their sources" 'source 2' "$(drops_since)"
	at c1 hook attach tcx/egress eth0 next
	at c1 hook attach tcx/ingress eth0 next
	expect_foreign_dropped "programs of its own at its end" eth0
	for kind in macvlan 'vlan id 7'; do
		# shellcheck disable=SC2086 # a kind and its option
		on_top $kind || continue
		drops_note
		send_foreign top
		expect_match "$kind on eth0: dropped" '^(source|vlan) 20$' "$(drops_since)"
		at c1 ip link delete top
	done
	at c1 ip link set eth0 down
	at c1 ip link set eth0 name renamed mtu 9000 up
	at c1 ip link set renamed address 02:00:00:00:00:99 || [[ $E2E_MODE$E2E_DEVICE == l3netkit ]]
	expect_foreign_dropped "another name, MTU and MAC address" renamed
	expect_same "the endpoint goes by its identity" ok "$(shown c1 state)"
	expect "another container sends" at c2 ping -c 1 -W 5 $REMOTE4
	eventually "and is captured" has_captured wire src host 10.88.0.2
	stop wire
	expect_same "on the wire" '' "$(captured wire not src host 10.88.0.2)"
}

# Prints the addresses that are claimed, those of the dead included.
claims()
{
	local map
	for map in endpoints_v4 endpoints_v6; do
		bpftool map dump pinned /sys/fs/bpf/nkctl*/maps/$map
	done
}

@test "a container that deletes its end deletes the pair and nothing else" {
	local others
	nkctl detach --ns c1
	host_state >"$BATS_TEST_TMPDIR/before"
	others=$(claims)
	attach_c1
	ip -n c1 link delete eth0
	! has_collector || expect_same "its addresses are given back" "$others" "$(claims)"
	expect_same "the other container alone is listed" $'ID\nc2' "$(nkctl list | awk '{ print $2 }')"
	expect "the other one goes on" at c2 ping -c 1 -W 5 $REMOTE4
	expect_refusal "a detach finds nothing" 3 "isn't attached" detach --ns c1
	attach_c1
	expect_same "the addresses are free for who asks for them" "$OWN4 $OWN6" "$(shown c1 addresses)"
	expect "and work" at c1 ping -c 1 -W 5 $REMOTE6
	nkctl detach --ns c1
	host_state >"$BATS_TEST_TMPDIR/after"
	attach_c1
	expect "all else is as it was" diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}
