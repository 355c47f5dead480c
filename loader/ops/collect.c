// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * Where the kernel has fentry, the collector (bpf/collect.bpf.c) frees a dead endpoint's claims in
 * the moment its device goes, and there is nothing to do here. Elsewhere an attach looks whether
 * any of the endpoints before it has died, by their devices' indexes, and a detach that finds no
 * device looks at all of them. That takes the longer the more there are (half a millisecond with
 * none), so attaches spend a ten-thousandth of the time on it: the pin of the owners has as its
 * time of modification when the next such look is due, by the monotonic clock. What the dead have
 * claimed meanwhile is free to whoever needs it.
 *
 * A claim is made after its device and deleted before it, so a claim whose device doesn't exist
 * is dead, and stays so. Only its deletion needs care: between looking and deleting, another
 * process may have freed the address and a third one claimed it. So whoever frees dead claims
 * holds the node's lock and looks again under it; a living owner deletes its own claims alone.
 */
#include "ops/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "bpf/collector.h"
#include "core/cleanup.h"
#include "model/identity.h"
#include "nl/observe.h"
#include "ops/attach.h"
#include "ops/flows.h"
#include "ops/publish.h"

int owner_get(struct node *node, int ifindex, struct link_info *ret_link, struct error *err)
{
	struct link_info link;
	int ret = link_get_by_index(node->nl, ifindex, &link, err);

	if (!ret && link.group != NK_LINK_GROUP)
		return -ENODEV; /* somebody chose that index for a device of his own */
	if (!ret)
		*ret_link = link;
	return ret;
}

const char *owner_text(const struct link_info *owner)
{
	if (owner->is_unfinished)
		return "an attach or a detach under way";
	return *owner->alias ? owner->alias : "an endpoint that lost its alias";
}

int collect_dead_claim(struct node *node, const struct addr *addr, int ifindex, struct error *err)
{
	int ret = owner_release(&node->datapath, ifindex, err);

	return ret ? ret : claim_release(&node->datapath, ifindex, addr, err);
}

static int collect_address_locked(struct node *node, const struct addr *addr,
				  struct link_info *ret_owner, struct error *err)
{
	struct nk_endpoint claim;
	int ret = claim_get(&node->datapath, addr, &claim, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = owner_get(node, (int)claim.ifindex, ret_owner, err);
	if (ret != -ENODEV)
		return ret ? ret : -EEXIST;
	return collect_dead_claim(node, addr, (int)claim.ifindex, err);
}

int collect_address(struct node *node, const struct addr *addr, struct link_info *ret_owner,
		    struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	int ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);

	return ret ? ret : collect_address_locked(node, addr, ret_owner, err);
}

static int owner_release_dead(struct node *node, int ifindex, struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	int ret = pins_lock_node(&node->datapath.pins, &lock_fd, err);

	return ret ? ret : owner_release(&node->datapath, ifindex, err);
}

/*
 * A claim of a dead one without a note: the device went while the address was being claimed, so
 * the collector took the note too early, and who claimed it was killed.
 */
static int orphans_collect(struct node *node, const struct claim_list *claims,
			   const struct link_list *links, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < claims->count; i++) {
		const struct claim *claim = &claims->claims[i];
		struct link_info owner;

		if (link_list_find(links, (int)claim->endpoint.ifindex))
			continue;
		ret = collect_address(node, &claim->addr, &owner, err);
		if (ret == -EEXIST)
			ret = 0; /* claimed anew */
	}
	return ret;
}

static int flows_collect(struct node *node, struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	_cleanup_free_ uint32_t *owners = NULL;
	size_t count = 0;
	int ret = flow_owners_read(&node->datapath, &owners, &count, err);

	if (!ret && count)
		ret = link_list_read(NK_LINK_GROUP, &links, err);
	for (size_t i = 0; !ret && i < count; i++)
		if (!link_list_find(&links, (int)owners[i]))
			ret = flows_release(node, (int)owners[i], err);
	return ret;
}

/* Who claims is read before the devices, so that each one's device had been made by then. */
int collect_claims(struct node *node, size_t *ret_dead, struct error *err)
{
	_cleanup_claim_list_ struct claim_list claims = { 0 };
	_cleanup_link_list_ struct link_list links = { 0 };
	_cleanup_free_ uint32_t *owners = NULL;
	size_t count = 0, dead = 0;
	int ret;

	ret = owner_list_read(&node->datapath, &owners, &count, err);
	if (!ret)
		ret = claim_list_read(&node->datapath, &claims, err);
	if (!ret)
		ret = link_list_read(NK_LINK_GROUP, &links, err);
	for (size_t i = 0; !ret && i < count; i++) {
		if (link_list_find(&links, (int)owners[i]))
			continue;
		ret = owner_release_dead(node, (int)owners[i], err);
		dead++;
	}
	*ret_dead = dead;
	if (!ret)
		ret = orphans_collect(node, &claims, &links, err);
	if (!ret)
		ret = publish_collect(node, err);
	return ret ? ret : flows_collect(node, err);
}

/* Who holds the lock of an unfinished endpoint knows that its maker is dead (see attach.c). */
static int unfinished_remove(struct node *node, const struct link_info *found, struct error *err)
{
	_cleanup_close_ int lock_fd = -1;
	struct link_info link;
	uint64_t hash;
	int ret;

	if (identity_device_hash(found->name, &hash))
		return 0; /* somebody else's in our group */
	/* The stripes are fewer than the hash's bits in the name tell apart. */
	ret = pins_lock_endpoint(&node->datapath.pins, hash, true, &lock_fd, err);
	if (!ret)
		ret = link_get_by_index(node->nl, found->ifindex, &link, err);
	if (ret)
		return ret == -ENODEV ? 0 : ret;
	return link.is_unfinished ? endpoint_remove(node, link.ifindex, err) : 0;
}

int collect_unfinished(struct node *node, struct error *err)
{
	_cleanup_link_list_ struct link_list links = { 0 };
	int ret = link_list_read(NK_LINK_GROUP, &links, err);

	for (size_t i = 0; !ret && i < links.count; i++)
		if (links.links[i].is_unfinished)
			ret = unfinished_remove(node, &links.links[i], err);
	return ret;
}

#define NS_PER_S 1000000000LL

/* Each attach looks at so many devices before its own. */
#define COLLECT_NEWEST 16

/* For this part of the time attaches look at all endpoints. */
#define COLLECT_PART 10000

/* No look is due later than in a minute. A new pin has the time of day, which is. */
#define COLLECT_DUE_MAX_NS (60 * NS_PER_S)

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* can't fail for this clock */
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void due_path(const struct node *node, char ret_path[PINS_PATH_SIZE])
{
	pins_path(&node->datapath.pins, "maps", "owners", ret_path);
}

static bool collect_is_due(const struct node *node)
{
	char path[PINS_PATH_SIZE];
	struct stat status;
	int64_t wait_ns;

	due_path(node, path);
	if (stat(path, &status))
		return true;
	wait_ns = status.st_mtim.tv_sec * NS_PER_S + status.st_mtim.tv_nsec - now_ns();
	return wait_ns <= 0 || wait_ns > COLLECT_DUE_MAX_NS;
}

/* Where it can't be noted the next one looks, too. */
static void due_set(const struct node *node, int64_t wait_ns)
{
	int64_t due_ns = now_ns() + (wait_ns < COLLECT_DUE_MAX_NS ? wait_ns : COLLECT_DUE_MAX_NS);
	const struct timespec due = { .tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S };
	char path[PINS_PATH_SIZE];

	due_path(node, path);
	(void)utimensat(AT_FDCWD, path, (struct timespec[]){ due, due }, 0);
}

/* By their notes alone, and without a lock: what else there is can wait for who needs it. */
static bool owner_is_dead(struct node *node, int ifindex)
{
	bool exists = false;

	return !owner_exists(&node->datapath, ifindex, &exists, NULL) && exists &&
	       link_is_gone(ifindex);
}

static bool newest_are_dead(struct node *node, int newest)
{
	for (int ifindex = newest - 1; ifindex > 0 && ifindex >= newest - COLLECT_NEWEST; ifindex--)
		if (owner_is_dead(node, ifindex))
			return true;
	return false;
}

void collect_dead(struct node *node, int newest)
{
	int64_t begin_ns = now_ns();
	uint32_t id;
	size_t dead;

	if (collector_program_id(&node->datapath.pins, &id, NULL) != -ENOENT ||
	    (newest && !newest_are_dead(node, newest) && !collect_is_due(node)))
		return;
	due_set(node, NS_PER_S / 10); /* others needn't do the same at the same time */
	(void)collect_claims(node, &dead, NULL);
	due_set(node, COLLECT_PART * (now_ns() - begin_ns));
}
