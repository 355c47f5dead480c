#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The end of an endpoint, of a namespace, of all of nkctl, and of nkctl itself in the midst of its
# work: that nothing is left. And what goes on meanwhile: traffic during an upgrade, other
# programs, other devices.

load lib

teardown()
{
	take_all_down
	clean_up
}

## State

# Prints the host's state, and with it every setting of every device.
whole_state()
{
	host_state
	ip rule show
	ip -6 rule show
	tc qdisc show
	nft list ruleset
	find /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf -type f -not -name stable_secret \
		-exec grep . {} +
}

# Notes what a function prints, to compare it later.
note() # FUNCTION
{
	"$1" >"$BATS_TEST_TMPDIR/$1"
}

expect_as_noted() # WORDS FUNCTION
{
	expect "$1" diff "$BATS_TEST_TMPDIR/$2" <("$2")
}

# Prints "prog ID", "map ID" and "link ID" of what nkctl has pinned.
bpf_objects()
{
	local dir
	for dir in prog map link; do
		find /sys/fs/bpf/nkctl*/"${dir}"s -type f -printf "$dir show pinned %p\n"
	done | bpftool -j batch file - | jq -r '.[].output | if type == "array" then .[0] else . end |
		(if has("map_ids") then "prog" elif has("max_entries") then "map" else "link" end)
		+ " \(.id)"'
}

# Whether the kernel has freed them: that takes it a moment after the last reference is gone.
objects_are_gone() # FILE
{
	local kind id
	while read -r kind id; do
		! bpftool "$kind" show id "$id" || return
	done <"$1"
}

## The end of an endpoint

@test "detach takes away what attach has made; a second one finds nothing" {
	containers c2
	ip netns add c1
	note host_state
	attach c1 --ip 10.88.0.7 --ip fd00:88::7
	run -0 nkctl detach --ns c1
	expect_match "it is told" '^c1: eth0 detached from network default$' "$output"
	expect_not "the container's end is gone" ip -n c1 link show eth0
	expect_as_noted "the host is as before the attach" host_state
	expect_refusal "twice" 3 "detach c1: c1 isn't attached to network default" detach --ns c1
	expect "others go on" at c2 ping -c 1 -W 5 $REMOTE4
}

@test "detach of a container whose namespace's name is gone already" {
	ip netns add c1
	start holder c1 sleep 1000
	attach c1
	ip netns delete c1
	expect_same "without a name" '-' "$(shown c1 netns)"
	nkctl detach --ns c1
	expect_same "its device" '' "$(ip -o link show group 28267)"
	expect_refusal "once more" 3 "isn't attached" detach --ns c1
}

@test "the death of a namespace frees device, routes, addresses and the program" {
	local old
	containers c2
	note host_state
	ip netns add c1
	attach c1 --ip 10.88.0.7 --ip fd00:88::7
	old=$(shown c1 program)
	ip netns delete c1
	eventually "its device goes" eval "! nkctl show c1"
	! has_collector || expect_as_noted "the host is as before the attach" host_state
	expect_refusal "a detach finds nothing" 3 "isn't attached" detach --ns c1
	ip netns add c1
	attach c1 --ip 10.88.0.7 --ip fd00:88::7
	expect "its addresses serve the next one at once" at c1 ping -c 1 -W 5 $REMOTE6
	nkctl detach --ns c1
	expect_as_noted "after that one's detach the host is as before" host_state
	nkctl detach --ns c2
	nkctl upgrade
	eventually "the program isn't held by the dead" eval "! bpftool prog show id $old"
}

@test "a namespace that dies while its container is attached anew by the same name" {
	ip netns add c1
	attach c1 --ip 10.88.0.7
	ip netns delete c1
	ip netns add c1
	eventually "the name is free soon" attach c1 --ip 10.88.0.7
	expect_same "one endpoint" 2 "$(nkctl list | wc -l)"
	expect "it works" at c1 ping -c 1 -W 5 $REMOTE4
}

## The end of everything

@test "down leaves the host as it was before the first attach, and may be repeated" {
	ip link add wire2 type veth peer name eth1 netns remote
	defer ip link delete wire2
	ip link set wire2 up
	ip netns add c1
	ip netns add c2
	note whole_state
	attach c1
	nkctl network add lab --subnet 10.99.0.0/24 --subnet fd00:99::/64
	nkctl network add unused --subnet 10.98.0.0/24
	attach c2 --network lab --ip 10.99.0.9 --ip fd00:99::9
	nkctl uplink add wire2
	bpf_objects >"$BATS_TEST_TMPDIR/objects"
	expect_match "programs and maps are found" 'prog .*map ' "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/objects")"
	run -0 nkctl down
	expect_match "it is told" 'removed 2 endpoints, 2 uplinks, 3 networks' "$output"
	expect_as_noted "links, routes, addresses, settings, pins and hooks are as before" whole_state
	eventually "programs and maps are gone" objects_are_gone "$BATS_TEST_TMPDIR/objects"
	expect_not "the containers' ends are gone" ip -n c1 link show eth0
	run -0 nkctl down
	expect_match "a second one finds nothing" 'removed 0 endpoints, 0 uplinks, 0 networks' "$output"
}

@test "down gives a host back what it had set itself" {
	sysctl -qw net.ipv4.conf.eth0.forwarding=1 net.ipv6.conf.eth0.accept_ra=2
	defer sysctl -qw net.ipv4.conf.eth0.forwarding=0 net.ipv6.conf.eth0.accept_ra=1
	containers c1
	nkctl down
	expect_same "forwarding" 1 "$(</proc/sys/net/ipv4/conf/eth0/forwarding)"
	expect_same "accept_ra" 2 "$(</proc/sys/net/ipv6/conf/eth0/accept_ra)"
}

## Killed in the midst of it

# The system calls that change something. What is between two of them leaves the same.
readonly CHANGING='^(bpf|sendto|sendmsg|write|mkdir|mkdirat|rename|unlink|unlinkat|rmdir|flock|exit_group)$'

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
		((index < $1 || SECONDS < end)) || break
		echo "killed at $call $n:"
		killed_at "$call" "$n" "${@:4}"
		"$2" $index
		((index += 1))
	done <<<"$points"
	echo "# killed ${*:5} at $index of $(wc -l <<<"$points") changes" >&3
}

# What an endpoint or a load has outside of the maps.
traces()
{
	ip -o link show
	ip -o address show dev lo
	ip route show
	ip -6 route show
	ip -n c1 -o link show type "$E2E_DEVICE"
	find /sys/fs/bpf -name 'nk*' -prune
	grep . /proc/sys/net/ipv[46]/conf/eth0/forwarding
	hook query tcx/ingress eth0
	published
}

published()
{
	local map
	for map in /sys/fs/bpf/nkctl*/maps/published; do
		[[ ! -e $map ]] || bpftool -j map dump pinned "$map" | jq '"\(length) ports are published"'
	done
}

# What was killed may have been before its first change, or after its last.
attach_once()
{
	local result=0
	nkctl attach --ns c1 --device "$E2E_DEVICE" --publish 8080:80 2>/dev/null || result=$?
	((result == 0)) || return $((result != 4))
	expect_same "its port is published" 'c1 8080:80' "$(nkctl publish list | awk 'NR > 1 { print $2, $4 }')"
}
detach_once() { nkctl detach --ns c1 2>/dev/null || (($? == 3)); }

# Two of three are attached anew; all are detached.
attach_and_detach() # INDEX
{
	if (($1 % 3 < 2)); then
		attach_once
		expect_same "attached anew" ok "$(shown c1 state)"
	fi
	detach_once
	expect_as_noted "after the detach" traces
}

owners() { bpftool -j map dump pinned /sys/fs/bpf/nkctl*/maps/owners | jq length; }

@test "an attach killed at any point is finished by the next one, or removed by a detach" {
	containers c2
	ip netns add c1
	note traces
	for_each_death 12 attach_and_detach 'locks/' \
		"$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE" --publish 8080:80
	expect_same "c2 alone is listed" $'ID STATE\nc2 ok' "$(nkctl list | awk '{ print $2, $NF }')"
	expect "c2 goes on" at c2 ping -c 1 -W 5 $REMOTE4
	expect_same "c2 alone has addresses" 1 "$(owners)"
}

# One of two is detached anew; all are attached again.
detach_and_attach() # INDEX
{
	if (($1 % 2)); then
		detach_once
		expect_as_noted "detached anew" traces
	fi
	attach_once
}

@test "a detach killed at any point is finished by the next one" {
	containers c2
	ip netns add c1
	note traces
	attach_once
	for_each_death 3 detach_and_attach 'locks/' "$NKCTL_PROGRAM" detach --ns c1
	nkctl detach --ns c1
	expect_as_noted "in the end" traces
	expect_same "c2 alone has addresses" 1 "$(owners)"
}

# Anew, whatever the death has left: all of the ports, or none.
publish_and_withdraw() # INDEX
{
	expect_match "none is half published" '^"(0|20) ports' "$(published)"
	nkctl publish add c1 80-89:80-89
	expect_same "published anew" '"20 ports are published"' "$(published)"
	nkctl publish remove c1 80-89:80-89
	expect_as_noted "withdrawn" traces
}

withdraw_and_publish() # INDEX
{
	expect_match "none is half withdrawn" '^"(0|20) ports' "$(published)"
	nkctl publish add c1 80-89:80-89
	expect_same "published again" '"20 ports are published"' "$(published)"
}

@test "publishing killed at any point has done all or nothing, and so has withdrawing" {
	ip netns add c1
	attach c1
	note traces
	for_each_death 3 publish_and_withdraw 'locks/' \
		"$NKCTL_PROGRAM" publish add c1 80-89:80-89
	nkctl publish add c1 80-89:80-89
	for_each_death 3 withdraw_and_publish 'locks/' \
		"$NKCTL_PROGRAM" publish remove c1 80-89:80-89
	nkctl publish remove c1 80-89:80-89
	expect_as_noted "in the end" traces
}

attach_and_down() # INDEX
{
	if (($1 % 2)); then
		attach_once
		expect_same "attached anew" ok "$(shown c1 state)"
	fi
	nkctl down
	expect_as_noted "after down" traces
}

@test "the first attach killed at any point of the load is finished by the next one, or by down" {
	ip netns add c1
	note traces
	note host_state
	for_each_death 3 attach_and_down 'mkdir' \
		"$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE"
	expect_as_noted "the host is as before" host_state
}

down_and_attach() # INDEX
{
	if (($1 % 2)); then
		nkctl down
		expect_as_noted "after down" traces
	fi
	attach_once
	expect_same "attached" ok "$(shown c1 state)"
}

@test "a down killed at any point is finished by the next one, and hinders no attach" {
	ip netns add c1
	note traces
	note host_state
	attach c1
	for_each_death 3 down_and_attach 'LOCK_EX' "$NKCTL_PROGRAM" down
	nkctl down
	expect_as_noted "the host is as before" host_state
}

## Upgrade

# Prints the ids of the programs on the endpoints' devices and on the uplink.
program_ids()
{
	shown c1 program
	shown c2 program
	hook query tcx/ingress eth0
}

# Pings an address every 10 ms, until all that it sends have had their answer or are lost.
ping_long() # NAME FROM ADDRESS
{
	start "$1" "$2" ping -q -i 0.01 -c 200 -W 10 "$3"
}

@test "an upgrade under traffic loses no packet, and keeps counters and addresses" {
	local name before addresses old count=0
	containers c1 c2
	at c1 frame -n 3 eth0 ip4:src=10.88.0.66,dst=$REMOTE4
	before=$(program_ids)
	addresses=$(shown c1 addresses)
	expect_same "what was dropped" 'source 3' "$(drops)"
	ping_long out c1 $REMOTE4
	ping_long in remote fd00:88::2
	ping_long across c1 fd00:88::3
	ping_long host c2 $GATEWAY4
	while kill -0 "${started[out]}" 2>/dev/null; do
		old=$(program_ids)
		run -0 nkctl upgrade
		expect_match "it tells what it has replaced" '2 endpoints, 1 uplinks' "$output"
		expect_same "none of the programs is the same" '' "$(comm -12 \
			<(sort -u <<<"$old") <(program_ids | sort -u))"
		((count += 1))
	done
	expect "several upgrades in that time ($count)" test $count -ge 3
	for name in out in across host; do
		finish $name
		expect_match "$name: every packet is answered" \
			'200 packets transmitted, 200 received, 0% packet loss' "$(<"$(output_of $name)")"
	done
	expect_same "the counters" 'source 3' "$(drops)"
	expect_same "the addresses" "$addresses" "$(shown c1 addresses)"
	eventually "the first programs are gone" \
		eval "! bpftool prog show id ${before%%$'\n'*} && ! bpftool prog show id ${before##*$'\n'}"
}

reaches_published() { expect "its published port works" flow -c 8080 -l 80 tcp remote c1 $HOST4; }

# The first published port of a host has all programs replaced by ones that translate.
publish_first() # INDEX
{
	nkctl publish add c1 8080:80
	reaches_published
	nkctl down
	attach c1 --no-masquerade
}

@test "publishing the first port, killed at any point of the load, is finished by the next one" {
	ip netns add c1
	attach c1 --no-masquerade
	for_each_death 3 publish_first 'progs/' "$NKCTL_PROGRAM" publish add c1 8080:80
}

pinned_id() # PROGRAM
{
	bpftool -j prog show pinned "$(echo /sys/fs/bpf/nkctl*/progs)/$1" | jq .id
}

upgrade_again() # INDEX
{
	reaches_published
	nkctl upgrade
	expect_same "the uplink has the program that is pinned" "$(pinned_id nk_uplink)" \
		"$(hook query tcx/ingress eth0)"
	reaches_published
}

@test "an upgrade killed at any point leaves what works, and the next one finishes it" {
	containers c1
	nkctl publish add c1 8080:80
	for_each_death 3 upgrade_again 'LOCK_EX' "$NKCTL_PROGRAM" upgrade
}

@test "an upgrade loads nothing where nothing is loaded" {
	expect_refusal "it says so" 3 'nothing is loaded' upgrade
	expect_same "nothing is pinned" '' "$(find /sys/fs/bpf -name 'nkctl*')"
}

## Networks

networks() { nkctl network list | awk 'NR > 1 { print $1, $6, $7 }'; }

@test "networks are added, listed and removed; one in use, and one that overlaps, is refused" {
	nkctl network add lab --subnet 10.99.0.0/24 --subnet fd00:99::/64
	expect_same "the list" $'default 10.88.0.0/16 fd00:88::/64\nlab 10.99.0.0/24 fd00:99::/64' \
		"$(networks)"
	expect_refusal "the same name" 4 'network lab exists' network add lab --subnet 10.97.0.0/24
	expect_refusal "an overlap" 4 '10.99.0.128/25 overlaps network lab' \
		network add half --subnet 10.99.0.128/25
	expect_refusal "an overlap with default" 4 'overlaps network default' \
		network add wide --subnet 10.0.0.0/8
	ip netns add c1
	attach c1 --network lab
	expect_refusal "one in use" 7 'network lab is in use by c1' network remove lab
	expect "it goes on" at c1 ping -c 1 -W 5 10.99.0.1
	nkctl detach --ns c1 --network lab
	nkctl network remove lab
	expect_same "the list is as before" 'default 10.88.0.0/16 fd00:88::/64' "$(networks)"
	expect_same "its gateway is gone" '' "$(ip address show to 10.99.0.1; ip address show to fd00:99::1)"
	expect_refusal "once more" 3 "no network 'lab'" network remove lab
}

@test "the default network gets other subnets, and its own back" {
	local own
	own=$(networks)
	nkctl network add default --subnet 10.77.0.0/24
	expect_same "the list" 'default 10.77.0.0/24 ' "$(networks)"
	ip netns add c1
	attach c1
	expect_same "an address of them" 10.77.0.2 "$(shown c1 addresses)"
	expect_refusal "while it is in use" 7 'network default is in use by c1' network remove default
	nkctl detach --ns c1
	nkctl network remove default
	expect_same "the list is as before" "$own" "$(networks)"
	attach c1
	expect_same "addresses as before" '10.88.0.2 fd00:88::2' \
		"$(shown c1 addresses)"
	expect_refusal "under an endpoint it stays" 7 'network default is in use by c1' \
		network add default --subnet 10.77.0.0/24
}

## Uplinks

uplinks()
{
	nkctl uplink list | awk 'NR > 1 { print $1, $5, $3 }' | sort
}

settings_of() # DEVICE
{
	cat "/proc/sys/net/ipv4/conf/$1/forwarding" "/proc/sys/net/ipv6/conf/$1"/{forwarding,accept_ra}
}

second_wire()
{
	ip link add wire2 type veth peer name eth1 netns remote
	ip link set wire2 up
	ip -n remote link set eth1 up
}

@test "an uplink is added and removed, and has its settings back" {
	second_wire
	containers c1
	expect_same "that of the default routes" 'eth0 ok yes' "$(uplinks)"
	nkctl uplink add wire2
	nkctl uplink add wire2
	expect_same "both" $'eth0 ok yes\nwire2 ok no' "$(uplinks)"
	expect_same "wire2 forwards" $'1\n1\n2' "$(settings_of wire2)"
	nkctl uplink remove wire2
	expect_same "it is gone" 'eth0 ok yes' "$(uplinks)"
	expect_same "its program too" '' "$(hook query tcx/ingress wire2)"
	expect_same "it has its settings back" $'0\n0\n1' "$(settings_of wire2)"
	expect_refusal "once more" 3 'wire2 is no uplink' uplink remove wire2
	sysctl -qw net.ipv4.conf.wire2.forwarding=1
	nkctl uplink add wire2
	ip link delete wire2
	expect_same "one that was deleted isn't listed" 'eth0 ok yes' "$(uplinks)"
	second_wire
	expect_same "nor a new one of that name" 'eth0 ok yes' "$(uplinks)"
	sysctl -qw net.ipv4.conf.wire2.forwarding=1
	nkctl uplink add wire2
	nkctl uplink remove wire2
	expect_same "what the host had set itself stays" $'1\n0\n1' "$(settings_of wire2)"
	ip link delete wire2
}

@test "a removed uplink with a default route stays removed until it is added" {
	local before
	before=$(settings_of eth0)
	containers c1
	nkctl uplink remove eth0
	expect_same "it is told" 'eth0 excluded yes' "$(uplinks)"
	expect_same "its settings are as before" "$before" "$(settings_of eth0)"
	containers c2
	expect_same "the next attach leaves it alone" 'eth0 excluded yes' "$(uplinks)"
	expect_same "no program" '' "$(hook query tcx/ingress eth0)"
	expect_refusal "it is none" 3 'eth0 is no uplink' uplink remove eth0
	nkctl uplink add eth0
	expect_same "it is back" 'eth0 ok yes' "$(uplinks)"
	expect "and works" at c2 ping -c 1 -W 5 $REMOTE4
	nkctl uplink remove eth0
	nkctl down
	expect_same "after down its settings are as before" "$before" "$(settings_of eth0)"
}

# Has the host's stack forward nothing to or from containers: what passes goes the short way.
forward_nothing()
{
	nft -f - <<-'RULES'
		table inet short {
			chain forward { type filter hook forward priority 0; policy drop; }
		}
	RULES
	defer nft delete table inet short
}

# Expects pings between c1 and the far end of an uplink that has 198.51.100.0/24 and fd00:100::/64.
expect_pings_by() # DEVICE
{
	forward_nothing
	ip address add 198.51.100.1/24 dev "$1"
	ip address add fd00:100::1/64 dev "$1" nodad
	ip -n remote address add 198.51.100.2/24 dev "$1"
	ip -n remote address add fd00:100::2/64 dev "$1" nodad
	ip -n remote route replace $CONTAINERS4 dev "$1" via 198.51.100.1
	ip -n remote route replace $CONTAINERS6 dev "$1" via fd00:100::1
	defer ip -n remote route replace $CONTAINERS4 via $HOST4
	defer ip -n remote route replace $CONTAINERS6 via $HOST6
	nkctl uplink add "$1"
	expect "the host reaches it" ping -c 1 -W 5 198.51.100.2
	expect "out" at c1 ping -c 2 -i 0.1 -W 5 198.51.100.2
	expect "out by IPv6" at c1 ping -c 2 -i 0.1 -W 5 fd00:100::2
	expect "in" at remote ping -c 2 -i 0.1 -W 5 10.88.0.2
	expect "in by IPv6" at remote ping -c 2 -i 0.1 -W 5 fd00:88::2
	expect_same "nothing was dropped" '' "$(drops)"
}

# One end of a tunnel whose device has no MAC header.
start_tunnel() # PLACE OWN-ADDRESS PEER-ADDRESS
{
	start "tunnel-$1" "$1" socat TUN,tun-name=tun0,tun-type=tun,iff-no-pi,iff-up \
		"UDP4-DATAGRAM:$3:4789,bind=$2:4789"
	eventually "$1 has the tunnel's device" at "$1" ip -o link show tun0 up
}

@test "a device without MAC headers as an uplink carries containers' traffic, out and in" {
	[[ -e /dev/net/tun ]] || skip "kernel has no tun"
	containers c1
	start_tunnel host $HOST4 $REMOTE4
	start_tunnel remote $REMOTE4 $HOST4
	expect_match "it has none" 'link/none' "$(ip link show tun0)"
	expect_pings_by tun0
}

@test "a VLAN device as an uplink carries containers' traffic" {
	ip link add link eth0 name vlan7 type vlan id 7 || skip "kernel has no VLAN devices"
	defer ip link delete vlan7
	ip link set vlan7 up
	ip -n remote link add link eth0 name vlan7 type vlan id 7
	ip -n remote link set vlan7 up
	containers c1
	expect_pings_by vlan7
	ip -n remote link delete vlan7
}

@test "frames with a VLAN tag are none of the uplink's: they pass untouched" {
	local eth
	containers c1
	nft -f - <<-'RULES'
		table netdev behind {
			chain tcx {
				type filter hook ingress device eth0 priority 0
				vlan id 7 ip daddr 10.88.0.2 ip ttl 9 counter
				vlan id 7 ip6 daddr fd00:88::2 ip6 hoplimit 9 counter
			}
		}
	RULES
	defer nft delete table netdev behind
	capture inside c1 eth0 udp port 9
	eth=eth:dst=$(mac_of host)
	at remote frame -n 5 eth0 "$eth" vlan:id=7 ip4:src=$REMOTE4,dst=10.88.0.2,ttl=9 udp:dport=9
	at remote frame -n 5 eth0 "$eth" vlan:id=7 ip6:src=$REMOTE6,dst=fd00:88::2,hop=9 udp:dport=9
	at remote frame eth0 "$eth" ip4:src=$REMOTE4,dst=10.88.0.2 udp:dport=9
	eventually "one without a tag gets in" has_captured inside
	stop inside
	expect_same "the container gets no other" 1 "$(captured_count inside)"
	expect_same "what follows nkctl's program sees all of them as sent" $'packets 5\npackets 5' \
		"$(nft list table netdev behind | grep -o 'packets [0-9]*')"
}

@test "other programs at the uplink run before and after nkctl's, and survive it" {
	local first last
	first=$(hook attach tcx/ingress eth0 next && hook query tcx/ingress eth0)
	defer hook detach tcx/ingress eth0 "$first"
	containers c1
	expect "with a program before nkctl's" at c1 ping -c 1 -W 5 $REMOTE4
	hook attach tcx/ingress eth0 drop
	last=$(hook query tcx/ingress eth0 | tail -n 1)
	defer hook detach tcx/ingress eth0 "$last"
	expect "one that drops all behind it gets nothing of the container's" at c1 ping -c 1 -W 5 $REMOTE4
	expect_not "but what is the host's" ping -c 1 -W 1 $REMOTE4
	expect_same "they are counted" 2 "$(nkctl uplink list | awk '$1 == "eth0" { print $4 }')"
	nkctl upgrade
	expect_same "an upgrade leaves them in their places" "$first $last" \
		"$(hook query tcx/ingress eth0 | sed '2d' | tr '\n' ' ' | sed 's/ $//')"
	nkctl down
	expect_same "down leaves them" "$first $last" \
		"$(hook query tcx/ingress eth0 | tr '\n' ' ' | sed 's/ $//')"
	expect_not "and at work" ping -c 1 -W 1 $REMOTE4
}
