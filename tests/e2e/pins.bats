#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Pins that are lost, one or all of them with bpffs, are put back from the programs that are attached.

load lib
load doctor
load foreign
load repair

# With it go all pins. A guest's own may be below that of the tests.
bpffs_unmount()
{
	while umount /sys/fs/bpf 2>/dev/null; do :; done
	expect_not "no pin is left" ls $PINS
}

readonly LOST='warning: pins below /sys/fs/bpf are gone: .*nkctl repair'

# Expects a verb that shows to warn, and what a jq filter makes of its JSON.
expect_unknown() # JSON FILTER VERB...
{
	local told
	told=$(nkctl "${@:3}" --json 2>"$BATS_TEST_TMPDIR/warned")
	expect_match "${*:3}: it warns" "$LOST" "$(<"$BATS_TEST_TMPDIR/warned")"
	expect_same "${*:3}: one warning" 1 "$(wc -l <"$BATS_TEST_TMPDIR/warned")"
	expect_same "${*:3}: what isn't known is null" "$1" "$(jq -c "$2" <<<"$told")"
}

# Prints which maps are pinned. A configuration is the programs' own, each load's.
map_ids()
{
	local map
	for map in $PINS/maps/*; do
		[[ $map == */config ]] || echo "${map##*/} $(bpftool -j map show pinned "$map" | jq .id)"
	done
}

# bats test_tags=core
@test "pins that are all gone, bpffs unmounted, are put back from what is attached" {
	local maps
	nkctl network add other --subnet 10.99.0.0/24
	defer nkctl network remove other
	maps=$(map_ids)
	bpffs_unmount
	expect_match "list tells" 'c1 .* no-pins' "$(nkctl list)"
	examine
	expect_check endpoints warn '^c1 is no-pins, c2 is no-pins$'
	expect_match "doctor tells what to do" '^nkctl repair' "${mends[endpoints]}"
	for name in uplinks forwarding accept-ra mtu subnets nat-ports other-programs xdp tc-filters; do
		expect_check "$name" note '^not looked at: pins'
	done
	expect "what is attached goes on" at c1 ping -c 1 -W 5 $REMOTE4
	expect_none_foreign "meanwhile"
	run -1 nkctl repair --dry-run
	expect_match "a dry run tells" 'datapath: pins below /sys/fs/bpf were gone: to be mended' "$output"
	expect_not "and pins nothing" ls $PINS
	repair_under_flood
	expect_same "the maps are the same" "$maps" "$(map_ids)"
	expect_match "a network is still known" 'other' "$(nkctl network list)"
	expect_all_well
}

@test "any pin that is lost is put back" {
	local pin maps
	maps=$(map_ids)
	for pin in $PINS/maps/{config,generation,networks} $PINS/progs/nk_uplink \
		$PINS/links/{collect,default_routes,forward_v4,nk_neighbour}; do
		[[ -e $pin ]] || continue # this kernel has no fentry
		rm "$pin"
		run -1 nkctl repair --dry-run
		expect "$pin" nkctl repair
		expect "$pin is there again" test -e "$pin"
	done
	expect_same "the maps are the same" "$maps" "$(map_ids)"
	expect_all_well
}

@test "an upgrade finds the programs of the host's own sockets by their links alone" {
	nkctl publish add c1 8080:80
	defer nkctl publish remove c1 8080:80
	[[ -e $(echo $PINS/links/nk_connect4) ]] || skip "no cgroup that it could be on"
	rm $PINS/progs/nk_{connect,sendmsg,recvmsg,getpeername}*
	expect "it upgrades" nkctl upgrade
	expect "and pins them again" test -e $PINS/progs/nk_connect4
	expect_all_well
}

@test "an attach, an upgrade or a down without pins finds those that are attached" {
	bpffs_unmount
	ip netns add c3
	expect_refusal "an address that is taken" 4 "$OWN4 is taken by nkctl:default/c1" \
		attach --ns c3 --ip $OWN4
	attach c3
	defer ip netns delete c3
	defer nkctl detach --ns c3
	expect "they reach each other" at c3 ping -c 1 -W 5 $OWN4
	bpffs_unmount
	expect "an upgrade replaces them" nkctl upgrade
	expect_all_well
	bpffs_unmount
	expect_match "down removes them" 'removed 3 endpoints' "$(nkctl down)"
	expect_same "no device is left" '' "$(ip -o link show group 0x6e6b)"
	attach c3
	attach c2
	attach c1 --ip $OWN4 --ip $OWN6
}

@test "an uplink whose program was taken off, or that forwards no more, is one again" {
	hook detach tcx/ingress eth0 "$(hook query tcx/ingress eth0)"
	expect_match "uplink list tells" 'no-program' "$(nkctl uplink list)"
	expect_match "it is mended" 'eth0: its program was taken off: mended' "$(nkctl repair)"
	expect_no_match "uplink list" 'no-program' "$(nkctl uplink list)"
	sysctl -qw net.ipv4.conf.eth0.forwarding=0
	expect_match "it is mended" 'eth0: forwarding was off for it: mended' "$(nkctl repair)"
	expect_all_well
}

@test "a port is published and withdrawn without pins, and a list tells that it doesn't know" {
	nkctl publish add c1 8080:80
	bpffs_unmount
	expect_match "all of them" "$LOST" "$(nkctl publish list 2>&1)"
	expect_match "of one" "$LOST" "$(nkctl publish list c1 2>&1)"
	expect "another one is published" nkctl publish add c1 8090:81
	expect_same "both" '8080:80 8090:81' "$(shown c1 published | xargs)"
	bpffs_unmount
	expect "both are withdrawn" nkctl publish remove c1 8080:80 8090:81
	expect_same "none is listed" '' "$(nkctl publish list 2>&1 | tail -n +2)"
	expect_all_well
}

@test "what can't be known without pins isn't told: null, or a question mark" {
	nkctl publish add c1 8080:80
	defer nkctl publish remove c1 8080:80
	bpffs_unmount
	expect_unknown null .drops stats
	expect_unknown null . flows list
	expect_unknown null . uplink list
	expect_unknown null . network list
	expect_unknown null . publish list
	expect_unknown null . publish list c1
	expect_unknown '[null,null,null,null,null]' '[.loaded, .ports, .endpoint_flows, .flows, .exempt]' nat show
	expect_unknown '["no-pins",null,null,null,null,null,null]' \
		'[.state, .addresses, .gateways, .masquerade, .metadata, .published, .bandwidth]' show c1
	expect_unknown '[null,null]' 'map(.addresses)' list
	expect_match "stats" '^\? +source' "$(nkctl stats 2>/dev/null | grep source)"
	expect_match "nat show" 'programs +\?' "$(nkctl nat show 2>/dev/null)"
	expect_same "show" '? ? ?' "$(echo "$(shown c1 addresses) $(shown c1 masquerade) $(shown c1 published)")"
	expect_match "list" ' \?  \?  \? +no-pins' "$(nkctl list 2>/dev/null | grep c1 | tr -s ' ' | sed 's/ /  /g')"
	nkctl repair
	expect_same "the port is still published" 8080:80 "$(shown c1 published)"
	expect_same "nothing is warned of" '' "$(nkctl stats 2>&1 >/dev/null)"
	expect_all_well
}

@test "what a command takes away without pins is what is attached" {
	nkctl network add other --subnet 10.99.0.0/24
	nkctl nat exempt add 10.50.0.0/16
	bpffs_unmount
	expect "an exempt prefix" nkctl nat exempt remove 10.50.0.0/16
	bpffs_unmount
	expect "a network" nkctl network remove other
	bpffs_unmount
	expect "an uplink" nkctl uplink remove eth0
	defer nkctl uplink add eth0
	expect_same "no program is on it" '' "$(hook query tcx/ingress eth0)"
	nkctl uplink add eth0
	bpffs_unmount
	expect_match "flows" 'flows? deleted' "$(nkctl flows flush --all)"
	expect "pins are back" test -e $PINS/maps/config
	expect_all_well
}

@test "published ports go on, and where they are lost it tells" {
	nkctl publish add c1 8080:80
	defer nkctl publish remove c1 8080:80
	claim_delete 4 $OWN4
	expect "it is mended" nkctl repair c1
	expect_same "the port leads to it" 8080:80 "$(shown c1 published)"
	start web c1 socat TCP-LISTEN:80,fork,reuseaddr EXEC:'echo hello'
	eventually "it answers at the host's port" \
		eval 'at remote socat -T 5 - TCP4:192.0.2.1:8080 </dev/null | grep -q hello'
	bpffs_unmount
	expect "it is mended" nkctl repair
	expect_same "the port leads to it" 8080:80 "$(shown c1 published)"
	expect "it still answers" eval 'at remote socat -T 5 - TCP4:192.0.2.1:8080 </dev/null | grep -q hello'
	stop web
	# shellcheck disable=SC2086 # a glob
	for map in $PINS/maps/published; do
		bpftool -j map dump pinned "$map" | jq -r '.[].key | join(" ")' | sed 's/0x//g' |
			while read -r key; do
				# shellcheck disable=SC2086 # a list of bytes
				bpftool map delete pinned "$map" key hex $key
			done
	done
	run -1 nkctl repair c1
	expect_match "it tells what to do" 'published ports are gone.*left: nkctl publish add' "$output"
	nkctl publish add c1 8080:80
	expect_all_well
}
