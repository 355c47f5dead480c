/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pinned maps "endpoints_v4", "endpoints_v6" and "owners": who has which address. */
#ifndef NKCTL_BPF_CLAIMS_H
#define NKCTL_BPF_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/datapath.h"
#include "core/addr.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "nkctl/maps.h"

/**
 * claim_insert() - take an address for an endpoint: atomic across processes (BPF_NOEXIST).
 *
 * Return: 0; -EEXIST where it is taken; -ENOSPC where the table is full.
 */
int claim_insert(struct datapath *datapath, const struct addr *addr,
		 const struct nk_endpoint *endpoint, struct error *err);

/* claim_get() - Return: 0; -ENOENT where nobody has the address. */
int claim_get(struct datapath *datapath, const struct addr *addr, struct nk_endpoint *ret_endpoint,
	      struct error *err);

/* claim_release() - delete a primary's claim. Return: 0, also where it's gone, or another's. */
int claim_release(struct datapath *datapath, int ifindex, const struct addr *addr,
		  struct error *err);

/**
 * owner_set() - write down which addresses a primary claims: before it claims them, so that
 * whoever finds it dead knows where to look.
 * @addrs: at most NK_ENDPOINT_ADDRESSES_MAX
 */
int owner_set(struct datapath *datapath, int ifindex, const struct addr *addrs, size_t count,
	      struct error *err);

/**
 * owner_addresses() - the addresses that the note has, claimed or not.
 *
 * Return: 0, also where there is no note.
 */
int owner_addresses(struct datapath *datapath, int ifindex,
		    struct addr addrs[NK_ENDPOINT_ADDRESSES_MAX], size_t *ret_count,
		    struct error *err);

/**
 * owner_release() - delete all claims of a primary, living or dead, and the note of them.
 *
 * Return: 0, also where it had none.
 */
int owner_release(struct datapath *datapath, int ifindex, struct error *err);

/**
 * owner_first_address() - the address of a family that a primary claimed first.
 *
 * Return: 0; -ENOENT where it has none.
 */
int owner_first_address(struct datapath *datapath, int ifindex, uint8_t family,
			struct addr *ret_addr, struct error *err);

/* owner_exists() - whether there is a note of a primary's claims: there is none of the dead that
 * the collector has seen. */
int owner_exists(struct datapath *datapath, int ifindex, bool *ret_exists, struct error *err);

/* owner_flags() - enum nk_endpoint_flags of a primary's claims; 0 where it has none. */
int owner_flags(struct datapath *datapath, int ifindex, uint32_t *ret_flags, struct error *err);

/**
 * owner_change_flags() - set and clear flags in each of a primary's claims. The endpoint's lock
 * must be held: the flags are read and then written.
 * @set, @clear: enum nk_endpoint_flags
 */
int owner_change_flags(struct datapath *datapath, int ifindex, uint32_t set, uint32_t clear,
		       struct error *err);

/* owner_list_read() - the indexes of all primaries that claim addresses; free() *ret_ifindexes. */
int owner_list_read(struct datapath *datapath, uint32_t **ret_ifindexes, size_t *ret_count,
		    struct error *err);

struct claim {
	struct addr addr;
	struct nk_endpoint endpoint;
};

/* struct claim_list - claims of both families, IPv4 first, each family in order. */
struct claim_list {
	struct claim *claims;
	size_t count;
};

int claim_list_read(struct datapath *datapath, struct claim_list *ret_list, struct error *err);
void claim_list_free(struct claim_list *list);
#define _cleanup_claim_list_ _cleanup_(claim_list_free)

#endif
