#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The plugin of netavark, as podman 5 calls it: create, setup, teardown, info.
#
# places: native

load lib

readonly NETWORK='{"name": "web", "id": "2f259bab93aa", "driver": "nkctl", "internal": false,
	"network_interface": "nk0", "ipv6_enabled": false, "dns_enabled": true, "options": null,
	"subnets": [{"subnet": "10.98.0.0/16"}, {"subnet": "fd00:98::/64"}]}'

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

# Calls the plugin with JSON on stdin. What it says goes into 'answer'.
plugin() # INPUT VERB [NETNS]
{
	local result=0
	answer=$("$NKCTL_PROGRAM" "${@:2}" <<<"$1" 2>"$BATS_TEST_TMPDIR/beside") || result=$?
	return $result
}

answered() { jq -r "$1" <<<"$answer"; }

expect_plugin() # WORDS INPUT VERB [NETNS]
{
	plugin "${@:2}" || fail "$1" "$answer"
}

expect_plugin_error() # WORDS REGEX INPUT VERB [NETNS]
{
	! plugin "${@:3}" || fail "$1: it should fail" "$answer"
	expect_same "$1: an error and nothing else" error "$(answered 'keys | join(" ")')"
	expect_match "$1: its words" "$2" "$(answered .error)"
}

# What podman sends for a container of the network that 'create' answered.
request() # CONTAINER [MORE]
{
	local more=${2:-'{}'}
	jq -nc --argjson network "$network" --argjson more "$more" --arg id "$1" --arg mode "$E2E_MODE" \
		--arg device "$E2E_DEVICE" '{container_id: $id, container_name: "name", port_mappings: null,
		network: ($network * {options: {mode: $mode, device: $device}}),
		network_options: {interface_name: "eth0", aliases: ["a"]}} * $more'
}

create() { expect_plugin 'a network is created' "$NETWORK" create; network=$answer; }

@test "info tells versions" {
	expect 'it needs no input' plugin '' info
	expect_same 'the API' 1.0.0 "$(answered .api_version)"
	expect_match 'nkctl'\''s own' '^[0-9.]+$' "$(answered .version)"
}

@test "create fills in what was left open, and keeps the rest" {
	create
	expect_same 'gateways' '10.98.0.1 fd00:98::1' "$(answered '[.subnets[].gateway] | join(" ")')"
	expect_same 'podman gives out the addresses' host-local "$(answered .ipam_options.driver)"
	expect_same 'it has IPv6' true "$(answered .ipv6_enabled)"
	expect_same 'names are resolved elsewhere' false "$(answered .dns_enabled)"
	expect_same 'name, id and driver stay' 'web 2f259bab93aa nkctl' \
		"$(answered '.name + " " + .id + " " + .driver')"
	expect_plugin 'options' "$(jq -c '. + {options: {mtu: "1400", mode: "l2", device: "veth",
		masquerade: "off"}, ipam_options: {driver: "host-local", x: "y"}}' <<<"$NETWORK")" create
	expect_same 'options of the driver of addresses stay' 'host-local y' \
		"$(answered '.ipam_options.driver + " " + .ipam_options.x')"
}

@test "create refuses what can't be" {
	local change regex
	expect_plugin_error 'no JSON' 'JSON' 'x' create
	while IFS='|' read -r change regex; do
		expect_plugin_error "$change" "$regex" "$(jq -c "$change" <<<"$NETWORK")" create
	done <<-'CHANGES'
		del(.name)|name is missing
		.name = "a/b"|a/b
		.internal = true|internal
		.subnets = []|subnet is missing
		.subnets = null|subnet is missing
		.subnets[0].subnet = "10.98.0.1/16"|host bits
		.subnets[0].subnet = 7|subnets\[0\].subnet
		.subnets[0].gateway = "10.98.0.9"|first address, 10.98.0.1
		.subnets[0].lease_range = {start_ip: "10.99.0.1"}|inside 10.98.0.0/16
		.options = {mtu: "x"}|mtu
		.options = {mtu: 1400}|options.mtu
		.options = {mode: "l4"}|l4
		.options = {device: "tap"}|tap
		.options = {masquerade: "yes"}|yes
		.options = {vlan: "7"}|vlan
		.options = {mtu: " 1400"}|mtu
		.routes = [{destination: "198.51.100.0/24", gateway: "10.98.0.7", metric: 50}]|routes
		.ipam_options = {driver: "dhcp"}|dhcp
		.ipam_options = {driver: "none"}|none
		.name = "n" * 169|name: .*more than
	CHANGES
}

# bats test_tags=core
@test "setup connects a container, teardown takes it off" {
	create
	expect_plugin 'set up' "$(request c1 '{"network_options": {"static_ips":
		["10.98.0.50", "fd00:98::50"]}, "port_mappings": [{"host_ip": "", "host_port": 8080,
		"container_port": 80, "protocol": "tcp,udp", "range": 2}]}')" setup /run/netns/c1
	expect_same 'the addresses' '10.98.0.50/16 10.98.0.1,fd00:98::50/64 fd00:98::1' \
		"$(answered '[.interfaces.eth0.subnets[] | .ipnet + " " + .gateway] | join(",")')"
	expect_same 'the MAC address' "$(at c1 ip -j link show eth0 | jq -r '.[0].address // "00:00:00:00:00:00"')" \
		"$(answered .interfaces.eth0.mac_address)"
	expect 'the host reaches it' ping -c 1 -W 2 10.98.0.50
	expect 'it reaches the outside' at c1 ping -c 1 -W 2 "$REMOTE4"
	expect_same 'the ports' '8080-8081:80-81 8080-8081:80-81/udp' "$(shown c1 published | xargs)"
	expect_plugin_error 'a second time' 'already attached' "$(request c1)" setup /run/netns/c1
	expect_plugin_error 'an address that is taken' '10.98.0.50 is taken' \
		"$(request c2 '{"network_options": {"static_ips": ["10.98.0.50"]}}')" setup /run/netns/c2
	expect_plugin 'the next free addresses' "$(request c2)" setup /run/netns/c2
	expect_same 'of both families' '10.98.0.2/16 fd00:98::2/64' \
		"$(answered '[.interfaces.eth0.subnets[].ipnet] | join(" ")')"
	expect 'they reach each other' at c2 ping -c 1 -W 2 10.98.0.50
	expect_plugin 'torn down' "$(request c1)" teardown /run/netns/c1
	expect_same 'it says nothing' '' "$answer"
	expect_not 'the interface is gone' at c1 ip link show eth0
	ip netns delete c2
	expect_plugin 'the namespace is gone' "$(request c2)" teardown /run/netns/c2
	expect_plugin 'again' "$(request c1)" teardown /run/netns/c1
	expect_same 'nothing is left' '[]' "$(nkctl list --json)"
}

# The ports of a request: each an address of the host, and port 8080 of it for port 80.
ports_at() # HOSTIP...
{
	jq -nc '{port_mappings: [$ARGS.positional[] | {host_ip: ., host_port: 8080, container_port: 80,
		protocol: "tcp", range: 1}]}' --args "$@"
}

@test "a port of a family that the container hasn't got is left out where the other one leads to it" {
	local hosts expected addresses
	expect_plugin 'a network of IPv4' "$(jq -c 'del(.subnets[1])' <<<"$NETWORK")" create
	network=$answer
	for addresses in '{"network_options": {"static_ips": ["10.98.0.5"]}}' '{}'; do
		while read -r expected hosts; do
			# shellcheck disable=SC2086 # one or more
			expect_plugin "$hosts" "$(request c1 "$(jq -c --argjson a "$addresses" '. + $a' \
				<<<"$(ports_at $hosts)")")" setup /run/netns/c1
			expect_same "$hosts: published" "$expected" "$(shown c1 published | xargs)"
			expect_plugin 'torn down' "$(request c1)" teardown /run/netns/c1
		done <<-'HOSTS'
			8080:80 0.0.0.0 ::
			8080:80 :: 0.0.0.0
			127.0.0.1:8080:80 127.0.0.1 ::1
		HOSTS
		expect_plugin_error 'nothing else leads to it' 'no IPv6 address' \
			"$(request c1 "$(ports_at ::)")" setup /run/netns/c1
	done
	create
	expect_plugin 'of both families' "$(request c1 "$(ports_at 0.0.0.0 ::)")" setup /run/netns/c1
	expect_same 'published' '8080:80' "$(shown c1 published | xargs)"
}

@test "a port that podman has bound to keep it is published" {
	create
	start podman host socat TCP-LISTEN:8080,fork EXEC:'echo podman'
	start server c1 socat TCP6-LISTEN:80,ipv6only=0,fork EXEC:'echo container'
	eventually 'podman listens' at remote socat -u "TCP:$HOST4:8080" -
	expect_plugin 'set up' "$(request c1 '{"port_mappings": [{"host_ip": "", "host_port": 8080,
		"container_port": 80, "protocol": "tcp", "range": 1}]}')" setup /run/netns/c1
	expect_same 'the world reaches the container' container "$(at remote socat -u "TCP:$HOST4:8080" -)"
	expect_same 'so does the host' container "$(socat -u "TCP:$HOST4:8080" -)"
	expect_plugin_error 'it is taken for another container' '8080' "$(request c2 '{"port_mappings":
		[{"host_ip": "", "host_port": 8080, "container_port": 80, "protocol": "tcp", "range": 1}]}')" \
		setup /run/netns/c2
}

@test "a container in two networks has its ports in one of them" {
	local more='{port_mappings: [{container_port: 80, host_ip: "", host_port: 8080, protocol: "tcp", range: 1}]}'
	local first second
	more=$(jq -nc "$more")
	create
	first=$(request c1 "$more")
	expect_plugin 'connected' "$first" setup /run/netns/c1
	second=$(jq -c '.network.name = "db" | .network.subnets = [{subnet: "10.97.0.0/24"}] |
		.network_options.interface_name = "eth1"' <<<"$first")
	expect_plugin 'to the second, with the same ports' "$second" setup /run/netns/c1
	expect_same 'the first serves' 'web 8080:80' "$(nkctl publish list | awk 'NR > 1 { print $1, $4 }')"
	expect_plugin 'off the second' "$second" teardown /run/netns/c1
	expect_plugin 'off the first' "$first" teardown /run/netns/c1
	expect_same 'nothing is left' '[]' "$(nkctl list --json)"
}

@test "setup refuses what can't be, and leaves nothing" {
	create
	expect_plugin_error 'no JSON' 'JSON' '' setup /run/netns/c1
	expect_plugin_error 'no id' 'container id' "$(request '')" setup /run/netns/c1
	expect_plugin_error 'no interface' 'interface' \
		"$(request c1 '{"network_options": {"interface_name": null}}')" setup /run/netns/c1
	expect_plugin_error 'no namespace' 'none' "$(request c1)" setup /run/netns/none
	expect_plugin_error 'a protocol' 'icmp' "$(request c1 '{"port_mappings": [{"host_port": 1,
		"container_port": 1, "protocol": "icmp"}]}')" setup /run/netns/c1
	expect_plugin_error 'too many ports' '65535' "$(request c1 '{"port_mappings": [{"host_port": 65000,
		"container_port": 1, "range": 1000}]}')" setup /run/netns/c1
	expect_plugin_error 'an address' 'static_ips' "$(request c1 '{"network_options":
		{"static_ips": ["x"]}}')" setup /run/netns/c1
	[[ $E2E_MODE == l2 ]] || expect_plugin_error 'a MAC address' 'mode=l2' "$(request c1 '{"network_options":
		{"static_mac": "06:00:00:00:00:01"}}')" setup /run/netns/c1
	expect_not 'no interface' at c1 ip link show eth0
}
