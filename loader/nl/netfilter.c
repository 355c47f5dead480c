// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/netfilter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "nl/message.h"

const char *netfilter_family_name(uint8_t family)
{
	static const char *const names[NFPROTO_NUMPROTO] = {
		[NFPROTO_INET] = "inet", [NFPROTO_IPV4] = "ip",       [NFPROTO_IPV6] = "ip6",
		[NFPROTO_ARP] = "arp",   [NFPROTO_NETDEV] = "netdev", [NFPROTO_BRIDGE] = "bridge",
	};

	return family < ARRAY_SIZE(names) && names[family] ? names[family] : "?";
}

bool netfilter_sees_forwarded(const struct netfilter_chain *chain)
{
	switch (chain->family) {
	case NFPROTO_NETDEV:
		return chain->hook == NF_NETDEV_INGRESS;
	case NFPROTO_INET:
	case NFPROTO_IPV4:
	case NFPROTO_IPV6:
		return chain->hook == NF_INET_INGRESS || chain->hook == NF_INET_PRE_ROUTING ||
		       chain->hook == NF_INET_FORWARD || chain->hook == NF_INET_POST_ROUTING;
	default:
		return false;
	}
}

static int chain_list_add(struct netfilter_chain_list *list, const struct netfilter_chain *chain)
{
	struct netfilter_chain *grown = reallocarray(list->chains, list->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->chains = grown;
	grown[list->count++] = *chain;
	return 0;
}

void netfilter_chain_list_free(struct netfilter_chain_list *list)
{
	free(list->chains);
	*list = (struct netfilter_chain_list){ 0 };
}

/* nf_tables ------------------------------------------------------------------------------------ */

static bool file_has_line(const char *path, const char *text)
{
	FILE *file = fopen(path, "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, text) != NULL;
	if (file)
		(void)fclose(file); /* it was only read */
	return found;
}

/*
 * Asking a kernel that has nf_tables as a module would load it (nfnetlink_rcv_msg() in
 * net/netfilter/nfnetlink.c). While it isn't there, there are no rules.
 */
static bool nf_tables_is_present(void)
{
	char builtin[512];
	struct utsname kernel;

	if (access("/proc/modules", F_OK) || file_has_line("/proc/modules", "nf_tables "))
		return true; /* a kernel without modules has all it will ever have */
	if (uname(&kernel))
		return false;
	(void)snprintf(builtin, sizeof(builtin), "/lib/modules/%s/modules.builtin", kernel.release);
	return file_has_line(builtin, "/nf_tables.ko");
}

static void hook_parse(const struct nlattr *hook, struct netfilter_chain *chain)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, hook) {
		if (mnl_attr_get_type(attr) == NFTA_HOOK_HOOKNUM)
			chain->hook = ntohl(attr_u32(attr));
		else if (mnl_attr_get_type(attr) == NFTA_HOOK_DEV)
			attr_text(attr, chain->device, sizeof(chain->device));
	}
}

/* struct chain_dump - a list that grows while it is read. */
struct chain_dump {
	struct netfilter_chain_list *list;
	int ret;
};

static void chain_forget(void *data)
{
	struct chain_dump *dump = data;

	netfilter_chain_list_free(dump->list);
}

/* Only base chains have a hook. Nothing jumps to them: their uses are their rules. */
static int chain_parse(const struct nlmsghdr *message, void *data)
{
	const struct nfgenmsg *generic = message_header(message, sizeof(*generic));
	struct netfilter_chain chain = { 0 };
	struct chain_dump *dump = data;
	const struct nlattr *attr;
	bool is_base = false;

	if (!generic)
		return MNL_CB_OK;
	chain.family = generic->nfgen_family;
	mnl_attr_for_each (attr, message, sizeof(*generic)) {
		switch (mnl_attr_get_type(attr)) {
		case NFTA_CHAIN_TABLE:
			attr_text(attr, chain.table, sizeof(chain.table));
			break;
		case NFTA_CHAIN_NAME:
			attr_text(attr, chain.name, sizeof(chain.name));
			break;
		case NFTA_CHAIN_HOOK:
			hook_parse(attr, &chain);
			is_base = true;
			break;
		case NFTA_CHAIN_POLICY:
			chain.drops = ntohl(attr_u32(attr)) == NF_DROP;
			break;
		case NFTA_CHAIN_USE:
			chain.has_rules = attr_u32(attr) != 0;
			break;
		}
	}
	if (is_base)
		dump->ret = chain_list_add(dump->list, &chain);
	return dump->ret ? MNL_CB_STOP : MNL_CB_OK;
}

int nf_tables_chains_read(struct nlsock *nl, struct netfilter_chain_list *list, struct error *err)
{
	struct chain_dump dump = { .list = list };
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header =
		nlsock_request_init(&request, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN,
				    NLM_F_DUMP, sizeof(struct nfgenmsg), &family_header);
	int ret = nlsock_dump(nl, header, chain_parse, chain_forget, &dump, err);

	if (dump.ret)
		return error_sys(err, dump.ret, "keep them");
	/* EINVAL is the answer of a kernel that knows no such subsystem. */
	return ret == -EINVAL ? 0 : ret;
}

static int nf_tables_append(struct netfilter_chain_list *list, struct error *err)
{
	_cleanup_nlsock_ struct nlsock *nl = NULL;
	int ret;

	if (!nf_tables_is_present())
		return 0;
	ret = nlsock_open_netfilter(&nl, err);
	if (ret == -EPROTONOSUPPORT)
		return 0; /* a kernel without netfilter's netlink */
	if (!ret)
		ret = nf_tables_chains_read(nl, list, err);
	return ret ? error_prefix(err, "read the chains of nf_tables") : 0;
}

/* ip_tables ------------------------------------------------------------------------------------ */

/*
 * struct ip_tables - one family of them.
 * @names: file that lists the tables that exist; asking for another would make it
 */
struct ip_tables {
	uint8_t family;
	int domain, level, option;
	const char *names;
};

static const struct ip_tables ip_tables[] = {
	{ NFPROTO_IPV4, AF_INET, IPPROTO_IP, IPT_SO_GET_INFO, "/proc/net/ip_tables_names" },
	{ NFPROTO_IPV6, AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO, "/proc/net/ip6_tables_names" },
};

static const struct {
	uint32_t hook;
	const char *name;
} ip_tables_chains[] = {
	{ NF_INET_PRE_ROUTING, "PREROUTING" },
	{ NF_INET_FORWARD, "FORWARD" },
	{ NF_INET_POST_ROUTING, "POSTROUTING" },
};

/* Of both families alike (linux/netfilter_ipv6/ip6_tables.h). */
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "one layout");

/* A chain with rules begins before its last entry, which is the policy. */
static int table_append(const struct ip_tables *kind, const struct ipt_getinfo *info,
			struct netfilter_chain_list *list)
{
	struct netfilter_chain chain = { .family = kind->family };
	int ret = 0;

	(void)strncpy(chain.table, info->name, sizeof(chain.table) - 1);
	for (size_t i = 0; !ret && i < ARRAY_SIZE(ip_tables_chains); i++) {
		chain.hook = ip_tables_chains[i].hook;
		if (!(info->valid_hooks & 1U << chain.hook))
			continue;
		(void)strcpy(chain.name, ip_tables_chains[i].name); /* fits */
		chain.has_rules = info->hook_entry[chain.hook] != info->underflow[chain.hook];
		ret = chain_list_add(list, &chain);
	}
	return ret;
}

/* @info: has the table's name */
static int table_read(const struct ip_tables *kind, int fd, struct ipt_getinfo *info,
		      struct netfilter_chain_list *list)
{
	socklen_t len = sizeof(*info);

	info->name[strcspn(info->name, "\n")] = '\0';
	if (getsockopt(fd, kind->level, kind->option, info, &len))
		return errno == ENOENT ? 0 : -errno; /* removed meanwhile */
	return table_append(kind, info, list);
}

static int ip_tables_append(const struct ip_tables *kind, struct netfilter_chain_list *list,
			    struct error *err)
{
	FILE *names = fopen(kind->names, "re");
	_cleanup_close_ int fd = -1;
	struct ipt_getinfo info;
	int ret = 0;

	while (!ret && names && fgets(info.name, sizeof(info.name), names)) {
		if (fd < 0)
			fd = socket(kind->domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
		ret = table_read(kind, fd, &info, list);
	}
	if (names)
		(void)fclose(names); /* it was only read */
	return ret ? error_sys(err, ret, "read the tables of %s", kind->names) : 0;
}

int netfilter_chain_list_read(struct netfilter_chain_list *ret_list, struct error *err)
{
	struct netfilter_chain_list list = { 0 };
	int ret = nf_tables_append(&list, err);

	for (size_t i = 0; !ret && i < ARRAY_SIZE(ip_tables); i++)
		ret = ip_tables_append(&ip_tables[i], &list, err);
	if (ret) {
		netfilter_chain_list_free(&list);
		return ret;
	}
	*ret_list = list;
	return 0;
}
