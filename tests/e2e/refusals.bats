#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What nkctl refuses: with an exit status and a line that tell why, and with nothing changed.
#
# places: native

load lib

setup_file()
{
	containers c1
	ip netns add c2
	state_note
}

# The host, the attached container and the one that is to be attached.
state()
{
	local ns
	host_state
	for ns in c1 c2; do
		echo "$ns:"
		ip -n $ns -o -d link show
		ip -n $ns -o address show
		ip -n $ns -4 route show table all
		ip -n $ns -6 route show table all
	done
}

state_note() { state >"$BATS_FILE_TMPDIR/before"; }

expect_unchanged() # WORDS
{
	state >"$BATS_TEST_TMPDIR/after"
	expect "$1 changes nothing" diff "$BATS_FILE_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

# Expects that an attach of c2 is refused, given these options.
refuse_c2() # WORDS STATUS REGEX OPTION...
{
	expect_refusal "$1" "$2" "$3" attach --ns c2 --device $E2E_DEVICE "${@:4}"
}

@test "the host's own network namespace" {
	expect_refusal "by its path" 2 "host's own network namespace" \
		attach --ns /proc/self/ns/net --id self
	expect_refusal "by a process" 2 "host's own network namespace" attach --ns "pid:$$"
	touch /run/netns/own
	defer rm /run/netns/own
	mount --bind /proc/self/ns/net /run/netns/own
	defer umount /run/netns/own
	expect_refusal "by a name" 2 "host's own network namespace" attach --ns own
	umount /run/netns/own
	expect_unchanged "it"
}

@test "a file that is no network namespace" {
	local file
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	for file in /etc/passwd /etc /dev/null /proc/self/ns/mnt /proc/self/ns/uts; do
		expect_refusal "$file" 2 "isn't a network namespace" attach --ns $file --id x
	done
	expect_refusal "a FIFO, without waiting for a writer" 2 "isn't a network namespace" \
		attach --ns "$BATS_TEST_TMPDIR/fifo" --id x
	expect_unchanged "it"
}

@test "a namespace that isn't there" {
	expect_refusal "a name" 3 'attach nobody: no network namespace at /run/netns/nobody' \
		attach --ns nobody
	expect_refusal "a path" 3 'no network namespace at /nowhere/c2' attach --ns /nowhere/c2
	expect_refusal "a process" 3 'no network namespace at /proc/4194305/' attach --ns pid:4194305
	expect_refusal "no process" 2 'pid:self' attach --ns pid:self
	expect_refusal "an empty name" 2 'attach: ' attach --ns ''
	expect_refusal "a directory's name" 2 'attach: ' attach --ns ..
	expect_unchanged "it"
}

@test "an interface name that is taken in the container" {
	ip -n c2 link add eth0 type bridge
	defer ip -n c2 link delete eth0
	refuse_c2 "eth0" 4 'attach c2: the container has an interface eth0 already.*--ifname'
	ip -n c2 link delete eth0
	expect_unchanged "it"
	refuse_c2 "lo" 4 'has an interface lo already' --ifname lo
	expect_unchanged "it"
}

@test "an address that is taken" {
	refuse_c2 "IPv4" 4 'attach c2: address 10.88.0.2 is taken by .*c1' --ip 10.88.0.2
	refuse_c2 "IPv6" 4 'attach c2: address fd00:88::2 is taken by .*c1' --ip fd00:88::2
	refuse_c2 "with a free one before it" 4 'address fd00:88::2 is taken' \
		--ip 10.88.0.9 --ip 10.88.0.10 --ip fd00:88::2
	expect_unchanged "it"
}

@test "a second attach of the same identity" {
	local primary
	primary=$(primary_of c1)
	expect_refusal "by the name" 4 "attach c1: already attached .*$primary" attach --ns c1
	expect_refusal "by the id" 4 "attach c1: already attached" attach --ns c2 --id c1
	expect_refusal "with another address" 4 "already attached" attach --ns c1 --ip 10.88.0.9
	expect_refusal "with another mode" 4 "already attached" attach --ns c1 --mode l2
	expect_unchanged "it"
	expect "the first goes on" at c1 ping -c 1 -W 5 $REMOTE4
}

@test "an address that can't be a container's" {
	local addr
	for addr in 10.87.255.255 10.89.0.1 192.0.2.9 fd00:89::2 ::1; do
		refuse_c2 "$addr" 2 "address $addr is outside every subnet of network default" --ip $addr
	done
	for addr in 10.88.0.0 10.88.0.1 10.88.255.255 fd00:88:: fd00:88::1; do
		refuse_c2 "$addr" 2 "address $addr can't be a container's" --ip $addr
	done
	refuse_c2 "twice the same" 2 'address 10.88.0.9 is given twice' \
		--ip 10.88.0.9 --ip fd00:88::9 --ip 10.88.0.9/24
	expect_unchanged "it"
}

@test "an address that is none" {
	local addr
	for addr in '' 10.88.0 10.88.0.256 10.88.0.7/33 10.88.0.7/ 10.88.0.7/-1 10.88.0.7/0x8 \
		' 10.88.0.7' fd00:88::7/129 fd00:88:::7 fe80::1%eth0 c1 automatic; do
		refuse_c2 "'$addr'" 2 'attach' --ip "$addr"
	done
	refuse_c2 "a prefix without a network" 2 'prefix length of 0' --ip 10.88.0.7/0
	expect_unchanged "it"
}

@test "more addresses than an endpoint may have" {
	local -a options=()
	local i
	for ((i = 10; i < 27; i++)); do options+=(--ip "10.88.0.$i"); done
	refuse_c2 "17 addresses" 2 'at most 16 addresses' "${options[@]}"
	refuse_c2 "16 and the next free ones" 2 'at most 16 addresses' "${options[@]:2}" --ip auto
	expect_unchanged "it"
}

@test "an MTU out of range" {
	local mtu
	for mtu in 0 1 67 65536 4294967296 18446744073709551617 -1 1500x 0x5dc ' 1500' abc ''; do
		refuse_c2 "'$mtu'" 2 'MTU' --mtu "$mtu" --ip 10.88.0.9
	done
	refuse_c2 "too small for IPv6" 2 'MTU 1279 .*1280' --mtu 1279
	refuse_c2 "too small for the IPv6 address given" 2 'MTU 1279 .*1280' --mtu 1279 --ip fd00:88::9
	expect_unchanged "it"
}

@test "names that would be something else somewhere" {
	local name
	for name in '' . .. ../x a/b a:b 'a b' sixteen_letters_ $'a\nb' $'a\tb' $'a\x7fb'; do
		refuse_c2 "interface '$name'" 2 'attach' --ifname "$name"
	done
	for name in '' . ../x a/b 'a b' -x $'a\nb' $'a\x1b[2J' "$(printf 'x%.0s' {1..300})"; do
		refuse_c2 "id '$name'" 2 'attach' "--id=$name"
		refuse_c2 "network '$name'" 2 'attach' "--network=$name"
	done
	expect_unchanged "it"
}

@test "a message has no control characters of the user's" {
	local said
	said=$(nkctl attach --ns c2 --ifname $'a\x1b[2Jb\nc' 2>&1) || true
	expect_no_match "an escape" $'\x1b' "$said"
	said=$(nkctl attach --ns $'/nowhere/\x1b[2J' --id x 2>&1) || true
	expect_no_match "an escape in a path" $'\x1b' "$said"
	expect_same "one line" 1 "$(wc -l <<<"$said")"
}

@test "an unknown network" {
	refuse_c2 "attach" 3 "attach c2: there is no network 'lab'" --network lab
	expect_refusal "detach" 3 "detach c1: c1 isn't attached to network lab" \
		detach --ns c1 --network lab
	expect_refusal "remove" 3 "there is no network 'lab'" network remove lab
	expect_unchanged "it"
}

@test "a device that can't be one" {
	expect_refusal "none" 3 "no device 'nodev'" uplink add nodev
	expect_refusal "a long name" 3 'no device' uplink add "$(printf 'x%.0s' {1..16})"
	expect_refusal "a very long one" 3 'no device' uplink add "$(printf 'x%.0s' {1..5000})"
	expect_refusal "to remove" 3 'no device' uplink remove "$(printf 'x%.0s' {1..5000})"
}

@test "what isn't attached" {
	expect_refusal "detach" 3 "detach c2: c2 isn't attached to network default" detach --ns c2
	expect_refusal "detach of another interface" 3 "isn't attached .*eth1" \
		detach --ns c1 --ifname eth1
	expect_refusal "show" 3 "show c2: isn't attached" show c2
	expect_refusal "where it is instead" 3 \
		"c1 isn't attached to network default \\(eth1\\), but to network default as eth0" \
		detach --ns c1 --ifname eth1
	expect_refusal "show it on another network" 3 \
		"show c1: isn't attached to network lab, but to network default as eth0" show c1 --network lab
	expect_refusal "publish by another interface" 3 \
		"publish add c1: isn't attached as eth3, but to network default as eth0" \
		publish add c1 80:80 --ifname eth3
	expect_refusal "nobody" 3 "isn't attached to network default \\(eth0\\): .nkctl list. shows what is" \
		detach --ns c9
	expect_refusal "an uplink that isn't there" 3 "no device 'nosuch'" uplink add nosuch
	expect_refusal "no uplink" 3 'lo is no uplink' uplink remove lo
	expect_unchanged "it"
}

@test "what is attached by another id" {
	nkctl attach --ns c2 --id web --ifname net0
	defer state_note
	defer nkctl detach --id web --ifname net0
	expect_refusal "detach" 3 \
		"c2 isn't attached to network default \\(eth0\\), but its namespace is, as web to network default \\(net0\\)" \
		detach --ns c2
	expect_refusal "show" 3 "show c2: isn't attached, but its namespace is, as web to network default" show c2
	expect_refusal "detach by the id" 3 "web isn't attached .*, but to network default as net0" detach --id web
}

@test "a device of somebody else's that has the endpoint's name" {
	local primary
	primary=$(primary_of c1)
	nkctl detach --ns c1
	defer state_note
	defer attach c1 --ip 10.88.0.2 --ip fd00:88::2
	ip link add "$primary" type bridge
	defer ip link delete "$primary"
	expect_refusal "attach" 4 "attach c1: the device $primary isn't nkctl's" attach --ns c1
	expect_refusal "detach" 4 "detach c1: the device $primary isn't nkctl's" detach --ns c1
	expect "it stays" ip link show "$primary"
	expect_same "nothing is attached" '[]' "$(nkctl list --json)"
}

@test "words and options that don't exist" {
	expect_refusal "a verb" 2 "'atach' is no verb" atach --ns c2
	run -2 nkctl network
	expect_match "half a verb: its other halves" 'nkctl network add .*nkctl network list' "$output"
	expect_refusal "an option" 2 "unknown option '--ip6'" attach --ns c2 --ip6 fd00:88::9
	expect_refusal "a short option" 2 "unknown option '-x'" attach --ns c2 -x
	expect_refusal "an option without its value" 2 "option '--ns' needs a value" attach --ns
	expect_refusal "no namespace" 2 'attach: --ns is missing' attach
	expect_refusal "no container" 2 'detach: --ns or --id is missing' detach
	expect_refusal "a word too many" 2 "unexpected argument 'c1'" attach --ns c2 c1
	expect_refusal "a word too few" 2 'show: missing argument' show
	refuse_c2 "a mode" 2 "mode 'l4' is neither l3 nor l2" --mode l4
	refuse_c2 "a kind of device" 2 "device 'bridge' is none of" --device bridge
	expect_unchanged "it"
}

@test "without a verb it shows its help, as an error" {
	run -2 nkctl
	expect_match "help" '^Usage: nkctl VERB' "$output"
	run -0 nkctl --help
	run -0 nkctl attach --help
	expect_match "help for a verb" '^Usage: nkctl attach --ns NS' "$output"
}

@test "help is JSON where that was asked for" {
	local all words
	all=$(nkctl help --json)
	expect_same "of everything, by an option" "$all" "$(nkctl --help --json)"
	expect_same "the other way round" "$all" "$(nkctl --json -h)"
	for words in 'help network add' 'network add --help' '--json network add -h'; do
		# shellcheck disable=SC2086 # a verb and its options
		expect_same "$words: the verb's entry" "$(jq -c '.[] | select(.name == "network add")' <<<"$all")" \
			"$(nkctl $words --json | jq -c .)"
	done
	for words in 'help nat' 'nat --help'; do
		# shellcheck disable=SC2086
		expect_same "$words: those of the group" \
			"$(jq -c '[.[] | select(.name | startswith("nat "))]' <<<"$all")" \
			"$(nkctl $words --json | jq -c .)"
	done
	expect_same "of the help" '[VERB]' "$(nkctl help help --json | jq -r .arguments)"
	run --separate-stderr -2 nkctl help atach --json
	expect_match "no verb" "help: 'atach' is no verb" "$(jq -r .error.message <<<"$output")"
	run --separate-stderr -2 nkctl help attach c1 --json
	expect_match "a word too many" "help: unexpected argument 'c1'" "$(jq -r .error.message <<<"$output")"
}

@test "who isn't root" {
	local program=/run/nkctl verb
	local -a nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups "$program")
	cp "$NKCTL_PROGRAM" $program
	defer rm $program
	for verb in 'attach --ns c2' 'detach --ns c1' list down upgrade stats; do
		# shellcheck disable=SC2086 # a verb and its options
		run -6 "${nobody[@]}" $verb
		expect_match "$verb" '^nkctl: .*must be run as root' "$output"
	done
	expect_no_match "who only reads is told of no change" 'change' "$("${nobody[@]}" list 2>&1 || true)"
	run -0 "${nobody[@]}" help
	run -0 "${nobody[@]}" version
	install -d -o 65534 /run/nobody
	defer rm -r /run/nobody
	for verb in install uninstall; do
		expect "cni $verb in directories of his" "${nobody[@]}" cni $verb \
			--bin-dir /run/nobody/bin --conf-dir /run/nobody/net.d
	done
	expect_unchanged "it"
}

# Half of the work, and then a refusal of the kernel's, would be worse than none.
@test "root without a capability, and of another user namespace" {
	local verb
	for verb in 'attach --ns c2' 'detach --ns c1' 'uplink add eth0' 'network remove default' down upgrade; do
		# shellcheck disable=SC2086 # a verb and its options
		run -6 setpriv --bounding-set -net_admin "$NKCTL_PROGRAM" $verb
		expect_match "$verb" '^nkctl: .*must be run with CAP_NET_ADMIN' "$output"
		# shellcheck disable=SC2086
		run -6 unshare --user --map-root-user "$NKCTL_PROGRAM" $verb
		expect_match "$verb" '^nkctl: .*must be run in the initial user namespace' "$output"
	done
	run -6 unshare --user --map-root-user "$NKCTL_PROGRAM" list
	expect_unchanged "it"
}

@test "with --json the error is on standard output too" {
	run --separate-stderr -3 nkctl attach --ns nobody --json
	# shellcheck disable=SC2154 # set by run
	expect_match "for people" '^nkctl: attach nobody: no network namespace' "$stderr"
	expect "for programs" jq -e '.error.exit_status == 3 and .error.errno == "ENOENT" and
		(.error.message | test("no network namespace"))' <<<"$output"
	run --separate-stderr -4 nkctl attach --ns c1 --json
	expect_same "its errno" EEXIST "$(jq -r .error.errno <<<"$output")"
	run --separate-stderr -2 nkctl attach --json --nonsense
	expect_same "a wrong option too" 2 "$(jq -r .error.exit_status <<<"$output")"
}

@test "a result that can't be written is a failure" {
	run -1 bash -c '"$NKCTL_PROGRAM" list >/dev/full'
	expect_match "it says so" '^nkctl: .*print the result' "$output"
	expect_unchanged "it"
	run -1 bash -c '"$NKCTL_PROGRAM" publish add c1 8080:80 >/dev/full'
	expect_same "what was done" "nkctl: publish add: done, but the result couldn't be printed: No space left on device" \
		"$output"
	run -1 bash -c '"$NKCTL_PROGRAM" publish remove c1 8080:80 >&-'
	expect_same "what was undone" \
		"nkctl: publish remove: done, but the result couldn't be printed: Bad file descriptor" "$output"
}

@test "on an untouched host a refused attach leaves it untouched" {
	nkctl down
	host_state >"$BATS_TEST_TMPDIR/before"
	expect_refusal "no namespace" 3 'no network namespace' attach --ns nobody
	expect_refusal "no network" 3 'no network' attach --ns c2 --network lab
	expect_refusal "an address outside" 2 'outside every subnet' attach --ns c2 --ip 192.0.2.9
	expect_refusal "a bad MTU" 2 'MTU' attach --ns c2 --mtu 67
	expect_refusal "an interface name that is taken" 4 'has an interface lo' \
		attach --ns c2 --ifname lo
	host_state >"$BATS_TEST_TMPDIR/after"
	expect "nothing has changed" diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	expect_refusal "detach" 3 "isn't attached" detach --ns c1
	expect_refusal "show" 3 "isn't attached" show c1
	expect_refusal "network remove" 3 '' network remove lab
	expect_refusal "uplink remove" 3 'no uplink' uplink remove eth0
	host_state >"$BATS_TEST_TMPDIR/after"
	expect "nothing has changed" diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}
