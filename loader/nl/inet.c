// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/inet.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nl/message.h"

static void put_addr(struct nlmsghdr *header, uint16_t attr, const struct addr *addr)
{
	mnl_attr_put(header, attr, addr_size(addr->family), addr->bytes);
}

static struct nlmsghdr *addr_request(struct nlsock_request *request, uint16_t type, uint16_t flags,
				     int ifindex, const struct prefix *address,
				     struct ifaddrmsg **ret_message)
{
	void *family_header;
	struct nlmsghdr *header =
		nlsock_request_init(request, type, flags, sizeof(struct ifaddrmsg), &family_header);
	struct ifaddrmsg *message = family_header;

	message->ifa_family = address->addr.family;
	message->ifa_prefixlen = address->len;
	message->ifa_index = (uint32_t)ifindex;
	put_addr(header, IFA_LOCAL, &address->addr);
	put_addr(header, IFA_ADDRESS, &address->addr);
	*ret_message = message;
	return header;
}

int inet_addr_add(struct nlsock *nl, int ifindex, const struct prefix *address, uint8_t scope,
		  struct error *err)
{
	struct nlsock_request request;
	struct ifaddrmsg *message;
	struct nlmsghdr *header = addr_request(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
					       ifindex, address, &message);

	if (address->addr.family == AF_INET)
		message->ifa_scope = scope;
	else
		mnl_attr_put_u32(header, IFA_FLAGS, IFA_F_NODAD);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

int inet_addr_delete(struct nlsock *nl, int ifindex, const struct prefix *address,
		     struct error *err)
{
	struct nlsock_request request;
	struct ifaddrmsg *message;

	return nlsock_talk(nl, addr_request(&request, RTM_DELADDR, 0, ifindex, address, &message),
			   NULL, NULL, err);
}

static void attr_addr_read(const struct nlattr *attr, uint8_t family, struct addr *ret_addr)
{
	struct addr addr = { .family = family };

	if (mnl_attr_get_payload_len(attr) != addr_size(family))
		return;
	memcpy(addr.bytes, mnl_attr_get_payload(attr), addr_size(family));
	*ret_addr = addr;
}

static int route_match_parse(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *route = message_header(message, sizeof(*route));
	struct inet_route_match *match = data;
	const struct nlattr *attr;

	if (!route)
		return MNL_CB_OK;
	match->type = route->rtm_type;
	match->dst.len = route->rtm_dst_len;
	match->is_ours = route->rtm_protocol == NK_ROUTE_PROTOCOL;
	mnl_attr_for_each (attr, message, sizeof(*route)) {
		if (mnl_attr_get_type(attr) == RTA_DST)
			attr_addr_read(attr, match->dst.addr.family, &match->dst.addr);
		else if (mnl_attr_get_type(attr) == RTA_OIF)
			match->ifindex = (int)attr_u32(attr);
		else if (mnl_attr_get_type(attr) == RTA_GATEWAY ||
			 mnl_attr_get_type(attr) == RTA_VIA)
			match->has_gateway = true;
	}
	return MNL_CB_OK;
}

/* Told of is the route itself, not what was looked up by it (RTM_F_FIB_MATCH). */
int inet_route_match(struct nlsock *nl, const struct addr *addr, struct inet_route_match *ret_match,
		     struct error *err)
{
	struct inet_route_match match = { .type = RTN_UNREACHABLE,
					  .dst.addr.family = addr->family };
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_GETROUTE, 0,
						      sizeof(struct rtmsg), &family_header);
	struct rtmsg *message = family_header;
	int ret;

	message->rtm_family = addr->family;
	message->rtm_dst_len = addr_bits(addr->family);
	message->rtm_flags = RTM_F_FIB_MATCH;
	put_addr(header, RTA_DST, addr);
	ret = nlsock_talk(nl, header, route_match_parse, &match, err);
	if (ret && ret != -ENETUNREACH && ret != -EHOSTUNREACH && ret != -EACCES && ret != -EINVAL)
		return ret;
	*ret_match = match; /* the refusals are routes that say so */
	return 0;
}

int inet_addr_is_local(struct nlsock *nl, const struct addr *addr, struct error *err)
{
	struct inet_route_match match;
	int ret = inet_route_match(nl, addr, &match, err);

	return ret ? ret : match.type == RTN_LOCAL;
}

static uint8_t route_scope(const struct inet_route *route)
{
	if (route->has_scope)
		return route->scope;
	return route->gateway || route->unreachable ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
}

static void put_metrics(struct nlmsghdr *header, const struct inet_route *route)
{
	struct nlattr *metrics;

	if (!route->mtu && !route->advmss)
		return;
	metrics = mnl_attr_nest_start(header, RTA_METRICS);
	if (route->mtu)
		mnl_attr_put_u32(header, RTAX_MTU, route->mtu);
	if (route->advmss)
		mnl_attr_put_u32(header, RTAX_ADVMSS, route->advmss);
	mnl_attr_nest_end(header, metrics);
}

static int route_request(struct nlsock *nl, uint16_t type, uint16_t flags,
			 const struct inet_route *route, struct error *err)
{
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header =
		nlsock_request_init(&request, type, flags, sizeof(struct rtmsg), &family_header);
	struct rtmsg *message = family_header;

	message->rtm_family = route->dst.addr.family;
	message->rtm_dst_len = route->dst.len;
	message->rtm_table = route->table ? RT_TABLE_UNSPEC : RT_TABLE_MAIN;
	message->rtm_protocol = NK_ROUTE_PROTOCOL;
	message->rtm_scope = route_scope(route);
	message->rtm_type = route->unreachable ? RTN_UNREACHABLE : RTN_UNICAST;
	if (route->dst.len)
		put_addr(header, RTA_DST, &route->dst.addr);
	if (route->ifindex)
		mnl_attr_put_u32(header, RTA_OIF, (uint32_t)route->ifindex);
	if (route->gateway)
		put_addr(header, RTA_GATEWAY, route->gateway);
	if (route->prefsrc)
		put_addr(header, RTA_PREFSRC, route->prefsrc);
	if (route->metric)
		mnl_attr_put_u32(header, RTA_PRIORITY, route->metric);
	if (route->table)
		mnl_attr_put_u32(header, RTA_TABLE, route->table);
	put_metrics(header, route);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

int inet_route_add(struct nlsock *nl, const struct inet_route *route, struct error *err)
{
	return route_request(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route, err);
}

int inet_route_replace(struct nlsock *nl, const struct inet_route *route, struct error *err)
{
	return route_request(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route, err);
}

int inet_route_delete(struct nlsock *nl, const struct inet_route *route, struct error *err)
{
	return route_request(nl, RTM_DELROUTE, 0, route, err);
}

/* As addrconf_add_mroute() makes it, net/ipv6/addrconf.c. */
int inet_multicast_route_delete(struct nlsock *nl, int ifindex, struct error *err)
{
	const struct addr all_multicast = { .family = AF_INET6, .bytes = { 0xff } };
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_DELROUTE, 0,
						      sizeof(struct rtmsg), &family_header);
	struct rtmsg *message = family_header;

	message->rtm_family = AF_INET6;
	message->rtm_dst_len = 8;
	message->rtm_table = RT_TABLE_LOCAL;
	message->rtm_protocol = RTPROT_KERNEL;
	put_addr(header, RTA_DST, &all_multicast);
	mnl_attr_put_u32(header, RTA_OIF, (uint32_t)ifindex);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

/* struct route_dump - a list that grows while it is read, of routes of a type by a device (0: any).
 */
struct route_dump {
	struct inet_route_list list;
	uint8_t family, type;
	int ifindex;
	int ret;
};

static int route_append(struct inet_route_list *list, const struct inet_route_entry *entry)
{
	struct inet_route_entry *grown =
		reallocarray(list->entries, list->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->entries = grown;
	grown[list->count++] = *entry;
	return 0;
}

/*
 * The header of a route of @family. Asked for those of a family that it hasn't got, as IPv6 where
 * it was booted without, the kernel tells all it has (rtnetlink_rcv_msg(), net/core/rtnetlink.c).
 */
static const struct rtmsg *route_header(const struct nlmsghdr *message, uint8_t family)
{
	const struct rtmsg *route = message_header(message, sizeof(*route));

	return route && route->rtm_family == family ? route : NULL;
}

static int route_parse(const struct nlmsghdr *message, void *data)
{
	struct route_dump *dump = data;
	const struct rtmsg *route = route_header(message, dump->family);
	struct inet_route_entry entry = { .dst.addr.family = dump->family };
	const struct nlattr *attr;
	int ifindex = 0;

	if (!route || route->rtm_type != dump->type || route->rtm_flags & RTM_F_CLONED)
		return MNL_CB_OK;
	entry.dst.len = route->rtm_dst_len;
	entry.table = route->rtm_table;
	entry.is_ours = route->rtm_protocol == NK_ROUTE_PROTOCOL;
	entry.is_kernels = route->rtm_protocol == RTPROT_KERNEL;
	mnl_attr_for_each (attr, message, sizeof(*route)) {
		if (mnl_attr_get_type(attr) == RTA_DST)
			attr_addr_read(attr, dump->family, &entry.dst.addr);
		else if (mnl_attr_get_type(attr) == RTA_GATEWAY)
			attr_addr_read(attr, dump->family, &entry.gateway);
		else if (mnl_attr_get_type(attr) == RTA_OIF)
			ifindex = (int)attr_u32(attr);
		else if (mnl_attr_get_type(attr) == RTA_TABLE)
			entry.table = attr_u32(attr);
	}
	entry.ifindex = ifindex;
	if (!dump->ifindex || ifindex == dump->ifindex)
		dump->ret = route_append(&dump->list, &entry);
	return dump->ret ? MNL_CB_STOP : MNL_CB_OK;
}

static void route_forget(void *data)
{
	struct route_dump *dump = data;

	inet_route_list_free(&dump->list);
}

static int route_list_read(struct nlsock *nl, struct nlmsghdr *request, struct route_dump *dump,
			   struct inet_route_list *ret_list, struct error *err)
{
	int ret = nlsock_dump(nl, request, route_parse, route_forget, dump, err);

	if (!ret && dump->ret)
		ret = error_sys(err, dump->ret, "read the routes");
	if (ret) {
		inet_route_list_free(&dump->list);
		return ret;
	}
	*ret_list = dump->list;
	return 0;
}

/* The kernel leaves the routes of other devices out (strict checking, fib_dump_filter). */
int inet_route_list_read(struct nlsock *nl, uint8_t family, int ifindex,
			 struct inet_route_list *ret_list, struct error *err)
{
	struct route_dump dump = { .family = family, .type = RTN_UNICAST, .ifindex = ifindex };
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_GETROUTE, NLM_F_DUMP,
						      sizeof(struct rtmsg), &family_header);

	((struct rtmsg *)family_header)->rtm_family = family;
	if (ifindex)
		mnl_attr_put_u32(header, RTA_OIF, (uint32_t)ifindex);
	return route_list_read(nl, header, &dump, ret_list, err);
}

/* Here those of other types and of others' marks. */
int inet_unreachable_list_read(struct nlsock *nl, uint8_t family, struct inet_route_list *ret_list,
			       struct error *err)
{
	struct route_dump dump = { .family = family, .type = RTN_UNREACHABLE };
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_GETROUTE, NLM_F_DUMP,
						      sizeof(struct rtmsg), &family_header);
	struct rtmsg *message = family_header;

	message->rtm_family = family;
	message->rtm_type = RTN_UNREACHABLE;
	message->rtm_protocol = NK_ROUTE_PROTOCOL;
	return route_list_read(nl, header, &dump, ret_list, err);
}

bool inet_route_list_has(const struct inet_route_list *list, const struct prefix *dst,
			 uint32_t table)
{
	for (size_t i = 0; i < list->count; i++)
		if (prefix_equal(&list->entries[i].dst, dst) &&
		    (!table || list->entries[i].table == table))
			return true;
	return false;
}

void inet_route_list_free(struct inet_route_list *list)
{
	free(list->entries);
	*list = (struct inet_route_list){ 0 };
}

int inet_neigh_add(struct nlsock *nl, int ifindex, const struct addr *addr,
		   const uint8_t mac[NK_ETH_ALEN], struct error *err)
{
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header =
		nlsock_request_init(&request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
				    sizeof(struct ndmsg), &family_header);
	struct ndmsg *message = family_header;

	message->ndm_family = addr->family;
	message->ndm_ifindex = ifindex;
	message->ndm_state = NUD_PERMANENT;
	put_addr(header, NDA_DST, addr);
	mnl_attr_put(header, NDA_LLADDR, NK_ETH_ALEN, mac);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

/* struct neigh - an entry that is asked for. */
struct neigh {
	uint16_t state;
	uint8_t mac[NK_ETH_ALEN];
};

static int neigh_parse(const struct nlmsghdr *message, void *data)
{
	const struct ndmsg *entry = message_header(message, sizeof(*entry));
	struct neigh *neigh = data;
	const struct nlattr *attr;

	if (!entry)
		return MNL_CB_OK;
	neigh->state = entry->ndm_state;
	mnl_attr_for_each (attr, message, sizeof(*entry))
		if (mnl_attr_get_type(attr) == NDA_LLADDR &&
		    mnl_attr_get_payload_len(attr) == NK_ETH_ALEN)
			memcpy(neigh->mac, mnl_attr_get_payload(attr), NK_ETH_ALEN);
	return MNL_CB_OK;
}

int inet_neigh_has(struct nlsock *nl, int ifindex, const struct addr *addr,
		   const uint8_t mac[NK_ETH_ALEN], bool *ret_has, struct error *err)
{
	struct nlsock_request request;
	struct neigh neigh = { 0 };
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_GETNEIGH, 0,
						      sizeof(struct ndmsg), &family_header);
	struct ndmsg *message = family_header;
	int ret;

	message->ndm_family = addr->family;
	message->ndm_ifindex = ifindex;
	put_addr(header, NDA_DST, addr);
	ret = nlsock_talk(nl, header, neigh_parse, &neigh, err);
	if (ret && ret != -ENOENT)
		return ret;
	*ret_has = neigh.state & NUD_PERMANENT && !memcmp(neigh.mac, mac, NK_ETH_ALEN);
	return 0;
}

struct default_route_list {
	uint8_t family;
	struct default_route *routes;
	size_t count, max;
};

static void default_route_add(struct default_route_list *list, int ifindex, uint32_t mtu)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->routes[i].ifindex == ifindex)
			return;
	if (ifindex && list->count < list->max)
		list->routes[list->count++] = (struct default_route){ ifindex, mtu };
}

static uint32_t metrics_mtu(const struct nlattr *metrics)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, metrics)
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			return attr_u32(attr);
	return 0;
}

static void default_route_add_nexthops(struct default_route_list *list,
				       const struct nlattr *multipath, uint32_t mtu)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
	int len = mnl_attr_get_payload_len(multipath);

	for (; len >= (int)sizeof(*hop) && RTNH_OK(hop, len);
	     len -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
		default_route_add(list, hop->rtnh_ifindex, mtu);
}

/* Whether it is to another IPv4 prefix than 0.0.0.0 with any length. */
static bool route_is_beyond_zero(const struct nlmsghdr *message)
{
	struct addr dst = { 0 };
	const struct addr zero = { .family = AF_INET };
	const struct nlattr *attr;

	mnl_attr_for_each (attr, message, sizeof(struct rtmsg))
		if (mnl_attr_get_type(attr) == RTA_DST)
			attr_addr_read(attr, AF_INET, &dst);
	return !addr_equal(&dst, &zero);
}

static int default_route_parse(const struct nlmsghdr *message, void *data)
{
	struct default_route_list *list = data;
	const struct rtmsg *route = route_header(message, list->family);
	const struct nlattr *attr, *multipath = NULL;
	uint32_t mtu = 0;
	int ifindex = 0;

	if (!route)
		return MNL_CB_OK;
	/*
	 * The IPv4 trie is read in the order of its keys, of one key the longest prefix first
	 * (fib_insert_alias(), net/ipv4/fib_trie.c), the IPv6 tree from its leaves.
	 */
	if (route->rtm_dst_len && list->family == AF_INET && route_is_beyond_zero(message))
		return MNL_CB_STOP;
	if (route->rtm_dst_len || route->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_for_each (attr, message, sizeof(*route)) {
		if (mnl_attr_get_type(attr) == RTA_OIF)
			ifindex = (int)attr_u32(attr);
		else if (mnl_attr_get_type(attr) == RTA_METRICS)
			mtu = metrics_mtu(attr);
		else if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
			multipath = attr;
	}
	default_route_add(list, ifindex, mtu);
	if (multipath)
		default_route_add_nexthops(list, multipath, mtu);
	return MNL_CB_OK;
}

static void default_routes_forget(void *data)
{
	struct default_route_list *list = data;

	list->count = 0;
}

int inet_default_routes(uint8_t family, struct default_route *routes, size_t max, size_t *ret_count,
			struct error *err)
{
	struct default_route_list list = { .family = family, .routes = routes, .max = max };
	_cleanup_nlsock_ struct nlsock *nl = NULL;
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_GETROUTE, NLM_F_DUMP,
						      sizeof(struct rtmsg), &family_header);
	struct rtmsg *message = family_header;
	int ret;

	ret = nlsock_open(&nl, err);
	if (ret)
		return ret;
	if (family == AF_INET)
		nlsock_expect_little(nl); /* default_route_parse() stops it */
	message->rtm_family = family;
	message->rtm_table = RT_TABLE_MAIN;
	/* A node's routes may change all the time: then the last answer has to do. */
	ret = nlsock_dump(nl, header, default_route_parse, default_routes_forget, &list, err);
	if (ret && ret != -EAGAIN && ret != -ENOENT && ret != -EAFNOSUPPORT)
		return error_prefix(err, "read the %s routes", family_name(family));
	*ret_count = list.count;
	return 0;
}
