// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Whose a destination is, kept for the packets behind: that each gets its own answer, and none from
 * before a change.
 */
#include <linux/in.h>
#include <net/if.h>
#include <string.h>

#include "net.h"
#include "nkctl/generation.h"
#include "prog.h"

/* More destinations than there are places, so that many share one. */
#define DESTINATIONS 3000

struct family {
	void (*build)(struct packet *packet, const char *saddr, const char *daddr, uint8_t protocol,
		      size_t payload_len);
	const char *remote, *endpoint, *nobody;
};

static const struct family ipv4 = { packet_ipv4, REMOTE_V4, OTHER_V4, "10.88.0.200" };
static const struct family ipv6 = { packet_ipv6, REMOTE_V6, OTHER_V6, "fd00:88::200" };

static struct prog_run run;

static void run_from_uplink(const struct family *family, const char *daddr, size_t payload_len)
{
	memset(&run, 0, sizeof(run));
	run.ifindex = (int)if_nametoindex(UPLINK);
	family->build(&run.packet, family->remote, daddr, IPPROTO_UDP, payload_len);
	packet_macs(&run.packet, uplink_mac, router_mac);
	prog_run(progs->progs.nk_uplink, &run);
}

/* Runs a packet from the uplink, and expects what becomes of it. */
static void expect_verdict(const struct family *family, const char *daddr, int verdict)
{
	run_from_uplink(family, daddr, 64);
	assert_int_equal(run.verdict, verdict);
}

/* The same answer within a generation, whatever the tables say: so it's known from before. */
static void test_claim_goes(void **state)
{
	const struct family *family = *state;
	struct nk_endpoint endpoint;

	expect_verdict(family, family->endpoint, VERDICT_REDIRECT);
	endpoint = prog_endpoint_take(family->endpoint);
	expect_verdict(family, family->endpoint, VERDICT_REDIRECT);
	assert_memory_equal(run.packet.data, other_mac, ETH_ALEN);
	prog_paths_forget();
	expect_verdict(family, family->endpoint, VERDICT_STACK);
	prog_endpoint_set(family->endpoint, &endpoint);
	expect_verdict(family, family->endpoint, VERDICT_REDIRECT);
}

static void test_claim_comes(void **state)
{
	const struct family *family = *state;
	struct nk_endpoint endpoint = prog_endpoint_take(family->endpoint);

	prog_endpoint_set(family->endpoint, &endpoint);
	expect_verdict(family, family->nobody, VERDICT_STACK);
	prog_endpoint_set(family->nobody, &endpoint);
	expect_verdict(family, family->nobody, VERDICT_REDIRECT);
	(void)prog_endpoint_take(family->nobody);
	prog_paths_forget();
	expect_verdict(family, family->nobody, VERDICT_STACK);
}

/* What an endpoint takes is looked at with each packet. */
static void test_too_large_behind_small(void **state)
{
	const struct family *family = *state;

	expect_verdict(family, family->endpoint, VERDICT_REDIRECT);
	run_from_uplink(family, family->endpoint, ENDPOINT_MTU);
	assert_int_equal(run.verdict, VERDICT_STACK);
}

static void test_many(void **state)
{
	const struct family *family = *state;
	char daddr[64];

	for (unsigned int i = 0; i < DESTINATIONS; i++) {
		(void)snprintf(daddr, sizeof(daddr),
			       family == &ipv4 ? "172.16.%u.%u" : "2001:db8:77:%x::%x", i >> 8,
			       i & 0xff);
		expect_verdict(family, daddr, VERDICT_STACK);
		if (i % 3)
			continue;
		expect_verdict(family, family->endpoint, VERDICT_REDIRECT);
		assert_memory_equal(run.packet.data, other_mac, ETH_ALEN);
	}
}

/* Nobody tells of changes any more: nothing is kept. */
static void test_lost(void **state)
{
	const struct family *family = *state;
	struct nk_endpoint endpoint;

	progs->data_generation->generation |= NK_GENERATION_LOST;
	expect_verdict(family, family->endpoint, VERDICT_REDIRECT);
	endpoint = prog_endpoint_take(family->endpoint);
	expect_verdict(family, family->endpoint, VERDICT_STACK);
	prog_endpoint_set(family->endpoint, &endpoint);
	expect_verdict(family, family->endpoint, VERDICT_REDIRECT);
	progs->data_generation->generation &= ~NK_GENERATION_LOST;
	prog_paths_forget();
}

#define BOTH(test)                                              \
	{ "IPv4: " #test, test, NULL, NULL, (void *)&ipv4 },    \
	{                                                       \
		"IPv6: " #test, test, NULL, NULL, (void *)&ipv6 \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_claim_goes), BOTH(test_claim_comes), BOTH(test_too_large_behind_small),
		BOTH(test_many),       BOTH(test_lost),
	};

	return cmocka_run_group_tests_name("inbound", tests, prog_group_setup, prog_group_teardown);
}
