# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
#
# The networks that bench/measure and bench/native measure: host networking and ways to connect a container.
# Sourced beside tools/wire.sh by scripts that have namespaces of their own, whose network namespace is the
# host. 'nkctl' is the program to use.
#
# The cases are: nkctl by netkit, in both modes, and by veth; a veth pair with routes, as the CNI plugin ptp
# makes it; a veth pair on a bridge, as the plugin bridge does; all but the second and third with translation
# of addresses, too.

readonly GATEWAY4=10.88.0.1 GATEWAY6=fd00:88::1

# Which port of the host leads to the one that traffic listens at (PORT in bench/traffic.c).
readonly PUBLISHED_PORT=8080 PORT=7007

# Not readonly: real machines have others.
declare -A REMOTE=([ipv4]=$REMOTE4 [ipv6]=$REMOTE6)
declare -A HOST=([ipv4]=$HOST4 [ipv6]=$HOST6)
declare -rA LOOPBACK=([ipv4]=127.0.0.1 [ipv6]=::1)
declare -rA CTR1=([ipv4]=10.88.0.11 [ipv6]=fd00:88::11)
declare -rA CTR2=([ipv4]=10.88.0.12 [ipv6]=fd00:88::12)

forwarding_on()
{
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# container_make NAME ADDRESS4 ADDRESS6, for each kind of network

# The device of the cases that are compared on each kernel.
device_here() { if kernel_has_netkit; then echo netkit; else echo veth; fi; }

kernel_has_netkit() { unshare --net ip link add type netkit 2>/dev/null; }

nkctl_attach()
{
	"$nkctl" attach --ns "$1" --ip "$2" --ip "$3" "${@:4}" >/dev/null
}

nkctl_container_make()
{
	nkctl_attach "$@" --device netkit --no-masquerade
}

nkctl_l2_container_make()
{
	nkctl_attach "$@" --device netkit --mode l2 --no-masquerade
}

nkctl_veth_container_make()
{
	nkctl_attach "$@" --device veth --no-masquerade
}

nkctl_nat_container_make()
{
	nkctl_attach "$@" --device "$(device_here)" --masquerade
	[[ $1 == ctr1 ]] || return 0
	"$nkctl" publish add "$1" $PUBLISHED_PORT:$PORT >/dev/null
}

# The programs can translate, for the sake of another container.
nkctl_beside_container_make()
{
	if [[ $1 == ctr1 ]]; then
		netns_make other
		nkctl_attach other 10.88.0.10 fd00:88::10 --device netkit --masquerade
	fi
	nkctl_attach "$@" --device netkit --no-masquerade
}

veth_container_make()
{
	local address
	ip link add "$1" type veth peer name eth0 netns "$1"
	ip address add $GATEWAY4/32 dev "$1"
	ip address add $GATEWAY6/128 dev "$1"
	ip link set "$1" up
	ip -n "$1" link set eth0 up
	for address in "$2" "$3"; do
		ip -n "$1" address add "$address" dev eth0
		ip route add "$address" dev "$1"
	done
	for address in $GATEWAY4 $GATEWAY6; do
		ip -n "$1" route add "$address" dev eth0
		ip -n "$1" route add default via "$address" dev eth0
	done
}

bridge_make()
{
	ip link add br0 type bridge
	ip address add $GATEWAY4/16 dev br0
	ip address add $GATEWAY6/64 dev br0
	ip link set br0 up
}

bridge_container_make()
{
	[[ -e /proc/sys/net/ipv4/conf/br0 ]] || bridge_make
	ip link add "$1" master br0 type veth peer name eth0 netns "$1"
	ip link set "$1" up
	ip -n "$1" link set eth0 up
	ip -n "$1" address add "$2/16" dev eth0
	ip -n "$1" address add "$3/64" dev eth0
	ip -n "$1" route add default via $GATEWAY4
	ip -n "$1" route add default via $GATEWAY6
}

# nft_masquerade ADDRESS4 ADDRESS6: as the plugin bridge does with ipMasq (setupIPMasqNFTables() in
# pkg/ip/ipmasq_nftables_linux.go of github.com/containernetworking/plugins).
nft_masquerade()
{
	nft -f - <<-RULES
	table inet cni_plugins_masquerade {
		chain masq_checks {
			ip saddr == $1 ip daddr != $CONTAINERS4 masquerade
			ip6 saddr == $2 ip6 daddr != $CONTAINERS6 masquerade
		}
		chain postrouting {
			type nat hook postrouting priority srcnat
			ip daddr == 224.0.0.0/4 return
			ip6 daddr == ff00::/8 return
			goto masq_checks
		}
	}
	RULES
}

# nft_publish ip|ip6 ADDRESS DESTINATION: as the plugin portmap does (forwardPorts() in
# plugins/meta/portmap/portmap_nftables.go there).
nft_publish()
{
	nft -f - <<-RULES
	table $1 cni_hostport {
		chain hostports {
			tcp dport $PUBLISHED_PORT dnat to $3
		}
		chain hostip_hostports {
		}
		chain prerouting {
			type nat hook prerouting priority dstnat
			jump hostip_hostports
			jump hostports
		}
		chain output {
			type nat hook output priority -100
			jump hostip_hostports
			fib daddr type local jump hostports
		}
		chain masquerading {
			type nat hook postrouting priority srcnat
			$1 saddr $2 $1 daddr $2 masquerade
		}
	}
	RULES
}

# nft_container CTR ADDRESS4 ADDRESS6: both, with a port of the first container.
nft_container()
{
	nft_masquerade "$2" "$3"
	[[ $1 == ctr1 ]] || return 0
	nft_publish ip "$2" "$2:$PORT"
	nft_publish ip6 "$3" "[$3]:$PORT"
}

veth_nat_container_make()
{
	veth_container_make "$@"
	nft_container "$@"
}

bridge_nat_container_make()
{
	bridge_container_make "$@"
	nft_container "$@"
}

# Ports are published only where there is translation.
has_test()
{
	[[ $2 != tcp_rr_published || $1 == @(host|*_nat) ]]
}

# neighbours_settle NEAR: NEAR, host or ctr1, and all that it talks to know each other from now on.
# Whether a neighbour was confirmed lately depends on the moment, and a packet to one that was takes a
# shorter way through the stack. Here all were: the usual case where there is traffic.
neighbours_settle()
{
	local near=$1 family netns address device mac
	for family in "${!REMOTE[@]}"; do
		in_netns "$near" ping -q -c 1 -W 5 "${REMOTE[$family]}" >/dev/null
		[[ $near == host ]] ||
			in_netns "$near" ping -q -c 1 -W 5 "${CTR2[$family]}" >/dev/null
	done
	for netns in /run/netns/*; do
		while read -r address _ device _ mac _; do
			[[ -z $mac ]] || ip -n "${netns##*/}" neighbour replace "$address" \
				lladdr "$mac" dev "$device" nud permanent
		done < <(ip -n "${netns##*/}" neighbour show)
	done
}

# network_make CASE: the case's containers, on a host that has its wire.
network_make()
{
	ip netns attach host $$
	if [[ $1 == host ]]; then return; fi
	if [[ $1 != nkctl* ]]; then forwarding_on; fi
	netns_make ctr1
	netns_make ctr2
	"$1_container_make" ctr1 "${CTR1[@]}"
	"$1_container_make" ctr2 "${CTR2[@]}"
}

# Settings that change a packet's way through the kernel.
readonly SYSCTLS=(
	net.core.bpf_jit_enable net.core.bpf_jit_harden net.core.default_qdisc
	net.ipv4.tcp_congestion_control net.ipv4.tcp_timestamps kernel.bpf_stats_enabled
)
