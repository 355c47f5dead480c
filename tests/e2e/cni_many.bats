#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI plugin, sentence by sentence of the spec, as a runtime sees it: many networks, containers, bytes.

# processors: all
# datapath: stays loaded

load lib
load cni

@test "two networks in one container" {
	expect_cni 'the first' ADD c1 "$(cni_config "$BUILT_IN" 1.1.0 one)"
	expect_cni 'the second' ADD c1:net1 "$(cni_config '{"subnets": ["10.93.0.0/24"]}' 1.1.0 two)"
	expect_same 'it has no default route to give, but that to its subnet' 10.93.0.0/24 \
		"$(answered '[.routes[].dst] | join(",")')"
	expect_cni 'the second is as told' CHECK c1:net1 \
		"$(with_previous "$(cni_config '{"subnets": ["10.93.0.0/24"]}' 1.1.0 two)")"
	expect 'the host reaches the first' ping -c 1 -W 2 10.91.0.2
	expect 'the host reaches the second' ping -c 1 -W 2 10.93.0.2
	expect_cni 'the first is detached' DEL c1 "$(cni_config "$BUILT_IN" 1.1.0 one)"
	expect_same 'the second stays' two/c1/net1 "$(attached)"
}

@test "100 containers are attached at once" {
	local config pids=() i failed=0
	config=$(cni_config '{"subnets": ["10.94.0.0/24", "fd00:94::/64"]}')
	for i in {1..100}; do ip netns add "p$i"; done
	for i in {1..100}; do
		env -i PATH="$PATH" CNI_COMMAND=ADD CNI_CONTAINERID="p$i" CNI_IFNAME=eth0 \
			CNI_NETNS="/run/netns/p$i" "$NKCTL_PROGRAM" <<<"$config" \
			>"$BATS_TEST_TMPDIR/add.$i" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || ((failed += 1)); done
	expect_same 'none fails' 0 $failed
	expect_same 'each has an address of its own' 100 \
		"$(jq -r '.ips[0].address' "$BATS_TEST_TMPDIR"/add.* | sort -u | wc -l)"
	expect_cni 'all are collected' GC c1 "$(jq -c '. + {"cni.dev/valid-attachments": null}' <<<"$config")"
	expect_same 'none is left' '' "$(attached)"
}

@test "ADD takes less than 8 MB of memory" {
	local config
	config=$(cni_config "$BUILT_IN")
	expect_cni 'loaded' ADD c2 "$config"
	# What it has mapped is more than what it uses.
	expect 'in 8 MiB of address space' env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 \
		CNI_NETNS=/run/netns/c1 sh -c 'ulimit -v 8192 && exec "$0" <<-END
			$1
			END' "$NKCTL_PROGRAM" "$config"
}
