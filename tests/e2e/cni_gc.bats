#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI plugin, sentence by sentence of the spec, as a runtime sees it: GC and STATUS.
#
# datapath: stays loaded

load lib
load cni
load interrupted

## GC

@test "GC removes exactly what is not valid" {
	local config valid
	config=$(cni_config "$BUILT_IN")
	expect_cni_error 'without a list' 7 valid-attachments GC c1 "$config"
	expect_cni 'without anything' GC c1 "$(jq -c '. + {"cni.dev/attachments": []}' <<<"$config")"
	expect_cni 'valid' ADD c1 "$config"
	expect_cni 'valid, of another interface' ADD c1:eth1 "$config"
	expect_cni 'not valid' ADD c2 "$config"
	expect_cni 'not valid, of another interface' ADD c2:eth1 "$config"
	expect_cni 'of another network' ADD c2:eth2 "$(cni_config "$BUILT_IN" 1.1.0 other)"
	attach c2 --ifname eth3
	valid='[{"containerID": "c1", "ifname": "eth0"}, {"containerID": "c1", "ifname": "eth1"},
		{"containerID": "gone", "ifname": "eth0"}]'
	expect_cni 'collected' GC c1 "$(jq -c --argjson valid "$valid" \
		'. + {"cni.dev/valid-attachments": $valid, "cni.dev/attachments": $valid}' <<<"$config")"
	expect_same 'it answers nothing' '' "$answer"
	expect_same 'what stays' 'default/c2/eth3 other/c2/eth2 pods/c1/eth0 pods/c1/eth1' "$(attached)"
	expect 'the valid ones work' ping -c 1 -W 2 10.91.0.3
}

# What the host has of subnets beside endpoints.
subnets_there()
{
	{ ip -o address show dev lo; ip route show type unreachable; ip -6 route show type unreachable; } |
		grep -oE '(10\.9[0-9]|fd00:9[0-9])[0-9a-f.:]*/?[0-9]*' | sort
}

@test "a subnet that is configured no more is left to whom it belongs now" {
	local first second
	first=$(cni_config '{"subnets": ["10.93.1.0/24", "fd00:93:1::/64"]}')
	second=$(cni_config '{"subnets": ["10.93.2.0/24"]}')
	expect_cni 'ADD' ADD c1 "$first"
	expect_match 'the host has it' '10.93.1.0/24 10.93.1.1/32 fd00:93:1::/64 fd00:93:1::1/128' "$(subnets_there | xargs)"
	expect_cni 'another one, while it is in use' ADD c2 "$second"
	expect_match 'the host has both' '10.93.1.0/24.* 10.93.2.0/24' "$(subnets_there | xargs)"
	expect_cni 'DEL' DEL c1 "$first"
	expect_cni 'DEL' DEL c2 "$second"
	expect_cni 'one that is new' ADD c1 "$(cni_config '{"subnets": ["10.94.3.0/24"]}')"
	expect_same 'the host has it alone' '10.94.3.0/24 10.94.3.1/32' "$(subnets_there | xargs)"
	expect_cni 'DEL' DEL c1 "$second"
}

@test "subnets within each other are known, each by itself" {
	local config subnet
	for subnet in 10.95.0.0/16 10.95.3.0/24 fd00:95::/48 fd00:95::/64; do
		config=$(cni_config "{\"subnets\": [\"$subnet\"]}")
		expect_cni "ADD, $subnet" ADD c1 "$config"
		expect_match "it is exempt" "$subnet" "$(nkctl nat show --json | jq -r '.exempt[].prefix')"
		expect_cni 'DEL' DEL c1 "$config"
	done
	nkctl down
	expect_same 'the host has none' '' "$(subnets_there)"
}

# Whatever the death has left; then a subnet that nobody has any more, for the next one.
down_and_give_up() # INDEX
{
	nkctl down
	expect_same 'the host has none' '' "$(subnets_there)"
	expect_cni 'ADD' ADD c1 "$given_up"
	expect_cni 'DEL' DEL c1 "$given_up"
}

@test "an ADD killed while it takes a subnet off leaves nothing that down would not" {
	local given_up
	given_up=$(cni_config '{"subnets": ["10.93.1.0/24", "fd00:93:1::/64"]}')
	cni_config '{"subnets": ["10.93.2.0/24"]}' >"$BATS_TEST_TMPDIR/input"
	down_and_give_up
	for_each_death 6 down_and_give_up 'locks/' env CNI_COMMAND=ADD CNI_CONTAINERID=c2 CNI_IFNAME=eth0 \
		CNI_NETNS=/run/netns/c2 CNI_PATH="$CNI_PLUGIN_DIR" \
		sh -c "exec '$NKCTL_PROGRAM' <'$BATS_TEST_TMPDIR/input'"
}

@test "GC removes endpoints, whatever is wrong with ipam, and tells it" {
	local config ipam
	config=$(cni_config "$BUILT_IN")
	for ipam in '{"subnet": "10.0.0.0/8"}' 7; do
		expect_cni 'attached' ADD c1 "$config"
		expect_cni_error "$ipam" 7 'ipam' GC c1 \
			"$(jq -c --argjson ipam "$ipam" '. + {ipam: $ipam, "cni.dev/valid-attachments": []}' <<<"$config")"
		expect_same "$ipam: nothing stays" '' "$(attached)"
	done
}

@test "GC removes what a kill left" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	expect_cni 'attached' ADD c2 "$config"
	device_unfinish "$(answered '.interfaces[0].name')"
	expect_cni 'collected' GC c1 "$(jq -c '. + {"cni.dev/valid-attachments": [
		{containerID: "c1", ifname: "eth0"}]}' <<<"$config")"
	expect_same 'what stays' pods/c1/eth0 "$(attached)"
}

@test "GC leaves a device whose alias somebody has taken away" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'attached' ADD c1 "$config"
	ip link set "$(answered '.interfaces[0].name')" alias ''
	expect_cni 'collected' GC c2 "$(jq -c '. + {"cni.dev/valid-attachments": [
		{containerID: "c1", ifname: "eth0"}]}' <<<"$config")"
	expect 'it works' at c1 ping -c 1 -W 2 10.91.0.1
	expect_cni 'detached' DEL c1 "$config"
}

@test "an ADD takes what a kill left, where nothing else is free" {
	local config
	config=$(cni_config '{"subnets": ["10.91.0.0/30"]}')
	expect_cni 'attached' ADD c1 "$config"
	device_unfinish "$(answered '.interfaces[0].name')"
	expect_cni 'the last address' ADD c2 "$config"
	expect_same 'that one' 10.91.0.2/32 "$(answered '.ips[0].address')"
	expect_same 'one endpoint' pods/c2/eth0 "$(attached)"
	device_unfinish "$(answered '.interfaces[0].name')"
	expect_cni 'an address asked for' ADD c1 "$(jq -c '. + {runtimeConfig: {ips: ["10.91.0.2"]}}' <<<"$config")"
	expect_same 'one endpoint' pods/c1/eth0 "$(attached)"
	expect_cni_error 'what lives keeps its own' 103 'no IPv4 address' ADD c2 "$config"
}

@test "an ADD that is killed, anywhere, is cleaned by DEL" {
	local config delay left
	config=$(cni_config "$BUILT_IN")
	expect_cni 'loaded' ADD c2 "$config"
	for delay in 0.001 0.003 0.005 0.008 0.012 0.016 0.02; do
		CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 \
			timeout -s KILL $delay "$NKCTL_PROGRAM" <<<"$config" >/dev/null 2>&1 || true
		expect_cni "after $delay s" DEL c1 "$config"
		left=$(ip -o link show group 28267 | wc -l)
		expect_same "after $delay s, the other one alone is left" 1 "$left"
		expect_cni "after $delay s, it can be attached" ADD c1 "$config"
		expect_cni 'detached' DEL c1 "$config"
	done
}

## STATUS

@test "STATUS looks at each range set" {
	local config
	config=$(cni_config '{"subnets": ["10.91.0.0/30", "10.92.0.0/24"]}' | jq -c '. + {runtimeConfig: {
		ipRanges: [[{subnet: "10.91.0.0/30"}], [{subnet: "10.92.0.0/24"}]]}}')
	expect_cni 'one of each is free' STATUS c1 "$config"
	expect_cni 'attached' ADD c1 "$config"
	expect_cni_error 'an ADD finds none in the first' 103 'no IPv4 address' ADD c2 "$config"
	expect_cni_error 'which STATUS tells' 50 'no IPv4 address' STATUS c2 "$config"
	expect_cni 'with one set of both there is room' STATUS c2 "$(jq -c '
		.runtimeConfig.ipRanges |= [add]' <<<"$config")"
}

@test "STATUS tells whether an ADD would work" {
	local config
	config=$(cni_config '{"subnets": ["10.91.0.0/30"]}')
	expect_cni 'where nothing is loaded' STATUS c1 "$config"
	expect_same 'it answers nothing' '' "$answer"
	expect_cni 'attached' ADD c1 "$config"
	expect_cni_error 'no address is free' 50 'no IPv4 address' STATUS c1 "$config"
	expect_cni 'another network is not concerned' STATUS c1 "$(cni_config "$BUILT_IN" 1.1.0 other)"
	ip netns delete c1
	eventually 'the address of the dead is free' cni STATUS c1 "$config"
	expect_cni_error 'no plugin for addresses' 50 'no ipam plugin nothing' STATUS c2 \
		"$(cni_config '{"ipam": {"type": "nothing"}}')"
	expect_cni 'attached' ADD c2 "$config"
	rm -r /sys/fs/bpf/nkctl*
	expect_cni_error 'pins are gone' 51 '^1 endpoint .*pins .*nkctl repair' STATUS c2 "$config"
	nkctl repair
	expect_cni 'they are back' STATUS c2 "$(cni_config "$BUILT_IN" 1.1.0 other)"
	hook detach tcx/ingress eth0 "$(hook query tcx/ingress eth0 | head -1)"
	expect_cni_error 'no way in' 51 'uplink eth0 was taken off: .*nkctl repair' STATUS c2 "$(cni_config "$BUILT_IN" 1.1.0 other)"
	[[ $E2E_DEVICE == netkit ]] || expect_cni_error 'no netkit' 50 netkit STATUS c2 \
		"$(cni_config '{"device": "netkit"}')"
	mount -o remount,ro /sys/fs/bpf
	expect_cni_error 'nothing can be pinned' 50 '/sys/fs/bpf: Read-only file system' STATUS c2 \
		"$(cni_config "$BUILT_IN" 1.1.0 other)"
	expect_refusal 'nothing can be looked at' 1 'read-only file system: .mount -o remount,rw /sys/fs/bpf' list
	mount -o remount,rw /sys/fs/bpf
	mount --bind /proc/sys /proc/sys
	defer umount /proc/sys
	mount -o remount,ro,bind /proc/sys
	expect_cni_error 'no settings can be written' 50 'forwarding: Read-only file system' STATUS c2 \
		"$(cni_config "$BUILT_IN" 1.1.0 other)"
}
