#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI plugin, sentence by sentence of the spec, as a runtime sees it.

load lib
load cni

readonly BUILT_IN='{"subnets": ["10.91.0.0/16", "fd00:91::/64"]}'

setup()
{
	trace_test_only
	ip netns add c1
	ip netns add c2
}

teardown()
{
	clean_up
	take_all_down
}

## ADD

# bats test_tags=core
@test "ADD connects the container and tells what it made" {
	expect_cni 'a container is attached' ADD c1 "$(cni_config "$BUILT_IN")"
	expect_same 'the version is that of the request' 1.1.0 "$(answered .cniVersion)"
	expect_same 'the first interface is the host'\''s' null "$(answered '.interfaces[0].sandbox')"
	expect_same 'the second is the container'\''s' 'eth0 /run/netns/c1' \
		"$(answered '.interfaces[1] | .name + " " + .sandbox')"
	expect_same 'the addresses' '10.91.0.2/32 10.91.0.1 1,fd00:91::2/128 fd00:91::1 1' \
		"$(answered '[.ips[] | "\(.address) \(.gateway) \(.interface)"] | join(",")')"
	expect_same 'the routes' '0.0.0.0/0,::/0' "$(answered '[.routes[].dst] | join(",")')"
	expect_same 'the MTU is the device'\''s' 1500 "$(answered '.interfaces[1].mtu')"
	expect_same 'the MAC address is the device'\''s' "$(cat "$(host_path c1 address)")" \
		"$(answered '.interfaces[1].mac')"
	expect_same 'nothing else is printed' '' "$beside"
	expect 'the host reaches it by IPv4' ping -c 1 -W 2 10.91.0.2
	expect 'the host reaches it by IPv6' ping -c 1 -W 2 fd00:91::2
	expect 'it reaches the outside' at c1 ping -c 1 -W 2 "$REMOTE4"
}

# A file of eth0 below /sys, as the container's own sysfs has it.
host_path() # CONTAINER FILE
{
	local file=$BATS_TEST_TMPDIR/$2
	within "$1" unshare -m sh -c "mount -t sysfs sysfs /sys && cat /sys/class/net/eth0/$2" >"$file"
	echo "$file"
}
