#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What an attach gives a container, and what it changes on the host.
#
# datapath: stays loaded

load lib

teardown()
{
	clean_up
	take_all_down
}

addresses_of() # NS [DEVICE]
{
	ip -n "$1" -o address show dev "${2:-eth0}" scope global | awk '{ print $4 }'
}

sysctl_of() { cat "/proc/sys/net/$1"; }

@test "where nothing was attached, list is empty and loads nothing" {
	nkctl down
	expect_same "an empty list" '[]' "$(nkctl list --json)"
	expect_same "no pins" '' "$(find /sys/fs/bpf -name "nkctl*")"
}

# bats test_tags=core
@test "the container: next free addresses, default routes, loopback up, the route's MTU" {
	containers c1 c2
	expect_same "c1's addresses" $'10.88.0.2/32\nfd00:88::2/128' "$(addresses_of c1)"
	expect_same "c2's addresses" $'10.88.0.3/32\nfd00:88::3/128' "$(addresses_of c2)"
	expect_match "loopback is up" 'LOOPBACK,UP' "$(ip -n c1 link show lo)"
	expect_match "eth0 is up, with the MTU of the default route" ',UP.* mtu 1500 ' \
		"$(ip -n c1 link show eth0)"
	expect_no_match "no address waits for its duplicates" 'tentative|dadfailed' \
		"$(ip -n c1 address show scope global)"
	local routes
	routes=$(ip -n c1 -4 route show; ip -n c1 -6 route show default)
	if [[ $E2E_MODE == l3 ]]; then
		expect_match "IPv4 by the device alone" 'default dev eth0 .*scope link' "$routes"
		expect_match "IPv6 by the device alone" 'default dev eth0 .*metric' "$routes"
	else
		expect_match "IPv4 by the gateway" "default via $GATEWAY4 dev eth0" "$routes"
		expect_match "IPv6 by the gateway" "default via $GATEWAY6 dev eth0" "$routes"
	fi
}

# bats test_tags=core
@test "the host: a named device of the right kind, routes, gateway addresses" {
	containers c1
	local primary link
	primary=$(primary_of c1)
	link=$(ip -d link show "$primary")
	expect_match "its name" '^nk[0-9a-f]{12}$' "$primary"
	expect_match "its kind" " $E2E_DEVICE " "$link"
	expect_match "its identity" 'alias nkctl:default/c1/eth0' "$link"
	expect_match "its queue's length is the kernel's" ' qlen 1000$' "${link%%$'\n'*}"
	expect_match "the IPv4 route" "^10.88.0.2 dev $primary .*scope link src $GATEWAY4" \
		"$(ip route show 10.88.0.2)"
	expect_match "the IPv6 route" "^fd00:88::2 dev $primary .*src $GATEWAY6" \
		"$(ip -6 route show fd00:88::2)"
	expect_match "the IPv4 gateway's scope keeps it from other traffic" \
		"$GATEWAY4/32 scope link lo" "$(ip -o address show lo)"
	expect_match "the IPv6 gateway" "$GATEWAY6/128" "$(ip -o address show lo)"
}

@test "only the pair and the uplink forward, not the host" {
	local family primary
	containers c1
	primary=$(primary_of c1)
	for family in ipv4 ipv6; do
		expect_same "$family: the host's switch" 0 "$(sysctl_of $family/conf/all/forwarding)"
		expect_same "$family: later devices" 0 "$(sysctl_of $family/conf/default/forwarding)"
		expect_same "$family: loopback" 0 "$(sysctl_of $family/conf/lo/forwarding)"
		expect_same "$family: the primary" 1 "$(sysctl_of "$family/conf/$primary/forwarding")"
		expect_same "$family: the uplink" 1 "$(sysctl_of $family/conf/eth0/forwarding)"
	done
	expect_same "ip_forward" 0 "$(sysctl_of ipv4/ip_forward)"
}

# A device that is asked for alone has its state looked after by that; a list tells what it was.
@test "both ends say that they are up when the attach has ended" {
	local round
	ip netns add c1
	for round in {1..20}; do
		attach c1
		expect_match "round $round: the container's" '^eth0@[^ ]* +UP ' "$(ip -n c1 -br link show type "$E2E_DEVICE")"
		expect_match "the host's" '^nk[^ ]* +UP ' "$(ip -br link show group 28267)"
		nkctl detach --ns c1
	done
}

# bats test_tags=core
@test "MAC addresses: those of the mode" {
	containers c1
	local mac peer host
	mac=$(container_mac c1)
	peer=$(ip -n c1 -o link show eth0)
	host=$(ip -o link show "$(primary_of c1)")
	if [[ $E2E_MODE == l3 ]]; then
		expect_match "l3 does no ARP" NOARP "$peer"
		[[ $E2E_DEVICE == netkit ]] || return 0
		expect_same "l3 netkit has no MAC address" 00:00:00:00:00:00 "$mac"
		return
	fi
	expect_no_match "l2 does ARP" NOARP "$peer"
	expect_match "the container's is the one that is told" "link/ether $mac " "$peer"
	expect_match "the host's is that of all gateways" "link/ether $GATEWAY_MAC " "$host"
	expect_match "the host knows the container's and never asks" "10.88.0.2 .*$mac PERMANENT" \
		"$(ip neigh show nud permanent)"
	expect_match "so for IPv6" "fd00:88::2 .*$mac PERMANENT" "$(ip -6 neigh show nud permanent)"
}

# bats test_tags=core
@test "attach, show and list tell the same, in the documented form" {
	local told
	ip netns add c1
	told=$(attach c1 --json 2>/dev/null)
	expect_same "show" "$told" "$(nkctl show c1 --json)"
	expect_same "show by the device" "$told" "$(nkctl show "$(jq -r .host_device <<<"$told")" --json)"
	expect_same "list" "$(jq . <<<"$told")" "$(nkctl list --json | jq '.[0]')"
	# shellcheck disable=SC2016 # jq's variables
	expect "the values" jq -e --arg mode "$E2E_MODE" --arg device "$E2E_DEVICE" '
		.network == "default" and .id == "c1" and .ifname == "eth0" and .netns == "c1" and
		.device == $device and .mode == $mode and .mtu == 1500 and .state == "ok" and
		.addresses == ["10.88.0.2/32", "fd00:88::2/128"] and
		.gateways == ["10.88.0.1", "fd00:88::1"] and
		(.host_ifindex | type) == "number" and (.program_id | type) == "number" and
		(has("mac")) and (.host_device | test("^nk[0-9a-f]{12}$"))' <<<"$told"
	expect_same "the device's index" "$(jq .host_ifindex <<<"$told")" \
		"$(ip -o link show "$(primary_of c1)" | cut -d: -f1)"
	expect_same "the program" "$(jq .program_id <<<"$told")" "$(
		hook query "$([[ $E2E_DEVICE == netkit ]] && echo netkit/peer || echo tcx/ingress)" \
			"$(primary_of c1)")"
}

@test "list for people names every endpoint" {
	containers c1 c2
	run -0 nkctl list
	expect_match "a head" '^NETWORK +ID +IFNAME +HOST DEVICE +DEVICE +MODE +MTU' "${lines[0]}"
	expect_match "c1" "^default +c1 +eth0 .*$E2E_DEVICE +$E2E_MODE .*10.88.0.2 fd00:88::2 +- +- +ok" \
		"${lines[1]}"
	expect_match "c2" '^default +c2 ' "${lines[2]}"
	expect_match "show tells the state's meaning" 'attached, with its program' "$(nkctl show c1)"
}

@test "--ip: the address and the prefix length that the container is to see" {
	ip netns add c1
	expect_same "the attach tells" '["10.88.0.7/24","fd00:88::7/64"]' \
		"$(attach c1 --ip 10.88.0.7/24 --ip fd00:88::7/64 --json | jq -c .addresses)"
	expect_same "its addresses" $'10.88.0.7/24\nfd00:88::7/64' "$(addresses_of c1)"
	expect_same "what show tells" '10.88.0.7/32 fd00:88::7/128' \
		"$(endpoint c1 '.addresses | join(" ")')"
	expect "a neighbour in its prefix" at c1 ping -c 1 -W 5 $GATEWAY4
	containers c2
	expect "a container in its prefix" at c1 ping -c 1 -W 5 10.88.0.2
	expect "a container in its IPv6 prefix" at c1 ping -c 1 -W 5 fd00:88::2
}

@test "--ip of one family gives only that one; with auto, the other one too" {
	ip netns add c1
	attach c1 --ip 10.88.0.7
	expect_same "one address" '10.88.0.7/32' "$(addresses_of c1)"
	ip netns add c2
	attach c2 --ip fd00:88::7 --ip auto
	expect_same "given and next free" $'10.88.0.2/32\nfd00:88::7/128' "$(addresses_of c2)"
	ip netns add c3
	attach c3 --ip 10.88.1.1 --ip 10.88.1.2 --ip fd00:88::1:1
	expect_same "several of a family" \
		$'10.88.1.1/32\n10.88.1.2/32\nfd00:88::1:1/128' "$(addresses_of c3 | sort)"
	expect "each of them works" at c1 ping -c 1 -W 5 10.88.1.2
}

@test "the host's end has IPv6 where the container has" {
	local primary
	ip netns add c1
	attach c1 --ip 10.88.0.7
	primary=$(primary_of c1)
	expect_same "IPv4 alone: it is off" 1 "$(sysctl_of "ipv6/conf/$primary/disable_ipv6")"
	expect_same "no route" '' "$(ip -6 route show table all dev "$primary")"
	expect "the host reaches the container" ping -c 1 -W 5 10.88.0.7
	expect "the container the outside" at c1 ping -c 1 -W 5 $REMOTE4
	ip netns add c2
	attach c2 --ip fd00:88::7
	expect_same "IPv6: it is on" 0 "$(sysctl_of "ipv6/conf/$(primary_of c2)/disable_ipv6")"
	expect "the host reaches the container" ping -c 1 -W 5 fd00:88::7
}

@test "the node's list of multicast routes grows by no l3 endpoint" {
	local before
	before=$(ip -6 route show table local type multicast)
	ip netns add l3
	attach l3 --mode l3
	expect_same "as before" "$before" "$(ip -6 route show table local type multicast)"
	ip netns add l2
	attach l2 --mode l2
	expect_same "where neighbours are asked for it is needed" 1 \
		"$(ip -6 route show table local type multicast dev "$(primary_of l2)" | wc -l)"
}

@test "--ifname, --id and --network name the endpoint" {
	nkctl network add lab --subnet 10.99.0.0/24
	ip netns add c1
	attach c1 --ifname net0 --id web --network lab
	expect_same "the interface" 10.99.0.2/32 "$(addresses_of c1 net0)"
	expect_same "the identity" 'lab web net0 c1' \
		"$(endpoint web '[.network, .id, .ifname, .netns] | join(" ")')"
	nkctl detach --id web --ifname net0 --network lab
	expect_not "the interface is gone" ip -n c1 link show net0
}

@test "a namespace by its path, and by a process in it" {
	ip netns add c1
	attach /run/netns/c1
	expect_same "the path's last word is the id" c1 "$(shown c1 id)"
	expect_same "and the name is recognised" c1 "$(shown c1 netns)"
	start sleeper host unshare --net sleep 1000
	local pid=${started[sleeper]}
	eventually "the process has a namespace of its own" \
		eval "[[ ! /proc/$pid/ns/net -ef /proc/self/ns/net ]]"
	attach "pid:$pid"
	expect_same "an id of its pid" "pid-$pid" "$(shown "pid-$pid" id)"
	expect_same "no name" - "$(shown "pid-$pid" netns)"
	expect "it is attached" nsenter --net="/proc/$pid/ns/net" ping -c 1 -W 5 10.88.0.2
}

@test "addresses come in turn, wrap around, and run out" {
	local name
	nkctl network add small --subnet 10.99.0.0/29
	for name in c1 c2; do
		ip netns add $name
		attach $name --network small
	done
	expect_same "the second" 10.99.0.3/32 "$(addresses_of c2)"
	nkctl detach --ns c1 --network small
	for name in c3 c4 c5; do
		ip netns add $name
		attach $name --network small
	done
	expect_same "a freed address isn't used again at once" \
		$'10.99.0.4/32\n10.99.0.5/32\n10.99.0.6/32' \
		"$(for name in c3 c4 c5; do addresses_of $name; done)"
	attach c1 --network small
	expect_same "after the last address the freed one" 10.99.0.2/32 "$(addresses_of c1)"
	ip netns add c6
	expect_refusal "no address is left" 8 'attach c6: .*small' attach --ns c6 --network small
	expect_not "and nothing is left of the try" ip -n c6 link show eth0
}

mtu_of() { shown "$1" device | sed 's/.* mtu //'; }

# Whoever has one of these already would lose what comes in for it.
@test "no container gets an address of the host's, or one that the host has a way to" {
	local said
	containers c2 # the first one's refusal would take the programs away again, each time
	ip link add other type veth peer name other1
	defer ip link delete other
	ip link set other up
	ip link set other1 up
	ip address add 10.88.0.200/32 dev other
	ip address add fd00:88::c8/128 dev other nodad
	ip route add 10.88.0.201 dev other
	ip -6 route add fd00:88::c9 dev other
	ip netns add c1
	expect_refusal "an address of the host" 4 "attach c1: address 10.88.0.200 is this host's own" \
		attach --ns c1 --ip 10.88.0.200
	expect_refusal "by IPv6" 4 "address fd00:88::c8 is this host's own" attach --ns c1 --ip fd00:88::c8
	expect_refusal "one with a route" 4 "this host has a route to 10.88.0.201, which isn't nkctl's" \
		attach --ns c1 --ip 10.88.0.201
	expect_refusal "by IPv6" 4 "this host has a route to fd00:88::c9" attach --ns c1 --ip fd00:88::c9
	attach c1 --ip 10.88.0.199 --ip fd00:88::c7
	nkctl detach --ns c1
	nkctl network add few --subnet 10.97.0.0/29
	ip address add 10.97.0.2/32 dev other
	ip route add 10.97.0.3 dev other
	attach c1 --network few
	expect_same "they are passed over" 10.97.0.4 "$(shown c1 addresses)"
	nkctl detach --ns c1 --network few
	expect_same "the host's route" '10.97.0.3 dev other scope link' "$(ip route show 10.97.0.3 | xargs)"
	ip address add 10.97.0.6/29 dev other1
	listen_to nkctl attach --ns c1 --network few --device "$E2E_DEVICE"
	expect_match "one on another device's link" '10.97.0.5 is on the link of other1 as well' "$said"
	nkctl detach --ns c1 --network few
	nkctl network remove few
}

@test "the MTU: of the device, of its default route, of the network, of the option" {
	local name
	ip netns add c1
	ip route change default via $REMOTE4 mtu 1400
	defer ip route replace default via $REMOTE4
	attach c1
	expect_same "the route's" 1400 "$(mtu_of c1)"
	expect_match "in the container too" ' mtu 1400 ' "$(ip -n c1 link show eth0)"
	ip route change default via $REMOTE4
	ip link set eth0 mtu 1450
	defer ip link set eth0 mtu 1500
	ip netns add c2
	attach c2
	expect_same "the device's" 1450 "$(mtu_of c2)"
	ip netns add c3
	attach c3 --mtu 1300
	expect_same "the option's" 1300 "$(mtu_of c3)"
	nkctl network add lab --subnet 10.99.0.0/24 --mtu 1350
	ip netns add c4
	attach c4 --network lab
	expect_same "the network's" 1350 "$(mtu_of c4)"
}

@test "a second interface leaves the first one's default route alone" {
	nkctl network add lab --subnet 10.99.0.0/24 --subnet fd00:99::/64
	ip netns add c1
	ip netns add c2
	attach c1
	attach c1 --ifname eth1 --network lab
	attach c2 --network lab
	expect_match "the default route is the first's" '^default .*dev eth0' \
		"$(ip -n c1 route show default)"
	expect_match "the second has its subnet" '^10.99.0.0/24 .*dev eth1' \
		"$(ip -n c1 route show 10.99.0.0/24)"
	expect "the second network by it" at c1 ping -c 1 -W 5 -I eth1 10.99.0.3
	expect "and by IPv6" at c1 ping -c 1 -W 5 fd00:99::3
	expect "the world by the first" at c1 ping -c 1 -W 5 $REMOTE4
	expect_refusal "show wants to know which" 2 'show c1: .*several interfaces' show c1
	expect_same "it takes the interface's name" lab \
		"$(nkctl show c1 --ifname eth1 --json | jq -r .network)"
	nkctl detach --ns c1 --ifname eth1 --network lab
	expect "the first one goes on" at c1 ping -c 1 -W 5 $REMOTE4
}

@test "a host without an uplink: a warning, and containers that talk to it and to each other" {
	nkctl down
	default_routes_remove
	ip netns add c1
	run -0 --separate-stderr attach c1
	# shellcheck disable=SC2154 # set by run
	expect_match "a warning" 'no device carries a default route' "$stderr"
	containers c2
	expect_same "no uplink" '[]' "$(nkctl uplink list --json)"
	expect "c2" at c1 ping -c 1 -W 5 10.88.0.3
	expect "c2 by IPv6" at c1 ping -c 1 -W 5 fd00:88::3
	expect "the host" at c1 ping -c 1 -W 5 $GATEWAY4
	expect "the host by IPv6" at c1 ping -c 1 -W 5 $GATEWAY6
	expect "from the host" ping -c 1 -W 5 10.88.0.2
	expect "from the host by IPv6" ping -c 1 -W 5 fd00:88::2
}

@test "the next attach finds an uplink that has come meanwhile" {
	nkctl down
	default_routes_remove
	containers c1
	ip route add default via $REMOTE4
	ip -6 route add default via $REMOTE6
	containers c2
	expect_same "the uplink" 'eth0 ok' \
		"$(nkctl uplink list --json | jq -r '.[] | .device + " " + .state')"
	expect "the world, also for the container from before" at c1 ping -c 1 -W 5 $REMOTE4
	expect "by IPv6" at c1 ping -c 1 -W 5 $REMOTE6
}

# A router advertisement as RFC 4861, section 4.2, has it: hop limit 64, lifetime 1800 s.
advertise()
{
	at remote frame eth0 eth:dst=33:33:00:00:00:01 ip6:src=fe80::1,dst=ff02::1,hop=255 \
		icmp6:type=134,id=0x4000,seq=1800 data:hex=0000000000000000
}

@test "the default route of a router advertisement survives forwarding, and is renewed" {
	nkctl down
	default_routes_remove
	advertise
	eventually "the host has a route from the advertisement" \
		eval "ip -6 route show default | grep -q 'via fe80::1 .*proto ra'"
	containers c1
	expect_match "the route is still there" 'via fe80::1 dev eth0 proto ra' \
		"$(ip -6 route show default)"
	expect_same "the host goes on listening to advertisements" 2 \
		"$(sysctl_of ipv6/conf/eth0/accept_ra)"
	ip -6 route delete default
	advertise
	eventually "a new advertisement makes it again" \
		eval "ip -6 route show default | grep -q 'via fe80::1 .*proto ra'"
	nkctl down
	expect_same "afterwards accept_ra is what it was" 1 "$(sysctl_of ipv6/conf/eth0/accept_ra)"
	expect_match "and the route stays" 'via fe80::1 dev eth0 proto ra' \
		"$(ip -6 route show default)"
	ip -6 route delete default
}

# They are 5 MB, and several of the objects that it loads rely on them.
@test "the first attach reads the kernel's types once" {
	local calls=$BATS_TEST_TMPDIR/calls
	nkctl down
	ip netns add c1
	# shellcheck disable=SC2086 # a list of options
	strace -f --seccomp-bpf -e trace=openat -o "$calls" "$NKCTL_PROGRAM" attach --ns c1 $E2E_ATTACH
	expect_same "times" 1 "$(grep -c '"/sys/kernel/btf/vmlinux"' "$calls")"
}

@test "a further attach costs one attach of a program, and loads nothing" {
	local calls=$BATS_TEST_TMPDIR/calls
	containers c1
	ip netns add c2
	# shellcheck disable=SC2086 # a list of options
	strace -f --seccomp-bpf -e trace=bpf -o "$calls" "$NKCTL_PROGRAM" attach --ns c2 $E2E_ATTACH
	expect_same "attaches" 1 "$(grep -c BPF_PROG_ATTACH "$calls")"
	expect_same "loads and new maps" '' "$(grep -E 'BPF_(PROG_LOAD|MAP_CREATE|BTF_LOAD)' "$calls")"
	expect_same "one program for both" "$(shown c1 program)" "$(shown c2 program)"
}

# They are as many as there are endpoints.
@test "a further attach reads no list of the IPv6 routes" {
	local calls=$BATS_TEST_TMPDIR/calls
	containers c1
	ip netns add c2
	# shellcheck disable=SC2086 # a list of options
	strace -e trace=sendto,openat -o "$calls" "$NKCTL_PROGRAM" attach --ns c2 $E2E_ATTACH
	expect_same "dumps" '' "$(grep 'RTM_GETROUTE.*NLM_F_DUMP.*AF_INET6' "$calls")"
	expect_match "it asks for those" 'links/default_routes", .*= [0-9]' "$(<"$calls")"
	expect_same "and looks up no path of the container's settings" '' "$(grep 'sys/net/.*/eth0/' "$calls")"
}

@test "the kind of device: netkit where the kernel has it, and else a word about it" {
	local said
	ip netns add c1
	said=$(nkctl attach --ns c1 2>&1 >/dev/null)
	if ip link add probe0 type netkit 2>/dev/null; then
		ip link delete probe0
		expect_match "netkit" "^netkit," "$(shown c1 device)"
		expect_same "no word" '' "$said"
		return
	fi
	expect_match "veth" "^veth," "$(shown c1 device)"
	expect_match "it is said" 'no netkit: c1 got a veth pair' "$said"
	expect_same "no program is loaded for it" 'nk_from_ctr_veth nk_uplink' \
		"$(find /sys/fs/bpf/nkctl*/progs -type f -printf '%f\n' | sort | xargs)"
	ip netns add c2
	expect_refusal "netkit that isn't there" 5 'attach c2: this kernel has no netkit' \
		attach --ns c2 --device netkit
	expect_not "nothing is left of it" ip -n c2 link show eth0
}

@test "a host with IPv6 turned off gives IPv4 addresses, one with it off for new devices both" {
	containers c1
	nkctl detach --ns c1
	sysctl -qw net.ipv6.conf.lo.disable_ipv6=1
	defer sysctl -qw net.ipv6.conf.lo.disable_ipv6=0
	attach c1
	expect_match "its addresses" '^10\.88\.0\.[0-9]+$' "$(shown c1 addresses)"
	expect "it reaches the world" at c1 ping -c 1 -W 5 $REMOTE4
	nkctl detach --ns c1
	expect_refusal "one of IPv6" 5 'fd00:88::7: IPv6 is off on this host: `nkctl doctor` tells more' \
		attach --ns c1 --ip fd00:88::7
	expect_match "the doctor tells" 'net.ipv6.conf.lo.disable_ipv6 is on' "$(nkctl doctor)"
	sysctl -qw net.ipv6.conf.lo.disable_ipv6=0
	sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	defer sysctl -qw net.ipv6.conf.default.disable_ipv6=0
	attach c1
	expect "it reaches the world by IPv6" at c1 ping -c 1 -W 5 $REMOTE6
	expect "and the host" at c1 ping -c 1 -W 5 $GATEWAY6
	nkctl detach --ns c1
}

@test "a namespace in which IPv6 was turned off gets its IPv6 address" {
	ip netns add c1
	at c1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	attach c1
	expect_same "both addresses" $'10.88.0.2/32\nfd00:88::2/128' "$(addresses_of c1)"
	expect "it works" at c1 ping -c 1 -W 5 $REMOTE6
}

@test "a default network of one's own subnets" {
	nkctl network add default --subnet 10.88.64.0/24
	containers c1
	expect_same "its address" 10.88.64.2/32 "$(addresses_of c1)"
	expect_same "its gateway" 10.88.64.1 "$(shown c1 gateway)"
	expect "the world" at c1 ping -c 1 -W 5 $REMOTE4
}
