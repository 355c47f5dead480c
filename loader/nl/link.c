// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "nl/message.h"
#include "nl/netkit_uapi.h"

/*
 * Theory of operation
 *
 * The alias says whose a device is, and a later mark that the device is finished: the length of its
 * queue, which a device without a queue makes no use of. Most other changes to a device that is
 * up, the alias among them, have the kernel look at every IPv6 route of the node (do_setlink()
 * notifies of NETDEV_CHANGE, and addrconf_notify() calls rt6_sync_up()); that length is told to
 * nobody who would.
 */
#define UNFINISHED_QUEUE_LEN 0x6e6b /* "nk" in ASCII */
#define FINISHED_QUEUE_LEN   1000   /* the kernel's DEFAULT_TX_QUEUE_LEN, include/net/pkt_sched.h */

static struct nlmsghdr *link_request(struct nlsock_request *request, uint16_t type, uint16_t flags,
				     int ifindex, struct ifinfomsg **ret_info)
{
	void *family_header;
	struct nlmsghdr *header =
		nlsock_request_init(request, type, flags, sizeof(struct ifinfomsg), &family_header);

	*ret_info = family_header;
	(*ret_info)->ifi_index = ifindex;
	return header;
}

/* What both kinds of pair share: the primary's own attributes. */
static struct nlmsghdr *pair_request(struct nlsock_request *request, const struct pair_spec *spec)
{
	struct ifinfomsg *info;
	struct nlmsghdr *header =
		link_request(request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, &info);

	mnl_attr_put_strz(header, IFLA_IFNAME, spec->primary_name);
	mnl_attr_put_u32(header, IFLA_GROUP, spec->group);
	mnl_attr_put_u32(header, IFLA_TXQLEN, UNFINISHED_QUEUE_LEN);
	mnl_attr_put_u32(header, IFLA_MTU, spec->mtu);
	return header;
}

/*
 * L3 netkit does no ARP by nature. Told to a device that is up, this would have the kernel look at
 * every IPv6 route of the node (addrconf_notify(), net/ipv6/addrconf.c).
 */
static void set_noarp(struct ifinfomsg *info)
{
	info->ifi_flags = IFF_NOARP;
	info->ifi_change = IFF_NOARP;
}

/* The peer's attributes: a whole link message of its own, nested (rtnl_create_link()). */
static void pair_put_peer(struct nlmsghdr *header, uint16_t attr, const struct pair_spec *spec,
			  bool with_mac, bool noarp)
{
	struct nlattr *nest = mnl_attr_nest_start(header, attr);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

	if (noarp)
		set_noarp(info);
	mnl_attr_put_strz(header, IFLA_IFNAME, spec->peer_name);
	mnl_attr_put_u32(header, IFLA_NET_NS_FD, (uint32_t)spec->peer_netns_fd);
	mnl_attr_put_u32(header, IFLA_MTU, spec->mtu);
	if (with_mac)
		mnl_attr_put(header, IFLA_ADDRESS, NK_ETH_ALEN, spec->peer_mac);
	mnl_attr_nest_end(header, nest);
}

int netkit_create(struct nlsock *nl, const struct pair_spec *spec, struct error *err)
{
	bool l2 = spec->mode == NK_MODE_L2;
	struct nlsock_request request;
	struct nlmsghdr *header = pair_request(&request, spec);
	struct nlattr *info, *data;

	if (l2)
		mnl_attr_put(header, IFLA_ADDRESS, NK_ETH_ALEN, spec->primary_mac);
	info = mnl_attr_nest_start(header, IFLA_LINKINFO);
	mnl_attr_put_strz(header, IFLA_INFO_KIND, "netkit");
	data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
	mnl_attr_put_u32(header, NK_IFLA_NETKIT_MODE, l2 ? NK_NETKIT_L2 : NK_NETKIT_L3);
	mnl_attr_put_u32(header, NK_IFLA_NETKIT_POLICY, NK_NETKIT_PASS);
	mnl_attr_put_u32(header, NK_IFLA_NETKIT_PEER_POLICY, NK_NETKIT_DROP);
	pair_put_peer(header, NK_IFLA_NETKIT_PEER_INFO, spec, l2, false);
	mnl_attr_nest_end(header, data);
	mnl_attr_nest_end(header, info);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

int veth_create(struct nlsock *nl, const struct pair_spec *spec, struct error *err)
{
	const bool noarp = spec->mode == NK_MODE_L3;
	struct nlsock_request request;
	struct nlmsghdr *header = pair_request(&request, spec);
	struct nlattr *info, *data;

	if (noarp)
		set_noarp(mnl_nlmsg_get_payload(header));
	mnl_attr_put(header, IFLA_ADDRESS, NK_ETH_ALEN, spec->primary_mac);
	info = mnl_attr_nest_start(header, IFLA_LINKINFO);
	mnl_attr_put_strz(header, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
	pair_put_peer(header, NK_VETH_INFO_PEER, spec, true, noarp);
	mnl_attr_nest_end(header, data);
	mnl_attr_nest_end(header, info);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

static void link_parse_netkit(const struct nlattr *data, struct link_info *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, data) {
		switch (mnl_attr_get_type(attr)) {
		case NK_IFLA_NETKIT_MODE:
			link->netkit_mode =
				attr_u32(attr) == NK_NETKIT_L2 ? NK_MODE_L2 : NK_MODE_L3;
			break;
		case NK_IFLA_NETKIT_PEER_POLICY:
			link->netkit_peer_drops = attr_u32(attr) == NK_NETKIT_DROP;
			break;
		}
	}
}

static void link_parse_info(const struct nlattr *info, struct link_info *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			attr_text(attr, link->kind, sizeof(link->kind));
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && !strcmp(link->kind, "netkit"))
			link_parse_netkit(attr, link);
	}
}

static const struct nlattr *nested_find(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	if (nest)
		mnl_attr_for_each_nested (attr, nest)
			if (mnl_attr_get_type(attr) == type)
				return attr;
	return NULL;
}

/* The values of all settings of net.ipv6.conf.DEVICE (inet6_fill_ifla6_attrs(), addrconf.c). */
static void link_parse_ipv6(const struct nlattr *spec, struct link_info *link)
{
	const struct nlattr *conf = nested_find(nested_find(spec, AF_INET6), IFLA_INET6_CONF);
	const int32_t *values = conf ? mnl_attr_get_payload(conf) : NULL;

	link->has_ipv6 = conf &&
			 mnl_attr_get_payload_len(conf) / sizeof(*values) > DEVCONF_DISABLE_IPV6 &&
			 !values[DEVCONF_DISABLE_IPV6];
}

static void link_parse_attr(const struct nlattr *attr, struct link_info *link)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		attr_text(attr, link->name, sizeof(link->name));
		break;
	case IFLA_IFALIAS:
		attr_text(attr, link->alias, sizeof(link->alias));
		break;
	case IFLA_GROUP:
		link->group = attr_u32(attr);
		break;
	case IFLA_TXQLEN:
		link->tx_queue_len = attr_u32(attr);
		break;
	case IFLA_MTU:
		link->mtu = attr_u32(attr);
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == NK_ETH_ALEN)
			memcpy(link->mac, mnl_attr_get_payload(attr), NK_ETH_ALEN);
		break;
	case IFLA_LINK:
		link->peer_ifindex = (int)attr_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		link->peer_netnsid = (int)attr_u32(attr);
		break;
	case IFLA_LINKINFO:
		link_parse_info(attr, link);
		break;
	case IFLA_AF_SPEC:
		link_parse_ipv6(attr, link);
		break;
	}
}

void link_info_complete(struct link_info *link)
{
	link->is_unfinished = link->tx_queue_len == UNFINISHED_QUEUE_LEN;
	if (link->is_unfinished)
		*link->alias = '\0';
}

static int link_parse(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = message_header(message, sizeof(*info));
	struct link_info *link = data;
	const struct nlattr *attr;

	if (!info)
		return MNL_CB_OK;
	*link = (struct link_info){ .ifindex = info->ifi_index,
				    .flags = info->ifi_flags,
				    .type = info->ifi_type,
				    .peer_netnsid = -1,
				    .netkit_mode = -1 };
	mnl_attr_for_each (attr, message, sizeof(*info)) {
		link_parse_attr(attr, link);
	}
	link_info_complete(link);
	return MNL_CB_OK;
}

static int link_get(struct nlsock *nl, struct nlmsghdr *header, struct link_info *ret_link,
		    struct error *err)
{
	struct link_info link = { 0 };
	int ret = nlsock_talk(nl, header, link_parse, &link, err);

	if (!ret)
		*ret_link = link;
	return ret;
}

int link_get_by_name(struct nlsock *nl, const char *name, struct link_info *ret_link,
		     struct error *err)
{
	struct nlsock_request request;
	struct ifinfomsg *info;
	struct nlmsghdr *header = link_request(&request, RTM_GETLINK, 0, 0, &info);

	if (strlen(name) >= IF_NAMESIZE)
		return error_set(err, ENODEV, "no device has a name that long");
	mnl_attr_put_strz(header, IFLA_IFNAME, name);
	return link_get(nl, header, ret_link, err);
}

int link_get_by_index(struct nlsock *nl, int ifindex, struct link_info *ret_link, struct error *err)
{
	struct nlsock_request request;
	struct ifinfomsg *info;

	return link_get(nl, link_request(&request, RTM_GETLINK, 0, ifindex, &info), ret_link, err);
}

static void link_put_inet(struct nlmsghdr *header)
{
	struct nlattr *inet = mnl_attr_nest_start(header, AF_INET);
	struct nlattr *conf = mnl_attr_nest_start(header, IFLA_INET_CONF);

	mnl_attr_put_u32(header, IPV4_DEVCONF_FORWARDING, true);
	mnl_attr_nest_end(header, conf);
	mnl_attr_nest_end(header, inet);
}

static void link_put_inet6(struct nlmsghdr *header)
{
	struct nlattr *inet6 = mnl_attr_nest_start(header, AF_INET6);

	mnl_attr_put_u8(header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(header, inet6);
}

int link_configure(struct nlsock *nl, int ifindex, const struct link_config *config,
		   struct error *err)
{
	struct nlsock_request request;
	struct ifinfomsg *info;
	struct nlmsghdr *header = link_request(&request, RTM_SETLINK, 0, ifindex, &info);
	struct nlattr *spec;

	if (config->alias)
		mnl_attr_put_strz(header, IFLA_IFALIAS, config->alias);
	spec = mnl_attr_nest_start(header, IFLA_AF_SPEC);
	if (config->forwarding)
		link_put_inet(header);
	if (config->no_link_local)
		link_put_inet6(header);
	mnl_attr_nest_end(header, spec);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

int link_set_mtu(struct nlsock *nl, int ifindex, uint32_t mtu, struct error *err)
{
	struct nlsock_request request;
	struct ifinfomsg *info;
	struct nlmsghdr *header = link_request(&request, RTM_SETLINK, 0, ifindex, &info);

	mnl_attr_put_u32(header, IFLA_MTU, mtu);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

int link_set_mac(struct nlsock *nl, int ifindex, const uint8_t mac[NK_ETH_ALEN], struct error *err)
{
	struct nlsock_request request;
	struct ifinfomsg *info;
	struct nlmsghdr *header = link_request(&request, RTM_SETLINK, 0, ifindex, &info);

	mnl_attr_put(header, IFLA_ADDRESS, NK_ETH_ALEN, mac);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

int link_up(struct nlsock *nl, int ifindex, struct error *err)
{
	struct nlsock_request request;
	struct ifinfomsg *info;
	struct nlmsghdr *header = link_request(&request, RTM_SETLINK, 0, ifindex, &info);

	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	return nlsock_talk(nl, header, NULL, NULL, err);
}

static int link_set_queue_len(struct nlsock *nl, int ifindex, uint32_t length, struct error *err)
{
	struct nlsock_request request;
	struct ifinfomsg *info;
	struct nlmsghdr *header = link_request(&request, RTM_SETLINK, 0, ifindex, &info);

	mnl_attr_put_u32(header, IFLA_TXQLEN, length);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

int link_finish(struct nlsock *nl, int ifindex, struct error *err)
{
	return link_set_queue_len(nl, ifindex, FINISHED_QUEUE_LEN, err);
}

int link_unfinish(struct nlsock *nl, int ifindex, struct error *err)
{
	return link_set_queue_len(nl, ifindex, UNFINISHED_QUEUE_LEN, err);
}

bool link_is_gone(int ifindex)
{
	char name[IF_NAMESIZE];

	return !if_indextoname((unsigned int)ifindex, name) && errno == ENXIO;
}

int link_delete(struct nlsock *nl, int ifindex, struct error *err)
{
	struct nlsock_request request;
	struct ifinfomsg *info;

	return nlsock_talk(nl, link_request(&request, RTM_DELLINK, 0, ifindex, &info), NULL, NULL,
			   err);
}

static int netns_id_parse(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr;
	int *netnsid = data;

	mnl_attr_for_each (attr, message, sizeof(struct rtgenmsg))
		if (mnl_attr_get_type(attr) == NETNSA_NSID)
			*netnsid = (int)attr_u32(attr);
	return MNL_CB_OK;
}

int netns_id(struct nlsock *nl, int netns_fd, int *ret_netnsid, struct error *err)
{
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_GETNSID, 0,
						      sizeof(struct rtgenmsg), &family_header);
	int netnsid = NETNSA_NSID_NOT_ASSIGNED, ret;

	mnl_attr_put_u32(header, NETNSA_FD, (uint32_t)netns_fd);
	ret = nlsock_talk(nl, header, netns_id_parse, &netnsid, err);
	if (!ret)
		*ret_netnsid = netnsid;
	return ret;
}
