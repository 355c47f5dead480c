/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the steps of a change of published ports share. Only ops/publish*.c include it. */
#ifndef NKCTL_OPS_PUBLISH_STEP_H
#define NKCTL_OPS_PUBLISH_STEP_H

#include <endian.h>
#include <string.h>

#include "bpf/published.h"
#include "ops/publish.h"

/**
 * struct publication - a change of an endpoint's published ports under way.
 * @reserved: sockets that have its ports keep them for it (struct publish_list)
 * @all: what the node has published; what is to be withdrawn is marked as gone
 * @wanted: what the change is about; what needs nothing any more is marked as gone
 */
struct publication {
	struct node *node;
	int ifindex;
	const struct identity *identity;
	bool reserved;
	struct published_list all;
	struct published_entry *wanted;
	size_t wanted_count;
};

static inline uint16_t entry_port(const struct published_entry *entry)
{
	return be16toh(entry->key.port);
}

static inline bool entry_is_of(const struct published_entry *entry, int ifindex)
{
	return entry->value.ifindex == (__u32)ifindex;
}

static inline bool entries_are_same(const struct published_entry *a,
				    const struct published_entry *b)
{
	return !memcmp(&a->key, &b->key, sizeof(a->key)) &&
	       !memcmp(&a->value, &b->value, sizeof(a->value));
}

/* entry_format() - its port, as it is written in a message. */
struct publish_text entry_format(const struct published_entry *entry);

/* owner_mark_gone() - what an endpoint has published is to be withdrawn. */
void owner_mark_gone(struct publication *publication, int ifindex);

/* entry_is_served() - whether another interface of the same container has a wanted port. */
bool entry_is_served(const struct publication *publication, const struct published_entry *wanted);

/*
 * publication_check() - whether each wanted port may be published; what is published as wanted
 * already is marked as gone, and so is what stands in the way and is dead.
 *
 * Return: 0; -EADDRINUSE.
 */
int publication_check(struct publication *publication, struct publish_report *report,
		      struct error *err);

/*
 * flows_withdraw() - end the flows of ports that aren't published any more: a client that goes on
 * would reach the endpoint for as long as it does.
 */
int flows_withdraw(const struct publication *publication, struct error *err);

/*
 * flows_give_way() - end the flows that were given a port that is published now. New flows don't
 * take one; programs that are running may not have seen yet that it is. Reads @publication's list
 * again.
 */
int flows_give_way(struct publication *publication, struct error *err);

/* ports_unwatch() - have the programs look no longer at ports that nobody uses. */
int ports_unwatch(const struct publication *publication, struct error *err);

#endif
