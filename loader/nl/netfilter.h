/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Netfilter's chains in this network namespace: the base chains of nf_tables, iptables-nft's among
 * them, and the built-in ones of the older ip_tables.
 */
#ifndef NKCTL_NL_NETFILTER_H
#define NKCTL_NL_NETFILTER_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "nl/nlsock.h"

#define NETFILTER_NAME_SIZE 64 /* longer names are cut */

/**
 * struct netfilter_chain - a chain that the kernel runs by itself.
 * @family: NFPROTO_*
 * @device: the one device whose packets it sees; empty: it isn't bound to one
 * @hook: NF_INET_*, or in NFPROTO_NETDEV NF_NETDEV_*
 * @drops: its policy is drop; not known of ip_tables
 */
struct netfilter_chain {
	uint8_t family;
	char table[NETFILTER_NAME_SIZE];
	char name[NETFILTER_NAME_SIZE];
	char device[IF_NAMESIZE];
	uint32_t hook;
	bool has_rules, drops;
};

struct netfilter_chain_list {
	struct netfilter_chain *chains;
	size_t count;
};

/* netfilter_chain_list_read() - all of both kinds. Loads no module. Freed by ..._free(). */
int netfilter_chain_list_read(struct netfilter_chain_list *ret_list, struct error *err);
void netfilter_chain_list_free(struct netfilter_chain_list *list);
#define _cleanup_netfilter_chain_list_ _cleanup_(netfilter_chain_list_free)

/**
 * nf_tables_chains_read() - those of nf_tables, in place of what @list had.
 * @nl: of nlsock_open_netfilter()
 * @list: freed by the caller, also where this fails
 *
 * Return: 0, also where the kernel has no nf_tables.
 */
int nf_tables_chains_read(struct nlsock *nl, struct netfilter_chain_list *list, struct error *err);

/**
 * netfilter_sees_forwarded() - whether a chain is at a hook that a packet passes when the host's
 * stack forwards it, and that it doesn't pass when tcx redirects it.
 *
 * The ingress hook too is behind tcx (__netif_receive_skb_core() in net/core/dev.c), while the
 * egress hook is in the transmit, where redirected packets come by as well.
 */
bool netfilter_sees_forwarded(const struct netfilter_chain *chain);

/* "ip", "ip6", "inet", "netdev" ... */
const char *netfilter_family_name(uint8_t family);

#endif
