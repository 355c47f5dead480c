#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# containerd 1.7, which is Debian 13's, on Debian 12: on Debian 13 containerd.bats has it. Debian 12's crun
# doesn't know the version of what it is told to run.
#
# places: native

load lib
load cni
# shellcheck disable=SC2034 # for containerd.bash, and runtimes.bash
SECOND_RUNTIME=runc RUNTIMES=${NKCTL_CACHE:-/var/cache/nkctl}/containerd17
load runtimes
load containerd

@test "the page's pod, and another one, talk to all, are talked to, and leave nothing" {
	expect_pods_talk
}

@test "runtime and plugin are killed in the midst of ADD: the next GC cleans up" {
	expect_dead_add_leaves_nothing
}

@test "the runtime is killed while the plugin works: the next GC cleans up" {
	expect_gc_of_unknown
}

@test "uninstalled, no network is left" {
	expect_uninstalled
}
