// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Answers of the kernel's that are shorter, longer or stranger than they should be. */
#include <errno.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "../fuzz/kernel.h"
#include "core/cleanup.h"
#include "nl/address.h"
#include "nl/inet.h"
#include "nl/link.h"
#include "nl/netfilter.h"
#include "nl/qdisc.h"
#include "nl/sock_diag.h"
#include "nl/tc.h"
#include "unit.h"

/* Answers under construction. */
static _Alignas(struct nlmsghdr) char answer[2048];
static size_t answer_len;

/* One more message of the answer, with a family's header of @size bytes. */
static struct nlmsghdr *message_add(uint16_t type, size_t size, void **ret_family_header)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(answer + answer_len);

	header->nlmsg_type = type;
	*ret_family_header = mnl_nlmsg_put_extra_header(header, size);
	return header;
}

static void message_end(const struct nlmsghdr *header)
{
	answer_len += NLMSG_ALIGN(header->nlmsg_len);
	kernel_answer(answer, answer_len);
}

static struct nlsock *nl_of_the_test;

static int setup(void **state)
{
	(void)state;
	answer_len = 0;
	return nlsock_open(&nl_of_the_test, NULL);
}

static int teardown(void **state)
{
	(void)state;
	kernel_asked = NULL;
	nlsock_close(nl_of_the_test);
	return 0;
}

/* What a look at a device by its index ends with; 0: there is one. */
static int name_errno;

char *__wrap_if_indextoname(unsigned int ifindex, char *name);

char *__wrap_if_indextoname(unsigned int ifindex, char *name)
{
	(void)ifindex;
	errno = name_errno;
	return name_errno ? NULL : strcpy(name, "eth0");
}

/* Whoever has no descriptor left, say, knows nothing of the device. */
static void test_a_device_is_gone_when_the_kernel_says_so(void **state)
{
	static const int doubtful[] = { 0, EMFILE, ENFILE, ENOMEM, ENOBUFS, EPERM };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(doubtful); i++) {
		name_errno = doubtful[i];
		assert_false(link_is_gone(3));
	}
	name_errno = ENXIO;
	assert_true(link_is_gone(3));
}

/* An error, as the kernel acknowledges a request with it. */
static void acknowledge(int code)
{
	void *family_header;
	struct nlmsghdr *header = message_add(NLMSG_ERROR, sizeof(struct nlmsgerr), &family_header);

	((struct nlmsgerr *)family_header)->error = code;
	message_end(header);
}

static void test_errors_are_errnos(void **state)
{
	static const struct {
		int code, expected;
	} cases[] = { { -ENODEV, -ENODEV },
		      { -4095, -4095 },
		      { -4096, -EBADMSG },
		      { ENODEV, -EBADMSG },
		      { INT_MIN, -EBADMSG } };
	struct error err = { 0 };
	struct link_info link;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		answer_len = 0;
		acknowledge(cases[i].code);
		assert_int_equal(link_get_by_index(nl_of_the_test, 1, &link, &err),
				 cases[i].expected);
	}
}

/* The smallest message there is, in the place of each that has a header of its family. */
static void test_messages_without_their_header(void **state)
{
	_cleanup_device_address_list_ struct device_address_list addresses = { 0 };
	_cleanup_netfilter_chain_list_ struct netfilter_chain_list chains = { 0 };
	_cleanup_host_socket_list_ struct host_socket_list sockets = { 0 };
	struct inet_route_list routes = { 0 };
	struct default_route default_routes[2];
	const struct addr addr = addr_of("10.0.0.1");
	struct link_info link;
	void *family_header;
	size_t count = 7;

	(void)state;
	message_end(message_add(RTM_NEWLINK, 0, &family_header));
	assert_int_equal(link_get_by_index(nl_of_the_test, 1, &link, NULL), 0);
	assert_int_equal(link.ifindex, 0);
	kernel_answer(answer, answer_len);
	assert_int_equal(device_address_list_read(nl_of_the_test, &addresses, NULL), 0);
	assert_int_equal(addresses.count, 0);
	kernel_answer(answer, answer_len);
	assert_int_equal(inet_addr_is_local(nl_of_the_test, &addr, NULL), 0);
	kernel_answer(answer, answer_len);
	assert_int_equal(inet_route_list_read(nl_of_the_test, AF_INET, 0, &routes, NULL), 0);
	assert_int_equal(routes.count, 0);
	kernel_answer(answer, answer_len);
	assert_int_equal(inet_default_routes(AF_INET, default_routes, 2, &count, NULL), 0);
	assert_int_equal(count, 0);
	kernel_answer(answer, answer_len);
	assert_int_equal(nf_tables_chains_read(nl_of_the_test, &chains, NULL), 0);
	assert_int_equal(chains.count, 0);
	kernel_answer(answer, answer_len);
	assert_int_equal(host_sockets_read(IPPROTO_TCP, 1, 2, &sockets, NULL), 0);
	assert_int_equal(sockets.count, 0);
}

/* libmnl's own check takes a length of 2 GiB and more for a negative one. */
static void test_a_message_longer_than_its_datagram(void **state)
{
	struct link_info link;
	void *family_header;

	(void)state;
	message_add(RTM_NEWLINK, sizeof(struct ifinfomsg), &family_header)->nlmsg_len = 0x80000100;
	kernel_answer(answer, 64);
	assert_int_equal(link_get_by_index(nl_of_the_test, 1, &link, NULL), 0);
	assert_int_equal(link.ifindex, 0);
}

/* Texts without an end, numbers without a byte. */
static void test_attributes_cut_short(void **state)
{
	struct link_info link;
	struct qdisc qdisc;
	struct tc_kinds kinds;
	void *family_header;
	struct nlmsghdr *header =
		message_add(RTM_NEWLINK, sizeof(struct ifinfomsg), &family_header);

	(void)state;
	mnl_attr_put(header, IFLA_MTU, 0, NULL);
	mnl_attr_put(header, IFLA_IFNAME, 4, "abcd");
	message_end(header);
	assert_int_equal(link_get_by_index(nl_of_the_test, 1, &link, NULL), 0);
	assert_string_equal(link.name, "abcd");
	assert_int_equal(link.mtu, 0);
	answer_len = 0;
	header = message_add(RTM_NEWQDISC, sizeof(struct tcmsg), &family_header);
	mnl_attr_put(header, TCA_KIND, 20, "twenty-letters-long.");
	message_end(header);
	assert_int_equal(qdisc_get(nl_of_the_test, 1, &qdisc, NULL), 0);
	assert_string_equal(qdisc.kind, "twenty-letters-");
	kernel_answer(answer, answer_len);
	assert_int_equal(tc_ingress_kinds(nl_of_the_test, 1, &kinds, NULL), 0);
	assert_int_equal(kinds.count, 1);
	assert_string_equal(kinds.names[0], "twenty-letters-");
}

static void default_route_add(uint8_t family, uint32_t ifindex)
{
	struct rtmsg *route;
	void *family_header;
	struct nlmsghdr *header = message_add(RTM_NEWROUTE, sizeof(*route), &family_header);

	route = family_header;
	route->rtm_family = family;
	route->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(header, RTA_OIF, ifindex);
	message_end(header);
}

/* A kernel without IPv6, asked for its routes, tells those of every family. */
static void test_routes_of_other_families(void **state)
{
	struct inet_route_list list = { 0 };
	struct default_route routes[4];
	size_t count = 7;

	(void)state;
	default_route_add(AF_INET, 3);
	default_route_add(28, 3); /* AF_MPLS */
	assert_int_equal(inet_default_routes(AF_INET6, routes, 4, &count, NULL), 0);
	assert_int_equal(count, 0);
	kernel_answer(answer, answer_len);
	assert_int_equal(inet_route_list_read(nl_of_the_test, AF_INET6, 3, &list, NULL), 0);
	assert_int_equal(list.count, 0);
	kernel_answer(answer, answer_len);
	assert_int_equal(inet_default_routes(AF_INET, routes, 4, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(routes[0].ifindex, 3);
}

/* Behind the last one nothing is looked at: it may be the end of the datagram. */
static void test_next_hops_end_with_their_attribute(void **state)
{
	struct rtnexthop hop = { .rtnh_len = sizeof(hop), .rtnh_ifindex = 5 };
	struct default_route routes[4];
	struct rtmsg *route;
	size_t count = 7;
	void *family_header;
	struct nlmsghdr *header = message_add(RTM_NEWROUTE, sizeof(*route), &family_header);

	(void)state;
	route = family_header;
	route->rtm_family = AF_INET;
	route->rtm_type = RTN_UNICAST;
	mnl_attr_put(header, RTA_MULTIPATH, sizeof(hop), &hop);
	message_end(header);
	assert_int_equal(inet_default_routes(AF_INET, routes, 4, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(routes[0].ifindex, 5);
}

/* How often the kernel was asked, and how often it says that the table changed meanwhile. */
static unsigned int asked, changes;

static void address_add(uint32_t ifindex)
{
	static const uint8_t addr[] = { 10, 0, 0, 1 };
	struct ifaddrmsg *address;
	void *family_header;
	struct nlmsghdr *header = message_add(RTM_NEWADDR, sizeof(*address), &family_header);

	address = family_header;
	address->ifa_family = AF_INET;
	address->ifa_index = ifindex;
	mnl_attr_put(header, IFA_ADDRESS, sizeof(addr), addr);
	message_end(header);
}

/* An answer with one entry of each kind; with two, once the table has come to rest. */
static void answer_table(void (*add)(uint32_t))
{
	answer_len = 0;
	add(asked + 1);
	if (asked >= changes)
		add(asked + 2);
	else
		((struct nlmsghdr *)answer)->nlmsg_flags |= NLM_F_DUMP_INTR;
	asked++;
}

static void addresses_answer(void)
{
	answer_table(address_add);
}

static void route_add(uint32_t ifindex)
{
	default_route_add(AF_INET6, ifindex);
}

static void routes_answer(void)
{
	answer_table(route_add);
}

static void chain_add(uint32_t policy)
{
	static const uint32_t hook = 0;
	void *family_header;
	struct nlmsghdr *header = message_add(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN,
					      sizeof(struct nfgenmsg), &family_header);
	struct nlattr *nest;

	mnl_attr_put_u32(header, NFTA_CHAIN_POLICY, htonl(policy));
	nest = mnl_attr_nest_start(header, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(header, NFTA_HOOK_HOOKNUM, hook);
	mnl_attr_nest_end(header, nest);
	message_end(header);
}

static void chains_answer(void)
{
	answer_table(chain_add);
}

static void changing(unsigned int times, void (*answer_next)(void))
{
	asked = 0;
	changes = times;
	kernel_asked = answer_next;
}

/* An entry that stays may be missing from what was told meanwhile, which is all forgotten. */
static void test_a_table_that_changes_is_read_again(void **state)
{
	_cleanup_device_address_list_ struct device_address_list addresses = { 0 };
	_cleanup_netfilter_chain_list_ struct netfilter_chain_list chains = { 0 };
	_cleanup_inet_route_list_ struct inet_route_list routes = { 0 };
	struct default_route default_routes[4];
	size_t count = 7;

	(void)state;
	changing(2, addresses_answer);
	assert_int_equal(device_address_list_read(nl_of_the_test, &addresses, NULL), 0);
	assert_int_equal(asked, 3);
	assert_int_equal(addresses.count, 2);
	assert_int_equal(addresses.addresses[0].ifindex, 3);
	assert_int_equal(addresses.addresses[1].ifindex, 4);
	changing(2, routes_answer);
	assert_int_equal(inet_default_routes(AF_INET6, default_routes, 4, &count, NULL), 0);
	assert_int_equal(asked, 3);
	assert_int_equal(count, 2);
	assert_int_equal(default_routes[0].ifindex, 3);
	assert_int_equal(default_routes[1].ifindex, 4);
	changing(2, routes_answer);
	assert_int_equal(inet_route_list_read(nl_of_the_test, AF_INET6, 4, &routes, NULL), 0);
	assert_int_equal(asked, 3);
	assert_int_equal(routes.count, 1);
	changing(2, chains_answer);
	assert_int_equal(nf_tables_chains_read(nl_of_the_test, &chains, NULL), 0);
	assert_int_equal(asked, 3);
	assert_int_equal(chains.count, 2);
}

/* What is taken away by a list must be all there is; a default route more or less mends itself. */
static void test_a_table_that_never_rests(void **state)
{
	_cleanup_device_address_list_ struct device_address_list addresses = { 0 };
	struct default_route default_routes[4];
	struct error err = { 0 };
	size_t count = 7;

	(void)state;
	changing(1000, addresses_answer);
	assert_int_equal(device_address_list_read(nl_of_the_test, &addresses, &err), -EAGAIN);
	assert_string_equal(err.message, "read the devices' addresses: the table changed each of "
					 "the 10 times that it was read; try again");
	assert_int_equal(asked, 10);
	assert_int_equal(addresses.count, 0);
	changing(1000, routes_answer);
	assert_int_equal(inet_default_routes(AF_INET6, default_routes, 4, &count, NULL), 0);
	assert_int_equal(asked, 10);
	assert_int_equal(count, 1);
	assert_int_equal(default_routes[0].ifindex, 10);
}

/* Who has read enough asks no more: to a dump that isn't over the kernel's answer is EBUSY. */
static void test_a_dump_that_is_broken_off_is_not_begun_again(void **state)
{
	struct default_route routes[4];
	struct rtmsg *route;
	size_t count = 7;
	void *family_header;

	(void)state;
	default_route_add(AF_INET, 3);
	((struct nlmsghdr *)answer)->nlmsg_flags |= NLM_F_DUMP_INTR;
	message_end(message_add(RTM_NEWROUTE, sizeof(*route), &family_header));
	route = family_header;
	route->rtm_family = AF_INET;
	route->rtm_dst_len = 8;
	assert_int_equal(inet_default_routes(AF_INET, routes, 4, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(routes[0].ifindex, 3);
}

static void test_sockets_of_strange_families(void **state)
{
	_cleanup_host_socket_list_ struct host_socket_list list = { 0 };
	struct inet_diag_msg *info;
	void *family_header;
	struct nlmsghdr *header = message_add(20, sizeof(*info), &family_header);

	(void)state;
	info = family_header;
	info->idiag_family = AF_UNIX;
	info->id.idiag_sport = htons(80);
	message_end(header);
	assert_int_equal(host_sockets_read(IPPROTO_TCP, 1, 100, &list, NULL), 0);
	assert_int_equal(list.count, 0);
	info->idiag_family = AF_INET;
	kernel_answer(answer, answer_len);
	assert_int_equal(host_sockets_read(IPPROTO_TCP, 1, 100, &list, NULL), 0);
	assert_int_equal(list.count, 1);
}

#define netlink_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		netlink_test(test_errors_are_errnos),
		cmocka_unit_test(test_a_device_is_gone_when_the_kernel_says_so),
		netlink_test(test_messages_without_their_header),
		netlink_test(test_a_message_longer_than_its_datagram),
		netlink_test(test_attributes_cut_short),
		netlink_test(test_routes_of_other_families),
		netlink_test(test_next_hops_end_with_their_attribute),
		netlink_test(test_a_table_that_changes_is_read_again),
		netlink_test(test_a_table_that_never_rests),
		netlink_test(test_a_dump_that_is_broken_off_is_not_begun_again),
		netlink_test(test_sockets_of_strange_families),
	};

	return cmocka_run_group_tests_name("netlink", tests, NULL, NULL);
}
