#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Endpoints that are kept away from the cloud's metadata, by their attach, their network or a runtime's
# configuration; and others, that aren't.

load lib

# shellcheck disable=SC2034 # for attach(); greet wants to be seen with its own address
readonly ATTACH_OPTIONS=--no-masquerade
readonly METADATA4=169.254.169.254 METADATA6=fd00:ec2::254

# The remote host is the cloud: it has the addresses, and answers there.
setup_file()
{
	local addr
	for addr in $METADATA4/32 $METADATA6/128 169.254.169.253/32; do
		ip -n remote address add $addr dev lo
	done
	start cloud remote greet serve cloud tcp 80
	eventually "greet listens" grep -q ready "$(output_of cloud)"
	nkctl network add closed --subnet 10.99.0.0/24 --subnet fd00:99::/64 --no-metadata
	ip -n remote route add 10.99.0.0/24 via $HOST4
	ip -n remote route add fd00:99::/64 via $HOST6
	containers open
	ip netns add c1
	attach c1 --no-metadata
	ip netns add c2
	attach c2 --network closed
}

expect_reached() # CONTAINER ADDRESS
{
	local said
	listen_to at "$1" greet ask tcp "$2" 80 || true # it says why
	expect_match "$1 reaches $2" "^cloud .* $2 80$" "$said"
}

# Who isn't answered waits: a few packets of his own, and no more, show it.
expect_withheld() # CONTAINER [ETHERNET-HEADER]
{
	local own4 own6 eth
	eth=$(eth_from "$1")
	read -r own4 own6 <<<"$(shown "$1" addresses)"
	sniff "wire-$1" remote eth0
	drops_note
	at "$1" frame -n 5 eth0 "$eth" "ip4:src=$own4,dst=$METADATA4" tcp:dport=80
	at "$1" frame -n 5 eth0 "$eth" "ip4:src=$own4,dst=$METADATA4,ttl=1" udp:dport=80
	at "$1" frame -n 5 eth0 "$eth" "ip4:src=$own4,dst=$METADATA4,options=94040000" udp:dport=80
	at "$1" frame -n 5 eth0 "$eth" "ip6:src=$own6,dst=$METADATA6" tcp:dport=80
	at "$1" frame -n 5 eth0 "$eth" "ip6:src=$own6,dst=$METADATA6" hopopts udp:dport=80
	expect_same "all that $1 sends there is dropped" 'metadata 25' "$(drops_since)"
	expect_reached "$1" 169.254.169.253
	eventually "that is seen" has_sniffed "wire-$1" 'a9fea9fd'
	expect_same "frames on the wire" 0 \
		"$(sniffed_count "wire-$1" 'a9fea9fe|fd000ec2000000000000000000000254')"
}

# bats test_tags=core
@test "an endpoint without the option reaches them" {
	expect_reached open $METADATA4
	expect_reached open $METADATA6
}

# bats test_tags=core
@test "by the option of attach" {
	expect_withheld c1
}

# bats test_tags=core
@test "by the option of the network" {
	expect_withheld c2
}

@test "though the host has the address itself" {
	ip address add $METADATA4/32 dev lo
	defer ip address delete $METADATA4/32 dev lo
	start local host greet serve host tcp 8000 $METADATA4
	eventually "greet listens" grep -q ready "$(output_of local)"
	expect_match "an open endpoint reaches it" '^host ' "$(at open greet ask tcp $METADATA4 8000)"
	drops_note
	expect_not "the other one doesn't" at c1 timeout 3 greet ask tcp $METADATA4 8000
	expect_match "what it sends is dropped" '^metadata [1-9]' "$(drops_since)"
}

@test "it is told" {
	expect_same "by show" no "$(shown c1 metadata)"
	expect_same "of c1 as JSON" false "$(endpoint c1 .metadata)"
	expect_same "of c2 as JSON" false "$(endpoint c2 .metadata)"
	expect_same "of the open one" true "$(endpoint open .metadata)"
	expect_same "of the networks" $'closed false\ndefault true' \
		"$(nkctl network list --json | jq -r '.[] | "\(.name) \(.metadata)"' | sort)"
	expect_match "in the table" 'closed +auto +l3 +[^ ]+ +auto +no ' "$(nkctl network list)"
}

@test "an upgrade keeps it" {
	nkctl upgrade
	expect_same "c1 as JSON" false "$(endpoint c1 .metadata)"
	expect_withheld c1
	expect_withheld c2
	expect_reached open $METADATA4
}

# Takes a container's claims out of the endpoint maps: of both families, or of one.
claims_lose() # CONTAINER [4|6]
{
	local addr family
	for addr in $(shown "$1" addresses); do
		family=4
		[[ $addr != *:* ]] || family=6
		[[ ${2:-$family} == "$family" ]] || continue
		# shellcheck disable=SC2046 # a list of bytes
		bpftool map delete pinned /sys/fs/bpf/nkctl*/maps/endpoints_v$family key hex \
			$(python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).packed.hex(" "))' "$addr")
	done
}

@test "a repair keeps it, whatever was lost" {
	claims_lose c1 4
	nkctl repair
	expect_same "c1's, by the claim that was left" false "$(endpoint c1 .metadata)"
	expect_withheld c1
	claims_lose c2
	nkctl repair
	expect_same "c2's, by its network" false "$(endpoint c2 .metadata)"
	expect_withheld c2
	claims_lose c1
	run -1 nkctl repair c1
	# shellcheck disable=SC2154 # of 'run'
	expect_match "what nothing tells" 'away from metadata addresses, .* whether it may reach them: left: ' "$output"
	expect_withheld c1
	expect "all is told" nkctl repair
	claims_lose open 6
	nkctl repair
	expect_reached open $METADATA4
	expect_reached open $METADATA6
}

# Runs the CNI plugin for a container.
cni() # COMMAND CONTAINER CONFIGURATION
{
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=eth0 CNI_PATH=/nowhere \
		nkctl <<<"$3"
}

@test "by the key of a CNI configuration" {
	local config='{"cniVersion": "1.0.0", "name": "pods", "type": "nkctl", "metadata": false, "ipMasq": false,
		"subnets": ["10.97.0.0/24", "fd00:97::/64"]}'
	ip netns add pod
	ip -n remote route add 10.97.0.0/24 via $HOST4
	ip -n remote route add fd00:97::/64 via $HOST6
	expect "ADD" cni ADD pod "$config"
	expect_same "it is told" false "$(endpoint pod .metadata)"
	expect_withheld pod
	expect "DEL" cni DEL pod "$config"
}
