#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The pages of tools/cni for runtimes that Debian doesn't have: their commands as they stand, and the
# requests that these runtimes send.
#
# places: native

load lib
load cni
load runtimes

setup_file() { private_host; }

# What libcni makes of the installed network for a runtime that knows 1.1.0.
installed_config() # [MORE]
{
	local more=${1:-'{}'}
	network_adapt /etc/cni/net.d/10-nkctl.conflist
	jq -c --argjson more "$more" '.plugins[0] + {name, cniVersion: (.cniVersions | max)} + $more' \
		/etc/cni/net.d/10-nkctl.conflist
}

@test "cri-o.md, and the requests of CRI-O" {
	local config attachments='{"cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]}'
	follow cri-o.md Install
	expect_same 'the plugin is where CRI-O looks' 0 "$(/opt/cni/bin/nkctl version >/dev/null; echo $?)"
	expect_no_match 'ports are left to CRI-O' portMappings "$(</etc/cni/net.d/10-nkctl.conflist)"
	config=$(installed_config)
	expect 'VERSION, as libcni asks' cni_call VERSION CNI_NETNS=dummy CNI_PATH=dummy -- \
		'{"cniVersion": "1.1.0"}'
	expect_match 'it has 1.1.0' '"1\.1\.0"' "$answer"
	expect 'STATUS' cni_call STATUS CNI_PATH=$CNI_PLUGIN_DIR -- "$config"
	expect_cni 'GC when CRI-O starts' GC '' "$(installed_config '{"cni.dev/valid-attachments": []}')"
	expect_cni 'ADD' ADD c1 "$config"
	config=$(with_previous "$config")
	expect_cni 'CHECK' CHECK c1 "$config"
	expect_cni 'GC that knows the pod' GC '' "$(installed_config "$attachments")"
	expect_same 'it stays' nkctl/c1/eth0 "$(attached)"
	follow cri-o.md Check
	expect_cni 'DEL' DEL c1 "$config"
	expect_same 'nothing is left' '' "$(attached)"
	follow cri-o.md Uninstall
	expect_not 'no plugin' test -e /opt/cni/bin/nkctl
}

@test "kubernetes.md: pods of two nodes see each other's address" {
	local config
	follow kubernetes.md Install
	config=$(installed_config)
	expect_cni 'a pod' ADD c1 "$config"
	follow kubernetes.md 'The other nodes'
	at remote ip address add 10.244.2.5/32 dev lo
	at remote ip -6 address add fd00:244:2::5/128 dev lo
	at remote ip route add 10.244.1.0/24 via $HOST4
	at remote ip -6 route add fd00:244:1::/64 via $HOST6
	expect_flow tcp c1 remote 10.244.2.5 10.244.1.2
	expect_flow tcp c1 remote fd00:244:2::5 fd00:244:1::2
	follow kubernetes.md Check
	expect_cni 'the pod goes' DEL c1 "$config"
	follow kubernetes.md Uninstall
	expect_same 'no network' '' "$(find /etc/cni/net.d -name "*.conflist")"
}
