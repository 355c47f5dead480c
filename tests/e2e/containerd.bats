#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# containerd: pods by CRI, containers by ctr, with runc and crun. On Debian 12 this is containerd 1.6.

load lib
load cni
# shellcheck disable=SC2034 # for containerd.bash
SECOND_RUNTIME=crun
load runtimes
load containerd

@test "the page's pod, and one by crun, talk to all, are talked to, and leave nothing" {
	expect_pods_talk
}

@test "runtime and plugin are killed in the midst of ADD: DEL or the next GC cleans up" {
	expect_dead_add_leaves_nothing
}

@test "the runtime is killed while the plugin works: the next GC cleans up" {
	expect_gc_of_unknown
}

@test "uninstalled, no network is left" {
	expect_uninstalled
}
