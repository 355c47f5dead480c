#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI plugin, sentence by sentence of the spec, as a runtime sees it: ADD, DEL and VERSION.
#
# datapath: stays loaded

load lib
load cni

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

@test "ADD answers in the version that the request has" {
	local version
	for version in 0.3.1 0.4.0 1.0.0 1.1.0; do
		expect_cni "$version" ADD c1 "$(cni_config "$BUILT_IN" $version)"
		expect_same "$version: its number" $version "$(answered .cniVersion)"
		case $version in
		0.*) expect_same "$version: addresses have a version" '4 6' \
			"$(answered '[.ips[].version] | join(" ")')" ;;
		*)   expect_same "$version: addresses have none" '' \
			"$(answered '[.ips[] | select(has("version"))] | .[].address')" ;;
		esac
		expect_same "$version: interfaces have an MTU from 1.1.0 on" \
			"$([[ $version == 1.1.0 ]] && echo true || echo false)" \
			"$(answered '.interfaces[1] | has("mtu")')"
		expect_cni "$version" DEL c1 "$(cni_config "$BUILT_IN" $version)"
		expect_same "$version: DEL answers nothing" '' "$answer"
	done
}

@test "without subnets there are those of the network default" {
	expect_cni 'a container is attached' ADD c1 "$(cni_config)"
	expect_same 'the addresses' '10.88.0.2/32,fd00:88::2/128' \
		"$(answered '[.ips[].address] | join(",")')"
}

@test "a second ADD is refused and leaves the first alone" {
	local config first
	config=$(cni_config "$BUILT_IN")
	expect_cni 'the first' ADD c1 "$config"
	first=$answer
	expect_cni_error 'the second' 104 'already attached' ADD c1 "$config"
	expect_same 'the error has the request'\''s version' 1.1.0 "$(answered .cniVersion)"
	expect 'the first still works' ping -c 1 -W 2 10.91.0.2
	answer=$first
	expect_cni 'and is as it was' CHECK c1 "$(with_previous "$config")"
}

@test "ADD in place of the remains of a killed one" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	device_unfinish "$(answered '.interfaces[0].name')"
	expect_cni 'attached again' ADD c1 "$config"
	expect_same 'one endpoint' pods/c1/eth0 "$(attached)"
}

@test "ADD keeps what earlier plugins of the chain have done" {
	answer='{"cniVersion": "1.0.0", "interfaces": [{"name": "lo", "sandbox": "/run/netns/c1"}],
		"ips": [{"address": "127.0.0.1/8", "interface": 0}], "dns": {"nameservers": ["192.0.2.53"]}}'
	expect_cni 'attached' ADD c1 "$(with_previous "$(cni_config "$BUILT_IN" 1.0.0)")"
	expect_same 'its interfaces come first' 'lo eth0' \
		"$(answered '[.interfaces[] | select(.sandbox)| .name] | join(" ")')"
	expect_same 'addresses point at their interfaces' '0 2 2' \
		"$(answered '[.ips[].interface] | join(" ")')"
	expect_same 'its resolver stays' 192.0.2.53 "$(answered '.dns.nameservers[0]')"
}

## DEL

# bats test_tags=core
@test "DEL removes everything, any number of times, in any state" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'what was never attached' DEL c1 "$config"
	expect_cni 'attached' ADD c1 "$config"
	expect_cni 'detached' DEL c1 "$(with_previous "$config")"
	expect_not 'the interface is gone' at c1 ip link show eth0
	expect_same 'no endpoint' '' "$(attached)"
	expect_cni 'again' DEL c1 "$config"

	expect_cni 'attached' ADD c1 "$config"
	at c1 ip link delete eth0
	expect_cni 'the interface is gone' DEL c1 "$config"

	expect_cni 'attached' ADD c1 "$config"
	CNI_NS='' expect_cni 'no namespace is told' DEL c1 "$config"
	expect_same 'no endpoint' '' "$(attached)"

	expect_cni 'attached' ADD c1 "$config"
	ip netns delete c1
	expect_cni 'the namespace is gone' DEL c1 "$config"
	ip netns add c1
	expect_cni 'attached' ADD c1 "$config"
	rm -r /sys/fs/bpf/nkctl*
	expect_cni 'the pins are gone' DEL c1 "$config"
	expect_not 'the interface is gone' at c1 ip link show eth0
	expect_cni 'a configuration that ADD refuses' DEL c1 "$(cni_config '{"mtu": "big"}')"
}

@test "DEL tells that it leaves a device whose group somebody has changed" {
	local config primary
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	primary=$(answered '.interfaces[0].name')
	ip link set "$primary" group 0
	expect_cni_error 'its group' 104 "$primary is in the container" DEL c1 "$config"
	expect 'the interface stays' at c1 ip link show eth0
	CNI_NS=/run/netns/c2 expect_cni 'of another container nothing is there' DEL c1 "$config"
	CNI_NS='' expect_cni 'nor of one that is gone' DEL c1 "$config"
	ip link delete "$primary"
	expect_cni 'as it was told' DEL c1 "$config"
	ip link add "$primary" type veth peer name other
	expect_cni 'a device of somebody'\''s own is none of ours' DEL c1 "$config"
	ip link delete "$primary"
}

@test "DEL removes a device whose alias somebody has changed" {
	local config alias
	config=$(cni_config "$BUILT_IN")
	for alias in '' foo; do
		expect_cni 'attached' ADD c1 "$config"
		ip link set "$(answered '.interfaces[0].name')" alias "$alias"
		expect_cni "the alias '$alias'" DEL c1 "$config"
		expect_not 'the interface is gone' at c1 ip link show eth0
	done
}

@test "DEL never touches a container that has got the namespace's path" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'the first' ADD c1 "$config"
	ip netns delete c1
	ip netns add c1
	CNI_NS=/run/netns/c1 expect_cni 'the second, at the same path' ADD other "$config"
	expect_cni 'the first is detached late' DEL c1 "$config"
	expect_same 'the second stays' pods/other/eth0 "$(attached)"
	expect 'and works' at c1 ping -c 1 -W 2 10.91.0.1
}

## VERSION

@test "VERSION tells what is spoken, whatever the environment" {
	expect 'as libcni asks' cni_call VERSION CNI_NETNS=dummy CNI_PATH=dummy CNI_IFNAME=dummy \
		CNI_CONTAINERID=dummy -- '{"cniVersion": "1.0.0"}'
	expect_same 'the versions' '1.0.0: 0.3.1 0.4.0 1.0.0 1.1.0' \
		"$(answered '.cniVersion + ": " + (.supportedVersions | join(" "))')"
	expect 'without a document' cni_call VERSION -- ''
	expect_same 'it is the newest' 1.1.0 "$(answered .cniVersion)"
	expect 'by name it is the command line still' nkctl version
}

@test "down leaves nothing of a configured network" {
	local before
	nkctl down
	before=$(host_state)
	expect_cni 'attached' ADD c1 "$(cni_config "$BUILT_IN")"
	nkctl down
	expect_same 'the host is as before' "$before" "$(host_state)"
}
