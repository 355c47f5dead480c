#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI plugin, sentence by sentence of the spec, as a runtime sees it: delegated addresses, and chains.
#
# places: native
#
# datapath: stays loaded

load lib
load cni
load interrupted

## Delegated addresses

# bats test_tags=core
@test "host-local gives addresses, routes and a resolver" {
	local config
	need_plugins
	config=$(host_local)
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'the addresses' '10.92.0.2/24 10.92.0.1,fd00:92::2/64 fd00:92::1' \
		"$(answered '[.ips[] | .address + " " + .gateway] | join(",")')"
	expect_same 'the routes' '0.0.0.0/0 ::/0 198.51.100.0/24' \
		"$(answered '[.routes[].dst] | join(" ")')"
	expect_match 'the container has one' 'dev eth0' "$(at c1 ip route show 198.51.100.0/24)"
	expect 'the host reaches it' ping -c 1 -W 2 10.92.0.2
	expect 'it reaches the outside' at c1 ping -c 1 -W 2 "$REMOTE4"
	expect_cni 'another one' ADD c2 "$config"
	expect 'they reach each other' at c1 ping -c 1 -W 2 10.92.0.3
	expect 'by IPv6, too' at c1 ping -c 1 -W 2 fd00:92::3
	expect_cni 'it is as told' CHECK c2 "$(with_previous "$config")"
	expect_same 'the addresses are noted' '10.92.0.2 10.92.0.3 fd00:92::2 fd00:92::3 ' "$(reserved)"
	expect_cni 'detached' DEL c1 "$config"
	expect_same 'and given back' '10.92.0.3 fd00:92::3 ' "$(reserved)"
	rm "$BATS_TEST_TMPDIR"/ipam/pods/{10.92.0.3,fd00:92::3}
	answer='{}' # CHECK is delegated, too
	expect_cni_error 'a reservation is lost' 999 'host-local' CHECK c2 "$(delegated_previous c2)"
}

# The configuration of host-local with what its ADD of a container has told.
delegated_previous() # CONTAINER
{
	host_local | jq -c --arg primary "$(primary_of "$1")" --arg ns "/run/netns/$1" '. + {prevResult: {
		cniVersion: "1.0.0", interfaces: [{name: $primary}, {name: "eth0", sandbox: $ns}],
		ips: [{address: "10.92.0.3/24", interface: 1}]}}'
}

@test "a route that another interface of the container has stays its own" {
	local config
	need_plugins
	at c1 ip link add net1 type veth peer name net2
	at c1 ip link set net1 up
	at c1 ip route add 198.51.100.0/24 dev net1
	config=$(host_local)
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'it has it, alone' net1 "$(at c1 ip -j route show 198.51.100.0/24 | jq -r '.[].dev')"
	expect_same 'no other is told' '0.0.0.0/0 ::/0' "$(answered '[.routes[].dst] | join(" ")')"
	expect_cni 'all is well' CHECK c1 "$(with_previous "$config")"
	expect_cni 'detached' DEL c1 "$config"
	expect_same 'it has it still' net1 "$(at c1 ip -j route show 198.51.100.0/24 | jq -r '.[].dev')"
}

@test "an ADD that fails leaves the host no gateway address, nor a way to its subnet" {
	local config
	attach c2
	mine 'echo "{\"ips\": [{\"address\": \"10.96.0.5/24\", \"gateway\": \"10.96.0.1\"}],
		\"routes\": [{\"dst\": \"10.60.0.0/16\", \"scope\": 253}]}"' # a link has no such gateway
	config=$(cni_config '{"ipam": {"type": "mine"}, "isGateway": true, "mode": "l2"}')
	note host_state
	expect_not 'it fails' cni_mine ADD "$config"
	expect_answered_error 'the route' 100 '10.60.0.0/16'
	expect_as_noted 'nothing is left' host_state
	nkctl detach --ns c2
}

@test "an ADD that fails gives the addresses back" {
	local config
	need_plugins
	config=$(host_local '{"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80}]}}')
	expect_cni 'attached' ADD c1 "$config"
	expect_cni_error 'its port is taken' 105 8080 ADD c2 "$config"
	expect_same 'the first alone has addresses' '10.92.0.2 fd00:92::2 ' "$(reserved)"
	expect_cni_error 'a second ADD' 104 'already attached' ADD c1 "$config"
	expect_same 'the first still has its addresses' '10.92.0.2 fd00:92::2 ' "$(reserved)"
	at c2 ip link add eth0 type veth peer name other
	expect_cni_error 'its interface is taken' 104 'eth0' ADD c2 "$(host_local)"
	expect_same 'the first alone has addresses' '10.92.0.2 fd00:92::2 ' "$(reserved)"
}

@test "the host has the gateway's address if it is to be the gateway" {
	need_plugins
	expect_cni 'attached' ADD c1 "$(host_local '{"isGateway": true}')"
	expect 'it reaches the gateway' at c1 ping -c 1 -W 2 10.92.0.1
	expect_cni 'detached' DEL c1 "$(host_local)"
	expect_cni 'attached' ADD c1 "$(host_local '{"isDefaultGateway": true, "ipam": {"routes": null}}')"
	expect_same 'it has a default route' '0.0.0.0/0 ::/0' "$(answered '[.routes[].dst] | join(" ")')"
	expect 'it reaches the outside' at c1 ping -c 1 -W 2 "$REMOTE4"
	expect_cni 'detached' DEL c1 "$(host_local)"
	mine 'echo "{\"ips\": [{\"address\": \"10.96.0.5/24\"}]}"'
	expect 'the plugin tells of none' cni_mine ADD "$(cni_config '{"isDefaultGateway": true, "ipam": {"type": "mine"}}')"
	expect_same 'it is the first address' 10.96.0.1 "$(answered '.ips[0].gateway')"
	expect 'it reaches that' at c1 ping -c 1 -W 2 10.96.0.1
}

@test "a gateway that the host can't be is refused by the key that asks for it" {
	local other='"ipam": {"ranges": [[{"subnet": "10.92.0.0/24", "gateway": "10.92.0.254"}]]}'
	local address
	need_plugins
	expect_cni_error 'isGateway' 2 "^isGateway: 'true' .* 10.92.0.254: .* first address of 10.92.0.0/24, 10.92.0.1\$" \
		ADD c1 "$(host_local "{\"isGateway\": true, $other}")"
	expect_cni_error 'isDefaultGateway' 2 "^isDefaultGateway: 'true' isn't supported with the gateway 10.92.0.254" \
		ADD c1 "$(host_local "{\"isDefaultGateway\": true, $other}")"
	expect_same 'no address is given out' '[0-9f]* ' "$(reserved)"
	for address in '10.40.0.2/32 169.254.1.1' '10.40.0.2/32 10.40.0.2' '10.40.0.2/31 10.40.0.3' 'fd00:40::2/128 fe80::1'; do
		mine 'echo "{\"ips\": [{\"address\": \"'"${address% *}"'\", \"gateway\": \"'"${address#* }"'\"}]}"'
		expect_not "$address" cni_mine ADD "$(cni_config '{"ipam": {"type": "mine"}, "isDefaultGateway": true}')"
		expect_answered_error "$address" 2 \
			"^isDefaultGateway: 'true' isn't .* gateway ${address#* }: .* and ${address% *} is none"
	done
}

@test "a plugin that fails, is missing, or says nonsense" {
	local config
	config=$(cni_config '{"ipam": {"type": "mine"}}')
	expect_cni_error 'it is missing' 100 'no ipam plugin mine' ADD c1 "$config"
	expect_cni_error 'it is missing for DEL' 100 'no ipam plugin mine' DEL c1 "$config"
	mine '[[ $CNI_COMMAND == DEL ]] || echo oops >&2; echo "{\"code\": 11, \"msg\": \"busy\", \"details\": \"later\"}"; exit 1'
	expect_not 'it fails' cni_mine ADD "$config"
	expect_answered_error 'its own number and words' 11 'mine: busy: later'
	expect_same 'what it says on stderr is passed on' oops "$beside"
	mine 'exit 3'
	expect_not 'it fails silently' cni_mine ADD "$config"
	expect_answered_error 'its status' 100 'exit status 3'
	mine 'kill -9 $$'
	expect_not 'it is killed' cni_mine ADD "$config"
	expect_answered_error 'the signal' 100 'signal 9'
	mine 'echo hello'
	expect_not 'it says nonsense' cni_mine ADD "$config"
	expect_answered_error 'no JSON' 6 'no JSON object'
	mine 'echo "{\"ips\": []}"'
	expect_not 'it gives nothing' cni_mine ADD "$config"
	expect_answered_error 'no address' 100 'no address'
	mine 'echo $CNI_COMMAND >>'"$BATS_TEST_TMPDIR/log"'; echo "{\"ips\": [{\"address\": \"224.0.0.5/8\"}]}"'
	expect_not 'it gives what no container can have' cni_mine ADD "$config"
	expect_answered_error 'which one, and why' 100 'plugin mine: address 224.0.0.5 .* 224.0.0.0/4'
	expect_same 'it is given back' 'ADD DEL' "$(xargs <"$BATS_TEST_TMPDIR/log")"
	expect_same 'nothing is attached' '' "$(attached)"
	mine 'echo "{\"ips\": [{\"address\": \"10.96.0.5/24\"}, {\"address\": \"10.96.0.5/16\"}]}"'
	expect_not 'it gives one twice' cni_mine ADD "$config"
	expect_answered_error 'which one' 100 'plugin mine: .*10.96.0.5 twice'
	mine 'echo "{\"ips\": [{\"address\": \"10.96.0.5/0\"}]}"'
	expect_not 'it gives everything' cni_mine ADD "$config"
	expect_answered_error 'what is wrong with it' 100 'plugin mine: address 10.96.0.5/0: '
	mine 'yes'
	expect_not 'it never ends' cni_mine ADD "$config"
	expect_answered_error 'who said too much' 6 'plugin mine: more than 1048576 bytes'
	mine "cat >'$BATS_TEST_TMPDIR/seen'; env | sort >'$BATS_TEST_TMPDIR/env'
		echo '{\"ips\": [{\"address\": \"10.96.0.5/24\"}], \"dns\": {\"nameservers\": [\"192.0.2.9\"]}}'"
	config=$(jq -c '. + {dns: {domain: ""}}' <<<"$config") # says nothing
	expect 'it gives an address' cni_mine ADD "$config"
	expect_same 'that address' '10.96.0.5/24 192.0.2.9' \
		"$(answered '.ips[0].address + " " + .dns.nameservers[0]')"
	expect_same 'it has seen the whole configuration' "$config" "$(<"$BATS_TEST_TMPDIR/seen")"
	expect_match 'and the environment' 'CNI_COMMAND=ADD.*CNI_CONTAINERID=c1.*CNI_IFNAME=eth0' \
		"$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/env")"
	expect 'GC is delegated' cni_mine GC "$(jq -c '. + {"cni.dev/valid-attachments": []}' <<<"$config")"
	expect_match 'with its command' 'CNI_COMMAND=GC' "$(<"$BATS_TEST_TMPDIR/env")"
	expect_same 'and our own is done' '' "$(attached)"
	expect 'STATUS is delegated' cni_mine STATUS "$config"
	expect_match 'with its command' 'CNI_COMMAND=STATUS' "$(<"$BATS_TEST_TMPDIR/env")"
}

@test "the pair is made while the plugin is at work" {
	local config
	config=$(cni_config '{"ipam": {"type": "mine"}, "ipMasq": false}')
	mine_when 'ip -o link show | grep -q ": nk"'
	expect 'it waits for the pair, and gives an address' cni_mine ADD "$config"
	expect_same 'that address' 10.96.0.5/24 "$(answered '.ips[0].address')"
	expect 'the host reaches it' ping -c 1 -W 2 10.96.0.5
}

@test "a plugin that takes its time keeps nobody else waiting" {
	local pid result=0
	mine_when "[[ -e '$BATS_TEST_TMPDIR/go' ]]"
	attach c2
	cni_mine ADD "$(cni_config '{"ipam": {"type": "mine"}}')" &
	pid=$!
	eventually 'it is at work' test -e "$BATS_TEST_TMPDIR/begun"
	expect 'all programs are replaced meanwhile' nkctl upgrade
	eventually 'the container has no interface for the time being' expect_not '' ip -n c1 link show eth0
	touch "$BATS_TEST_TMPDIR/go"
	wait $pid || result=$?
	expect_same "it succeeds ($(<"$BATS_TEST_TMPDIR/answer"))" 0 $result
	expect 'the host reaches it' ping -c 1 -W 2 10.96.0.5
}

# For the plugin "mine": until whoever called it reads its answer, and does nothing else any more.
# shellcheck disable=SC2016 # expanded there
readonly UNTIL_AWAITED='end=$((SECONDS + 60))
	until [[ $(</proc/$PPID/wchan) == *pipe_read* ]]; do ((SECONDS < end)) || exit 1; sleep 0.05; done'

@test "what fails while the plugin is at work waits for it and gives the address back" {
	local config
	config=$(cni_config '{"ipam": {"type": "mine"}, "ipMasq": false}')
	mine "echo begin \$CNI_COMMAND >>'$BATS_TEST_TMPDIR/log'
		$UNTIL_AWAITED
		echo '{\"ips\": [{\"address\": \"10.96.0.5/24\"}]}'
		echo end \$CNI_COMMAND >>'$BATS_TEST_TMPDIR/log'"
	at c1 ip link add eth0 type veth peer name other
	expect_not 'the interface is taken' cni_mine ADD "$config"
	expect_answered_error 'that is told' 104 eth0
	expect_same 'the plugin was called' 'begin ADD end ADD begin DEL end DEL ' \
		"$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/log")"
	mine "$UNTIL_AWAITED"'
		echo "{\"code\": 11, \"msg\": \"busy\"}"; exit 1'
	expect_not 'the plugin fails, too' cni_mine ADD "$config"
	expect_answered_error 'which is told first' 11 'mine: busy'
	expect_same 'nothing is attached' '' "$(attached)"
}

# A runtime lets DEL follow. Two of three are attached anew.
del_and_add() # INDEX
{
	eventually 'the plugin has ended, too' expect_not '' pgrep -x host-local
	expect_cni 'detached' DEL c1 "$killed_config"
	expect_same 'no address is given out' '[0-9f]* ' "$(reserved)"
	expect_as_noted 'nothing is left' devices
	(($1 % 3 < 2)) || return 0
	expect_cni 'attached anew' ADD c1 "$killed_config"
	expect_cni 'detached' DEL c1 "$killed_config"
}

devices()
{
	ip -o link show
	ip route show
	ip -n c1 -o link show type "$E2E_DEVICE"
	bpftool -j map dump pinned /sys/fs/bpf/nkctl*/maps/owners | jq length
}

@test "an ADD killed at any point leaves what DEL takes away" {
	need_plugins
	killed_config=$(host_local '{"ipMasq": false}')
	attach c2
	expect_cni 'attached' ADD c1 "$killed_config"
	expect_cni 'detached' DEL c1 "$killed_config"
	note devices
	printf '%s' "$killed_config" >"$BATS_TEST_TMPDIR/config"
	for_each_death 6 del_and_add 'locks/' env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 \
		CNI_NETNS=/run/netns/c1 CNI_PATH="$CNI_PLUGIN_DIR" \
		sh -c "exec '$NKCTL_PROGRAM' <'$BATS_TEST_TMPDIR/config'"
}

# Makes the IPAM plugin "mine" give an address to an ADD as soon as a condition is true.
mine_when() # CONDITION
{
	mine "[[ \$CNI_COMMAND == ADD ]] || exit 0
		touch '$BATS_TEST_TMPDIR/begun'
		end=\$((SECONDS + 60))
		until $1; do ((SECONDS < end)) || exit 1; sleep 0.05; done
		echo '{\"ips\": [{\"address\": \"10.96.0.5/24\"}], \"routes\": [{\"dst\": \"0.0.0.0/0\"}]}'"
}

# Makes the IPAM plugin "mine" of shell commands.
mine() # COMMANDS
{
	mkdir -p "$BATS_TEST_TMPDIR/plugins"
	printf '#!/bin/bash\n%s\n' "$1" >"$BATS_TEST_TMPDIR/plugins/mine"
	chmod +x "$BATS_TEST_TMPDIR/plugins/mine"
}

cni_mine() # COMMAND CONFIG
{
	cni_call "$1" CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 \
		CNI_PATH="/nowhere:$BATS_TEST_TMPDIR/plugins" -- "$2"
}

## Chains

@test "in front of tuning" {
	local config tuning
	need_plugins
	config=$(cni_config "$BUILT_IN" 1.0.0)
	expect_cni 'attached' ADD c1 "$config"
	tuning=$(with_previous '{"cniVersion": "1.0.0", "name": "pods", "type": "tuning",
		"sysctl": {"net.core.somaxconn": "500"}, "dataDir": "'"$BATS_TEST_TMPDIR"'"}')
	expect 'tuning takes our result' plugin tuning ADD "$tuning"
	expect_same 'and does its work' 500 "$(at c1 sysctl -n net.core.somaxconn)"
	expect_cni 'we check its result' CHECK c1 "$(with_previous "$config")"
	expect 'it checks its own' plugin tuning CHECK "$tuning"
}

# Runs a reference plugin for c1; the answer goes to 'answer'.
plugin() # NAME COMMAND CONFIG
{
	answer=$(CNI_COMMAND=$2 CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 \
		CNI_PATH=$CNI_PLUGIN_DIR "$CNI_PLUGIN_DIR/$1" <<<"$3") || fail "$answer"
}

@test "what other plugins of the chain say of names stays, beside its own" {
	local config
	config=$(cni_config "$BUILT_IN" | jq -c '. + {dns: {nameservers: ["192.0.2.53"], domain: "own.example"},
		prevResult: {cniVersion: .cniVersion, dns: {search: ["other.example"], domain: "other.example"}}}')
	expect_cni 'attached' ADD c1 "$config"
	expect_same 'both' '{"domain":"other.example","nameservers":["192.0.2.53"],"search":["other.example"]}' \
		"$(answered '.dns | tojson')"
	expect_cni 'detached' DEL c1 "$config"
}
