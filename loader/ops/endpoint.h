/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Endpoints as the kernel has them: what attach returns and list shows. */
#ifndef NKCTL_OPS_ENDPOINT_H
#define NKCTL_OPS_ENDPOINT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/error.h"
#include "core/netns.h"
#include "model/bandwidth.h"
#include "model/identity.h"
#include "model/publish.h"
#include "nl/link.h"
#include "ops/node.h"

/*
 * X(identifier, name, explanation): what an endpoint can be, the worst first.
 */
#define ENDPOINT_STATES(X)                                                                      \
	X(UNFINISHED, "unfinished",                                                             \
	  "an attach or a detach was killed half way: detach it or attach again")               \
	X(UNNAMED, "unnamed", "its alias, which names it, was changed: see nkctl repair")       \
	X(NO_PROGRAM, "no-program",                                                             \
	  "its program was taken off: nothing leaves by netkit, all by veth")                   \
	X(NO_PINS, "no-pins", "pins below /sys/fs/bpf are gone: see nkctl repair")              \
	X(NO_ADDRESS, "no-address", "its addresses are gone from the endpoint map")             \
	X(LOST_ADDRESS, "lost-address", "some of its addresses are gone from the endpoint map") \
	X(LOST_LIMIT, "lost-limit", "what keeps a limit was taken off: see nkctl repair")       \
	X(DOWN, "down", "the host's end of the pair is down")                                   \
	X(OK, "ok", "attached, with its program and its addresses")

enum endpoint_state {
#define X(identifier, name, explanation) ENDPOINT_##identifier,
	ENDPOINT_STATES(X)
#undef X
};

const char *endpoint_state_name(enum endpoint_state state);
const char *endpoint_state_explanation(enum endpoint_state state);

/**
 * struct endpoint - one container interface.
 * @identity: network, id and ifname; empty where @state is unfinished or unnamed
 * @netns: the name of the container's namespace under /run/netns; empty: it has none
 * @link: the primary
 * @kind: NK_DEVICE_NETKIT or NK_DEVICE_VETH
 * @mac: of the container's end; zero: it has none
 * @prefix_lens: of @addresses, as the container sees them; 0: not known, only an attach tells
 * @flags: enum nk_endpoint_flags that some of its addresses have
 * @published: ports of the host that lead to it, joined to ranges
 * @bandwidth: limits that are kept
 * @program_id: of the attached program; 0: none
 * @pins_lost: what the maps tell isn't known: from @mac to @bandwidth all is empty
 */
struct endpoint {
	struct identity identity;
	char netns[NETNS_NAME_SIZE];
	struct link_info link;
	enum nk_device kind;
	enum nk_mode mode;
	uint8_t mac[NK_ETH_ALEN];
	struct addr addresses[NK_ENDPOINT_ADDRESSES_MAX];
	uint8_t prefix_lens[NK_ENDPOINT_ADDRESSES_MAX];
	size_t address_count;
	struct addr gateways[NK_ENDPOINT_ADDRESSES_MAX];
	size_t gateway_count;
	uint32_t flags;
	struct publish_list published;
	struct bandwidth bandwidth;
	uint32_t program_id;
	bool pins_lost;
	enum endpoint_state state;
};

/* endpoint_free() - free what it has, not itself. */
void endpoint_free(struct endpoint *endpoint);

struct endpoint_list {
	struct endpoint *endpoints;
	size_t count;
};

/**
 * endpoint_list_read() - all of the node, by identity. Freed by endpoint_list_free().
 * @node: where nothing is loaded (node_open_unloaded()), what there is has lost its pins
 */
int endpoint_list_read(struct node *node, struct endpoint_list *ret_list, struct error *err);
void endpoint_list_free(struct endpoint_list *list);
#define _cleanup_endpoint_list_ _cleanup_(endpoint_list_free)

/**
 * endpoint_list_choose() - the endpoint that somebody means.
 * @id: its container id, or the primary's name
 * @network, @ifname: NULL: any, as long as there is only one
 *
 * Return: 0; -ENODEV where there is none; -EINVAL where there are several.
 */
int endpoint_list_choose(const struct endpoint_list *list, const char *id, const char *network,
			 const char *ifname, const struct endpoint **ret_endpoint,
			 struct error *err);

/**
 * endpoint_list_missed() - tell that an endpoint isn't there, and which may have been meant.
 * @id: its container id, the name of its namespace, or its primary's
 * @what: "isn't attached to network lab"
 *
 * Return: -ENODEV.
 */
int endpoint_list_missed(const struct endpoint_list *list, const char *id, const char *what,
			 struct error *err);

/**
 * endpoint_find() - the primary of an identity, also where its alias was changed: its name is the
 * identity's hash.
 *
 * Return: 0; -ENODEV where it isn't attached; -EEXIST where a foreign device or another
 * identity of the same hash bears its name.
 */
int endpoint_find(struct node *node, const struct identity *identity, struct link_info *ret_link,
		  struct error *err);

/* endpoint_locate() - the same, also of one that somebody has renamed: reads the whole group then.
 */
int endpoint_locate(struct node *node, const struct identity *identity, struct link_info *ret_link,
		    struct error *err);

/* endpoint_add_address() - list an address of it, and the gateway of that address's subnet. */
void endpoint_add_address(struct endpoint *endpoint, const struct nk_network *network,
			  const struct addr *addr);

/* Whether it has addresses of both families. */
bool endpoint_is_dual(const struct endpoint *endpoint);

/* Whether a person means this endpoint by @name: its container id, or its primary's name. */
bool endpoint_has_name(const struct endpoint *endpoint, const char *name);

/* The program that lets an endpoint's container send. */
enum datapath_program endpoint_program(const struct link_info *link);

#endif
