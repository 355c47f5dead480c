// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "net.h"

#include <err.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netkit.h"
#include "nkctl/maps.h"

const uint8_t gateway_mac[ETH_ALEN] = NK_GATEWAY_MAC;
const uint8_t sender_mac[ETH_ALEN] = { 0x02, 0xaa, 0, 0, 0, 0x02 };
const uint8_t other_mac[ETH_ALEN] = { 0x02, 0xaa, 0, 0, 0, 0x03 };
const uint8_t uplink_mac[ETH_ALEN] = { 0x02, 0xbb, 0, 0, 0, 0x01 };
const uint8_t router_mac[ETH_ALEN] = { 0x02, 0xbb, 0, 0, 0, 0xfe };

void net_run(const char *format, ...)
{
	char command[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command))
		errx(1, "this failed: %s", command);
}

/* Commands of ip, a line each, in one process: to start one takes an emulated guest long. */
static void ip_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void ip_run(const char *format, ...)
{
	FILE *ip = popen("ip -batch -", "we");
	va_list args;
	int len;

	va_start(args, format);
	len = ip ? vfprintf(ip, format, args) : -1;
	va_end(args);
	if (len < 0 || pclose(ip))
		errx(1, "this failed: ip %s", format);
}

/*
 * An IPv6 address gets its local route a moment later, in a work queue (net/ipv6/addrconf.c). Tries
 * are counted, not seconds: these run on while a guest that counts instructions waits for a disk.
 */
void net_address_add(const char *address, unsigned int prefix_len, const char *device)
{
	bool is_ipv6 = strchr(address, ':');

	net_run("ip addr add %s/%u dev %s%s", address, prefix_len, device, is_ipv6 ? " nodad" : "");
	if (is_ipv6)
		net_run("for try in $(seq 1000); do ip route get %s | grep -q ^local && exit; "
			"sleep 0.01; done; exit 1",
			address);
}

void net_sysctl(const char *name, const char *value)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "we");
	if (!file || fputs(value, file) < 0 || fclose(file))
		err(1, "write %s to %s", value, path);
}

static void mac_format(const uint8_t mac[ETH_ALEN], char ret_text[18])
{
	(void)snprintf(ret_text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5]);
}

static void veth_create(const char *name, const uint8_t mac[ETH_ALEN], int mtu)
{
	char text[18];

	mac_format(mac, text);
	ip_run("link add %s address %s mtu %d type veth peer name %sp mtu %d\n", name, text, mtu,
	       name, mtu);
}

/* Both ends up, and nothing said by the kernel itself: no link-local address asks for any. */
static void device_up(const char *name)
{
	ip_run("link set %sp up addrgenmode none\n"
	       "link set %s up addrgenmode none\n",
	       name, name);
}

static void primary_create(const char *name, enum net_device device)
{
	char sysctl[64];

	if (device == NET_VETH)
		veth_create(name, gateway_mac, PRIMARY_MTU);
	else if (!netkit_create(name, gateway_mac, PRIMARY_MTU))
		errx(1, "the kernel has no netkit");
	device_up(name);
	(void)snprintf(sysctl, sizeof(sysctl), "ipv4/conf/%s/forwarding", name);
	net_sysctl(sysctl, "1");
	(void)snprintf(sysctl, sizeof(sysctl), "ipv6/conf/%s/forwarding", name);
	net_sysctl(sysctl, "1");
}

static void uplink_create(void)
{
	char router[18];

	mac_format(router_mac, router);
	veth_create(UPLINK, uplink_mac, UPLINK_MTU);
	device_up(UPLINK);
	net_address_add(HOST_V4, 24, UPLINK);
	net_address_add(HOST_V6, 64, UPLINK);
	ip_run("neigh add 192.0.2.254 lladdr %s dev " UPLINK "\n"
	       "neigh add 2001:db8:2::fe lladdr %s dev " UPLINK "\n"
	       "neigh add fe80::fe lladdr %s dev " UPLINK "\n",
	       router, router, router);
}

static void routes_create(void)
{
	ip_run("route add 198.51.100.0/24 via 192.0.2.254\n"
	       "route add 198.18.1.0/24 via 192.0.2.254 mtu lock %d\n"
	       "route add 198.18.2.0/24 via 192.0.2.253\n"
	       "route add unreachable 198.18.3.0/24\n"
	       "route add prohibit 198.18.4.0/24\n"
	       "route add blackhole 198.18.5.0/24\n"
	       "route add 198.18.6.0/24 dev " SENDER "\n"
	       "route add 198.18.7.0/24 via inet6 fe80::fe dev " UPLINK "\n"
	       /* Where a default route would lead multicast, too. */
	       "route add 224.0.0.0/3 via 192.0.2.254\n"
	       "route add 2001:db8:9::/64 via 2001:db8:2::fe\n"
	       "route add 2001:db8:9:1::/64 via 2001:db8:2::fe mtu lock %d\n"
	       "route add 2001:db8:9:2::/64 via 2001:db8:2::fd\n"
	       "route add unreachable 2001:db8:9:3::/64\n"
	       "route add prohibit 2001:db8:9:4::/64\n"
	       "route add blackhole 2001:db8:9:5::/64\n"
	       "route add 2001:db8:9:6::/64 dev " SENDER "\n",
	       NARROW_MTU, NARROW_MTU);
}

void net_create(enum net_device device)
{
	if (unshare(CLONE_NEWNET))
		err(1, "make a network namespace");
	net_run("ip link set lo up");
	primary_create(SENDER, device);
	primary_create(OTHER, device);
	uplink_create();
	routes_create();
	net_address_add(GATEWAY_V4, 32, "lo");
	net_address_add(GATEWAY_V6, 128, "lo");
}
