# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the doctor finds, and that it leaves everything as it was.

load lib
load doctor

setup_file() { containers c1; }

verdict() { jq -r .verdict <<<"$report"; }

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

@test "nothing is changed" {
	host_state >"$BATS_TEST_TMPDIR/before"
	nkctl doctor
	nkctl doctor --json
	expect 'the host is as before' diff "$BATS_TEST_TMPDIR/before" <(host_state)
	if [[ -e /proc/modules ]]; then
		cut -d' ' -f1 /proc/modules >"$BATS_TEST_TMPDIR/modules"
		nkctl doctor
		expect 'no module was loaded' diff "$BATS_TEST_TMPDIR/modules" \
			<(cut -d' ' -f1 /proc/modules)
	fi
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

@test "an endpoint or a network with more MTU than the uplink is found" {
	examine
	expect_check mtu ok .
	ip link set eth0 mtu 1400
	examine
	expect_check mtu warn '^c1 has 1500, the uplink eth0 1400$'
	ip link set eth0 mtu 1500
	nkctl network add big --subnet 10.77.0.0/24 --mtu 9000
	examine
	expect_check mtu warn '^network big has 9000, the uplink eth0 1500$'
	nkctl network remove big
}

@test "a subnet that another device has too is found" {
	examine
	expect_check subnets ok .
	ip link add bridge0 type veth peer name bridge1
	ip address add 10.88.3.1/24 dev bridge0
	examine
	expect_check subnets warn '10.88.0.0/16 of network default overlaps 10.88.3.1/24 on bridge0'
	expect_match 'the built-in network is replaced' '^detach .* default, then: nkctl network add default ' \
		"${mends[subnets]}"
	ip link delete bridge0
}

@test "a network's subnet that another device has too is mended as it says" {
	local commands
	ip link add bridge0 type veth peer name bridge1
	defer ip link delete bridge0
	ip address add 10.79.3.1/24 dev bridge0
	nkctl network add lab --subnet 10.79.0.0/16
	defer nkctl network remove lab
	examine
	expect_check subnets warn '^10.79.0.0/16 of network lab overlaps 10.79.3.1/24 on bridge0$'
	commands=${mends[subnets]#*then: }
	expect "${commands/CIDR/10.80.0.0/16}" eval "${commands/CIDR/10.80.0.0/16}"
	examine
	expect_check subnets ok .
}

@test "forwarding that somebody turned off is found, and mended as it says" {
	local primary
	primary=$(primary_of c1)
	examine
	expect_check forwarding ok .
	sysctl -qw net.ipv4.ip_forward=1
	sysctl -qw net.ipv4.ip_forward=0
	examine
	expect_check forwarding warn "net/ipv4/conf/$primary/forwarding is 0"
	expect_check forwarding warn 'net/ipv4/conf/eth0/forwarding is 0'
	sysctl -qw "net/ipv4/conf/$primary/forwarding=1" net/ipv4/conf/eth0/forwarding=1
	examine
	expect_check forwarding ok .
}

@test "an uplink that takes no router advertisements any more is noted" {
	sysctl -qw net/ipv6/conf/eth0/accept_ra=1
	examine
	expect_check accept-ra note 'net/ipv6/conf/eth0/accept_ra is 1'
	sysctl -qw net/ipv6/conf/eth0/accept_ra=2
	examine
	expect_check accept-ra ok .
}

@test "a loopback device that is down is found" {
	ip link set lo down
	examine
	expect_check loopback warn '^lo is down$'
	ip link set lo up
	examine
	expect_check loopback ok .
}

@test "an endpoint that isn't well is named with its state" {
	ip link set "$(primary_of c1)" down
	examine
	expect_check endpoints warn '^c1 is down$'
	ip link set "$(primary_of c1)" up
}

@test "an excluded uplink is told, and what is on it isn't looked at" {
	nkctl uplink remove eth0
	examine
	expect_check uplinks ok '^eth0 excluded by hand$'
	expect_check other-programs ok .
	nkctl uplink add eth0
}

@test "a host without a default route is warned of, and ready" {
	nkctl down
	ip route flush default
	ip -6 route flush default
	examine
	expect_check uplinks warn 'no device carries a default route'
	expect_check datapath ok 'not loaded'
	expect_same 'it is ready all the same' ready "$(verdict | cut -d- -f1)"
	ip route add default via "$REMOTE4"
	examine
	expect_check uplinks ok '^would use eth0 \(mtu 1500\)$'
	ip -6 route add default via "$REMOTE6"
}

@test "without root it tells what it couldn't look at" {
	run -6 --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$NKCTL_PROGRAM" doctor --json
	report_read "$output"
	expect_same 'the verdict' not-ready "$(verdict)"
	expect_check privilege fail '^not root$'
	for name in netkit uplinks mtu subnets nat-ports xdp tc-filters; do # root alone knows the uplinks
		expect_check $name note 'not looked at'
	done
	expect_match 'the line on stderr' '^nkctl: doctor: ' "$stderr"
}

@test "root without the capabilities is told which are missing" {
	run -6 --separate-stderr setpriv --bounding-set -net_admin "$NKCTL_PROGRAM" doctor --json
	report_read "$output"
	expect_check privilege fail '^no CAP_NET_ADMIN$'
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
