// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nat.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net.h"

#define PAYLOAD_LEN 100

/* A prefix of the exempt map is of an IPv6 address. */
#define IPV4_PREFIX_LEN 96

#define ROUTER_V4 "192.0.2.254"
#define ROUTER_V6 "2001:db8:2::fe"

/* An address that the host has too, and somebody whom it goes to with it. */
#define SECOND_V4        "192.0.2.77"
#define SECOND_V6        "2001:db8:2::77"
#define SECOND_REMOTE_V4 "198.51.101.9"
#define SECOND_REMOTE_V6 "2001:db8:9:100::9"

const struct nat_variant nat_variants[NAT_VARIANTS] = {
	{ "nk_from_ctr, IPv4", .is_ipv4 = true, .is_veth = false },
	{ "nk_from_ctr, IPv6", .is_ipv4 = false, .is_veth = false },
	{ "nk_from_ctr_veth, IPv4", .is_ipv4 = true, .is_veth = true },
	{ "nk_from_ctr_veth, IPv6", .is_ipv4 = false, .is_veth = true },
};

struct nat_addresses nat;

static const struct nat_variant *variant;

bool nat_is_ipv4(void)
{
	return variant->is_ipv4;
}

const struct bpf_program *nat_from_ctr(void)
{
	return variant->is_veth ? progs->progs.nk_from_ctr_veth : progs->progs.nk_from_ctr;
}

uint8_t nat_icmp(void)
{
	return variant->is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

uint32_t nat_ifindex(enum nat_place place)
{
	static const char *const names[] = { [PLACE_SENDER] = SENDER, [PLACE_OTHER] = OTHER };

	return place == PLACE_WORLD ? 0 : if_nametoindex(names[place]);
}

/* Tables --------------------------------------------------------------------------------------- */

static void map_clear(const struct bpf_map *map)
{
	uint8_t key[64];

	assert_in_range(bpf_map__key_size(map), 1, sizeof(key));
	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(map), key), 0);
}

static void *endpoint_key(enum nat_place place)
{
	struct nk_ip *ip = place == PLACE_SENDER ? &nat.sender : &nat.other;

	return variant->is_ipv4 ? &ip->words[3] : ip->words;
}

static int endpoints_fd(void)
{
	return bpf_map__fd(variant->is_ipv4 ? progs->maps.endpoints_v4 : progs->maps.endpoints_v6);
}

struct nk_endpoint nat_endpoint(enum nat_place place)
{
	struct nk_endpoint endpoint;

	assert_int_equal(bpf_map_lookup_elem(endpoints_fd(), endpoint_key(place), &endpoint), 0);
	return endpoint;
}

void nat_flags_set(enum nat_place place, uint32_t flags)
{
	struct nk_endpoint endpoint = nat_endpoint(place);

	endpoint.flags = flags;
	assert_int_equal(
		bpf_map_update_elem(endpoints_fd(), endpoint_key(place), &endpoint, BPF_EXIST), 0);
	prog_paths_forget();
}

static struct nk_nat settings_read(void)
{
	struct nk_nat settings = { 0 };

	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(progs->maps.nat), &(uint32_t){ 0 }, &settings), 0);
	return settings;
}

static void settings_write(const struct nk_nat *settings)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(progs->maps.nat), &(uint32_t){ 0 },
					     settings, BPF_ANY),
			 0);
	prog_paths_forget();
}

static void port_watch(struct nk_nat *settings, uint32_t port)
{
	settings->ports[port / 64] |= 1ULL << port % 64;
}

void nat_settings_set(uint32_t port_min, uint32_t port_max, uint32_t endpoint_flows)
{
	struct nk_nat settings = { .secret = 0x6b9c0ff1cee55ec7,
				   .port_min = port_min,
				   .port_max = port_max,
				   .endpoint_flows = endpoint_flows };

	for (uint32_t port = port_min; port <= port_max; port++)
		port_watch(&settings, port);
	settings_write(&settings);
}

/* As the loader does after each change of what is published. */
static void host_addresses_tell(void)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *addresses;

	if (getifaddrs(&addresses))
		err(1, "read the host's addresses");
	for (struct ifaddrs *one = addresses; one; one = one->ifa_next) {
		struct nk_ip ip;

		if (!one->ifa_addr ||
		    (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6))
			continue;
		if (getnameinfo(one->ifa_addr, sizeof(struct sockaddr_in6), text, sizeof(text),
				NULL, 0, NI_NUMERICHOST))
			errx(1, "an address of %s can't be read", one->ifa_name);
		if (strchr(text, '%'))
			continue; /* link-local */
		ip = ip_of(text);
		assert_int_equal(bpf_map_update_elem(bpf_map__fd(progs->maps.host_addresses), &ip,
						     &(uint32_t){ 1 }, BPF_ANY),
				 0);
	}
	freeifaddrs(addresses);
}

void nat_publish(const struct nk_ip *addr, uint16_t port, uint8_t protocol, enum nat_place to,
		 uint16_t to_port)
{
	const struct nk_port key = { .addr = *addr, .port = htons(port), .protocol = protocol };
	const struct nk_published value = { .addr = to == PLACE_SENDER ? nat.sender : nat.other,
					    .port = htons(to_port),
					    .ifindex = nat_ifindex(to) };
	struct nk_nat settings = settings_read();

	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(progs->maps.published), &key, &value, BPF_ANY), 0);
	port_watch(&settings, port);
	settings_write(&settings);
	nat_flags_set(to, nat_endpoint(to).flags | NK_ENDPOINT_PUBLISHED);
	host_addresses_tell();
}

void nat_exempt(const struct nk_ip *addr, uint32_t prefix_len)
{
	const struct nk_exempt key = {
		.prefix_len = prefix_len + (variant->is_ipv4 ? IPV4_PREFIX_LEN : 0), .addr = *addr
	};

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(progs->maps.exempt), &key,
					     &(uint32_t){ NK_EXEMPT_ADDED }, BPF_ANY),
			 0);
}

static void forwarded_any_set(uint32_t any)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(progs->maps.forwarded_any),
					     &(uint32_t){ 0 }, &any, BPF_ANY),
			 0);
}

/* As forward.bpf.c does. */
void nat_forwarded(const struct datagram *datagram)
{
	const struct nk_flow_key key = datagram_key(datagram);

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(progs->maps.forwarded), &key,
					     &(uint32_t){ 0 }, BPF_ANY),
			 0);
	forwarded_any_set(1);
}

/* The routes name their source, for that of two addresses isn't a matter of their order. */
static void network_extend(void)
{
	net_address_add(SECOND_V4, 24, UPLINK);
	net_address_add(SECOND_V6, 64, UPLINK);
	net_run("ip route add 198.51.101.0/24 via " ROUTER_V4 " src " SECOND_V4);
	net_run("ip -6 route add 2001:db8:9:100::/64 via " ROUTER_V6 " src " SECOND_V6);
	net_run("ip route replace 198.51.100.0/24 via " ROUTER_V4 " src " HOST_V4);
	net_run("ip -6 route replace 2001:db8:9::/64 via " ROUTER_V6 " src " HOST_V6);
	net_sysctl("ipv4/conf/" UPLINK "/forwarding", "1");
	net_sysctl("ipv6/conf/" UPLINK "/forwarding", "1");
}

int nat_group_setup(void **state)
{
	prog_nat = true;
	(void)prog_group_setup(state);
	network_extend();
	return 0;
}

static struct nat_addresses addresses_of(bool is_ipv4)
{
	return is_ipv4 ? (struct nat_addresses){ .sender = ip_of(SENDER_V4),
						 .other = ip_of(OTHER_V4),
						 .host = ip_of(HOST_V4),
						 .remote = ip_of(REMOTE_V4),
						 .second = ip_of(SECOND_V4),
						 .second_remote = ip_of(SECOND_REMOTE_V4),
						 .router = ip_of(ROUTER_V4),
						 .nowhere = ip_of(NOWHERE_V4),
						 .any = ip_of("0.0.0.0") }
		       : (struct nat_addresses){ .sender = ip_of(SENDER_V6),
						 .other = ip_of(OTHER_V6),
						 .host = ip_of(HOST_V6),
						 .remote = ip_of(REMOTE_V6),
						 .second = ip_of(SECOND_V6),
						 .second_remote = ip_of(SECOND_REMOTE_V6),
						 .router = ip_of(ROUTER_V6),
						 .nowhere = ip_of(NOWHERE_V6),
						 .any = ip_of("::") };
}

/* The first packet to a next hop goes by the neighbour table, and keeps its Ethernet addresses. */
static void next_hop_prime(void)
{
	struct datagram datagram =
		nat_datagram(&nat.sender, &nat.remote, IPPROTO_UDP, 40000, 40000);
	struct prog_run run;

	prog_next_hops_forget();
	nat_send(PLACE_SENDER, &datagram, &run);
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
}

void nat_variant_set(const struct nat_variant *other)
{
	variant = other;
	nat = addresses_of(variant->is_ipv4);
}

void nat_begin(const struct nat_variant *initial)
{
	nat_variant_set(initial);
	map_clear(progs->maps.flows);
	map_clear(progs->maps.flow_slots);
	map_clear(progs->maps.flow_rings);
	map_clear(progs->maps.fragments);
	map_clear(progs->maps.evicted);
	map_clear(progs->maps.published);
	map_clear(progs->maps.exempt);
	map_clear(progs->maps.forwarded);
	forwarded_any_set(0);
	nat_settings_set(NAT_PORT_MIN, NAT_PORT_MAX, NAT_ENDPOINT_FLOWS);
	nat_flags_set(PLACE_SENDER, 0);
	nat_flags_set(PLACE_OTHER, 0);
	next_hop_prime();
	nat_flags_set(PLACE_SENDER, NK_ENDPOINT_MASQUERADE);
	nat_flags_set(PLACE_OTHER, NK_ENDPOINT_MASQUERADE);
}

/* Flows ---------------------------------------------------------------------------------------- */

uint64_t nat_now_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

bool flow_find(const struct nk_flow_key *key, struct nk_flow *ret_flow)
{
	return !bpf_map_lookup_elem(bpf_map__fd(progs->maps.flows), key, ret_flow);
}

void flow_set(const struct nk_flow_key *key, const struct nk_flow *flow)
{
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(progs->maps.flows), key, flow, BPF_ANY),
			 0);
}

struct nk_flow flow_get(const struct nk_flow_key *key)
{
	struct nk_flow flow;

	if (!flow_find(key, &flow))
		fail_msg("the table has no such flow");
	return flow;
}

struct nk_flow_key flow_other(const struct nk_flow_key *key)
{
	struct nk_flow flow = flow_get(key);

	return nk_flow_key_turn(&flow.to);
}

struct nk_flow flow_original_of(const struct datagram *datagram)
{
	const struct nk_flow_key key = datagram_key(datagram);

	return flow_get(&key);
}

struct nk_flow flow_reply_of(const struct datagram *datagram)
{
	const struct nk_flow_key key = datagram_key(datagram), reply_key = flow_other(&key);

	return flow_get(&reply_key);
}

void flow_delete(const struct nk_flow_key *key)
{
	struct nk_flow_key other = flow_other(key);

	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(progs->maps.flows), key), 0);
	assert_int_equal(bpf_map_delete_elem(bpf_map__fd(progs->maps.flows), &other), 0);
}

void nat_wait_for_age(uint64_t age_ns)
{
	while (nat_now_ns() <= age_ns)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

void flow_age(const struct nk_flow_key *key, uint64_t age_ns)
{
	const struct nk_flow_key keys[] = { *key, flow_other(key) };
	uint64_t now_ns = nat_now_ns();

	assert_in_range(age_ns, 0, now_ns); /* the clock begins with the kernel */
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct nk_flow flow = flow_get(&keys[i]);

		flow.seen_ns = now_ns - age_ns;
		flow_set(&keys[i], &flow);
	}
}

static size_t map_count(const struct bpf_map *map)
{
	uint8_t key[64], *previous = NULL;
	size_t count = 0;

	assert_in_range(bpf_map__key_size(map), 1, sizeof(key));
	for (; !bpf_map_get_next_key(bpf_map__fd(map), previous, key); previous = key)
		count++;
	return count;
}

size_t flows_count(enum nat_place owner)
{
	struct nk_flow_key key, *previous = NULL;
	uint32_t ifindex = nat_ifindex(owner);
	size_t count = 0;

	for (; !bpf_map_get_next_key(bpf_map__fd(progs->maps.flows), previous, &key);
	     previous = &key)
		count += flow_get(&key).owner == ifindex;
	return count;
}

size_t fragments_count(void)
{
	return map_count(progs->maps.fragments);
}

bool slot_find(enum nat_place owner, uint32_t slot, struct nk_flow_key *ret_key)
{
	const struct nk_flow_slot key = { .owner = nat_ifindex(owner), .slot = slot };

	return !bpf_map_lookup_elem(bpf_map__fd(progs->maps.flow_slots), &key, ret_key);
}

uint64_t ring_taken(enum nat_place owner)
{
	uint32_t key = nat_ifindex(owner);
	struct nk_flow_ring ring = { 0 };

	(void)bpf_map_lookup_elem(bpf_map__fd(progs->maps.flow_rings), &key, &ring); /* or none */
	return ring.taken;
}

/* Packets -------------------------------------------------------------------------------------- */

struct datagram nat_datagram(const struct nk_ip *saddr, const struct nk_ip *daddr, uint8_t protocol,
			     uint16_t sport, uint16_t dport)
{
	bool is_icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;

	return (struct datagram){ .saddr = *saddr,
				  .daddr = *daddr,
				  .protocol = is_icmp ? nat_icmp() : protocol,
				  .sport = sport,
				  .dport = is_icmp ? 0 : dport,
				  .tcp_flags = TCP_SYN,
				  .icmp_type = variant->is_ipv4 ? ICMP4_ECHO_REQUEST
								: ICMP6_ECHO_REQUEST,
				  .payload_len = PAYLOAD_LEN,
				  .seed = 1 };
}

struct datagram nat_error(const struct nk_ip *saddr, const struct nk_ip *daddr,
			  const struct datagram *quote, uint8_t type, uint8_t code)
{
	struct packet quoted;

	datagram_build(quote, &quoted);
	return (struct datagram){ .saddr = *saddr,
				  .daddr = *daddr,
				  .protocol = nat_icmp(),
				  .icmp_type = type,
				  .icmp_code = code,
				  .quote = quote,
				  .quote_len = quoted.len - ETH_HLEN };
}

struct datagram nat_to_remote(uint8_t protocol, uint16_t sport)
{
	return nat_datagram(&nat.sender, &nat.remote, protocol, sport, REMOTE_PORT);
}

struct datagram nat_to_published(uint8_t protocol)
{
	return nat_datagram(&nat.remote, &nat.host, protocol, CLIENT_PORT, PUBLISHED_PORT);
}

struct datagram nat_to_hairpin(uint8_t protocol)
{
	return nat_datagram(&nat.sender, &nat.host, protocol, CLIENT_PORT, PUBLISHED_PORT);
}

struct datagram nat_translated(const struct datagram *datagram)
{
	const struct nk_flow_key key = datagram_key(datagram);
	struct nk_flow flow = flow_get(&key);

	return datagram_become(datagram, &flow.to);
}

struct datagram nat_answer_to(const struct datagram *datagram)
{
	struct datagram received = nat_translated(datagram), reply = datagram_reply(&received);

	reply.tcp_flags = TCP_SYN | TCP_ACK;
	return reply;
}

/* The Ethernet addresses that a packet comes with; a router's or a container's kernel knows them.
 */
static void macs_before(struct packet *packet, enum nat_place from)
{
	switch (from) {
	case PLACE_WORLD:
		packet_macs(packet, uplink_mac, router_mac);
		break;
	case PLACE_SENDER:
		packet_macs(packet, gateway_mac, sender_mac);
		break;
	case PLACE_OTHER:
		packet_macs(packet, gateway_mac, other_mac);
		break;
	}
}

static void macs_after(struct packet *packet, enum nat_place to)
{
	switch (to) {
	case PLACE_WORLD:
		packet_macs(packet, router_mac, uplink_mac);
		break;
	case PLACE_SENDER:
		packet_macs(packet, sender_mac, gateway_mac);
		break;
	case PLACE_OTHER:
		packet_macs(packet, other_mac, gateway_mac);
		break;
	}
}

struct packet nat_packet_before(enum nat_place from, const struct datagram *datagram)
{
	struct packet packet;

	datagram_build(datagram, &packet);
	macs_before(&packet, from);
	return packet;
}

struct packet nat_packet_after(enum nat_place to, const struct datagram *expected)
{
	struct datagram hop = *expected;
	struct packet packet;

	hop.ttl = (uint8_t)((expected->ttl ? expected->ttl : DATAGRAM_TTL) - 1);
	datagram_build(&hop, &packet);
	macs_after(&packet, to);
	return packet;
}

/* Other than an answer, a packet that is forwarded may go on to whoever relies on a device's sum.
 */
static void send_summed(enum nat_place from, const struct datagram *datagram, bool is_summed,
			struct prog_run *ret_run)
{
	ret_run->ifindex = (int)(from == PLACE_WORLD ? if_nametoindex(UPLINK) : nat_ifindex(from));
	ret_run->gso_size = 0;
	ret_run->is_summed = is_summed;
	ret_run->packet = nat_packet_before(from, datagram);
	prog_run(from == PLACE_WORLD ? progs->progs.nk_uplink : nat_from_ctr(), ret_run);
}

void nat_send(enum nat_place from, const struct datagram *datagram, struct prog_run *ret_run)
{
	send_summed(from, datagram, false, ret_run);
}

static void assert_forwarded(const struct prog_run *run, enum nat_place to,
			     const struct datagram *expected)
{
	struct packet packet = nat_packet_after(to, expected);

	prog_assert_drops(run, NO_DROP);
	assert_int_equal(run->verdict, VERDICT_REDIRECT);
	prog_assert_packet(&run->packet, &packet);
}

void nat_assert_forwarded(enum nat_place from, enum nat_place to, const struct datagram *datagram,
			  const struct datagram *expected)
{
	struct prog_run run;

	send_summed(from, datagram, true, &run);
	assert_forwarded(&run, to, expected);
}

void nat_assert_stack(enum nat_place from, const struct datagram *datagram)
{
	struct packet packet = nat_packet_before(from, datagram);
	struct prog_run run;

	nat_send(from, datagram, &run);
	prog_assert_drops(&run, NO_DROP);
	assert_int_equal(run.verdict, VERDICT_STACK);
	prog_assert_packet(&run.packet, &packet);
}

void nat_assert_dropped(enum nat_place from, const struct datagram *datagram,
			enum nk_drop_reason reason)
{
	struct prog_run run;

	nat_send(from, datagram, &run);
	prog_assert_drops(&run, reason);
	assert_int_equal(run.verdict, VERDICT_DROP);
}

struct nk_flow nat_assert_translated(enum nat_place from, enum nat_place to,
				     const struct datagram *datagram)
{
	struct nk_flow_key key = datagram_key(datagram);
	struct datagram expected;
	struct prog_run run;
	struct nk_flow flow;

	send_summed(from, datagram, true, &run);
	prog_assert_drops(&run, NO_DROP);
	flow = flow_get(&key);
	expected = datagram_become(datagram, &flow.to);
	assert_forwarded(&run, to, &expected);
	return flow;
}

uint16_t nat_port_of(const struct nk_flow *original)
{
	return ntohs(original->to.sport);
}

void nat_assert_key(const struct nk_flow_key *key, const struct nk_flow_key *expected)
{
	assert_memory_equal(key, expected, sizeof(*key));
}

void nat_assert_port(uint16_t port)
{
	assert_in_range(port, NAT_PORT_MIN, NAT_PORT_MAX);
}

void nat_assert_no_flows(void)
{
	assert_int_equal(flows_count(PLACE_SENDER), 0);
	assert_int_equal(flows_count(PLACE_OTHER), 0);
}

int nat_tests_run(const char *group, const struct nat_test *tests, size_t count,
		  CMFixtureFunction setup)
{
	struct CMUnitTest *all = calloc(NAT_VARIANTS * count, sizeof(*all)), *end = all;
	int failed;

	if (!all)
		err(1, "make room for tests");
	for (size_t i = 0; i < NAT_VARIANTS * count; i++) {
		const struct nat_variant *initial = &nat_variants[i % NAT_VARIANTS];
		const struct nat_test *test = &tests[i / NAT_VARIANTS];
		char *name;

		if (asprintf(&name, "%s: %s", initial->name, test->name) < 0)
			err(1, "name a test");
		*end++ = (struct CMUnitTest){ .name = name,
					      .test_func = test->function,
					      .initial_state = (void *)initial };
	}
	failed = _cmocka_run_group_tests(group, all, NAT_VARIANTS * count, setup,
					 prog_group_teardown);
	free(all);
	return failed;
}
