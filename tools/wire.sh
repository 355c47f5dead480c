# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# A network to try nkctl in: a host, and a remote host across a wire. Sourced by scripts that
# 'unshare --mount --net' has given namespaces of their own, so that nothing of it outlives them and
# nothing of the machine's own network is touched. The caller's network namespace is the host.
#
#   remote eth0 192.0.2.2, 2001:db8::2  <-- wire -->  host eth0 192.0.2.1, 2001:db8::1
#
# The addresses are those of documentation (RFC 5737, RFC 3849). The remote host routes nkctl's
# default subnets to the host, whose default route leads back.

# shellcheck disable=SC2034 # for those who source this
readonly HOST4=192.0.2.1 HOST6=2001:db8::1 REMOTE4=192.0.2.2 REMOTE6=2001:db8::2
readonly CONTAINERS4=10.88.0.0/16 CONTAINERS6=fd00:88::/64

# Runs a command in network namespace $1. 'ip netns exec' would hide bpffs.
in_netns() { nsenter --net="/run/netns/$1" -- "${@:2}"; }

# Duplicate address detection would keep each new IPv6 address waiting for a second.
dad_off() { sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0; }

# wait_for SECONDS COMMAND...: until the command succeeds; fails when the time is up.
wait_for()
{
	local deadline_s=$((SECONDS + $1))
	until "${@:2}"; do
		((SECONDS < deadline_s)) || return 1
		sleep 0.02
	done
}

# Names, and pins of eBPF objects, that only this mount namespace has.
wire_mount()
{
	mkdir -p /run/netns
	mount -t tmpfs tmpfs /run/netns
	mount -t bpf -o mode=700 bpf /sys/fs/bpf
}

netns_make()
{
	ip netns add "$1"
	in_netns "$1" bash -c "$(declare -f dad_off); dad_off"
	in_netns "$1" ip link set lo up
}

# A device that has just come up gets its link-local address a moment later.
link_is_ready() { [[ -n $(ip -6 address show dev "$1" scope link) ]]; }

wire_make()
{
	wire_mount
	dad_off
	ip link set lo up
	netns_make remote
	ip link add eth0 type veth peer name eth0 netns remote
	ip address add $HOST4/24 dev eth0
	ip address add $HOST6/64 dev eth0 nodad
	ip link set eth0 up
	ip -n remote address add $REMOTE4/24 dev eth0
	ip -n remote address add $REMOTE6/64 dev eth0 nodad
	ip -n remote link set eth0 up
	wait_for 10 link_is_ready eth0
	ip route add default via $REMOTE4
	ip route add default via $REMOTE6
	ip -n remote route add $CONTAINERS4 via $HOST4
	ip -n remote route add $CONTAINERS6 via $HOST6
}
