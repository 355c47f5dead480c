#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The end of an endpoint, of a namespace, of all of nkctl: that nothing is left. And what goes on
# meanwhile: other programs, other devices.
#
# datapath: stays loaded

load lib

teardown()
{
	clean_up
	take_all_down
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

@test "a container whose host's end somebody has renamed is detached by its name" {
	local primary
	containers c2
	nkctl publish add c2 8081:81
	note traces
	ip netns add c1
	attach c1
	primary=$(primary_of c1)
	ip link set "$primary" down
	ip link set "$primary" name mine
	ip link set mine up
	expect "a port is published" nkctl publish add c1 8080:80
	nkctl detach --ns c1
	expect_as_noted "the host is as before" traces
}

@test "a reader that goes away kills no attach" {
	local gone
	ip netns add c1
	exec {gone}> >(true)
	wait $!
	run -0 bash -c '"$NKCTL_PROGRAM" -v attach --ns c1 --device $E2E_DEVICE 2>&'$gone
	expect_same "it is attached" ok "$(shown c1 state)"
	run -1 bash -c '"$NKCTL_PROGRAM" list >&'$gone
	expect_match "a lost result" '^nkctl: .*print the result: Broken pipe$' "$output"
}

@test "who asks an attach to end waits until it is done" {
	local signal nth
	containers c1
	ip netns add c2
	strace -o "$BATS_TEST_TMPDIR/calls" -e trace=sendto "$NKCTL_PROGRAM" attach --ns c2 --device "$E2E_DEVICE"
	nkctl detach --ns c2
	nth=$(awk '/RTM_NEWLINK/ { print NR; exit }' "$BATS_TEST_TMPDIR/calls")
	for signal in INT QUIT TERM HUP; do
		run strace -o /dev/null -e trace=sendto -e "inject=sendto:signal=$signal:when=$nth" \
			bash -c 'ulimit -c 0; exec "$NKCTL_PROGRAM" attach --ns c2 --device $E2E_DEVICE'
		expect_same "SIG$signal has ended it" $((128 + $(kill -l $signal))) "$status"
		expect_same "SIG$signal: it is attached" ok "$(shown c2 state)"
		nkctl detach --ns c2
	done
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
	expect_as_noted "nothing is left after it" host_state
	ip netns add c1
	attach c1 --ip 10.88.0.7 --ip fd00:88::7
	expect "its addresses serve the next one at once" at c1 ping -c 1 -W 5 $REMOTE6
	nkctl detach --ns c1
	expect_as_noted "after that one's detach the host is as before" host_state
	nkctl detach --ns c2
	nkctl upgrade
	eventually "the program isn't held by the dead" eval "! bpftool prog show id $old"
}

# Where the kernel tells nobody, an attach looks for them; with a collector ports wait for the next change of any.
@test "an attach takes away what the dead have left" {
	local expected='owners 2 endpoints_v4 2 endpoints_v6 2' name
	local -a maps=(owners endpoints_v4 endpoints_v6)
	containers c1 c2
	has_collector || { maps+=(published); expected+=' published 0'; }
	nkctl publish add c1 80:80
	ip netns delete c1
	eventually "its device goes" eval "! nkctl show c1"
	ip netns add c3
	attach c3
	expect_same "what is there is of two" "$expected" "$(map_counts "${maps[@]}" | xargs)"
	for name in c2 c3; do nkctl detach --ns $name; done
}

@test "a namespace that dies while its container is attached anew by the same name" {
	local round
	ip netns add c1
	attach c1 --ip 10.88.0.7
	for round in {1..5}; do
		ip netns delete c1
		ip netns add c1
		expect "round $round: the name is waited for" attach c1 --ip 10.88.0.7
	done
	expect_same "one endpoint" 2 "$(nkctl list | wc -l)"
	expect "it works" at c1 ping -c 1 -W 5 $REMOTE4
}

# A kernel with a collector takes the note of the claims, and those that there are, with the device.
@test "a container that deletes its interface while its address is claimed keeps none" {
	containers c2
	note host_state
	ip netns add c1
	# The first one is of the note.
	start attach host at_bpf $BPF_MAP_UPDATE_ELEM 2 2000 \
		"$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE" --ip 10.88.0.7
	eventually "it is about to claim" eval "[[ \$(map_counts owners) == 'owners 2' ]]"
	ip -n c1 link delete eth0
	expect_not "it succeeds" finish attach
	expect_as_noted "nothing is left" host_state
}

@test "an address that a dead one has claimed without a note is free" {
	containers c2
	bpftool map update pinned /sys/fs/bpf/nkctl*/maps/endpoints_v4 key 10 88 0 7 \
		value hex ff ff 00 00 dc 05 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
	ip netns add c1
	attach c1 --ip 10.88.0.7
	expect "it works" at c1 ping -c 1 -W 5 $REMOTE4
	nkctl detach --ns c1
}

## The end of everything

@test "down leaves the host as it was before the first attach, and may be repeated" {
	nkctl down
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
	expect_match "it is told" 'removed 2 endpoints, 2 uplinks, 2 networks' "$output"
	expect_as_noted "links, routes, addresses, settings, pins and hooks are as before" whole_state
	eventually "programs and maps are gone" objects_are_gone "$BATS_TEST_TMPDIR/objects"
	expect_not "the containers' ends are gone" ip -n c1 link show eth0
	run -0 nkctl down
	expect_match "a second one finds nothing" 'removed 0 endpoints, 0 uplinks, 0 networks' "$output"
	attach c1
	nkctl network add lab --subnet 10.99.0.0/24
	run -0 nkctl down
	expect_match "one of each" 'removed 1 endpoint, 1 uplink, 1 network;' "$output"
}

@test "down leaves the host the gateway addresses that it had itself" {
	nkctl down
	ip address add 10.88.0.1/32 dev lo
	defer ip address delete 10.88.0.1/32 dev lo
	ip address add fd00:88::1/128 dev lo
	defer ip address delete fd00:88::1/128 dev lo
	eventually "nobody else has it" eval '[[ -z $(ip -6 address show dev lo tentative) ]]'
	note host_state
	ip netns add c1
	attach c1
	expect "c1 reaches it" at c1 ping -c 1 -W 5 10.88.0.1
	nkctl detach --ns c1
	nkctl down
	expect_as_noted "the host is as before" host_state
}

addresses_and_routes()
{
	ip -o address show dev lo
	ip route show
	ip -6 route show
}

@test "down finds gateways by their routes, where pins are gone and nothing is attached" {
	nkctl down
	default_routes_remove # so that no uplink has a program that holds the maps
	note addresses_and_routes
	ip netns add c1
	attach c1
	nkctl detach --ns c1
	rm -r /sys/fs/bpf/nkctl*
	nkctl down
	expect_as_noted "the host is as before" addresses_and_routes
}

@test "down waits for no process that somebody else has started" {
	containers c1
	# shellcheck disable=SC2016 # for the inner shell
	expect "it ends before that does" timeout 20 bash -c \
		'sleep 30 >/dev/null 2>&1 3>&- & exec "$NKCTL_PROGRAM" down'
}

@test "down names a device that somebody has put into another group" {
	local primary
	containers c1
	primary=$(primary_of c1)
	ip link set "$primary" group default
	expect_refusal "it isn't gone" 7 "device $primary, which is in another group" down
	ip link delete "$primary"
}

@test "down gives a host back what it had set itself" {
	nkctl down
	sysctl -qw net.ipv4.conf.eth0.forwarding=1 net.ipv6.conf.eth0.accept_ra=2
	defer sysctl -qw net.ipv4.conf.eth0.forwarding=0 net.ipv6.conf.eth0.accept_ra=1
	containers c1
	nkctl down
	expect_same "forwarding" 1 "$(</proc/sys/net/ipv4/conf/eth0/forwarding)"
	expect_same "accept_ra" 2 "$(</proc/sys/net/ipv6/conf/eth0/accept_ra)"
}

## Networks

networks() { nkctl network list | awk 'NR > 1 { print $1, $7, $8 }'; }

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
	nkctl network add lab --subnet 10.88.7.0/24
	expect_refusal "its own have been given away" 4 '10.88.0.0/16 overlaps network lab' network remove default
	nkctl network remove lab
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

@test "a network of the dead is removed with all it has" {
	ip netns add c1
	nkctl network add lab --subnet 10.99.0.0/24
	attach c1 --network lab
	ip netns delete c1
	eventually "the pair is gone" eval '[[ -z $(ip -o link show group 0x6e6b) ]]'
	nkctl network remove lab
	expect_same "nothing of it is left" '' "$(of_subnets 10.99)"
}

# What a subnet has on the host beside its endpoints, of those that begin with REGEX.
of_subnets() # REGEX
{
	{ ip -o address show dev lo; ip route show type unreachable; ip -6 route show type unreachable; } |
		grep -oE "(unreachable |inet6? )$1\S*" || true
}

@test "subnets that default had are taken off the host when it gets others" {
	ip netns add c1
	attach c1
	nkctl detach --ns c1
	expect_match "they stay, as long as it has them" '10.88.0.1/32' "$(of_subnets '(10.88|fd00:88)')"
	nkctl network add default --subnet 10.77.0.0/24
	expect_same "nothing of them is left" '' "$(of_subnets '(10.88|fd00:88)')"
	nkctl network remove default
}

# Adds and removes $1, while an endpoint of a CNI configuration has its subnet.
expect_kept_by_cni() # NETWORK
{
	local config
	config=$(cni_config '{"subnets": ["10.88.0.0/16"]}')
	expect_cni 'attached by a runtime' ADD c1 "$config"
	nkctl network add "$1" --subnet 10.88.0.0/16 --mtu 1400
	nkctl network remove "$1"
	expect "the host reaches it" ping -c 1 -W 5 "$(answered '.ips[0].address | split("/")[0]')"
	expect "it reaches its gateway" at c1 ping -c 1 -W 5 10.88.0.1
	expect_cni 'it is as it was' CHECK c1 "$(with_previous "$config")"
	expect_cni 'detached' DEL c1 "$config"
}

@test "a network that is removed leaves its subnet to a runtime's endpoints" {
	load cni
	ip netns add c1
	expect_kept_by_cni default
	nkctl network add default --subnet 10.77.0.0/24
	expect_kept_by_cni lab
	nkctl network remove default
}

@test "a subnet that is given up leaves its gateway to a longer or shorter one with the same" {
	local nested other='{"subnets": ["10.50.0.0/24"]}'
	load cni
	nested=$(cni_config '{"subnets": ["10.88.0.0/24", "fd00:88::/80"]}')
	ip netns add c1
	ip netns add c2
	attach c1 --ip 10.88.5.5 --ip fd00:88::5:0:0:5
	expect_cni 'the longer is used' ADD c2 "$nested"
	expect_cni 'and no more' DEL c2 "$nested"
	expect_cni 'so another one collects it' ADD c2 "$(cni_config "$other")"
	expect_same "only its routes are gone" '10.88.0.1/32 fd00:88::1/128 10.88.0.0/16 fd00:88::/64' \
		"$(of_subnets '(10.88|fd00:88)' | awk '{ print $2 }' | paste -sd ' ')"
	expect "the host reaches c1" ping -c 1 -W 5 10.88.5.5
	expect "by IPv6" ping -c 1 -W 5 fd00:88::5:0:0:5
	expect_cni 'detached' DEL c2 "$(cni_config "$other")"
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

@test "a device's name comes to a terminal and into JSON as printable ASCII" {
	local name=$'w\e[1m\xff'
	containers c1
	ip link add "$name" type veth peer name other
	ip link set "$name" up
	expect_same "it is an uplink" 'w?[1m? is an uplink' "$(nkctl uplink add "$name")"
	expect_same "JSON" 'w?[1m?' "$(nkctl uplink add "$name" --json | jq -r .device)"
	expect_same "the list" 'w?[1m?' "$(nkctl uplink list --json |
		jq -r '.[].device | select(startswith("w?"))')"
	expect_same "and no more" 'w?[1m? is no uplink any more' "$(nkctl uplink remove "$name")"
	ip link delete "$name"
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

# A wire with IPv6 to a next hop that nobody need be.
wire_v6() # DEVICE
{
	ip link add "$1" type veth peer name "$1-far"
	ip link set "$1-far" up
	ip link set "$1" up
	ip address add "fd00:$1::1/64" dev "$1" nodad
}

# Attaches a container, by which uplinks are found, and takes it off.
attach_another()
{
	ip netns add c2
	attach c2
	nkctl detach --ns c2
	ip netns delete c2
}

@test "a device that can't be an uplink is none" {
	local before
	second_wire
	defer ip link delete wire2
	containers c1
	before=$(uplinks)
	run -1 unshare --mount bash -c 'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys &&
		exec "$NKCTL_PROGRAM" uplink add wire2'
	# shellcheck disable=SC2154 # of 'run'
	expect_match "where settings can't be written" 'use wire2 as an uplink: .*Read-only file system' "$output"
	expect_same "it is none" "$before" "$(uplinks)"
	expect_refusal "an endpoint's" 2 "is an endpoint's device, which can't be an uplink" \
		uplink add "$(primary_of c1)"
	expect_same "it is none" "$before" "$(uplinks)"
}

@test "every device that an IPv6 default route leads to is an uplink" {
	local device
	for device in a1 a2 a3 a4 a5; do
		wire_v6 $device
		defer ip link delete $device
	done
	containers c1
	expect_same "at first" 'eth0 ok yes' "$(uplinks)"
	ip -6 route add default metric 2048 nexthop via fd00:a1::2 nexthop via fd00:a2::2
	ip -6 route add default via fd00:a4::2 table 77
	ip -6 route add fd00:a6::/64 via fd00:a4::2
	attach_another
	expect_same "of several next hops each" $'a1 ok yes\na2 ok yes\neth0 ok yes' "$(uplinks)"
	ip nexthop add id 7 via fd00:a3::2 dev a3
	ip -6 route add default metric 4096 nhid 7
	attach_another
	expect_same "that of a nexthop object" $'a1 ok yes\na2 ok yes\na3 ok yes\neth0 ok yes' "$(uplinks)"
	ip nexthop replace id 7 via fd00:a5::2 dev a5
	attach_another
	expect_same "that of another nexthop object in its place" \
		$'a1 ok yes\na2 ok yes\na3 ok no\na5 ok yes\neth0 ok yes' "$(uplinks)"
	ip nexthop delete id 7
	ip -6 route delete default metric 2048
	expect_same "they stay" $'a1 ok no\na2 ok no\na3 ok no\na5 ok no\neth0 ok yes' "$(uplinks)"
	rm -f /sys/fs/bpf/nkctl*/links/default_routes
	ip -6 route add default metric 2048 via fd00:a4::2
	attach_another
	expect_same "without the program" \
		$'a1 ok no\na2 ok no\na3 ok no\na4 ok yes\na5 ok no\neth0 ok yes' "$(uplinks)"
	ip -6 route delete default table 77
}

@test "a device with an IPv6 default route for certain sources alone is an uplink" {
	wire_v6 a1
	defer ip link delete a1
	containers c1
	ip -6 route add default from fd00:a1::/64 via fd00:a1::2 || skip "kernel has no such routes"
	attach_another
	expect_same "it is one" $'a1 ok yes\neth0 ok yes' "$(uplinks)"
}

@test "an attach mends what somebody has taken from a known uplink" {
	second_wire
	containers c1
	nkctl uplink add wire2
	hook detach tcx/ingress wire2 "$(hook query tcx/ingress wire2)"
	sysctl -qw net.ipv4.conf.wire2.forwarding=0
	attach_another
	expect_same "both" $'eth0 ok yes\nwire2 ok no' "$(uplinks)"
	ip link delete wire2
}

@test "an uplink whose MTU takes IPv6 off it has its other settings back" {
	second_wire
	defer ip link delete wire2
	containers c1
	nkctl uplink add wire2
	ip link set wire2 mtu 1200
	expect_not "it has no IPv6 any more" test -e /proc/sys/net/ipv6/conf/wire2
	expect "an add mends it all the same" nkctl uplink add wire2
	expect "it is removed" nkctl uplink remove wire2
	expect_same "it forwards no more" 0 "$(</proc/sys/net/ipv4/conf/wire2/forwarding)"
	ip link set wire2 mtu 1500
	nkctl uplink add wire2
	ip link set wire2 mtu 1200
	expect "down takes it as it is" nkctl down
	expect_same "it forwards no more" 0 "$(</proc/sys/net/ipv4/conf/wire2/forwarding)"
}

@test "down goes on where a setting can't be given back, and another one gives it back" {
	local before
	nkctl down
	before=$(settings_of eth0)
	note host_state
	containers c1
	run -6 strace -o /dev/null -P /proc/sys/net/ipv6/conf/eth0/forwarding -e inject=openat:error=EACCES \
		"$NKCTL_PROGRAM" down
	expect_match "it is told" 'stop using eth0 as an uplink: .*ipv6/conf/eth0/forwarding: Permission denied' \
		"$output"
	expect_same "all others are as before" "$(sed 2d <<<"$before")" "$(settings_of eth0 | sed 2d)"
	expect_same "no endpoint is left" '' "$(ip -o link show group 0x6e6b)"
	run -0 nkctl down
	expect_match "the second one knows of it" 'removed 0 endpoints, 1 uplink,' "$output"
	expect_as_noted "the host is as before" host_state
}

@test "what somebody else has set on an uplink meanwhile stays" {
	second_wire
	defer ip link delete wire2
	containers c1
	nkctl uplink add wire2
	sysctl -qw net.ipv6.conf.wire2.accept_ra=0
	nkctl uplink add wire2
	expect_same "another add leaves it" $'1\n1\n0' "$(settings_of wire2)"
	sysctl -qw net.ipv4.conf.wire2.forwarding=0
	nkctl repair
	expect_same "a repair mends what it must alone" $'1\n1\n0' "$(settings_of wire2)"
	nkctl uplink remove wire2
	expect_same "a remove leaves it" $'0\n0\n0' "$(settings_of wire2)"
	sysctl -qw net.ipv6.conf.wire2.accept_ra=1
	nkctl uplink add wire2
	sysctl -qw net.ipv6.conf.wire2.accept_ra=0
	nkctl down
	expect_same "so does down" $'0\n0\n0' "$(settings_of wire2)"
}

@test "an uplink that forwards for somebody else meanwhile goes on, one that alone did not doesn't" {
	second_wire
	defer ip link delete wire2
	containers c1
	nkctl uplink add wire2
	defer sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv6.conf.eth0.accept_ra=1
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	nkctl uplink remove wire2
	expect_same "it forwards as all devices do" $'1\n1\n2' "$(settings_of wire2)"
	sysctl -qw net.ipv4.conf.wire2.forwarding=0 net.ipv6.conf.wire2.forwarding=0 net.ipv6.conf.wire2.accept_ra=1
	nkctl uplink add wire2
	expect_same "it forwards as an uplink" $'1\n1\n2' "$(settings_of wire2)"
	nkctl down
	expect_same "it forwards no more" $'0\n0\n1' "$(settings_of wire2)"
	expect_same "eth0 does" $'1\n1\n2' "$(settings_of eth0)"
}

@test "a default route is found behind one to a part of 0.0.0.0, which comes before it" {
	nkctl down
	ip route add blackhole 0.0.0.0/8
	defer ip route delete blackhole 0.0.0.0/8
	ip -6 route delete default
	defer ip -6 route add default via $REMOTE6
	containers c1
	expect_same "its device is an uplink" 'eth0 ok yes' "$(uplinks)"
	expect "it carries traffic" at c1 ping -c 1 -W 5 $REMOTE4
}

@test "an uplink's removal that is killed in the end is finished by the next one" {
	containers c1
	run -137 at_bpf $BPF_MAP_UPDATE_ELEM 1 kill "$NKCTL_PROGRAM" uplink remove eth0
	expect "the next one" nkctl uplink remove eth0
	containers c2
	expect_same "the next attach leaves it alone" 'eth0 excluded yes' "$(uplinks)"
}

# It is held up behind the load, as it takes its endpoint's lock.
@test "a first attach that fails takes down nothing that others have set meanwhile" {
	local lock calls=$BATS_TEST_TMPDIR/calls
	second_wire
	defer ip link delete wire2
	ip netns add c1
	strace -o "$calls" -e trace=openat "$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE"
	lock=$(grep -om 1 '"locks/[0-9a-f]\{2\}"' "$calls" | tr -d '"')
	nkctl down
	at c1 ip link add eth0 type veth peer name other
	start attach host strace -o /dev/null -P "$lock" -e trace=openat -e inject=openat:delay_enter=3000000 \
		"$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE"
	eventually "it has loaded" eval "[[ -e \$(echo /sys/fs/bpf/nkctl*/maps/config) ]]"
	nkctl uplink add wire2
	expect_not "it fails" finish attach
	expect_match "its interface is taken" 'eth0 already' "$(<"$(output_of attach)")"
	expect_same "the uplink is there" 'wire2 ok no' "$(uplinks)"
}

@test "a removed uplink with a default route stays removed until it is added" {
	local before
	nkctl down
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

# Removes an uplink, and attaches c2 between the end of its program and that of its record.
remove_while_attaching() # DEVICE
{
	start remove host at_bpf $BPF_MAP_DELETE_ELEM 1 2000 "$NKCTL_PROGRAM" uplink remove "$1"
	eventually "its settings are given back" eval "[[ \$(settings_of $1) == $'0\n0\n1' ]]"
	attach c2
	nkctl detach --ns c2
	expect "the remove ends well" finish remove
}

@test "an uplink that is removed while a container is attached stays removed" {
	second_wire
	defer ip link delete wire2
	containers c1
	ip netns add c2
	nkctl uplink add wire2
	remove_while_attaching wire2
	expect_same "it isn't listed" 'eth0 ok yes' "$(uplinks)"
	remove_while_attaching eth0
	expect_same "one with a default route is excluded" 'eth0 excluded yes' "$(uplinks)"
	expect_same "neither has a program" '' "$(hook query tcx/ingress wire2; hook query tcx/ingress eth0)"
	nkctl down
	expect_same "after down the settings of both are as before" $'0\n0\n1\n0\n0\n1' \
		"$(settings_of wire2; settings_of eth0)"
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
	nkctl down
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
