/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow table as people see it: which flows there are, and taking them away. */
#ifndef NKCTL_OPS_FLOWS_H
#define NKCTL_OPS_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/flows.h"
#include "core/addr.h"
#include "core/error.h"
#include "ops/node.h"

enum flow_kind {
	FLOW_MASQUERADE, /* from a container to the world, with the host's address */
	FLOW_PUBLISHED,  /* from the world to a published port */
	FLOW_HAIRPIN,    /* from a container to a published port of this host */
	FLOW_ROUTED,     /* from the world to a masquerading container's own address */
};

enum flow_state {
	FLOW_OPENING,     /* not answered */
	FLOW_ESTABLISHED, /* answered */
	FLOW_CLOSING,     /* both ends have finished */
	FLOW_RESET,
};

enum flow_kind flow_kind(const struct flow *flow);
enum flow_state flow_state(const struct flow *flow);
const char *flow_kind_name(enum flow_kind kind);
const char *flow_state_name(enum flow_state state);

/* flow_now_ns() - the clock by which the programs stamp flows. */
uint64_t flow_now_ns(void);

/* flow_seen_ns() - when the last packet of either direction came. */
uint64_t flow_seen_ns(const struct flow *flow);

/* Whether a flow has been silent for longer than its kind lives: it is as good as gone. */
bool flow_is_expired(const struct flow *flow, uint64_t now_ns);

/* flow_count_alive() - flows of a list that aren't expired. */
size_t flow_count_alive(const struct flow_list *list);

/**
 * struct flow_filter - which flows; each that is set has to fit.
 * @id: container id, or name of a primary; NULL: all
 * @protocol: IPPROTO_*; 0: all
 * @remote: what the endpoint talks to: the destination of what it began, the source of what was
 *	begun with it. Family 0: all
 */
struct flow_filter {
	const char *id;
	uint8_t protocol;
	struct prefix remote;
};

/* flow_protocol_parse() - "tcp", "udp", "sctp", "icmp", "icmp6". Return: 0; -EINVAL. */
int flow_protocol_parse(const char *text, uint8_t *ret_protocol, struct error *err);

/* flow_protocol_name() - that name; NULL where it has none. */
const char *flow_protocol_name(uint8_t protocol);

/**
 * flows_read() - the flows that a filter leaves, without the expired and what is half gone.
 *
 * Return: 0; -ENODEV where nothing attached has the filter's id.
 */
int flows_read(struct node *node, const struct flow_filter *filter, struct flow_list *ret_list,
	       struct error *err);

/**
 * flows_flush() - delete those, and of others what is expired or half gone.
 *
 * Also those that only lead to the filter's endpoint (hairpin) and count for another one.
 * @ret_count: living ones that the filter left
 */
int flows_flush(struct node *node, const struct flow_filter *filter, size_t *ret_count,
		struct error *err);

/* flows_release() - delete all flows of a primary, living or dead, by its ring. */
int flows_release(struct node *node, int ifindex, struct error *err);

/* flows_limit() - delete what endpoints have beyond a quota. */
int flows_limit(struct node *node, uint32_t quota, struct error *err);

#endif
