#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI spec 1.1.0 in its order, as far as its sentences can be tested from outside: section 2,
# operations.
# What has a file of its own isn't repeated: cni (ADD, DEL, VERSION), cni_check, cni_gc (GC, STATUS),
# cni_ipam, cni_requests, cni_many, cni_chain (section 3).
#
# places: native
#
# datapath: stays loaded

load lib
load cni

## Section 2: operations

@test "2: ADD doesn't touch an interface that has the name, whosever it is" {
	at c1 ip link add eth0 type veth peer name other
	expect_not 'of somebody else' call_c1 ADD "$(cni_config)"
	expect_error_object 'of somebody else' 1.1.0 104
	expect 'it is there still' at c1 ip link show eth0
	expect 'its DEL comes, and removes nothing' call_c1 DEL "$(cni_config)"
	expect 'it is there still' at c1 ip link show eth0
	expect 'by another name' call_c1 ADD "$(cni_config)" CNI_IFNAME=eth1
	expect_not 'by another network under that name' call_c1 ADD "$(cni_config '{}' 1.1.0 other)" CNI_IFNAME=eth1
	expect_error_object 'by another network' 1.1.0 104
	expect_same 'the first stays' pods/c1/eth1 "$(attached)"
	expect 'another container in the same namespace' call_c1 ADD "$(cni_config)" CNI_CONTAINERID=c2 CNI_IFNAME=eth2
}

@test "2: an ADD that fails leaves nothing, be it the first on a host or not" {
	local config before
	nkctl down
	config=$(cni_config '{"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80}]}}')
	start listener host socat TCP-LISTEN:8080,reuseaddr,fork OPEN:/dev/null
	eventually 'somebody listens' eval '[[ -n $(ss -Hltn sport = :8080) ]]'
	before=$(host_state)
	expect_not 'the first' call_c1 ADD "$config"
	expect_error_object 'the first' 1.1.0 105 8080
	nkctl down
	expect_same 'the host is as before' "$before" "$(host_state)"
	expect 'one without that port' call_c1 ADD "$(cni_config)"
	expect_not 'another one' call_c1 ADD "$config" CNI_CONTAINERID=c2 CNI_NETNS=/run/netns/c2
	expect_error_object 'another one' 1.1.0 105 8080
	expect_same 'the other stays' pods/c1/eth0 "$(attached)"
	expect_not 'no interface' at c2 ip link show eth0
}

@test "2: DEL with nothing but a name, an id and an interface" {
	expect 'attached' call_c1 ADD "$(cni_config "$BUILT_IN")"
	expect 'detached' cni_call DEL CNI_CONTAINERID=c1 CNI_IFNAME=eth0 -- '{"cniVersion": "0.3.1", "name": "pods"}'
	expect_same 'it answers nothing' '' "$answer$beside"
	expect_same 'no endpoint' '' "$(attached)"
	expect_not 'the interface is gone' at c1 ip link show eth0
	expect 'attached' call_c1 ADD "$(cni_config)"
	expect 'another interface' call_c1 DEL "$(cni_config)" CNI_IFNAME=eth1
	expect 'another network' call_c1 DEL "$(cni_config '{}' 1.1.0 other)"
	expect 'another container' call_c1 DEL "$(cni_config)" CNI_CONTAINERID=c2
	expect_same 'are not this one' pods/c1/eth0 "$(attached)"
	expect 'a prevResult of nonsense' call_c1 DEL "$(cni_config '{"prevResult": {"ips": 7}, "runtimeConfig": []}')"
	expect_same 'no endpoint' '' "$(attached)"
}

@test "2: DEL succeeds where ADD can never have asked an ipam plugin" {
	local ipam
	for ipam in '[]' '"host-local"' '{"type": 5}' '{"type": ""}' '{"type": "../bad"}' '{"type": "dhcp"}'; do
		expect_not "$ipam: refused" call_c1 ADD "$(cni_config "{\"ipam\": $ipam}")"
		expect "$ipam: attached without" call_c1 ADD "$(cni_config)"
		expect "$ipam: detached" call_c1 DEL "$(cni_config "{\"ipam\": $ipam}")"
		expect_same "$ipam: it answers nothing" '' "$answer$beside"
		expect_same "$ipam: the endpoint is gone" '' "$(attached)"
	done
}

@test "2: CHECK consults prevResult" {
	local config change
	config=$(cni_config "$BUILT_IN")
	expect 'attached' call_c1 ADD "$config"
	config=$(with_previous "$config")
	expect 'as it was' call_c1 CHECK "$config"
	expect_same 'it answers nothing' '' "$answer$beside"
	while read -r change; do
		expect_not "$change" call_c1 CHECK "$(jq -c "$change" <<<"$config")"
		expect_error_object "$change" 1.1.0 106
	done <<-'CHANGES'
		.prevResult.ips[0].address = "10.91.0.77/32"
		.prevResult.ips[0].address = "10.91.0.2/24"
		.prevResult.ips += [{address: "10.91.0.3/32", interface: 1}]
		.prevResult.ips = []
		.prevResult.ips[].interface = 0
		.prevResult.routes += [{dst: "198.51.100.0/24"}]
		.prevResult.interfaces[1].name = "eth1"
		.prevResult.interfaces[1].sandbox = "/run/netns/c2"
		.prevResult.interfaces[1].mac = "06:00:00:00:00:99"
		.prevResult.interfaces[1].mtu = 1400
		.prevResult.interfaces = []
		.prevResult = {}
		.runtimeConfig = {portMappings: [{hostPort: 8080, containerPort: 80}]}
	CHANGES
	expect_not 'null' call_c1 CHECK "$(jq -c '.prevResult = null' <<<"$config")"
	expect_error_object 'null' 1.1.0 7
	expect_not 'in another namespace' call_c1 CHECK "$config" CNI_NETNS=/run/netns/c2
	expect_error_object 'in another namespace' 1.1.0 106
	expect 'what another plugin has added' call_c1 CHECK "$(jq -c '.prevResult.interfaces += [{name: "ifb0"},
		{name: "lo", sandbox: "/run/netns/c1"}] | .prevResult.ips += [{address: "127.0.0.1/8", interface: 3}]
		| .prevResult.dns = {nameservers: ["192.0.2.1"]}' <<<"$config")"
	expect 'detached' call_c1 DEL "$config"
	expect_not 'after DEL' call_c1 CHECK "$config"
	expect_error_object 'after DEL' 1.1.0 106
}

@test "2: STATUS and GC need no attachment, and a configuration all the same" {
	local config
	nkctl down
	config=$(cni_config)
	expect 'STATUS' cni_call STATUS -- "$config"
	expect_same 'it answers nothing' '' "$answer$beside"
	expect 'GC where nothing was ever loaded' cni_call GC CNI_PATH=/x -- \
		"$(jq -c '. + {"cni.dev/valid-attachments": []}' <<<"$config")"
	expect_same 'it answers nothing' '' "$answer$beside"
	expect_not 'STATUS of what ADD would refuse' cni_call STATUS -- "$(cni_config '{"mtu": "big"}')"
	expect_error_object 'it is told' 1.1.0 7
	expect_same 'nothing was loaded' '' "$(find /sys/fs/bpf -name 'nkctl*')"
}

@test "2: GC leaves what a person attached, and what is of another network" {
	local config
	config=$(cni_config "$BUILT_IN")
	nkctl network add pods --subnet 10.91.0.0/16
	# shellcheck disable=SC2086 # a list of options
	nkctl attach --ns c1 --network pods --ifname eth5 $E2E_ATTACH
	expect 'attached by CNI' call_c1 ADD "$config"
	expect 'to another network' call_c1 ADD "$(cni_config "$BUILT_IN" 1.1.0 pods2)" CNI_IFNAME=eth1
	expect_not 'a list of nonsense' call_c1 GC "$(jq -c '. + {"cni.dev/valid-attachments": [{}]}' <<<"$config")"
	expect_error_object 'a list of nonsense' 1.1.0 7
	expect_same 'removes nothing' 'pods/c1/eth0 pods/c1/eth5 pods2/c1/eth1' "$(attached)"
	expect 'nothing is valid' call_c1 GC "$(jq -c '. + {"cni.dev/valid-attachments": null}' <<<"$config")"
	expect_same 'what stays' 'pods/c1/eth5 pods2/c1/eth1' "$(attached)"
	expect_not 'its identity is taken' call_c1 ADD "$config" CNI_IFNAME=eth5
	expect_error_object 'its identity is taken' 1.1.0 104
	expect 'a person detaches what CNI attached' nkctl detach --ns c1 --network pods2 --ifname eth1
}

@test "2: VERSION repeats the version and lists what is spoken" {
	local version
	for version in 0.1.0 0.3.1 1.1.0 7.0.0-rc.1; do
		expect "$version" cni_call VERSION -- "{\"cniVersion\": \"$version\"}"
		expect_same "$version" "{\"cniVersion\":\"$version\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}" \
			"$(jq -c . <<<"$answer")"
	done
	expect 'whatever else is set' cni_call VERSION CNI_ARGS=x CNI_IFNAME=a/b CNI_CONTAINERID=/ -- '{}'
}
