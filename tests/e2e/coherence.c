// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * coherence NETNS CHANGES SEED: changes routes, rules, neighbours, devices and nexthop objects of
 * the host at random, while a container on each CPU sends all the time, and sees which way the
 * first packets go that are sent after each change: all of them the new one.
 *
 * There are three ways, the devices wa, wb and wc with a router on each; and six destinations, for
 * each of which the way is chosen by other means. A router is known by the last byte of its MAC
 * address. Prints how many changes there were, and how many packets went the wrong way.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT         5000
#define PROBE_LEN    40 /* no other packet has this payload's length */
#define FILL_LEN     8
#define TIMEOUT_MS   5000
#define TABLE        100
#define RULE_PREF    100
#define HEAVY_WEIGHT 255
#define CPUS_MAX     64

enum means { BY_ROUTE, BY_RULE, BY_NEIGHBOUR, BY_LINK, BY_NEXTHOP, BY_WEIGHT, MEANS };

static const char *const means_names[MEANS] = { "route",     "rule",           "neighbour",
						"link down", "nexthop object", "ECMP weights" };

/* Routers' last bytes; MOVING is the one whose MAC address changes to MOVED. */
enum { ON_A = 0xa, ON_B, ON_C, MOVING = 0x10, MOVED };

struct request {
	struct nlmsghdr header;
	uint8_t body[1024];
};

static unsigned int ifindexes[16];
static int netlink_fd, packet_fd, senders[2];
static bool stop;

/* Addresses: of a router, or of the destination that @means chooses the way to. */

static size_t addr_size(int family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* IPv4 in the first four bytes. */
struct address {
	uint8_t bytes[sizeof(struct in6_addr)];
};

static struct address router(int family, int number)
{
	if (family == AF_INET)
		return (struct address){ { 10, 71, 0, (uint8_t)number } };
	return (struct address){ { 0x20, 1, 0xd, 0xb8, 0, 0x71, [15] = (uint8_t)number } };
}

static struct address destination(int family, enum means means)
{
	if (family == AF_INET)
		return (struct address){ { 198, 18, (uint8_t)means, 1 } };
	return (struct address){ { 0x20, 1, 0xd, 0xb8, 0, 0xd, 0, (uint8_t)means, [15] = 1 } };
}

static unsigned int router_device(int number)
{
	return ifindexes[number == ON_B || number == ON_C ? number : ON_A];
}

/* Netlink requests, acknowledged when the kernel has done what they ask for. */

static void *put(struct request *request, size_t size)
{
	void *place = (uint8_t *)request + request->header.nlmsg_len;

	request->header.nlmsg_len += NLMSG_ALIGN(size);
	if (request->header.nlmsg_len > sizeof(*request))
		errx(1, "a request is too long");
	return place;
}

static void *request_begin(struct request *request, uint16_t type, uint16_t flags, size_t size)
{
	memset(request, 0, sizeof(*request));
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	request->header.nlmsg_len = NLMSG_HDRLEN;
	return put(request, size);
}

static void put_attribute(struct request *request, uint16_t type, const void *value, size_t size)
{
	struct rtattr *attribute = put(request, RTA_LENGTH(size));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), value, size);
}

static void put_u32(struct request *request, uint16_t type, uint32_t value)
{
	put_attribute(request, type, &value, sizeof(value));
}

static void request_send(struct request *request, const char *what)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[2048];
	} answer;

	if (send(netlink_fd, request, request->header.nlmsg_len, 0) < 0 ||
	    recv(netlink_fd, &answer, sizeof(answer), 0) < 0)
		err(1, "netlink");
	if (answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error)
		errx(1, "%s: %s", what, strerror(-answer.error.error));
}

static void route_begin(struct request *request, int family, enum means means, uint32_t metric)
{
	struct rtmsg *route =
		request_begin(request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*route));

	route->rtm_family = (uint8_t)family;
	route->rtm_dst_len = (uint8_t)(8 * addr_size(family));
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_type = RTN_UNICAST;
	put_attribute(request, RTA_DST, destination(family, means).bytes, addr_size(family));
	put_u32(request, RTA_PRIORITY, metric);
}

static void route_set(int family, enum means means, uint32_t table, uint32_t metric, int number)
{
	struct request request;

	route_begin(&request, family, means, metric);
	((struct rtmsg *)request.body)->rtm_flags = RTNH_F_ONLINK;
	put_u32(&request, RTA_TABLE, table);
	put_u32(&request, RTA_OIF, router_device(number));
	put_attribute(&request, RTA_GATEWAY, router(family, number).bytes, addr_size(family));
	request_send(&request, "set a route");
}

static void put_hop(struct request *request, int family, int number, uint8_t weight)
{
	struct rtnexthop *hop = put(request, sizeof(*hop));

	hop->rtnh_flags = RTNH_F_ONLINK;
	hop->rtnh_hops = weight;
	hop->rtnh_ifindex = (int)router_device(number);
	put_attribute(request, RTA_GATEWAY, router(family, number).bytes, addr_size(family));
	hop->rtnh_len = (unsigned short)(sizeof(*hop) + RTA_SPACE(addr_size(family)));
}

static void weights_set(int family, uint8_t weight_a, uint8_t weight_b)
{
	struct request request;
	struct rtattr *hops;

	route_begin(&request, family, BY_WEIGHT, 10);
	hops = put(&request, RTA_LENGTH(0));
	hops->rta_type = RTA_MULTIPATH;
	put_hop(&request, family, ON_A, weight_a);
	put_hop(&request, family, ON_B, weight_b);
	hops->rta_len =
		(unsigned short)((uint8_t *)&request + request.header.nlmsg_len - (uint8_t *)hops);
	request_send(&request, "set a multipath route");
}

static uint32_t nexthop_id(int family)
{
	return (uint32_t)family;
}

static void nexthop_set(int family, int number)
{
	struct request request;
	struct nhmsg *nexthop = request_begin(&request, RTM_NEWNEXTHOP,
					      NLM_F_CREATE | NLM_F_REPLACE, sizeof(*nexthop));

	nexthop->nh_family = (uint8_t)family;
	nexthop->nh_protocol = RTPROT_STATIC;
	nexthop->nh_flags = RTNH_F_ONLINK;
	put_u32(&request, NHA_ID, nexthop_id(family));
	put_u32(&request, NHA_OIF, router_device(number));
	put_attribute(&request, NHA_GATEWAY, router(family, number).bytes, addr_size(family));
	request_send(&request, "set a nexthop object");
}

static void nexthop_route_set(int family)
{
	struct request request;

	route_begin(&request, family, BY_NEXTHOP, 10);
	put_u32(&request, RTA_NH_ID, nexthop_id(family));
	request_send(&request, "set a route by a nexthop object");
}

static void rule_set(int family, bool exists)
{
	struct request request;
	struct fib_rule_hdr *rule =
		request_begin(&request, exists ? RTM_NEWRULE : RTM_DELRULE,
			      exists ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*rule));

	rule->family = (uint8_t)family;
	rule->dst_len = (uint8_t)(8 * addr_size(family));
	rule->table = TABLE;
	rule->action = FR_ACT_TO_TBL;
	put_attribute(&request, FRA_DST, destination(family, BY_RULE).bytes, addr_size(family));
	put_u32(&request, FRA_PRIORITY, RULE_PREF);
	request_send(&request, "set a rule");
}

static void neighbour_set(int family, int number, int mac_byte)
{
	const uint8_t mac[ETH_ALEN] = { 2, 0, 0, 0, 0, (uint8_t)mac_byte };
	struct request request;
	struct ndmsg *neighbour = request_begin(&request, RTM_NEWNEIGH,
						NLM_F_CREATE | NLM_F_REPLACE, sizeof(*neighbour));

	neighbour->ndm_family = (uint8_t)family;
	neighbour->ndm_ifindex = (int)router_device(number);
	neighbour->ndm_state = NUD_PERMANENT;
	put_attribute(&request, NDA_DST, router(family, number).bytes, addr_size(family));
	put_attribute(&request, NDA_LLADDR, mac, sizeof(mac));
	request_send(&request, "set a neighbour");
}

static void link_set(int number, bool up)
{
	struct request request;
	struct ifinfomsg *link = request_begin(&request, RTM_NEWLINK, 0, sizeof(*link));

	link->ifi_index = (int)router_device(number);
	link->ifi_change = IFF_UP;
	link->ifi_flags = up ? IFF_UP : 0;
	request_send(&request, "set a device up or down");
}

/* A device that goes down takes both families' routes and neighbours with it. */
static void link_way_set(bool up)
{
	link_set(ON_C, up);
	for (int i = 0; up && i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;

		neighbour_set(family, ON_C, ON_C);
		route_set(family, BY_LINK, RT_TABLE_MAIN, 10, ON_C);
	}
}

/* Sends what is chosen by @means the one way or the other; returns the router, 0: see for yourself.
 */
static int change(int family, enum means means, bool other)
{
	switch (means) {
	case BY_ROUTE:
		route_set(family, means, RT_TABLE_MAIN, 10, other ? ON_B : ON_A);
		break;
	case BY_RULE:
		rule_set(family, other);
		break;
	case BY_NEIGHBOUR:
		neighbour_set(family, MOVING, other ? MOVED : MOVING);
		return other ? MOVED : MOVING;
	case BY_LINK:
		link_way_set(!other);
		return other ? ON_A : ON_C;
	case BY_NEXTHOP:
		nexthop_set(family, other ? ON_B : ON_A);
		break;
	default:
		weights_set(family, other ? 0 : HEAVY_WEIGHT, other ? HEAVY_WEIGHT : 0);
		return 0;
	}
	return other ? ON_B : ON_A;
}

static void scene_make(int family)
{
	neighbour_set(family, ON_A, ON_A);
	neighbour_set(family, ON_B, ON_B);
	neighbour_set(family, MOVING, MOVING);
	route_set(family, BY_ROUTE, RT_TABLE_MAIN, 10, ON_A);
	route_set(family, BY_RULE, RT_TABLE_MAIN, 10, ON_A);
	route_set(family, BY_RULE, TABLE, 10, ON_B);
	route_set(family, BY_NEIGHBOUR, RT_TABLE_MAIN, 10, MOVING);
	route_set(family, BY_LINK, RT_TABLE_MAIN, 20, ON_A);
	nexthop_set(family, ON_A);
	nexthop_route_set(family);
	weights_set(family, HEAVY_WEIGHT, 0);
}

/* Packets */

static void packet_send(int family, enum means means, size_t len)
{
	static const uint8_t payload[PROBE_LEN];
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct address to = destination(family, means);

	memcpy(family == AF_INET ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr, to.bytes,
	       addr_size(family));
	if (sendto(senders[family == AF_INET6], payload, len, 0,
		   family == AF_INET ? (void *)&v4 : (void *)&v6,
		   family == AF_INET ? sizeof(v4) : sizeof(v6)) < 0 &&
	    errno != ENOBUFS)
		err(1, "send");
}

static void cpu_take(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(1, "run on CPU %d", cpu);
}

/* Keeps the ways of all destinations known on a CPU. */
static void *fill(void *cpu)
{
	cpu_take((int)(intptr_t)cpu);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		for (int i = 0; i < 2 * MEANS; i++)
			packet_send(i % 2 ? AF_INET6 : AF_INET, (enum means)(i / 2), FILL_LEN);
	return NULL;
}

/* Sends a packet and returns the last byte of the MAC address that it leaves for; 0: none. */
static int probe(int family, enum means means)
{
	struct pollfd poll_fd = { .fd = packet_fd, .events = POLLIN };
	struct sockaddr_ll from;
	socklen_t from_len;
	struct ethhdr frame;

	packet_send(family, means, PROBE_LEN);
	while (poll(&poll_fd, 1, TIMEOUT_MS) > 0) {
		from_len = sizeof(from);
		if (recvfrom(packet_fd, &frame, sizeof(frame), 0, (void *)&from, &from_len) < 0)
			err(1, "capture");
		if (from.sll_pkttype == PACKET_OUTGOING &&
		    (unsigned int)from.sll_ifindex == router_device(frame.h_dest[ETH_ALEN - 1]))
			return frame.h_dest[ETH_ALEN - 1];
	}
	return 0;
}

static void senders_make(const char *netns)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int container = open(netns, O_RDONLY | O_CLOEXEC);

	if (host < 0 || container < 0 || setns(container, CLONE_NEWNET))
		err(1, "enter %s", netns);
	senders[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	senders[1] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (setns(host, CLONE_NEWNET) || bind(senders[0], (void *)&v4, sizeof(v4)) ||
	    setsockopt(senders[1], IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 1 }, sizeof(int)) ||
	    bind(senders[1], (void *)&v6, sizeof(v6)))
		err(1, "make the sockets");
}

/* Takes frames that have a probe's length, with a header of either family. */
static void capture_make(void)
{
	const uint32_t headers = sizeof(struct ethhdr) + 8 + PROBE_LEN;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, headers + 20, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, headers + 40, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, sizeof(struct ethhdr)),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (packet_fd < 0 ||
	    setsockopt(packet_fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ||
	    bind(packet_fd,
		 (void *)&(struct sockaddr_ll){ .sll_family = AF_PACKET,
						.sll_protocol = htons(ETH_P_ALL) },
		 sizeof(struct sockaddr_ll)))
		err(1, "capture");
}

/* Makes a random change and counts the packets that go astray after it. */
static unsigned int change_and_look(int cpus)
{
	static bool others[2][MEANS];
	enum means means = (enum means)(rand() % MEANS);
	int family = rand() % 2 ? AF_INET6 : AF_INET, expected, found[CPUS_MAX];
	bool *other = &others[means != BY_LINK && family == AF_INET6][means];
	unsigned int wrong = 0;

	*other = !*other;
	expected = change(family, means, *other);
	for (int cpu = 0; cpu < cpus; cpu++) {
		cpu_take(cpu);
		found[cpu] = probe(family, means);
	}
	if (!expected) { /* which of several hops, the kernel knows: ask again after another change
			  */
		neighbour_set(family, ON_A, ON_A);
		expected = probe(family, means);
	}
	for (int cpu = 0; cpu < cpus; cpu++) {
		if (found[cpu] == expected)
			continue;
		wrong++;
		printf("IPv%d, %s: router %#x on CPU %d, not %#x\n", family == AF_INET ? 4 : 6,
		       means_names[means], found[cpu], cpu, expected);
	}
	return wrong;
}

int main(int argc, char **argv)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), changes;
	pthread_t fillers[CPUS_MAX];
	unsigned int wrong = 0;

	if (argc != 4 || cpus > CPUS_MAX)
		errx(2, "usage: coherence NETNS CHANGES SEED");
	changes = atoi(argv[2]);
	srand((unsigned int)atoi(argv[3]));
	ifindexes[ON_A] = if_nametoindex("wa");
	ifindexes[ON_B] = if_nametoindex("wb");
	ifindexes[ON_C] = if_nametoindex("wc");
	netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	senders_make(argv[1]);
	capture_make();
	scene_make(AF_INET);
	scene_make(AF_INET6);
	link_way_set(true);
	for (int cpu = 0; cpu < cpus; cpu++)
		if (pthread_create(&fillers[cpu], NULL, fill, (void *)(intptr_t)cpu))
			errx(1, "start a thread");
	for (int i = 0; i < changes; i++)
		wrong += change_and_look(cpus);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int cpu = 0; cpu < cpus; cpu++)
		(void)pthread_join(fillers[cpu], NULL);
	printf("%d changes, %d CPUs, %u packets wrong\n", changes, cpus, wrong);
	return wrong > 0;
}
