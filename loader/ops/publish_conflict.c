// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who has a port already that is to be published: another endpoint, or a socket of the host. */
#include <errno.h>
#include <linux/in.h>

#include "bpf/ip.h"
#include "nl/sock_diag.h"
#include "ops/collect.h"
#include "ops/publish_step.h"

static bool entries_overlap(const struct published_entry *a, const struct published_entry *b)
{
	struct addr host_a = addr_from_ip(&a->key.addr), host_b = addr_from_ip(&b->key.addr);

	return publish_addrs_overlap(&host_a, &host_b);
}

static int conflict_with_own(const struct published_entry *wanted,
			     const struct published_entry *other, struct error *err)
{
	struct addr target = addr_from_ip(&other->value.addr);

	return error_set(err, EADDRINUSE,
			 "port %s is taken by its own port %s, which leads to %s, port %u: "
			 "withdraw that with `nkctl publish remove` first",
			 entry_format(wanted).text, entry_format(other).text,
			 addr_format(&target).text, be16toh(other->value.port));
}

/*
 * podman gives each network of a container all of the container's ports (netavark's
 * src/commands/setup.rs; libnetwork/cni/run.go of containers/common): one of them serves each.
 */
static bool entry_is_served_by(const struct publication *publication,
			       const struct published_entry *wanted,
			       const struct published_entry *other, const struct link_info *owner)
{
	bool by_runtime = publication->reserved || publication->identity->maker == IDENTITY_BY_CNI;
	struct identity identity;

	return by_runtime && wanted->value.port == other->value.port &&
	       !memcmp(&wanted->key, &other->key, sizeof(wanted->key)) &&
	       !identity_from_alias(owner->alias, &identity) &&
	       !strcmp(identity.id, publication->identity->id);
}

bool entry_is_served(const struct publication *publication, const struct published_entry *wanted)
{
	const struct published_list *all = &publication->all;
	uint8_t protocol = wanted->key.protocol;
	uint16_t port = entry_port(wanted);
	size_t i = published_list_find(all, protocol, port);
	struct link_info owner;

	for (; published_list_has(all, i, protocol, port); i++) {
		const struct published_entry *other = &all->entries[i];

		if (!entry_is_of(other, publication->ifindex) &&
		    !owner_get(publication->node, (int)other->value.ifindex, &owner, NULL) &&
		    entry_is_served_by(publication, wanted, other, &owner))
			return true;
	}
	return false;
}

/* Return: 0 where its owner is dead, and the entry marked as gone; or where it serves as well. */
static int conflict_with_other(struct publication *publication, struct published_entry *wanted,
			       const struct published_entry *other, struct error *err)
{
	struct link_info owner;
	int ret = owner_get(publication->node, (int)other->value.ifindex, &owner, err);

	if (ret == -ENODEV) {
		owner_mark_gone(publication, (int)other->value.ifindex);
		return 0;
	}
	if (!ret && entry_is_served_by(publication, wanted, other, &owner))
		wanted->gone = true;
	if (ret || wanted->gone)
		return ret;
	return error_set(err, EADDRINUSE, "port %s is taken by %s (%s), which publishes %s",
			 entry_format(wanted).text, owner_text(&owner), owner.name,
			 entry_format(other).text);
}

/* With what is published. */
static int entry_check(struct publication *publication, struct published_entry *wanted,
		       struct error *err)
{
	const struct published_list *all = &publication->all;
	uint8_t protocol = wanted->key.protocol;
	uint16_t port = entry_port(wanted);
	size_t i = published_list_find(all, protocol, port);
	int ret = 0;

	for (; !ret && published_list_has(all, i, protocol, port); i++) {
		const struct published_entry *other = &all->entries[i];

		if (other->gone || !entries_overlap(wanted, other))
			continue;
		if (entries_are_same(wanted, other))
			wanted->gone = true; /* there is nothing to do for it */
		else if (entry_is_of(other, publication->ifindex))
			ret = conflict_with_own(wanted, other, err);
		else
			ret = conflict_with_other(publication, wanted, other, err);
	}
	return ret;
}

static int conflict_with_socket(const struct published_entry *wanted,
				const struct host_socket *socket, struct error *err)
{
	const char *does = socket->protocol == IPPROTO_UDP ? "is bound to" : "listens on";
	struct process process;

	if (host_socket_owner(socket, &process))
		return error_set(err, EADDRINUSE,
				 "port %s is taken by a socket of the host, which %s %s, port %u",
				 entry_format(wanted).text, does, addr_format(&socket->addr).text,
				 socket->port);
	return error_set(err, EADDRINUSE,
			 "port %s is taken by the host's process %s (pid %d), which %s %s, port %u",
			 entry_format(wanted).text, process.name, (int)process.pid, does,
			 addr_format(&socket->addr).text, socket->port);
}

/* Read who has one of the wanted ports of a protocol: once, from the first to the last. */
static int sockets_read(const struct publication *publication, uint8_t protocol,
			struct host_socket_list *sockets, struct error *err)
{
	uint16_t port_min = UINT16_MAX, port_max = 0;

	for (size_t i = 0; i < publication->wanted_count; i++) {
		const struct published_entry *wanted = &publication->wanted[i];
		uint16_t port = entry_port(wanted);

		if (wanted->gone || wanted->key.protocol != protocol)
			continue;
		port_min = port < port_min ? port : port_min;
		port_max = port > port_max ? port : port_max;
	}
	return port_max ? host_sockets_read(protocol, port_min, port_max, sockets, err) : 0;
}

static int sockets_check(const struct publication *publication, struct publish_report *report,
			 struct error *err)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	_cleanup_host_socket_list_ struct host_socket_list sockets = { 0 };
	struct error unknown = { 0 };
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(protocols); i++) {
		ret = sockets_read(publication, protocols[i], &sockets, &unknown);
		if (ret == -EOPNOTSUPP) {
			report->sockets = unknown;
			ret = 0;
		}
	}
	if (ret)
		return error_set(err, ret, "%s", unknown.message);
	for (size_t i = 0; !ret && i < publication->wanted_count; i++) {
		const struct published_entry *wanted = &publication->wanted[i];
		struct addr host = addr_from_ip(&wanted->key.addr);
		const struct host_socket *socket = host_sockets_find(&sockets, wanted->key.protocol,
								     &host, entry_port(wanted));

		if (socket && !wanted->gone)
			ret = conflict_with_socket(wanted, socket, err);
	}
	return ret;
}

int publication_check(struct publication *publication, struct publish_report *report,
		      struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < publication->wanted_count; i++)
		ret = entry_check(publication, &publication->wanted[i], err);
	return ret || publication->reserved ? ret : sockets_check(publication, report, err);
}
