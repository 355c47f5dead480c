// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * A port of a range and a family is an entry of the map "published". Whoever changes it holds the
 * node's lock, reads the whole map, checks everything there is to check, and writes all entries by
 * one system call: so nothing can come between, and a kill leaves all of them or none.
 *
 * The endpoint's claims have the flag NK_ENDPOINT_PUBLISHED before its first port is published, and
 * until its last is withdrawn: who finds it without needs not look for ports.
 *
 * With a port go the flows that came by it: a client that goes on sending would keep them, and
 * reach an endpoint that has nothing to do with that port any more. A port that is published ends
 * the flows that masquerading gave it to. What a kill leaves of the former, the next withdrawal of
 * any port ends; of the latter, the same command.
 *
 * An entry whose device is gone is dead. The first change of any published port takes it away where
 * the collector (bpf/collect.bpf.c) has seen its owner die; elsewhere it goes with the next attach,
 * or when its port, or room in the table, is wanted.
 */
#include "ops/publish.h"

#include <endian.h>
#include <errno.h>
#include <linux/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "bpf/ip.h"
#include "bpf/nat.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "nl/inet.h"
#include "nl/observe.h"
#include "ops/endpoint.h"
#include "ops/nat.h"
#include "ops/publish_step.h"
#include "ops/sockets.h"

static void publication_free(struct publication *publication)
{
	published_list_free(&publication->all);
	free(publication->wanted);
}
#define _cleanup_publication_ _cleanup_(publication_free)

struct publish_text entry_format(const struct published_entry *entry)
{
	struct addr host = addr_from_ip(&entry->key.addr);

	return publish_port_format(&host, entry_port(entry), entry->key.protocol);
}

/* What is wanted, port by port ----------------------------------------------------------------- */

static size_t ports_count(const struct publish_list *ports)
{
	size_t count = 0;

	for (size_t i = 0; i < ports->count; i++)
		count += ports->specs[i].count;
	return count;
}

static void spec_append(struct publication *publication, const struct publish_spec *spec,
			const struct addr *target)
{
	const struct addr any = { .family = target->family };
	struct published_entry entry = {
		.key.addr = addr_to_ip(spec->host.family ? &spec->host : &any),
		.key.protocol = spec->protocol,
		.value.addr = addr_to_ip(target),
		.value.ifindex = (__u32)publication->ifindex,
	};

	for (uint32_t i = 0; i < spec->count; i++) {
		entry.key.port = htobe16((uint16_t)(spec->host_port + i));
		entry.value.port = htobe16((uint16_t)(spec->port + i));
		publication->wanted[publication->wanted_count++] = entry;
	}
}

/* @targets: the endpoint's first address of each family, the family 0 where it has none. */
static int spec_expand(struct publication *publication, const struct publish_spec *spec,
		       const struct addr targets[ADDR_FAMILIES], struct error *err)
{
	size_t before = publication->wanted_count;

	for (size_t i = 0; i < ADDR_FAMILIES; i++)
		if (targets[i].family &&
		    (!spec->host.family || spec->host.family == addr_families[i]))
			spec_append(publication, spec, &targets[i]);
	if (publication->wanted_count > before)
		return 0;
	if (!spec->host.family)
		return error_set(err, EINVAL, "%s has no address that port %s could lead to",
				 publication->identity->id, publish_format(spec).text);
	return error_set(err, EINVAL, "%s has no %s address that port %s could lead to",
			 publication->identity->id, family_name(spec->host.family),
			 publish_format(spec).text);
}

static int targets_read(const struct publication *publication,
			struct addr ret_targets[ADDR_FAMILIES], struct error *err)
{
	int ret;

	for (size_t i = 0; i < ADDR_FAMILIES; i++) {
		ret_targets[i] = (struct addr){ 0 };
		ret = owner_first_address(&publication->node->datapath, publication->ifindex,
					  addr_families[i], &ret_targets[i], err);
		if (ret && ret != -ENOENT)
			return ret;
	}
	return 0;
}

static int ports_expand(struct publication *publication, const struct publish_list *ports,
			struct error *err)
{
	struct addr targets[ADDR_FAMILIES];
	int ret = targets_read(publication, targets, err);

	if (ret)
		return ret;
	publication->wanted =
		calloc(ADDR_FAMILIES * ports_count(ports) + 1, sizeof(*publication->wanted));
	if (!publication->wanted)
		return error_sys(err, ENOMEM, "publish ports");
	for (size_t i = 0; !ret && i < ports->count; i++)
		ret = spec_expand(publication, &ports->specs[i], targets, err);
	return ret;
}

/* The dead ------------------------------------------------------------------------------------- */

void owner_mark_gone(struct publication *publication, int ifindex)
{
	for (size_t i = 0; i < publication->all.count; i++)
		if (entry_is_of(&publication->all.entries[i], ifindex))
			publication->all.entries[i].gone = true;
}

/* Those that the collector has seen die. Entries of one owner are mostly behind each other. */
static int unowned_mark_gone(struct publication *publication, struct error *err)
{
	bool owned = true;
	int ret = 0;

	for (size_t i = 0; !ret && i < publication->all.count; i++) {
		struct published_entry *entry = &publication->all.entries[i];

		if (!i || !entry_is_of(entry, (int)entry[-1].value.ifindex))
			ret = owner_exists(&publication->node->datapath, (int)entry->value.ifindex,
					   &owned, err);
		entry->gone = !owned;
	}
	return ret;
}

/* Those whose device is gone, on a kernel without the collector as well. */
static int dead_mark_gone(struct publication *publication, struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	int ret = link_list_read(NK_LINK_GROUP, &links, err);

	for (size_t i = 0; !ret && i < publication->all.count; i++) {
		struct published_entry *entry = &publication->all.entries[i];

		entry->gone = !link_list_find(&links, (int)entry->value.ifindex);
	}
	return ret;
}

/* Changes -------------------------------------------------------------------------------------- */

static bool publication_has_ports(const struct publication *publication)
{
	for (size_t i = 0; i < publication->all.count; i++)
		if (entry_is_of(&publication->all.entries[i], publication->ifindex))
			return true;
	return false;
}

static int flag_set(const struct publication *publication, struct error *err)
{
	int ret = owner_change_flags(&publication->node->datapath, publication->ifindex,
				     NK_ENDPOINT_PUBLISHED, 0, err);

	if (ret == -ENOENT)
		return error_set(err, ENODEV, "%s has just lost its addresses: its device is gone",
				 publication->identity->id);
	return ret;
}

/* An endpoint that is dying has lost its claims, and their flags with them. */
static int flag_clear(const struct publication *publication, struct error *err)
{
	int ret;

	if (publication_has_ports(publication))
		return 0;
	ret = owner_change_flags(&publication->node->datapath, publication->ifindex, 0,
				 NK_ENDPOINT_PUBLISHED, err);
	return ret == -ENOENT ? 0 : ret;
}

/* What else is left set costs a look-up. */
static void ports_take_back(struct publication *publication)
{
	struct published_list wanted = { publication->wanted, publication->wanted_count };

	for (size_t i = 0; i < wanted.count; i++)
		wanted.entries[i].gone = !wanted.entries[i].gone;
	(void)published_delete(&publication->node->datapath, &wanted, NULL);
	(void)flag_clear(publication, NULL);
	(void)ports_unwatch(publication, NULL);
}

static int ports_insert(struct publication *publication, struct error *err)
{
	int ret = flag_set(publication, err);

	return ret ? ret
		   : published_insert(&publication->node->datapath, publication->wanted,
				      publication->wanted_count, err);
}

/* Failing, they only keep the host itself from the ports: the report tells. */
static void sockets_lead(const struct publication *publication, struct publish_report *report)
{
	struct error err = { 0 };

	if (node_sockets_sync(publication->node, &err))
		report->host = err;
}

/*
 * One may come later, as a floating address does. Where nobody knows, nothing is said: neither
 * here is a failure one of the publishing.
 */
static void addresses_seek(struct node *node, const struct publish_list *ports,
			   struct publish_report *report)
{
	for (size_t i = 0; i < ports->count; i++) {
		const struct addr *host = &ports->specs[i].host;

		if (addr_is_any(host) || inet_addr_is_local(node->nl, host, NULL))
			continue;
		report->absent = *host;
		return;
	}
}

/* With the last port the host's sockets are left alone again, or else by the next change. */
static int ports_delete(struct publication *publication, struct error *err)
{
	size_t before = publication->all.count;
	struct error ignored;
	int ret = published_delete(&publication->node->datapath, &publication->all, err);

	if (ret || publication->all.count == before)
		return ret;
	if (!publication->all.count)
		(void)node_sockets_sync(publication->node, &ignored);
	return flows_withdraw(publication, err);
}

/*
 * Whether a flow may have been given one of the wanted ports: then the programs look at it already,
 * except for SCTP, which they look at anyway.
 */
static int ports_may_be_given(const struct publication *publication, bool *ret_given,
			      struct error *err)
{
	_cleanup_nat_ struct nk_nat *nat = NULL;
	bool given = false;
	int ret = nat_open(&publication->node->datapath, &nat, err);

	if (ret)
		return ret;
	for (size_t i = 0; !given && i < publication->wanted_count; i++)
		given = publication->wanted[i].key.protocol == IPPROTO_SCTP ||
			nat_port_is_set(nat, entry_port(&publication->wanted[i]));
	*ret_given = given;
	return 0;
}

static int add_locked(struct publication *publication, struct publish_report *report,
		      struct error *err)
{
	struct datapath *datapath = &publication->node->datapath;
	bool given = false;
	int ret = published_list_read(datapath, &publication->all, err);

	if (!ret)
		ret = publication->all.count + publication->wanted_count > NK_PUBLISHED_MAX
			      ? dead_mark_gone(publication, err)
			      : unowned_mark_gone(publication, err);
	if (!ret)
		ret = publication_check(publication, report, err);
	if (!ret)
		ret = ports_delete(publication, err);
	if (!ret)
		ret = ports_may_be_given(publication, &given, err);
	if (ret)
		return ret;
	ret = ports_insert(publication, err);
	if (!ret && given)
		ret = flows_give_way(publication, err);
	if (ret)
		ports_take_back(publication);
	else
		sockets_lead(publication, report);
	return ret;
}

int publish_add(struct node *node, int ifindex, const struct identity *identity,
		const struct publish_list *ports, struct publish_report *ret_report,
		struct error *err)
{
	_cleanup_publication_ struct publication publication = {
		.node = node, .ifindex = ifindex, .identity = identity, .reserved = ports->reserved
	};
	struct publish_report report = { 0 };
	_cleanup_close_ int lock_fd = -1;
	int ret = ports_expand(&publication, ports, err);

	if (!ret)
		ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);
	if (!ret)
		ret = add_locked(&publication, &report, err);
	if (!ret) {
		addresses_seek(node, ports, &report);
		*ret_report = report;
	}
	log_step("ports_publish");
	return ret;
}

static struct published_entry *entry_find(const struct published_list *all,
					  const struct published_entry *wanted)
{
	uint8_t protocol = wanted->key.protocol;
	uint16_t port = entry_port(wanted);
	size_t i = published_list_find(all, protocol, port);

	for (; published_list_has(all, i, protocol, port); i++)
		if (entries_are_same(&all->entries[i], wanted))
			return &all->entries[i];
	return NULL;
}

static int wanted_mark_gone(struct publication *publication, struct error *err)
{
	for (size_t i = 0; i < publication->wanted_count; i++) {
		const struct published_entry *wanted = &publication->wanted[i];
		struct published_entry *found = entry_find(&publication->all, wanted);

		if (!found && !entry_is_served(publication, wanted))
			return error_set(err, ENOENT,
					 "port %s doesn't lead to its port %u: `nkctl publish "
					 "list %s` shows what does",
					 entry_format(wanted).text, be16toh(wanted->value.port),
					 publication->identity->id);
		if (found)
			found->gone = true;
	}
	return 0;
}

/* What isn't published may be what a withdrawal that was killed half way has left. */
static void withdrawal_finish(struct publication *publication)
{
	(void)flows_withdraw(publication, NULL);
	(void)flag_clear(publication, NULL);
}

static int remove_locked(struct publication *publication, struct error *err)
{
	int ret = published_list_read(&publication->node->datapath, &publication->all, err);

	if (!ret)
		ret = unowned_mark_gone(publication, err);
	if (ret)
		return ret;
	ret = wanted_mark_gone(publication, err);
	if (ret)
		withdrawal_finish(publication);
	else
		ret = ports_delete(publication, err);
	return ret ? ret : flag_clear(publication, err);
}

int publish_remove(struct node *node, int ifindex, const struct identity *identity,
		   const struct publish_list *ports, struct error *err)
{
	_cleanup_publication_ struct publication publication = { .node = node,
								 .ifindex = ifindex,
								 .identity = identity };
	_cleanup_close_ int lock_fd = -1;
	int ret = ports_expand(&publication, ports, err);

	if (!ret)
		ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);
	return ret ? ret : remove_locked(&publication, err);
}

int publish_check(struct node *node, int ifindex, const struct identity *identity,
		  const struct publish_list *ports, struct error *err)
{
	_cleanup_publication_ struct publication publication = { .node = node,
								 .ifindex = ifindex,
								 .identity = identity };
	int ret = ports_expand(&publication, ports, err);

	if (!ret)
		ret = published_list_read(&node->datapath, &publication.all, err);
	return ret ? ret : wanted_mark_gone(&publication, err); /* in our copy of the list */
}

int publish_release(struct node *node, int ifindex, struct error *err)
{
	_cleanup_publication_ struct publication publication = { .node = node };
	_cleanup_close_ int lock_fd = -1;
	uint32_t flags;
	int ret = owner_flags(&node->datapath, ifindex, &flags, err);

	if (ret || !(flags & NK_ENDPOINT_PUBLISHED))
		return ret;
	ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);
	if (!ret)
		ret = published_list_read(&node->datapath, &publication.all, err);
	if (!ret)
		ret = unowned_mark_gone(&publication, err);
	owner_mark_gone(&publication, ifindex);
	return ret ? ret : ports_delete(&publication, err);
}

int publish_collect(struct node *node, struct error *err)
{
	_cleanup_publication_ struct publication publication = { .node = node };
	_cleanup_close_ int lock_fd = -1;
	int ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);

	if (!ret)
		ret = published_list_read(&node->datapath, &publication.all, err);
	if (!ret && publication.all.count)
		ret = dead_mark_gone(&publication, err);
	return ret ? ret : ports_delete(&publication, err);
}

/* Observation ---------------------------------------------------------------------------------- */

int publish_ports_of(const struct published_list *all, int ifindex, bool dual,
		     struct publish_list *ret_ports, struct error *err)
{
	struct publish_list ports = { .specs = calloc(all->count + 1, sizeof(*ports.specs)) };

	if (!ports.specs)
		return error_sys(err, ENOMEM, "read the published ports");
	for (size_t i = 0; i < all->count; i++) {
		const struct published_entry *entry = &all->entries[i];

		if (!entry_is_of(entry, ifindex))
			continue;
		ports.specs[ports.count++] =
			(struct publish_spec){ .host = addr_from_ip(&entry->key.addr),
					       .host_port = entry_port(entry),
					       .port = be16toh(entry->value.port),
					       .count = 1,
					       .protocol = entry->key.protocol };
	}
	publish_list_compress(&ports, dual);
	*ret_ports = ports;
	return 0;
}

/* Of an attached endpoint ---------------------------------------------------------------------- */

static int endpoint_lock(struct node *node, const struct identity *identity, int *ret_lock_fd,
			 int *ret_ifindex, struct error *err)
{
	struct link_info link = { 0 };
	int ret = pins_lock_endpoint(&node->datapath.pins, identity_hash(identity), true,
				     ret_lock_fd, err);

	if (!ret)
		ret = endpoint_locate(node, identity, &link, err);
	if (!ret && link.is_unfinished)
		ret = error_set(err, ENODEV,
				"not attached: its attach or detach was killed half way, attach it "
				"again");
	if (!ret)
		*ret_ifindex = link.ifindex;
	return ret;
}

int endpoint_publish(struct node *node, const struct identity *identity,
		     const struct publish_list *ports, struct publish_report *ret_report,
		     struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	int ret = nat_enable(node, err), ifindex = 0;

	if (!ret)
		ret = endpoint_lock(node, identity, &lock_fd, &ifindex, err);
	return ret ? ret : publish_add(node, ifindex, identity, ports, ret_report, err);
}

int endpoint_unpublish(struct node *node, const struct identity *identity,
		       const struct publish_list *ports, struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	int ifindex = 0;
	int ret = endpoint_lock(node, identity, &lock_fd, &ifindex, err);

	return ret ? ret : publish_remove(node, ifindex, identity, ports, err);
}
