# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the doctor finds of the kernel and of what is loaded, and that it leaves everything as it was.
# doctor_host has what it finds of the host.

load lib
load doctor

setup_file() { containers c1; }

@test "a fit host is ready, by the device that its kernel has" {
	local words=netkit
	examine
	[[ $E2E_DEVICE == netkit ]] || words=veth
	expect_same 'the verdict' "ready-$words" "$(verdict)"
	expect_same 'no check fails' '' "$(jq -r '.checks[] | select(.state == "fail")' <<<"$report")"
	run -0 --separate-stderr nkctl doctor
	expect_match 'the last line for people' "^ready(:| with) $words" "${lines[-1]}"
	# shellcheck disable=SC2154 # of 'run'
	expect_same 'nothing on stderr' '' "$stderr"
}

@test "the checks are those that the man page explains, in its order" {
	examine
	expect_same 'the checks' \
		"$(sed -n '/^\.Sh CHECKS/,/^\.Sh DROP/s/^\.It Sy //p' "$BATS_TEST_DIRNAME/../../tools/man/nkctl.8")" \
		"$(jq -r '.checks[].name' <<<"$report")"
	expect_same 'checks without a finding' '' \
		"$(jq -r '.checks[] | select(.finding == "") | .name' <<<"$report")"
}

@test "each kernel feature that the datapath takes is found by trying" {
	examine
	for name in programs jit tcx fib-lookup redirect-peer namespaces; do
		expect_check $name ok .
	done
	expect_check sockets note '^in a cgroup namespace of its own$' # and they load
	if [[ $E2E_DEVICE == netkit ]]; then
		expect_check collector ok .
		expect_check path-cache ok '^on: '
		expect_check netkit ok 'pairs can be made'
		expect_check netkit-features ok scrub
		expect_check veth ok 'not tried'
	else
		expect_check netkit warn 'no netkit devices'
		expect_check veth ok 'pairs can be made'
	fi
}

@test "what is loaded and attached is told" {
	examine
	expect_check datapath ok "nkctl $(nkctl version --json | jq -r .version) is loaded"
	expect_check endpoints ok '^1 attached'
	expect_check uplinks ok '^eth0 \(mtu 1500\)$'
}

modules() { [[ ! -e /proc/modules ]] || cut -d' ' -f1 /proc/modules; }

@test "nothing is changed" {
	note host_state
	note modules
	nkctl doctor
	nkctl doctor --json
	expect_as_noted 'the host is as before' host_state
	expect_as_noted 'no module was loaded' modules
	at c1 ping -c 1 -W 5 "$REMOTE4"
}

@test "its namespace and its devices are gone when it is killed in the midst" {
	local i
	for ((i = 1; i < 10; i++)); do
		timeout -s KILL 0.0$i "$NKCTL_PROGRAM" doctor >/dev/null || true
	done
	expect_same 'devices of the host' "$(printf '%s\n' eth0 lo "$(primary_of c1)" | sort)" \
		"$(ip -j link show | jq -r '.[].ifname' | sort)"
	nkctl doctor
}

@test "a foreign program at the uplink's hook is named, behind nkctl's or before it" {
	examine
	expect_check other-programs ok .
	hook attach tcx/ingress eth0 next
	examine
	expect_check other-programs warn "^verdict behind nkctl's on eth0$"
	expect_same 'it is ready all the same' ready "$(verdict | cut -d- -f1)"
	nkctl uplink remove eth0
	nkctl uplink add eth0
	examine
	expect_check other-programs warn "^verdict before nkctl's on eth0$"
	hook detach tcx/ingress eth0 "$(hook query tcx/ingress eth0 | head -n 1)"
	examine
	expect_check other-programs ok .
}

@test "a foreign program at an endpoint's hook is named" {
	local hook=netkit/peer primary
	primary=$(primary_of c1)
	[[ $E2E_DEVICE == netkit ]] || hook=tcx/ingress
	hook attach $hook "$primary" next
	examine
	expect_check other-programs warn "^verdict behind nkctl's on $primary$"
	hook detach $hook "$primary" "$(hook query $hook "$primary" | tail -n 1)"
}

@test "an XDP program on the uplink is named" {
	examine
	expect_check xdp ok .
	xdp first_of_all eth0
	examine
	expect_check xdp note '^first_of_all on eth0$'
	rm /sys/fs/bpf/first_of_all
}

@test "tc filters that packets to containers go past are found" {
	examine
	expect_check tc-filters ok .
	tc qdisc add dev eth0 clsact
	tc filter add dev eth0 egress protocol ip u32 match u32 0 0
	examine
	expect_check tc-filters ok .
	tc filter add dev eth0 ingress protocol ip u32 match u32 0 0
	examine
	expect_check tc-filters warn '^u32 at ingress of eth0$'
	tc qdisc delete dev eth0 clsact
}

@test "netfilter chains that containers' packets go past are found, others not" {
	nft -f - <<-'RULES'
		table inet host {
			chain in { type filter hook input priority 0; policy drop; accept; }
			chain out { type filter hook output priority 0; counter; }
			chain empty { type filter hook forward priority 1; }
		}
		table netdev other {
			chain in { type filter hook ingress device lo priority 0; counter; }
		}
	RULES
	examine
	expect_check netfilter ok .
	nft -f - <<-'RULES'
		table inet host {
			chain fwd1 { type filter hook forward priority 0; policy drop; }
		}
		table ip6 nat {
			chain post { type nat hook postrouting priority 100; masquerade; }
		}
		table netdev mine {
			chain in { type filter hook ingress device eth0 priority 0; counter; }
		}
	RULES
	examine
	expect_check netfilter warn 'inet host fwd1 \(policy drop\)'
	expect_check netfilter warn 'ip6 nat post(,|$)'
	expect_check netfilter warn 'netdev mine in(,|$)'
	expect_same 'chains found' 3 "$(tr , '\n' <<<"${findings[netfilter]}" | wc -l)"
	nft flush ruleset
	examine
	expect_check netfilter ok .
}

@test "an unfit host is told why, with an exit status of its own" {
	# shellcheck disable=SC2016 # expanded by the shell that runs it
	run -5 --separate-stderr unshare -m bash -c \
		'mount -t tmpfs tmpfs /sys && exec "$NKCTL_PROGRAM" doctor --json'
	report_read "$output"
	expect_same 'the verdict' not-ready "$(verdict)"
	expect_check bpffs fail 'no directory /sys/fs/bpf'
	expect_match 'the line on stderr' '^nkctl: doctor: an attach would fail here' "$stderr"
	# shellcheck disable=SC2016
	run -5 --separate-stderr unshare -m bash -c \
		'mount -t tmpfs tmpfs /sys && exec "$NKCTL_PROGRAM" doctor'
	expect_match 'the last line for people' '^not ready: .*bpffs' "${lines[-1]}"
	# shellcheck disable=SC2016
	run -5 --separate-stderr unshare -m bash -c 'mount --bind /proc/sys /proc/sys &&
		mount -o remount,ro,bind /proc/sys && mount -t bpf -o ro bpf /sys/fs/bpf &&
		exec "$NKCTL_PROGRAM" doctor --json'
	report_read "$output"
	expect_check bpffs fail 'mounted on /sys/fs/bpf, read-only'
	expect_check sysctl fail 'forwarding: Read-only file system'
}
