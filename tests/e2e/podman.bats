#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# podman 4 with network_backend cni. The commands are those of tools/cni/podman.md.

load lib
load cni
load runtimes
load podman

setup_file()
{
	need podman conmon runc
	[[ $(podman --version) == *' 4.'* ]] || skip 'this podman has no CNI'
	podman_host
	follow podman.md 'podman 4: install'
	network_adapt /etc/cni/net.d/10-nkctl.conflist
	podman run --rm "$IMAGE" true # loads the programs
}

@test "containers talk to all, are talked to, and leave nothing" {
	follow podman.md 'podman 4: containers'
	expect_podman_network
	follow podman.md 'podman 4: remove'
	expect_as_noted 'nothing is left' attachment_traces
}

@test "podman and the plugin are killed in the midst of ADD: GC cleans up" {
	plugin_wrap /usr/lib/cni/nkctl
	expect_death_is_collected_by_gc_of nkctl
}

@test "uninstalled, no network is left" {
	follow podman.md 'podman 4: uninstall'
	expect_same 'no network' '' "$(find /etc/cni/net.d -name '*.conflist')"
	expect_not 'no plugin' test -e /usr/lib/cni/nkctl -o -e /opt/cni/bin/nkctl
}
