#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI plugin, sentence by sentence of the spec, as a runtime sees it: what may be asked for, and what is refused.
#
# places: native
#
# datapath: stays loaded

load lib
load cni

## What is asked for

# The addresses that an ADD has answered.
given() { answered '[.ips[].address] | join(" ")'; }

@test "ranges, exclusions and requested addresses" {
	local subnet='{"subnet": "10.91.0.0/24", "rangeStart": "10.91.0.10", "rangeEnd": "10.91.0.13",
		"exclude": ["10.91.0.10/31"], "gateway": "10.91.0.1"}'
	local config
	config=$(cni_config "{\"subnets\": [$subnet]}")
	expect_cni 'the first' ADD c1 "$config"
	expect_same 'the first that is in the range and not excluded' 10.91.0.12/32 \
		"$(answered '.ips[0].address')"
	expect_cni 'the second' ADD c2 "$config"
	expect_same 'the next' 10.91.0.13/32 "$(answered '.ips[0].address')"
	ip netns add c3
	expect_cni_error 'no third' 103 'no IPv4 address' ADD c3 "$config"
	expect_cni 'a range of the runtime goes first' ADD c3 "$(jq -c '. + {runtimeConfig:
		{ipRanges: [[{subnet: "10.95.0.0/24", rangeStart: "10.95.0.77"}]]}}' <<<"$config")"
	expect_same 'its first address' 10.95.0.77/32 "$(answered '.ips[0].address')"
	expect_cni 'detached' DEL c3 "$config"
	expect_cni 'an address is asked for' ADD c3 "$(jq -c '. + {runtimeConfig:
		{ips: ["10.91.0.99/24"]}}' <<<"$config")"
	expect_same 'with its prefix' 10.91.0.99/24 "$(answered '.ips[0].address')"
	expect_cni 'detached' DEL c3 "$config"
	CNI_ARGS='IP=10.91.0.98' expect_cni 'the elder way to ask' ADD c3 "$config"
	expect_same 'that address' 10.91.0.98/32 "$(answered '.ips[0].address')"
	expect_cni 'detached' DEL c3 "$config"
	expect_cni_error 'an address that is taken' 105 '10.91.0.12 is taken by' ADD c3 \
		"$(jq -c '. + {args: {cni: {ips: ["10.91.0.12"]}}}' <<<"$config")"
	expect_cni_error 'an address of elsewhere' 7 'outside every subnet' ADD c3 \
		"$(jq -c '. + {runtimeConfig: {ips: ["10.99.0.1/24"]}}' <<<"$config")"
	expect_same 'nothing of the refused is left' 'pods/c1/eth0 pods/c2/eth0' "$(attached)"
}

@test "a subnet may have several ranges, in a set and in several" {
	local config more='{ipRanges: [
		[{subnet: "10.91.0.0/24", rangeStart: "10.91.0.20", rangeEnd: "10.91.0.20"},
		 {subnet: "10.91.0.0/24", rangeStart: "10.91.0.10", rangeEnd: "10.91.0.11"}],
		[{subnet: "10.91.0.0/24", rangeStart: "10.91.0.30"}]]}'
	config=$(cni_config '{}' | jq -c ". + {runtimeConfig: $more}")
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'one of each set' '10.91.0.20/32 10.91.0.30/32' \
		"$(given)"
	expect_cni 'it is as told' CHECK c1 "$(with_previous "$config")"
	expect_cni 'the second' ADD c2 "$config"
	expect_same 'the next range of the first set' '10.91.0.10/32 10.91.0.31/32' \
		"$(given)"
	expect_cni 'detached' DEL c1 "$config"
	expect_cni 'one is asked for' ADD c1 "$(jq -c '.runtimeConfig += {ips: ["10.91.0.99"]}' <<<"$config")"
	expect_same 'which is of the second set, and the first begins anew' '10.91.0.99/32 10.91.0.20/32' \
		"$(given)"
	expect_cni_error 'ranges that overlap' 7 'two ranges of it overlap' ADD c3 "$(jq -c '
		.runtimeConfig.ipRanges[1][0].rangeStart = "10.91.0.11"' <<<"$config")"
	expect_cni 'detached' DEL c1 "$config"
	expect_cni 'detached' DEL c2 "$config"
}

@test "of each set of ranges there is an address, of one family, too" {
	local config more='{ipRanges: [[{subnet: "10.91.0.0/30"}, {subnet: "10.92.0.0/24"}],
		[{subnet: "fd00:91::/64"}], [{subnet: "10.93.0.0/24", rangeStart: "10.93.0.9"}]]}'
	config=$(cni_config '{}' | jq -c ". + {runtimeConfig: $more}")
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'one of each set, in their order' '10.91.0.2/32 fd00:91::2/128 10.93.0.9/32' \
		"$(given)"
	expect_cni 'it is as told' CHECK c1 "$(with_previous "$config")"
	expect_cni 'the second' ADD c2 "$config"
	expect_same 'where a range is exhausted, the next of its set' \
		'10.92.0.2/32 fd00:91::3/128 10.93.0.10/32' "$(given)"
	for address in 10.91.0.2 10.93.0.9 fd00:91::2; do
		expect "it reaches $address" within c2 ping -c 1 -W 2 "$address"
	done
	expect_cni 'detached' DEL c1 "$config"
	expect_cni 'detached' DEL c2 "$config"
	expect_cni 'one is asked for' ADD c1 "$(jq -c '.runtimeConfig += {ips: ["10.93.0.77"]}' <<<"$config")"
	expect_same 'the other sets give theirs' '10.93.0.77/32 10.91.0.2/32 fd00:91::4/128' \
		"$(given)"
	expect_cni 'detached' DEL c1 "$config"
	expect_same 'nothing is left' '' "$(attached)"
}

@test "a subnet whose gateway is a container's address is refused" {
	local config
	config=$(cni_config '{"subnets": ["10.91.0.0/24"]}')
	expect_cni 'attached' ADD c1 "$(jq -c '. + {runtimeConfig: {ips: ["10.91.0.129"]}}' <<<"$config")"
	expect_cni_error 'its address would be the host'"'"'s' 105 \
		'gateway 10.91.0.129 of subnet 10.91.0.128/25 is the address of nkcni:pods/c1/eth0' \
		ADD c2 "$(cni_config '{"subnets": ["10.91.0.128/25"]}')"
	expect 'the first still works' ping -c 1 -W 5 10.91.0.129
	expect_same 'nothing of the refused is left' pods/c1/eth0 "$(attached)"
}

@test "ports are published, with the keys that containerd sends" {
	local config
	config=$(cni_config "$BUILT_IN" 1.0.0 | jq -c '. + {capabilities: {portMappings: true},
		runtimeConfig: {portMappings: [
			{HostPort: 8080, ContainerPort: 80, Protocol: "tcp", HostIP: ""},
			{hostPort: 5353, containerPort: 53, protocol: "UDP", hostIP: "192.0.2.1"}]}}')
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'the ports' '8080:80 192.0.2.1:5353:53/udp' "$(shown c1 published | tr '\n' ' ' | sed 's/ $//')"
	expect_cni 'they are as told' CHECK c1 "$(with_previous "$config")"
	expect_cni_error 'a port that is taken' 105 8080 ADD c2 "$config"
	expect_same 'nothing of the refused is left' pods/c1/eth0 "$(attached)"
	expect_cni 'detached' DEL c1 "$config"
	expect_cni 'the ports are free' ADD c2 "$config"
}

@test "a port that a container has published by another network is published" {
	local config second
	config=$(cni_config "$BUILT_IN" | jq -c '. + {runtimeConfig: {portMappings: [
		{hostPort: 8080, containerPort: 80, protocol: "tcp"}]}}')
	second=$(jq -c '.name = "db" | .subnets = ["10.92.0.0/24"]' <<<"$config")
	expect_cni 'attached' ADD c1 "$config"
	expect_cni 'to a second network, with the same ports' ADD c1:eth1 "$second"
	expect_cni 'it is as told' CHECK c1:eth1 "$(with_previous "$second")"
	expect_same 'the first serves' 'pods 8080:80' "$(nkctl publish list | awk 'NR > 1 { print $1, $4 }')"
	expect_cni_error 'another port of the container needs its own' 105 8080 ADD c1:eth2 \
		"$(jq -c '.name = "third" | .subnets = ["10.93.0.0/24"] | .runtimeConfig.portMappings[0].containerPort = 81' <<<"$config")"
	expect_cni_error 'and so does another container' 105 8080 ADD c2 "$config"
	expect_cni 'detached' DEL c1:eth1 "$second"
	expect_same 'the first has its port still' '8080:80' "$(shown c1 published)"
	expect_cni 'detached' DEL c1 "$config"
	expect_cni 'the port is free' ADD c2 "$config"
}

@test "a port at addresses of a family that the container hasn't got is left out, if another leads to it" {
	local config only
	config=$(cni_config '{"subnets": ["10.91.0.0/16"]}' | jq -c '. + {runtimeConfig: {portMappings: [
		{hostPort: 8080, containerPort: 80, hostIP: "::"},
		{hostPort: 8080, containerPort: 80, hostIP: "0.0.0.0"}]}}')
	only=$(jq -c 'del(.runtimeConfig.portMappings[1])' <<<"$config")
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'the port' 8080:80 "$(shown c1 published)"
	expect_cni 'as it was told' CHECK c1 "$(with_previous "$config")"
	expect_cni_error 'nothing else leads to it' 7 'no IPv6 address that port \[::\]:8080:80' ADD c2 "$only"
	expect_cni 'detached' DEL c1 "$config"
	[[ -x $CNI_PLUGIN_DIR/static ]] || return 0
	config=$(jq -c 'del(.subnets) + {cniVersion: "1.0.0", ipam: {type: "static", addresses: [{address: "fd00:91::7/64"}]}}' <<<"$config")
	expect_cni 'an address of a plugin' ADD c1 "$config"
	expect_same 'the port' 8080:80 "$(shown c1 published)"
	expect_cni 'as it was told' CHECK c1 "$(with_previous "$config")"
}

@test "a resolver is told on" {
	local config
	config=$(cni_config '{"dns": {"nameservers": ["192.0.2.53"], "domain": "example.org"}}')
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'the configuration'\''s' '192.0.2.53 example.org' \
		"$(answered '.dns | .nameservers[0] + " " + .domain')"
	expect_cni 'attached' ADD c2 "$(jq -c '. + {runtimeConfig: {dns: {servers: ["192.0.2.54"],
		searches: ["example.net"], options: ["ndots:2"]}}}' <<<"$config")"
	expect_same 'the runtime'\''s goes first' '192.0.2.54 example.net ndots:2' \
		"$(answered '.dns | .nameservers[0] + " " + .search[0] + " " + .options[0]')"
}

@test "a MAC address is for mode l2" {
	local more='{"mode": "l2", "runtimeConfig": {"mac": "06:00:00:00:00:17"}}'
	expect_cni 'attached' ADD c1 "$(cni_config "$more")"
	expect_same 'it is told' 06:00:00:00:00:17 "$(answered '.interfaces[1].mac')"
	expect_same 'the device has it' 06:00:00:00:00:17 "$(mac_of c1)"
	expect 'and works' ping -c 1 -W 2 10.88.0.2
	expect_cni_error 'in mode l3' 2 'runtimeConfig.mac.*06:00:00:00:00:17' ADD c2 \
		"$(cni_config "$(jq -c '. + {mode: "l3"}' <<<"$more")")"
}

@test "the MTU of the configuration" {
	expect_cni 'attached' ADD c1 "$(cni_config '{"mtu": 1400}')"
	expect_same 'it is told' 1400 "$(answered '.interfaces[1].mtu')"
	expect_same 'the device has it' 1400 "$(cat "$(host_path c1 mtu)")"
	expect_cni_error 'too small for IPv6' 7 '1280' ADD c2 "$(cni_config '{"mtu": 500}')"
}

## Bad requests

@test "what is wrong with the environment is refused by name" {
	local config
	config=$(cni_config)
	expect_not 'an unknown command' cni_call NOP CNI_CONTAINERID=c1 CNI_IFNAME=eth0 -- "$config"
	expect_answered_error 'an unknown command' 4 CNI_COMMAND
	expect_not 'no id' cni_call ADD CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 -- "$config"
	expect_answered_error 'no id' 4 CNI_CONTAINERID
	expect_not 'no interface' cni_call DEL CNI_CONTAINERID=c1 -- "$config"
	expect_answered_error 'no interface' 4 CNI_IFNAME
	expect_not 'no namespace' cni_call ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 -- "$config"
	expect_answered_error 'no namespace' 4 CNI_NETNS
	expect_cni_error 'a bad id' 4 'CNI_CONTAINERID.*-c1' ADD -c1 "$config"
	expect_cni_error 'a bad interface' 4 'CNI_IFNAME.*a/b' ADD c1:a/b "$config"
	expect_cni_error 'an interface of 16 characters' 4 CNI_IFNAME ADD c1:abcdefghijklmnop "$config"
	expect_cni_error 'no such namespace' 4 'CNI_NETNS.*/run/netns/none' ADD none "$config"
	CNI_NS=/etc/passwd expect_cni_error 'no namespace at all' 4 CNI_NETNS ADD c1 "$config"
	CNI_NS=/proc/self/ns/net expect_cni_error 'the host'\''s' 4 'CNI_NETNS.*host' ADD c1 "$config"
	CNI_ARGS='FOO=BAR' expect_cni_error 'an unknown argument' 4 'CNI_ARGS.*FOO' ADD c1 "$config"
	CNI_ARGS='FOO' expect_cni_error 'no pair' 4 CNI_ARGS ADD c1 "$config"
	CNI_ARGS='IgnoreUnknown=1;FOO=BAR;K8S_POD_NAME=web' expect_cni 'ignored if asked' ADD c1 "$config"
	expect_same 'that alone was attached' pods/c1/eth0 "$(attached)"
}

@test "what is wrong with the document is refused by name" {
	local key value
	expect_cni_error 'no JSON' 6 'no JSON' ADD c1 '{'
	expect_cni_error 'no object' 6 'no JSON object' ADD c1 '[]'
	expect_cni_error 'an empty document' 6 'no JSON' ADD c1 ''
	expect_cni_error 'no version' 1 cniVersion ADD c1 '{"name": "pods"}'
	expect_cni_error 'an old version' 1 '0.2.0' ADD c1 "$(cni_config '{}' 0.2.0)"
	expect_same 'the error has the request'\''s version' 0.2.0 "$(answered .cniVersion)"
	expect_cni_error 'a version that is no string' 7 cniVersion ADD c1 '{"cniVersion": 1}'
	expect_cni_error 'no CHECK in 0.3.1' 1 CHECK CHECK c1 "$(cni_config '{}' 0.3.1)"
	expect_cni_error 'no GC in 1.0.0' 1 GC GC c1 "$(cni_config '{}' 1.0.0)"
	expect_cni_error 'no STATUS in 1.0.0' 1 STATUS STATUS c1 "$(cni_config '{}' 1.0.0)"
	expect_cni_error 'no name' 7 name ADD c1 '{"cniVersion": "1.0.0"}'
	expect_cni_error 'a bad name' 7 'name.*a/b' ADD c1 "$(cni_config '{}' 1.0.0 a/b)"
	while read -r key value; do
		expect_cni_error "$key: $value" 7 "$key" ADD c1 "$(cni_config "{\"$key\": $value}")"
	done <<-'KEYS'
		mtu "1500"
		mtu -1
		mtu 70000
		mtu 1.5
		ipMasq "yes"
		device "tap"
		device 7
		mode "l4"
		isGateway 1
		isDefaultGateway "true"
		subnets "10.0.0.0/8"
		subnets [7]
		subnets ["10.91.0.1/16"]
		subnets ["10.91.0.0"]
		subnets []
		subnets [{}]
		subnets [{"subnet":"10.91.0.0/24","rangeStart":"10.92.0.1"}]
		subnets [{"subnet":"10.91.0.0/24","rangeStart":"10.91.0.9","rangeEnd":"10.91.0.8"}]
		subnets [{"subnet":"10.91.0.0/24","exclude":"10.91.0.9"}]
		dns []
		dns {"nameservers":"192.0.2.53"}
		ipam []
		ipam {"subnet":"10.1.0.0/24"}
		ipam {"type":"../host-local"}
		runtimeConfig []
		runtimeConfig {"portMappings":{}}
		runtimeConfig {"portMappings":[{"hostPort":"80"}]}
		runtimeConfig {"portMappings":[{"hostPort":70000,"containerPort":80}]}
		runtimeConfig {"portMappings":[{"hostPort":80}]}
		runtimeConfig {"portMappings":[{"hostPort":80,"containerPort":80,"protocol":"icmp"}]}
		runtimeConfig {"portMappings":[{"hostPort":80,"containerPort":80,"hostIP":"localhost"}]}
		runtimeConfig {"ips":"10.88.0.7"}
		runtimeConfig {"mac":"zz"}
		runtimeConfig {"bandwidth":[]}
		runtimeConfig {"bandwidth":{"ingressRate":"10M"}}
		ingressRate -1
		prevResult []
	KEYS
	expect_cni 'unknown keys, and zeros' ADD c1 "$(cni_config '{"x": [], "hairpinMode": true,
		"runtimeConfig": {"aliases": {"net": ["web"]}, "x": 1, "bandwidth": {"egressRate": 0}}}')"
	expect_same 'that alone was attached' pods/c1/eth0 "$(attached)"
}

@test "names may be as long as a device's alias holds" {
	local long config
	long=$(printf 'x%.0s' {1..128})
	config=$(cni_config '{}' 1.1.0 "$long")
	ip netns add c3
	CNI_NS=/run/netns/c3 expect_cni 'a name of 128 and an id of 64' ADD "${long:0:64}" "$config"
	CNI_NS=/run/netns/c3 expect_cni 'CHECK knows it' CHECK "${long:0:64}" "$(with_previous "$config")"
	CNI_NS=/run/netns/c1 expect_cni_error 'an id that is too long' 4 'CNI_CONTAINERID.*247' ADD \
		"$long" "$config"
	CNI_NS=/run/netns/c1 expect_cni_error 'a name that is too long' 7 '247' ADD \
		"${long:0:64}" "$(cni_config '{}' 1.1.0 "$long$long")"
	CNI_NS='' expect_cni 'DEL knows it' DEL "${long:0:64}" "$config"
	expect_same 'nothing is left' '' "$(attached)"
}
