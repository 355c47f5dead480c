#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The demo itself: two containers, a host, and a remote host across a wire. tools/demo.sh runs it in
# mount, network and process namespaces of its own, here or in a VM, and the kernel removes all of it
# with them, however this ends.

set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/wire.sh
. "$here/wire.sh"
# shellcheck source=tools/demo-steps.sh
. "$here/demo-steps.sh"
PATH=$here/../build:$PATH

readonly PORT=5201 PUBLISHED_PORT=8080 LISTEN_TIMEOUT_S=10

print_map()
{
	cat <<-MAP

	    ctr1 --+
	           +-- nkctl -- host  192.0.2.1   ---- wire ----  remote  192.0.2.2
	    ctr2 --+                  2001:db8::1                         2001:db8::2

	MAP
}

# Everything that nkctl could leave behind on the host.
host_state()
{
	ip -o link
	ip -o address
	ip route show table all
	ip -6 route show table all
	find /sys/fs/bpf
}

# An address of endpoint $1, of the family that has $2 in it.
address_of()
{
	nkctl show "$1" --json | jq -er --arg mark "$2" \
		'[.addresses[] | select(contains($mark)) | split("/")[0]][0]'
}

# from NAME COMMAND...: runs a command in the network namespace of that name; the host has none.
from()
{
	if [[ $1 == host ]]; then "${@:2}"; else in_netns "$@"; fi
}

# measure_ping FROM ADDRESS: prints the average round trip in ms; fails if an answer is missing.
measure_ping()
{
	local output
	output=$(from "$1" ping -n -c 3 -i 0.2 -W 3 "$2") || { echo "$output"; return 1; }
	[[ $output == *', 0% packet loss'* ]] || { echo "$output"; return 1; }
	sed -nE 's,^rtt [^=]*= [^/]*/([^/]*)/.*,\1,p' <<<"$output"
}

server_listens() { [[ -n $(from "$1" ss -Hltn "sport = :$PORT") ]]; }

# measure_tcp FROM TO ADDRESS [PORT]: prints the throughput in Gbit/s.
measure_tcp()
{
	local output server port=${4:-$PORT}
	from "$2" iperf3 --server --one-off --port $PORT &>/dev/null &
	server=$!
	wait_for $LISTEN_TIMEOUT_S server_listens "$2" || { echo 'iperf3: no server'; return 1; }
	output=$(from "$1" iperf3 --client "$3" --port "$port" --time 1 --json) ||
		{ echo "$output"; return 1; }
	wait $server
	jq -er '.end.sum_received.bits_per_second / 1e9' <<<"$output"
}

print_row() { erase; printf '  %-17s %-7s %10s %6s %14s\n' "$@"; }

# try_path FROM TO FAMILY ADDRESS: a row of the table of results.
try_path()
{
	local path="$1 -> $2" rtt_ms gbps
	waiting "$path, $3: ping"
	rtt_ms=$(measure_ping "$1" "$4") || fail_step "$path, $3: ping $4" "$rtt_ms"
	waiting "$path, $3: TCP"
	gbps=$(measure_tcp "$1" "$2" "$4") || fail_step "$path, $3: iperf3 to $4" "$gbps"
	print_row "$path" "$3" "$rtt_ms ms" '0%' "$(printf '%.2f' "$gbps") Gbit/s"
}

# try_published FROM ADDRESS FAMILY: the same by the port of the host that leads to ctr2.
try_published()
{
	local path="$1 -> :$PUBLISHED_PORT" gbps
	waiting "$path, $3: TCP"
	gbps=$(measure_tcp "$1" ctr2 "$2" $PUBLISHED_PORT) ||
		fail_step "$path, $3: iperf3 to $2" "$gbps"
	print_row "$path" "$3" '' '' "$(printf '%.2f' "$gbps") Gbit/s"
}

try_paths()
{
	print_row PATH FAMILY PING LOSS TCP
	try_path ctr1 ctr2 IPv4 "$(address_of ctr2 .)"
	try_path ctr1 ctr2 IPv6 "$(address_of ctr2 :)"
	try_path ctr1 remote IPv4 $REMOTE4
	try_path ctr1 remote IPv6 $REMOTE6
	try_path host ctr1 IPv4 "$(address_of ctr1 .)"
	try_path host ctr1 IPv6 "$(address_of ctr1 :)"
	try_published remote $HOST4 IPv4
	try_published ctr1 $HOST6 IPv6
	try_published host 127.0.0.1 IPv4
}

make_network()
{
	wire_make
	netns_make ctr1
	netns_make ctr2
}

main()
{
	local before left
	trap 'exit 130' INT TERM
	step "a host, a remote host across a wire, and two empty containers" make_network
	print_map
	before=$(host_state)
	show nkctl attach --ns ctr1
	show nkctl attach --ns ctr2 --publish $PUBLISHED_PORT:$PORT
	show nkctl list
	echo
	try_paths
	echo
	show nkctl down
	left=$(diff <(echo "$before") <(host_state)) || fail_step 'something is left' "$left"
	done_step 'devices, addresses, routes and pins are as they were before the first attach'
}

main
