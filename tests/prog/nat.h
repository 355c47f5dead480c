/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Address translation in the program tests: its tables, filled and read, and packets that are
 * compared with what they have to become. All is of one family at a time, and on the host of net.h.
 */
#ifndef NKCTL_TESTS_NAT_H
#define NKCTL_TESTS_NAT_H

#include "datagram.h"
#include "prog.h"

/* Ports that masquerading takes, unless a test sets others; more than it tries for one flow. */
#define NAT_PORT_MIN  50000
#define NAT_PORT_MAX  50999
#define NAT_PORTS     (NAT_PORT_MAX - NAT_PORT_MIN + 1)
#define NAT_PORTS_TRY 32

#define NAT_ENDPOINT_FLOWS 4096

/* Ports of the tests: the container's, the world's, a published one and where it leads. */
#define CLIENT_PORT    40000
#define REMOTE_PORT    443
#define PUBLISHED_PORT 8080
#define SERVER_PORT    80

#define NS_PER_S 1000000000ULL

/* Where a packet comes from and goes to: the router, or one of the two endpoints. */
enum nat_place { PLACE_WORLD, PLACE_SENDER, PLACE_OTHER };

/**
 * struct nat_variant - a test's initial state.
 * @name: of the program and the family
 * @is_veth: the endpoints' packets go through nk_from_ctr_veth, not nk_from_ctr
 */
struct nat_variant {
	const char *name;
	bool is_ipv4;
	bool is_veth;
};

#define NAT_VARIANTS 4
extern const struct nat_variant nat_variants[NAT_VARIANTS];

/**
 * struct nat_addresses - those of the variant's family.
 * @second: another address of the host's, with which it goes to @second_remote
 * @router: on the way to them all
 * @any: the wildcard of a published port
 */
struct nat_addresses {
	struct nk_ip sender;
	struct nk_ip other;
	struct nk_ip host;
	struct nk_ip remote;
	struct nk_ip second;
	struct nk_ip second_remote;
	struct nk_ip router;
	struct nk_ip nowhere;
	struct nk_ip any;
};

extern struct nat_addresses nat;

/* struct nat_test - a test, that is run for each variant. */
struct nat_test {
	const char *name;
	CMUnitTestFunction function;
};

/* nat_tests_run() - a group of tests. Returns how many failed. */
int nat_tests_run(const char *group, const struct nat_test *tests, size_t count,
		  CMFixtureFunction setup);

/*
 * nat_group_setup() - programs that translate, on the host of net.h with a second address and an
 * uplink as the loader leaves it: a test group's setup.
 */
int nat_group_setup(void **state);

/*
 * nat_begin() - a test's beginning: no flows, nothing published or exempt, both endpoints
 * masquerade, the range above, and the router's MAC address is known.
 */
void nat_begin(const struct nat_variant *variant);

/* nat_variant_set() - from here on, the other functions are about this variant; no more. */
void nat_variant_set(const struct nat_variant *variant);

/* nat_is_ipv4() - the family. */
bool nat_is_ipv4(void);

/* nat_from_ctr() - the program of the endpoints' packets. */
const struct bpf_program *nat_from_ctr(void);

/* nat_ifindex() - of an endpoint's primary, 0 for the world. */
uint32_t nat_ifindex(enum nat_place place);

/* nat_endpoint() - an endpoint's entry. */
struct nk_endpoint nat_endpoint(enum nat_place place);

/* nat_flags_set() - enum nk_endpoint_flags of an endpoint. */
void nat_flags_set(enum nat_place place, uint32_t flags);

void nat_settings_set(uint32_t port_min, uint32_t port_max, uint32_t endpoint_flows);

/* nat_publish() - @port of the host's @addr leads to @to_port of an endpoint. */
void nat_publish(const struct nk_ip *addr, uint16_t port, uint8_t protocol, enum nat_place to,
		 uint16_t to_port);

/* nat_exempt() - destinations that are not masqueraded. */
void nat_exempt(const struct nk_ip *addr, uint32_t prefix_len);

/* nat_forwarded() - the host's stack has brought @datagram's question, which others translate. */
void nat_forwarded(const struct datagram *datagram);

/* nat_now_ns() - the clock of flows. */
uint64_t nat_now_ns(void);

bool flow_find(const struct nk_flow_key *key, struct nk_flow *ret_flow);
void flow_set(const struct nk_flow_key *key, const struct nk_flow *flow);

/* flow_get() - an entry that has to be there. */
struct nk_flow flow_get(const struct nk_flow_key *key);

/* flow_other() - the other direction of a flow that has to be there. */
struct nk_flow_key flow_other(const struct nk_flow_key *key);

/* flow_original_of(), flow_reply_of() - the entries of the flow that a packet is of. */
struct nk_flow flow_original_of(const struct datagram *datagram);
struct nk_flow flow_reply_of(const struct datagram *datagram);

/* flow_delete() - both entries. */
void flow_delete(const struct nk_flow_key *key);

/* nat_wait_for_age() - until that long ago the clock, which begins with the kernel, had begun. */
void nat_wait_for_age(uint64_t age_ns);

/* flow_age() - as if both directions' last packets had been that long ago. */
void flow_age(const struct nk_flow_key *key, uint64_t age_ns);

/* flows_count() - entries of the table that count for an endpoint. */
size_t flows_count(enum nat_place owner);

/* fragments_count() - packets in fragments that are remembered. */
size_t fragments_count(void);

/* slot_find() - whose flow is at a place of an endpoint's ring. */
bool slot_find(enum nat_place owner, uint32_t slot, struct nk_flow_key *ret_key);

/* ring_taken() - slots that an endpoint's flows have taken so far. */
uint64_t ring_taken(enum nat_place owner);

/*
 * nat_datagram() - a packet of 100 bytes of payload, TCP with SYN alone. ICMP (of the variant's
 * family) is an echo request whose identifier is @sport.
 */
struct datagram nat_datagram(const struct nk_ip *saddr, const struct nk_ip *daddr, uint8_t protocol,
			     uint16_t sport, uint16_t dport);

/* Such packets of the sender's, of the remote's, and of the sender's to a published port. */
struct datagram nat_to_remote(uint8_t protocol, uint16_t sport);
struct datagram nat_to_published(uint8_t protocol);
struct datagram nat_to_hairpin(uint8_t protocol);

/* nat_translated() - what the other end gets of a packet of a flow. */
struct datagram nat_translated(const struct datagram *datagram);

/* nat_answer_to() - what it answers to that; of TCP, a SYN+ACK. */
struct datagram nat_answer_to(const struct datagram *datagram);

/* nat_error() - an ICMP error about @quote, which quotes all of it. */
struct datagram nat_error(const struct nk_ip *saddr, const struct nk_ip *daddr,
			  const struct datagram *quote, uint8_t type, uint8_t code);

/* nat_icmp() - the protocol number of the variant's ICMP. */
uint8_t nat_icmp(void);

/* nat_packet_before() - the frame that @from sends. */
struct packet nat_packet_before(enum nat_place from, const struct datagram *datagram);

/* nat_packet_after() - the frame that @to gets, one hop later. */
struct packet nat_packet_after(enum nat_place to, const struct datagram *expected);

/* nat_send() - run the program that @from's packets go through. */
void nat_send(enum nat_place from, const struct datagram *datagram, struct prog_run *ret_run);

/* nat_assert_forwarded() - from @from to @to as @expected, but for the hop that it has made. */
void nat_assert_forwarded(enum nat_place from, enum nat_place to, const struct datagram *datagram,
			  const struct datagram *expected);

/* nat_assert_stack() - the host's stack gets the packet as it is. */
void nat_assert_stack(enum nat_place from, const struct datagram *datagram);

void nat_assert_dropped(enum nat_place from, const struct datagram *datagram,
			enum nk_drop_reason reason);

/*
 * nat_assert_translated() - forwarded as the flow says that the packet belongs to, or now belongs
 * to, and in every byte as it has to be.
 *
 * Return: the entry of that direction.
 */
struct nk_flow nat_assert_translated(enum nat_place from, enum nat_place to,
				     const struct datagram *datagram);

void nat_assert_key(const struct nk_flow_key *key, const struct nk_flow_key *expected);

/* nat_assert_port() - of the range. */
void nat_assert_port(uint16_t port);

/* nat_assert_no_flows() - of either endpoint. */
void nat_assert_no_flows(void);

/* nat_port_of() - the port that a flow was given, host order. */
uint16_t nat_port_of(const struct nk_flow *original);

#endif
