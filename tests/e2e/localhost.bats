#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The host itself reaches the ports that it publishes: by each of its addresses and by localhost, and is
# told what it knows. Nobody else is led astray.

load lib

# Where the root of the cgroup namespace that tests run in is mounted.
readonly CGROUP=/run/cgroup

# c1 answers at port 80, which is published as 8080 of all addresses, and as 8081 of one. The
# remote host has a service at 8080, too, and the host one of its own at 9090.
setup_file()
{
	local protocol
	containers c1 c2
	for protocol in tcp udp; do
		serve c1 $protocol 80
		serve c2 $protocol 8080
		serve remote $protocol 8080
		serve host $protocol 9090
	done
	nkctl publish add c1 8080:80 8080:80/udp $HOST4:8081:80 $HOST4:8081:80/udp
	mkdir $CGROUP
	mount -t cgroup2 cgroup2 $CGROUP
}

serve() # PLACE PROTOCOL PORT
{
	start "$1-$2" "$1" greet serve "$1" "$2" "$3"
	eventually "greet listens in $1" grep -q ready "$(output_of "$1-$2")"
}

# Names of programs on the cgroup, in order.
cgroup_programs()
{
	bpftool cgroup show $CGROUP | sed -n 's/.* \(nk_[a-z0-9]*\) *$/\1/p' | sort
}

WAYS='tcp udp sendto'

# Asks in every way; expects an answer from a place, that sees the host as CLIENT, and that the asker is
# told of the address and port that it used, or of those given.
expect_answer() # PLACE CLIENT ADDRESS PORT [ADDRESS PORT]
{
	local way said
	for way in $WAYS; do
		listen_to greet ask $way "$3" "$4" || true # it says why
		expect_same "who answers at $3 port $4 by $way" "$1 $2 ${5:-$3} ${6:-$4}" "$said"
	done
}

expect_refused() # [from SOURCE] ADDRESS PORT
{
	local way said
	for way in $WAYS; do
		if listen_to greet ask $way "$@"; then fail "nobody is at $* by $way" "$said"; fi
		expect_match "nobody is at $* by $way" 'Connection refused' "$said"
	done
}

# bats test_tags=core
@test "by localhost, TCP, connected and unconnected UDP" {
	expect_answer c1 $GATEWAY4 127.0.0.1 8080
	expect_answer c1 $GATEWAY6 ::1 8080
	expect_answer c1 $GATEWAY4 127.1.2.3 8080
}

# bats test_tags=core
@test "by each of the host's own addresses" {
	expect_answer c1 $GATEWAY4 $HOST4 8080
	expect_answer c1 $GATEWAY6 $HOST6 8080
	expect_answer c1 $GATEWAY4 $GATEWAY4 8080
	expect_answer c1 $GATEWAY6 $GATEWAY6 8080
}

@test "sockets of IPv6 by IPv4 addresses" {
	expect_answer c1 $GATEWAY4 ::ffff:127.0.0.1 8080 127.0.0.1 8080
	expect_answer c1 $GATEWAY4 ::ffff:$HOST4 8080 $HOST4 8080
}

@test "an address of zeros is localhost" {
	expect_answer c1 $GATEWAY4 0.0.0.0 8080 127.0.0.1 8080
	expect_answer c1 $GATEWAY6 :: 8080 ::1 8080
	expect_answer c1 $GATEWAY4 ::ffff:0.0.0.0 8080 127.0.0.1 8080
}

@test "a port of one address is at that one alone" {
	expect_answer c1 $GATEWAY4 $HOST4 8081
	expect_refused 127.0.0.1 8081
	expect_refused $HOST6 8081
	expect_refused $GATEWAY4 8081
}

@test "a socket keeps the address that it is bound to" {
	local way
	for way in $WAYS; do
		expect_same "who sees what by $way" "c1 $HOST4 127.0.0.1 8080" \
			"$(greet ask $way from $HOST4 127.0.0.1 8080)"
		expect_same "who sees what by $way" "c1 $HOST6 ::1 8080" \
			"$(greet ask $way from $HOST6 ::1 8080)"
		expect_same "zeros are the bound address by $way" "c1 $HOST4 $HOST4 8081" \
			"$(greet ask $way from $HOST4 0.0.0.0 8081)"
	done
}

@test "a socket that is bound to a loopback address finds nobody, at once" {
	expect_refused from 127.0.0.1 127.0.0.1 8080
	expect_refused from ::1 ::1 8080
}

@test "a datagram that names a source is from there" {
	expect_same "who sees what" "c1 $HOST4 127.0.0.1 8080" \
		"$(greet ask sendmsg from $HOST4 127.0.0.1 8080)"
	expect_same "who sees what" "c1 $HOST6 ::1 8080" "$(greet ask sendmsg from $HOST6 ::1 8080)"
	expect_same "zeros are the named address" "c1 $HOST4 $HOST4 8081" \
		"$(greet ask sendmsg from $HOST4 0.0.0.0 8081)"
}

@test "a datagram that names a loopback address as its source finds nobody" {
	local WAYS=sendmsg
	expect_refused from 127.0.0.1 127.0.0.1 8080
	expect_refused from ::1 ::1 8080
}

# bats test_tags=core
@test "a remote host's service at the same port is left alone" {
	expect_answer remote $HOST4 $REMOTE4 8080
	expect_answer remote $HOST6 $REMOTE6 8080
}

@test "the host's other services are left alone" {
	expect_answer host 127.0.0.1 127.0.0.1 9090
	expect_answer host ::1 ::1 9090
	expect_refused 127.0.0.1 9091
}

@test "a container's processes have their own localhost" {
	local way
	for way in $WAYS; do
		expect_same "who answers in c2 by $way" 'c2 127.0.0.1 127.0.0.1 8080' \
			"$(within c2 greet ask $way 127.0.0.1 8080)"
		expect_not "localhost of c1 isn't the host's" within c1 greet ask $way 127.0.0.1 8080
	done
}

@test "the container's own address is told as such, also to a socket that used the port" {
	local own4 way
	own4=$(shown c1 addresses | sed 's/[ /].*//')
	expect_answer c1 $GATEWAY4 "$own4" 80
	for way in udp sendto; do
		expect_same "who answers one socket by $way" \
			"c1 $GATEWAY4 127.0.0.1 8080 c1 $GATEWAY4 $own4 80 c1 $GATEWAY4 $HOST4 8081" \
			"$(greet ask $way 127.0.0.1 8080 "$own4" 80 $HOST4 8081 | xargs)"
	done
}

@test "an address that comes is known, and one that goes is forgotten" {
	ip address add 198.51.100.7/32 dev lo
	defer ip address delete 198.51.100.7/32 dev lo
	ip address add 2001:db8:7::7/128 dev lo nodad
	ip address add 198.51.100.8 peer 198.51.100.9 dev eth0
	has_tracker || nkctl upgrade # reads them
	expect_answer c1 $GATEWAY4 198.51.100.7 8080
	expect_answer c1 $GATEWAY6 2001:db8:7::7 8080
	expect_answer c1 $GATEWAY4 198.51.100.8 8080
	ip -n remote address add 2001:db8:7::7/128 dev lo nodad
	defer ip -n remote address delete 2001:db8:7::7/128 dev lo
	ip address delete 2001:db8:7::7/128 dev lo
	ip address delete 198.51.100.8 peer 198.51.100.9 dev eth0
	has_tracker || nkctl upgrade
	expect_same 'who answers at an address that has gone elsewhere' \
		"remote $HOST6 2001:db8:7::7 8080" "$(greet ask tcp 2001:db8:7::7 8080)"
	expect_answer c1 $GATEWAY4 198.51.100.7 8080
}

@test "programs that somebody has detached are missed, and put back" {
	bpftool link detach pinned /sys/fs/bpf/nkctl*/links/nk_connect4
	expect_not 'the host finds it' greet ask tcp 127.0.0.1 8080
	run -1 nkctl repair --dry-run
	expect_match 'it is told' "host's sockets weren't led" "$output"
	expect_match 'by doctor, too' 'nkctl repair' "$(nkctl doctor || true)"
	nkctl repair
	expect_answer c1 $GATEWAY4 127.0.0.1 8080
}

# As a virtual address that another host takes over does.
@test "a port of one address is the host's while the address is" {
	local -a ports=({198.51.100.11,[2001:db8:7::11]}:8084:80{,/udp})
	addresses add
	defer nkctl publish remove c1 "${ports[@]}"
	nkctl publish add c1 "${ports[@]}"
	expect_answer c1 $GATEWAY4 198.51.100.11 8084
	expect_answer c1 $GATEWAY6 2001:db8:7::11 8084
	addresses delete
	defer addresses delete -n remote
	addresses add -n remote
	serve_at 198.51.100.11
	serve_at 2001:db8:7::11
	has_tracker || nkctl upgrade # reads them
	expect_answer remote $HOST4 198.51.100.11 8084
	expect_answer remote $HOST6 2001:db8:7::11 8084
}

# A datagram is answered from the address that it came to by a socket that is bound to it.
serve_at() # ADDRESS
{
	local protocol
	for protocol in tcp udp; do
		start "$protocol-$1" remote greet serve remote $protocol 8084 "$1"
		eventually "greet listens at $1" grep -q ready "$(output_of "$protocol-$1")"
	done
}

# Both of the addresses above.
addresses() # add|delete [-n NETNS]
{
	ip "${@:2}" address "$1" 198.51.100.11/32 dev lo
	ip "${@:2}" address "$1" 2001:db8:7::11/128 dev lo
}

has_tracker() { [[ -e $(echo /sys/fs/bpf/nkctl*/links/track) ]]; }

@test "an upgrade replaces the programs, in their places" {
	local before links
	before=$(bpftool cgroup show $CGROUP)
	links=$(ls /sys/fs/bpf/nkctl*/links)
	nkctl upgrade
	expect_same 'the links' "$links" "$(ls /sys/fs/bpf/nkctl*/links)"
	expect_same 'how many programs are attached' 8 "$(cgroup_programs | wc -l)"
	expect_same 'how many are the earlier ones' 0 \
		"$(bpftool cgroup show $CGROUP | grep -cxFf <(grep nk_ <<<"$before"))"
	expect_answer c1 $GATEWAY4 127.0.0.1 8080
}

@test "the port of a container that died leads nowhere" {
	has_collector || skip "the address of the dead stays taken on this kernel"
	ip netns add c3
	attach c3
	nkctl publish add c3 8083:80 8083:80/udp
	ip netns delete c3
	eventually 'c3 is gone' expect_refused 127.0.0.1 8083
	expect_refused ::1 8083
}

@test "programs are there while ports are published, and no longer" {
	expect_same 'programs on the cgroup' \
		"$(printf '%s\n' nk_{connect,getpeername,recvmsg,sendmsg}{4,6})" "$(cgroup_programs)"
	nkctl publish remove c1 8080:80 8080:80/udp
	expect_refused 127.0.0.1 8080
	expect_refused ::1 8080
	expect_answer c1 $GATEWAY4 $HOST4 8081
	nkctl publish remove c1 $HOST4:8081:80 $HOST4:8081:80/udp
	expect_refused $HOST4 8081
	eventually 'no program is on the cgroup' has_no_programs
	nkctl upgrade
	expect_same 'programs on the cgroup after an upgrade' '' "$(cgroup_programs)"
	nkctl publish add c1 8080:80
	expect_same 'who answers' "c1 $GATEWAY4 127.0.0.1 8080" "$(greet ask tcp 127.0.0.1 8080)"
	nkctl down
	expect_same 'programs on the cgroup after "down"' '' "$(cgroup_programs)"
	expect_refused 127.0.0.1 8080
}

has_no_programs() { [[ -z $(cgroup_programs) ]]; }
