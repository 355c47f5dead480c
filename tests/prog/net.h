/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The host that the program tests run on: a network namespace with the devices, addresses,
 * routes and neighbours that the programs' decisions depend on. No packet leaves it.
 *
 *	sender	primary of the endpoint that the packets come from: 10.88.0.2, fd00:88::2
 *	other	primary of another endpoint: 10.88.0.3, fd00:88::3
 *	uplink	192.0.2.1/24, 2001:db8:2::1/64, MTU 1500; the router is .254, ::fe
 */
#ifndef NKCTL_TESTS_NET_H
#define NKCTL_TESTS_NET_H

#include <linux/if_ether.h>
#include <stdint.h>

#define SENDER     "nksender"
#define OTHER      "nkother"
#define UPLINK     "nkuplink"
#define SENDER_V4  "10.88.0.2"
#define SENDER_V6  "fd00:88::2"
#define OTHER_V4   "10.88.0.3"
#define OTHER_V6   "fd00:88::3"
#define GATEWAY_V4 "10.88.0.1"
#define GATEWAY_V6 "fd00:88::1"

/* Behind the router, whose MAC address is known. */
#define REMOTE_V4 "198.51.100.9"
#define REMOTE_V6 "2001:db8:9::9"
/* The same by a route with a locked MTU of 1400. */
#define NARROW_V4 "198.18.1.9"
#define NARROW_V6 "2001:db8:9:1::9"
/* Behind a router whose MAC address nobody knows. */
#define UNRESOLVED_V4 "198.18.2.9"
#define UNRESOLVED_V6 "2001:db8:9:2::9"
/* Routes of type unreachable, prohibit, blackhole. */
#define UNREACHABLE_V4 "198.18.3.9"
#define UNREACHABLE_V6 "2001:db8:9:3::9"
#define PROHIBIT_V4    "198.18.4.9"
#define PROHIBIT_V6    "2001:db8:9:4::9"
#define BLACKHOLE_V4   "198.18.5.9"
#define BLACKHOLE_V6   "2001:db8:9:5::9"
/* Routed back to the sender. */
#define BACK_V4 "198.18.6.9"
#define BACK_V6 "2001:db8:9:6::9"
/* IPv4 by an IPv6 next hop. */
#define BY_V6_V4 "198.18.7.9"
/* Behind a device without MAC headers, once test_delivery has made one. */
#define TUNNEL_V4 "198.18.8.9"
#define TUNNEL_V6 "2001:db8:9:8::9"
/* No route. */
#define NOWHERE_V4 "203.0.113.9"
#define NOWHERE_V6 "2001:db8:ffff::9"
/* The uplink's own. */
#define HOST_V4 "192.0.2.1"
#define HOST_V6 "2001:db8:2::1"

/* In the endpoints' entries; their devices would take more. */
#define ENDPOINT_MTU 1450
#define PRIMARY_MTU  9000
#define UPLINK_MTU   1500
#define NARROW_MTU   1400

extern const uint8_t gateway_mac[ETH_ALEN];
extern const uint8_t sender_mac[ETH_ALEN];
extern const uint8_t other_mac[ETH_ALEN];
extern const uint8_t uplink_mac[ETH_ALEN];
extern const uint8_t router_mac[ETH_ALEN];

/* net_run() - run a shell command; ends the test program when that fails. */
void net_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* net_address_add() - give the host an address, and wait until it is one of its own. */
void net_address_add(const char *address, unsigned int prefix_len, const char *device);

/* net_sysctl() - write a file below /proc/sys/net of the calling thread's namespace. */
void net_sysctl(const char *name, const char *value);

/* What the endpoints' pairs are made of. */
enum net_device { NET_VETH, NET_NETKIT };

/* net_create() - enter a new network namespace and furnish it. It dies with the process. */
void net_create(enum net_device device);

#endif
