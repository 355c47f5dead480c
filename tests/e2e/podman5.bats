#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# podman 5, whose netavark calls nkctl as its plugin. The commands are those of tools/cni/podman.md.
# On Debian 12 this is Debian 13's podman, with the libraries that it wants in this mount namespace alone.

load lib
load cni
RUNTIMES=${NKCTL_CACHE:-/var/cache/nkctl}/podman5
[[ -e $RUNTIMES ]] || unset RUNTIMES
load runtimes
load podman

setup_file()
{
	local libraries=/usr/lib/x86_64-linux-gnu
	[[ ! -e $RUNTIMES$libraries/libc.so.6 ]] ||
		mount -t overlay -o "lowerdir=$RUNTIMES$libraries:$libraries" own $libraries
	need podman conmon runc
	[[ $(podman --version) == *' 5.'* ]] || skip 'no podman 5 here'
	podman_host
	mkdir -p /usr/libexec/podman
	ln -sf "$RUNTIMES/usr/lib/podman/netavark" /usr/libexec/podman/
	follow podman.md 'podman 5: install'
	network_delete_and_adapt
	podman run --rm --network pods "$IMAGE" true # loads the programs
}

# The network of the page, with the device and the mode under test.
network_delete_and_adapt()
{
	podman network rm pods
	podman network create --driver nkctl --subnet 10.244.1.0/24 --subnet fd00:244:1::/64 \
		-o "device=$E2E_DEVICE" -o "mode=$E2E_MODE" pods
}

@test "containers talk to all, are talked to, and leave nothing" {
	follow podman.md 'podman 5: containers'
	expect_podman_network
	follow podman.md 'podman 5: remove'
	expect_as_noted 'nothing is left' attachment_traces
}

@test "podman, netavark and the plugin are killed in the midst of setup: GC cleans up" {
	plugin_wrap /usr/local/lib/netavark/nkctl
	expect_death_is_collected_by_gc_of pods --network pods
}

@test "uninstalled, no plugin is left" {
	follow podman.md 'podman 5: uninstall'
	expect_not 'no network' podman network exists pods
	expect_not 'no plugin' test -e /usr/local/lib/netavark/nkctl
}
