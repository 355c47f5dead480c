# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What the end-to-end tests are written with. A test says what it expects in words; what it starts
# ends with it. The host, the remote host and the wire are there already: see tests/e2e/run.
#
# Places are 'host', 'remote', and the containers: the names of their network namespaces.

bats_require_minimum_version 1.5.0
# shellcheck source=tools/wire.sh
. "$BATS_TEST_DIRNAME/../../tools/wire.sh"

# Seconds that an expectation may take to come true. A guest without KVM is slow.
readonly DEADLINE_S=60

# shellcheck disable=SC2034 # for the tests
readonly GATEWAY4=10.88.0.1 GATEWAY6=fd00:88::1 GATEWAY_MAC=02:6e:6b:63:74:6c

# To tell where a test failed, bats notes its place before each command. In an emulated guest that takes
# longer than the tests, so it's done for the test's own commands alone, and a file with a 'setup' of its
# own calls this first. A condition that is to fail a test must be a command: not '[[ ]]'.
trace_test_only() { set +T; }
setup() { trace_test_only; }
[[ -n ${BATS_TEST_NAME:-} ]] || trace_test_only # this is for setup_file

# gojq speaks jq's language, and sorts the keys of what it prints. jq 1.6 compiles its own library at each
# start, for a third of a second in an emulated guest.
jq() { gojq "$@"; }

## Places and processes

# Runs a command in a place.
at() # PLACE COMMAND...
{
	if [[ $1 == host ]]; then "${@:2}"; else within "$@"; fi
}

# Runs a command in the background, in a place; its output goes to the file that 'output_of' names.
start() # NAME PLACE COMMAND...
{
	local -a prefix=()
	[[ $2 == host ]] || prefix=(within "$2")
	rm -f -- "$(output_of "$1")"
	"${prefix[@]}" "${@:3}" >"$(output_of "$1")" 2>&1 3>&- </dev/null &
	started[$1]=$!
}
declare -gA started=()

output_of() # NAME
{
	printf '%s/%s.out\n' "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}" "$1"
}

# Ends what 'start' started, and waits for it.
stop() # NAME [SIGNAL]
{
	kill -s "${2:-TERM}" "${started[$1]}" 2>/dev/null || true
	wait "${started[$1]}" 2>/dev/null || true
	unset "started[$1]"
}

# Waits for the end of what 'start' started; returns its status.
finish() # NAME
{
	local result=0
	wait "${started[$1]}" || result=$?
	unset "started[$1]"
	((result == 0)) || cat -- "$(output_of "$1")"
	return $result
}

stop_all()
{
	local name
	for name in "${!started[@]}"; do stop "$name" KILL; done
}

# Has a command run at the end of the test, however that ends; the last one first.
defer() # COMMAND...
{
	deferred=("${*@Q}" "${deferred[@]}")
}
declare -ga deferred=()

clean_up()
{
	local command
	stop_all
	for command in "${deferred[@]}"; do eval "$command"; done
	deferred=()
}

teardown() { clean_up; }
teardown_file() { clean_up; }

# The MAC address of a place's device.
mac_of() # PLACE [DEVICE]
{
	at "$1" ip -o link show "${2:-eth0}" | sed 's,.*link/ether \([^ ]*\).*,\1,'
}

## Expectations

# Fails a test with its words.
fail()
{
	printf 'FAILED: '
	printf '%s\n' "$@"
	return 1
}

# Runs a command with its output in 'said'; returns its exit status. Not in a subshell: the command may
# be one of the functions here.
listen_to() # COMMAND...
{
	local result=0 file=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/said
	"$@" >"$file" 2>&1 || result=$?
	said=$(<"$file")
	return $result
}

expect() # WORDS COMMAND...
{
	local said result=0
	listen_to "${@:2}" || result=$?
	((result == 0)) || fail "$1" "${*:2}: exit status $result" "$said"
}

expect_not() # WORDS COMMAND...
{
	local said
	if listen_to "${@:2}"; then fail "$1" "${*:2}: exit status 0" "$said"; fi
}

expect_same() # WORDS EXPECTED FOUND
{
	[[ $2 == "$3" ]] || fail "$1" "expected: $2" "found:    $3"
}

expect_match() # WORDS REGEX FOUND
{
	[[ $3 =~ $2 ]] || fail "$1" "expected: /$2/" "found:    $3"
}

expect_no_match() # WORDS REGEX FOUND
{
	[[ ! $3 =~ $2 ]] || fail "$1" "expected: not /$2/" "found:    $3"
}

# For at_bpf: enum bpf_cmd (include/uapi/linux/bpf.h).
# shellcheck disable=SC2034 # for the tests
readonly BPF_MAP_UPDATE_ELEM=2 BPF_MAP_DELETE_ELEM=3 BPF_PROG_ATTACH=8 BPF_PROG_QUERY=16

# Runs a command and kills it as it enters its N-th system call of a name. With --seccomp-bpf, which would take
# less time, strace (6.1) sends no signal.
killed_at() # CALL N COMMAND...
{
	# strace ends the way that its child did; the shell would tell about it.
	bash -c '"$@"; true' - strace -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$2" \
		"${@:3}" >/dev/null 2>&1
}

# Waits without starting a process, which would take an emulated guest longer: for data that a pipe never has.
pause() # MS
{
	local seconds
	[[ -n ${silent_pipe:-} ]] || exec {silent_pipe}<> <(:)
	printf -v seconds '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
	read -r -t "$seconds" -u "$silent_pipe" || true
}

# Waits until a command succeeds.
eventually() # WORDS COMMAND...
{
	eventually_in $DEADLINE_S "$@"
}

# The same, with a deadline of its own. Asking takes time from what is waited for: the longer that needs, the
# less often it is asked.
eventually_in() # SECONDS WORDS COMMAND...
{
	local end=$((SECONDS + $1)) pause_ms=40
	until "${@:3}" >/dev/null 2>&1; do
		((SECONDS < end)) || fail "$2, within $1 s" "${*:3}" || return
		pause $pause_ms
		((pause_ms >= 500)) || pause_ms=$((pause_ms * 5 / 4))
	done
}

# Notes what a function prints, to compare it later.
note() # FUNCTION
{
	"$1" >"$BATS_TEST_TMPDIR/$1"
}

expect_as_noted() # WORDS FUNCTION
{
	expect "$1" diff "$BATS_TEST_TMPDIR/$2" <("$2")
}

## nkctl

nkctl() { "$NKCTL_PROGRAM" "$@"; }

# Attaches a namespace the way that the variant under test does it, and the file: one that is about
# packets which leave as they were sent has ATTACH_OPTIONS=--no-masquerade.
attach() # NS [OPTION]...
{
	# shellcheck disable=SC2086 # lists of options
	nkctl attach --ns "$@" $E2E_ATTACH ${ATTACH_OPTIONS:-}
}

# Makes network namespaces, and attaches them in order.
containers() # NAME...
{
	local name
	for name; do
		ip netns add "$name"
		attach "$name"
	done
}

# Makes an untouched host again, or one where the datapath stays loaded: see below.
take_all_down()
{
	if is_to_stay_loaded && is_loaded; then
		all_but_load_down
		containers_delete
		! is_as_loaded || return 0
		echo "# not as after the load: all is taken down" >&3
	fi
	nkctl down
	containers_delete
}

containers_delete()
{
	local path
	for path in /run/netns/*; do
		[[ ${path##*/} == remote ]] || echo "netns delete ${path##*/}"
	done | ip -batch -
}

# Takes the host's default routes away for the rest of the test.
default_routes_remove()
{
	ip route delete default
	defer ip route replace default via $REMOTE4
	ip -6 route delete default
	defer ip -6 route replace default via $REMOTE6
}

# A second way from the host to the remote one, by wire2, without addresses.
second_wire()
{
	ip link add wire2 type veth peer name eth1 netns remote
	ip link set wire2 up
	ip -n remote link set eth1 up
}

# Prints what a jq filter finds in an endpoint.
endpoint() # ID FILTER
{
	nkctl show "$1" --json | jq -r "$2"
}

# Prints a field of what nkctl shows people of an endpoint: sooner than by jq.
shown() # ID FIELD
{
	nkctl show "$1" | sed -n "s/^$2  *//p"
}

primary_of() { shown "$1" 'host device'; }

# A primary as a kill right before the commit of its attach leaves it.
device_unfinish() { ip link set "$1" txqueuelen 0x6e6b; } # DEVICE

# The MAC address that nkctl tells of a container; all zeros where it has none.
container_mac() # ID
{
	local mac=00:00:00:00:00:00 told
	told=$(nkctl show "$1" --json)
	[[ ! $told =~ \"mac\":\ \"([0-9a-f:]*)\" ]] || mac=${BASH_REMATCH[1]}
	echo "$mac"
}

# Expects nkctl to fail with an exit status and one line that matches, and to say no more.
expect_refusal() # WORDS STATUS REGEX ARGUMENT...
{
	local said result=0
	listen_to nkctl "${@:4}" || result=$?
	expect_match "$1: its exit status ($said)" "^$2\$" "$result"
	expect_match "$1: what it says" "^nkctl: [^"$'\n'"]*$3[^"$'\n'"]*$" "$said"
}

# Prints "REASON COUNT" for each reason for which packets were dropped.
drops()
{
	local count reason _
	while read -r count reason _; do
		[[ $count == 0 || $count == DROPPED ]] || echo "$reason $count"
	done < <(nkctl stats)
}

# Remembers the drop counters, and puts what they have grown by since the last time into drops_new, as
# "REASON COUNT" lines. What guests with link-local addresses say by themselves (router solicitations,
# multicast reports) is left out: it comes when it likes.
drops_note()
{
	local count reason _ new
	drops_new=''
	while read -r count reason _; do
		[[ $count != DROPPED && $count != '?' ]] || continue # its pins are gone
		new=$((count - ${drops_noted[$reason]:-0}))
		drops_noted[$reason]=$count
		[[ $new == 0 || $reason == link-local ]] || drops_new+="${drops_new:+$'\n'}$reason $new"
	done < <(nkctl stats)
}
declare -gA drops_noted=()

# Prints what was dropped since drops_note.
drops_since()
{
	drops_note # in a subshell, mostly: what is noted stays
	[[ -z $drops_new ]] || echo "$drops_new"
}

expect_no_drops() # WORDS
{
	expect_same "$1" '' "$(drops_since)"
}

## Packets

# Captures in the background what goes over a device: 1600 bytes of each packet, so that the buffer has
# room for many.
capture() # NAME PLACE DEVICE FILTER...
{
	start "$1" "$2" tcpdump -i "$3" -n -U --immediate-mode -Z root -s 1600 -B 8192 \
		-w "$(pcap_of "$1")" "${@:4}"
	eventually "tcpdump listens on $3" grep -q 'listening on' "$(output_of "$1")"
}

pcap_of() # NAME
{
	printf '%s/%s.pcap\n' "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}" "$1"
}

# Prints what a capture has, each packet a line; -v and the like go to tcpdump.
captured() # NAME [OPTION]... FILTER...
{
	tcpdump -n -r "$(pcap_of "$1")" "${@:2}" 2>/dev/null
}

captured_count() # NAME FILTER...
{
	captured "$@" | wc -l
}

has_captured() # NAME FILTER...
{
	[[ -n $(captured "$@" -c 1) ]]
}

# Prints the first packet of a capture that matches, with its Ethernet header, in hexadecimal.
captured_hex() # NAME FILTER...
{
	captured "$1" -t -xx -c 1 "${@:2}" | sed -n 's/^\t0x[0-9a-f]*: *//p' | tr -d ' \n'
}

# Sends data from one place to an address in another and expects all of it, from the sender's own address.
expect_flow() # tcp|udp FROM TO ADDRESS SENDER [BYTES]
{
	local said result=0
	listen_to flow "$1" "$2" "$3" "$4" ${6:+"$6"} || result=$?
	((result == 0)) || fail "data from $2 reaches $4 by $1, unharmed" "$said"
	expect_same "the sender's address, as $3 sees it" "$5" "$said"
}

# Keeps connections open in the background, and busy: see hold.c.
hold_open() # NAME ARGUMENT-OF-HOLD...
{
	start "$1" host hold "${@:2}"
	eventually "each connection of 'hold ${*:2}' works, or one fails" hold_is_settled "$1" || return
	hold_has_rounds "$1" 1 ||
		fail "each connection of 'hold ${*:2}' works" "$(<"$(output_of "$1")")" "$(drops_since)"
}

# Whether it has had a round, or has come to grief.
hold_is_settled() # NAME
{
	hold_has_rounds "$1" 1 || [[ ! -e /proc/${started[$1]} ]]
}

hold_rounds() # NAME
{
	grep -c '^round' "$(output_of "$1")"
}

hold_has_rounds() # NAME COUNT
{
	(($(hold_rounds "$1") >= $2))
}

# Prints "ADDRESS PORT" for each connection, as the far end sees it.
hold_peers() # NAME
{
	sed -n 's/^peer //p' "$(output_of "$1")"
}

# Has the connections keep silent for a while. What they said is acknowledged within 0.2 seconds:
# TCP_DELACK_MAX in include/net/tcp.h.
hold_pause() # NAME...
{
	local name
	for name; do
		kill -USR1 "${started[$name]}"
		eventually "'$name' is silent" eval "[[ \$(tail -n 1 '$(output_of "$name")') == silent ]]"
	done
	pause 250
}

hold_resume() # NAME...
{
	local name
	for name; do kill -USR2 "${started[$name]}"; done
}

# Expects two more rounds: the first one may have been under way already.
expect_goes_on() # WORDS NAME
{
	eventually "$1" hold_has_rounds "$2" $(($(hold_rounds "$2") + 2)) ||
		fail "hold says" "$(tail -n 1 "$(output_of "$2")")"
}

# Has the connections end; expects that they worked until then.
hold_close() # NAME
{
	kill -TERM "${started[$1]}" 2>/dev/null || true
	expect "the connections of '$1' lived until now" finish "$1"
}

# Prints in the background each frame that passes a device: see sniff.c.
sniff() # NAME PLACE DEVICE
{
	start "$1" "$2" sniff "$3"
	eventually "sniff listens on $3" grep -q ready "$(output_of "$1")"
}

# How many frames were seen that match.
sniffed_count() # NAME REGEX
{
	grep -cE "$2" "$(output_of "$1")" || true
}

has_sniffed() # NAME REGEX
{
	grep -qE "$2" "$(output_of "$1")"
}

# The Ethernet header of what a container sends, as frame's words. In mode l3 both ends have the same
# MAC address, or none.
eth_from() # CONTAINER
{
	local mac gateway=$GATEWAY_MAC
	mac=$(container_mac "$1")
	[[ $E2E_MODE == l2 ]] || gateway=$mac
	echo "eth:dst=$gateway,src=$mac"
}

# That of what reaches a container.
eth_to() # CONTAINER
{
	eth_from "$1" | sed 's/dst=\(.*\),src=\(.*\)/dst=\2,src=\1/'
}

## Flows

# Prints how many flows there are that are alive.
flows_count() # FILTER...
{
	nkctl flows list "$@" | sed 1d | wc -l
}

# Where struct nk_flow of include/nkctl/nat.h has its seen_ns.
readonly FLOW_SEEN_OFFSET=104

# Makes all flows older: as if they had been silent for longer.
flows_age() # SECONDS
{
	local map key value
	map=$(echo /sys/fs/bpf/nkctl*/maps/flows)
	while IFS=: read -r key value; do
		# shellcheck disable=SC2086,SC2046 # lists of bytes
		bpftool map update pinned "$map" key hex $key value hex \
			$(bytes_subtract "$value" $FLOW_SEEN_OFFSET $(($1 * 1000000000))) exist
	done < <(bpftool -j map dump pinned "$map" |
		jq -r '.[] | (.key | join(" ")) + ":" + (.value | join(" "))' | sed 's/0x//g')
}

# Subtracts from the 64 bits, least byte first, at an offset of a list of bytes in hexadecimal.
bytes_subtract() # BYTES OFFSET NUMBER
{
	local -a bytes
	local -i i number=0
	read -ra bytes <<<"$1"
	for ((i = 7; i >= 0; i--)); do number=$((number << 8 | 16#${bytes[$2 + i]})); done
	number=$((number - $3))
	for ((i = 0; i < 8; i++)); do
		printf -v "bytes[$2 + $i]" %02x $((number >> 8 * i & 255))
	done
	echo "${bytes[@]}"
}

## A host where the datapath stays loaded

# To load it takes an emulated guest seconds. There, a file that says '# datapath: stays loaded' has that done
# before its first test, and each test's end takes away everything else. If the host isn't then what it was
# after that load, as by a setting, an uplink or another program, all is taken down as ever, and the next attach
# is a first one. A test that is about a first attach begins with 'nkctl down'.
#
# So an emulated guest doesn't see that 'nkctl down' copes with whatever tests leave, nor that an endpoint, a
# network or a flow that should be gone is: what is left is taken away unseen. Natively each test ends in a
# 'nkctl down', which looks at what is left.
is_to_stay_loaded() { [[ -n ${E2E_STAYS_LOADED:-} ]]; }

is_loaded() { compgen -G '/sys/fs/bpf/nkctl*/maps/config' >/dev/null; }

setup_file() { load_to_stay; }

load_to_stay()
{
	is_to_stay_loaded || return 0
	containers first
	all_but_load_down
	containers_delete
	host_state_loaded >"$BATS_FILE_TMPDIR/loaded"
}

is_as_loaded() { [[ $(host_state_loaded) == "$(<"$BATS_FILE_TMPDIR/loaded")" ]]; }

# Without what differs from one load to the next, and the programs of the host's sockets, which stay when no port
# is published any more: that they are attached no more, their links tell.
host_state_loaded()
{
	local state
	state=$(host_state nat)
	if [[ $state =~ ([0-9]+):\ sched_cls\ +name\ nk_uplink\  ]]; then
		state=${state/%"programs: ${BASH_REMATCH[1]}"/'programs: nk_uplink'}
	fi
	sed '/cgroup_sock_addr/,+3d; /progs.nk_[a-z]*[46]$/d; /socket_peers$/d; /^processed /d
		/^\s*loaded_at/d; /^\s*btf_id/d; /"secret"/d; s/^[0-9]*: //; s/map_ids.*//' <<<"$state"
}

# Endpoints, also those that aren't finished, what networks have on the host, flows, and what was counted.
all_but_load_down()
{
	local network id ifname map
	local -a maps=()
	while read -r network id ifname _; do
		[[ $network == NETWORK ]] || nkctl detach --network "$network" --id "$id" --ifname "$ifname"
	done < <(nkctl list) || true
	ip -force -batch - 2>/dev/null <<-'COMMANDS' || true
		link delete group 28267
		address flush dev lo scope link
		address flush dev lo scope global
		route flush proto 110
	COMMANDS
	ip -6 route flush proto 110
	for map in /sys/fs/bpf/nkctl*/maps/*; do
		[[ $map == */@(config|generation|nat|socket_peers|uplinks) ]] || maps+=("$map")
	done
	entries -d "${maps[@]}" >/dev/null
}

## State of the host

# Prints everything that nkctl may change on a host, by few processes: an emulated guest takes long to start one.
# What packets or time change is left out.
host_state() # [MAP]...
{
	{
		printf '%s\n' 'link show' 'address show' 'route show table all' 'neigh show nud permanent' |
			ip -o -d -batch -
		printf '%s\n' /sys/fs/bpf/* /sys/fs/bpf/*/* /sys/fs/bpf/*/{maps,progs,links}/*
		grep . /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv6/conf/*/{forwarding,accept_ra}
		pins_commands "$@" | bpftool batch file -
		# shellcheck disable=SC2046 # ids
		echo "uplink's programs:" $(hook query tcx/ingress eth0)
	} | sed 's/valid_lft.*//; s/ expires [0-9]*sec//; s/ run_time_ns.*//'
}

# Prints bpftool's commands that show what is pinned.
pins_commands() # [MAP]...
{
	local dir map program
	for dir in /sys/fs/bpf/nkctl*; do
		for map in owners endpoints_v4 endpoints_v6 networks cursors uplinks "$@"; do
			[[ ! -e $dir/maps/$map ]] || echo "map dump pinned $dir/maps/$map"
		done
		for program in "$dir"/progs/*; do
			[[ ! -e $program ]] || echo "prog show pinned $program"
		done
	done
}

# Prints how many entries maps have, a line each.
map_counts() # MAP...
{
	local map
	for map; do entries /sys/fs/bpf/nkctl*/maps/"$map"; done
}

# Prints what containers leave on a host. Without the kernel's help the claims of the dead stay until a later
# attach or detach.
traces()
{
	ip -o link show | sed 's/^[0-9]*: //'
	ip route show
	ip -6 route show
	! has_collector || map_counts endpoints_v4 endpoints_v6 owners published
}

# Whether the kernel itself frees the addresses of the dead: where it has fentry.
has_collector() { [[ -e $(echo /sys/fs/bpf/nkctl*/links/collect) ]]; }
