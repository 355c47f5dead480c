#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What commands make of the host that they find: its own addresses, its default routes, and each other. The
# same on each kernel.
#
# places: native

load lib

teardown()
{
	clean_up
	take_all_down
}
teardown_file() { :; }

address_of() { nkctl show "$1" --json | jq -r '.addresses[-1] | sub("/.*"; "")'; }

# By a route of its own to all of it (ip-route(8), "local"): that is no search of 2^64 addresses.
@test "what the host answers to itself is passed over at once" {
	containers c2
	ip -6 route add local fd00:88::/65 dev lo
	defer ip -6 route delete local fd00:88::/65 dev lo
	ip netns add c1
	expect "c1" timeout 20 "$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE"
	expect_same "its address is of the other half" 'fd00:88:0:0:8000::' "$(address_of c1)"
	nkctl detach --ns c1
	ip -6 route add local fd00:88:0:0:8000::/65 dev lo
	defer ip -6 route delete local fd00:88:0:0:8000::/65 dev lo
	run -8 timeout 20 "$NKCTL_PROGRAM" attach --ns c1 --device "$E2E_DEVICE"
	expect_match "it tells" 'no IPv6 address' "$output"
}

# What was attached while it looked whether anything is, it had taken for the remains of a load that was killed.
@test "a down that began before the first attach takes down what that has made" {
	default_routes_remove # so that it meets no program of an uplink
	note host_state
	ip netns add c1
	start down host at_bpf $BPF_PROG_QUERY 1 4000 "$NKCTL_PROGRAM" down
	eventually "it is held up" grep -q nanosleep "/proc/${started[down]}/wchan"
	attach c1
	expect "it takes everything down" finish down
	expect_match "as it tells" 'removed 1 endpoint' "$(<"$(output_of down)")"
	expect_as_noted "nothing is left" host_state
	containers c2
}

@test "a device with a default route is excluded before an attach takes it" {
	second_wire
	containers c1
	ip route add default dev wire2 metric 500
	expect_match "it is none" 'wire2 is no uplink any more' "$(nkctl uplink remove wire2)"
	containers c2
	expect_same "nor becomes one" $'eth0 ok\nwire2 excluded' \
		"$(nkctl uplink list | awk 'NR > 1 { print $1, $5 }' | sort)"
	expect_match "it isn't counted" '1 uplink' "$(nkctl down)"
	ip link delete wire2
}

@test "a port that is published with the first attach is at the gateway address, too" {
	ip netns add c1
	start service c1 greet serve c1 tcp 80
	attach c1 --publish 8080:80
	expect_match "for the host" "^c1 $GATEWAY4" "$(greet ask tcp $GATEWAY4 8080)"
	containers c2
	expect "for containers" at c2 timeout 5 bash -c "exec 3<>/dev/tcp/$GATEWAY4/8080"
}
