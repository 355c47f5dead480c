#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the doctor finds of a host: its devices, settings and permissions, the same on each kernel.
#
# places: native

load lib
load doctor

setup_file() { containers c1; }

@test "an endpoint or a network with more MTU than the uplink is found" {
	examine
	expect_check mtu ok .
	ip link set eth0 mtu 1400
	examine
	expect_check mtu warn '^c1 has 1500, the uplink eth0 1400$'
	ip link set eth0 mtu 1500
	nkctl network add big --subnet 10.77.0.0/24 --mtu 9000
	examine
	expect_check mtu warn '^network big has 9000, the uplink eth0 1500$'
	nkctl network remove big
}

@test "a subnet that another device has too is found" {
	examine
	expect_check subnets ok .
	ip link add bridge0 type veth peer name bridge1
	ip address add 10.88.3.1/24 dev bridge0
	examine
	expect_check subnets warn '10.88.0.0/16 of network default overlaps 10.88.3.1/24 on bridge0'
	expect_match 'the built-in network is replaced' '^detach .* default, then: nkctl network add default ' \
		"${mends[subnets]}"
	ip link delete bridge0
}

@test "a network's subnet that another device has too is mended as it says" {
	local commands
	ip link add bridge0 type veth peer name bridge1
	defer ip link delete bridge0
	ip address add 10.79.3.1/24 dev bridge0
	nkctl network add lab --subnet 10.79.0.0/16
	defer nkctl network remove lab
	examine
	expect_check subnets warn '^10.79.0.0/16 of network lab overlaps 10.79.3.1/24 on bridge0$'
	commands=${mends[subnets]#*then: }
	expect "${commands/CIDR/10.80.0.0/16}" eval "${commands/CIDR/10.80.0.0/16}"
	examine
	expect_check subnets ok .
}

@test "forwarding that somebody turned off is found, and mended as it says" {
	local primary
	primary=$(primary_of c1)
	examine
	expect_check forwarding ok .
	sysctl -qw net.ipv4.ip_forward=1
	sysctl -qw net.ipv4.ip_forward=0
	examine
	expect_check forwarding warn "net/ipv4/conf/$primary/forwarding is 0"
	expect_check forwarding warn 'net/ipv4/conf/eth0/forwarding is 0'
	sysctl -qw "net/ipv4/conf/$primary/forwarding=1" net/ipv4/conf/eth0/forwarding=1
	examine
	expect_check forwarding ok .
}

@test "an uplink that takes no router advertisements any more is noted" {
	sysctl -qw net/ipv6/conf/eth0/accept_ra=1
	examine
	expect_check accept-ra note 'net/ipv6/conf/eth0/accept_ra is 1'
	sysctl -qw net/ipv6/conf/eth0/accept_ra=2
	examine
	expect_check accept-ra ok .
}

@test "a loopback device that is down is found" {
	ip link set lo down
	examine
	expect_check loopback warn '^lo is down$'
	ip link set lo up
	examine
	expect_check loopback ok .
}

@test "an endpoint that isn't well is named with its state" {
	ip link set "$(primary_of c1)" down
	examine
	expect_check endpoints warn '^c1 is down$'
	ip link set "$(primary_of c1)" up
}

@test "what repair would mend is found" {
	nkctl repair # after the tests before, that took links down
	examine
	expect_check repair ok '^nothing to mend$'
	ip -n c1 route delete default
	examine
	expect_check repair warn "^c1: the container's eth0 had no route by which it sends IPv4$"
	nkctl repair
}

@test "the program that polices is nobody else's" {
	ip netns add c8
	attach c8 --egress-rate 5M
	examine
	expect_check other-programs ok .
	nkctl detach --ns c8
}

@test "an excluded uplink is told, and what is on it isn't looked at" {
	nkctl uplink remove eth0
	examine
	expect_check uplinks ok '^eth0 excluded by hand$'
	expect_check other-programs ok .
	nkctl uplink add eth0
}

@test "a device that got a default route after the last attach is found, and repaired" {
	second_wire
	ip route add default dev wire2 metric 500
	examine
	expect_check uplinks warn '^eth0 \(mtu 1500\), wire2 has no program$'
	expect_same 'the list tells' 'no-program' \
		"$(nkctl uplink list --json | jq -r '.[] | select(.device == "wire2").state')"
	expect_match 'it is mended' 'wire2.*default route' "$(nkctl repair 2>&1)"
	examine
	expect_check uplinks ok 'wire2'
	ip link delete wire2
	nkctl repair
}

@test "a host without a default route is warned of, and ready" {
	nkctl down
	ip route flush default
	ip -6 route flush default
	examine
	expect_check uplinks warn 'no device carries a default route'
	expect_check datapath ok 'not loaded'
	expect_same 'it is ready all the same' ready "$(verdict | cut -d- -f1)"
	ip route add default via "$REMOTE4"
	examine
	expect_check uplinks ok '^would use eth0 \(mtu 1500\)$'
	ip -6 route add default via "$REMOTE6"
}

@test "without root it tells what it couldn't look at" {
	run -6 --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$NKCTL_PROGRAM" doctor --json
	report_read "$output"
	expect_same 'the verdict' not-ready "$(verdict)"
	expect_check privilege fail '^not root$'
	for name in netkit uplinks mtu subnets nat-ports xdp tc-filters; do # root alone knows the uplinks
		expect_check $name note 'not looked at'
	done
	expect_match 'the line on stderr' '^nkctl: doctor: ' "$stderr"
}

@test "root without the capabilities is told which are missing" {
	run -6 --separate-stderr setpriv --bounding-set -net_admin "$NKCTL_PROGRAM" doctor --json
	report_read "$output"
	expect_check privilege fail '^no CAP_NET_ADMIN$'
}
