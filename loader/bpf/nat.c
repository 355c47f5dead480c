// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/nat.h"

#include <endian.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/invalidator.h"
#include "core/sysctl.h"

/* Below the host's own range, which is 32768 to 60999 unless somebody changed it. */
static const struct port_range preferred_range = { 16384, 32767 };

/* Where the host's own range leaves nothing: the last ports, which Linux gives away last too. */
static const struct port_range fallback_range = { 61000, 65535 };

/* Fewer ports than that soon run out: then it's better to share the host's own. */
#define RANGE_USEFUL 1024

int nat_open(struct datapath *datapath, struct nk_nat **ret_nat, struct error *err)
{
	int fd = datapath_map_fd(datapath, MAP_NAT, err);
	void *memory;

	if (fd < 0)
		return fd;
	memory = mmap(NULL, sizeof(**ret_nat), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return error_sys(err, errno, "map the table nat into memory");
	*ret_nat = memory;
	return 0;
}

void nat_close(struct nk_nat **nat)
{
	if (*nat)
		(void)munmap(*nat, sizeof(**nat)); /* fails only for what isn't mapped */
	*nat = NULL;
}

void nat_port_set(struct nk_nat *nat, uint16_t port)
{
	__atomic_fetch_or(&nat->ports[port / 64], 1ULL << port % 64, __ATOMIC_RELAXED);
}

bool nat_port_is_set(const struct nk_nat *nat, uint16_t port)
{
	return nat->ports[port / 64] >> port % 64 & 1;
}

bool port_ranges_overlap(const struct port_range *a, const struct port_range *b)
{
	return a->min <= b->max && b->min <= a->max;
}

struct port_range nat_range(const struct nk_nat *nat)
{
	return (struct port_range){ nat->port_min, nat->port_max };
}

static uint32_t range_size(const struct port_range *range)
{
	return range->max < range->min ? 0 : range->max - range->min + 1;
}

struct port_range port_range_choose(const struct port_range *local)
{
	const struct port_range below = { NAT_PORT_MIN, local->min ? local->min - 1 : 0 };
	const struct port_range above = { local->max < NAT_PORT_MIN ? NAT_PORT_MIN : local->max + 1,
					  NAT_PORT_MAX };
	const struct port_range *larger = range_size(&above) > range_size(&below) ? &above : &below;

	if (!port_ranges_overlap(&preferred_range, local))
		return preferred_range;
	return range_size(larger) < RANGE_USEFUL ? fallback_range : *larger;
}

int port_range_local(struct port_range *ret_range, struct error *err)
{
	int min, max;
	int ret = sysctl_read_pair("ipv4/ip_local_port_range", &min, &max, err);

	if (!ret)
		*ret_range = (struct port_range){ (uint32_t)min, (uint32_t)max };
	return ret;
}

/* Bits ---------------------------------------------------------------------------------------- */

static void range_watch(struct nk_nat *nat, const struct port_range *range)
{
	for (uint32_t port = range->min; port <= range->max; port++)
		nat_port_set(nat, (uint16_t)port);
}

/* A program that comes between the two stores sees one limit of each range. */
static void range_store(struct nk_nat *nat, const struct port_range *range)
{
	__atomic_store_n(&nat->port_min, range->min, __ATOMIC_RELAXED);
	__atomic_store_n(&nat->port_max, range->max, __ATOMIC_RELAXED);
}

/* Whether answers come to a port that the flow was given: a container began it, or who knows. */
static bool flow_has_port(const struct flow *flow)
{
	return !flow->has_original || flow->original.sender;
}

void nat_ports_clear(struct nk_nat *nat, const struct published_list *published,
		     const struct flow_list *flows)
{
	const struct port_range range = nat_range(nat);
	struct nk_nat used = { 0 };

	range_watch(&used, &range);
	for (size_t i = 0; i < published->count; i++)
		nat_port_set(&used, be16toh(published->entries[i].key.port));
	for (size_t i = 0; i < flows->count; i++)
		if (flow_has_port(&flows->flows[i]))
			nat_port_set(&used, be16toh(flows->flows[i].reply_key.dport));
	for (size_t i = 0; i < ARRAY_SIZE(used.ports); i++)
		__atomic_fetch_and(&nat->ports[i], used.ports[i], __ATOMIC_RELAXED);
}

/*
 * Each system call of this kind waits for an RCU grace period (membarrier_global() in
 * kernel/sched/membarrier.c). A kernel with nohz_full has none; there a program that runs at this
 * very moment may be overtaken.
 */
void nat_programs_wait(void)
{
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/*
 * By way of the range that spans both: so no program sees a range that is upside down, nor takes a
 * port whose bit isn't set.
 */
static void range_change(struct nk_nat *nat, const struct port_range *range)
{
	const struct port_range before = nat_range(nat);
	const struct port_range both = {
		range->min < before.min ? range->min : before.min,
		range->max > before.max ? range->max : before.max,
	};

	range_watch(nat, &both);
	range_store(nat, &both);
	nat_programs_wait();
	range_store(nat, range);
	nat_programs_wait();
}

int nat_range_set(struct datapath *datapath, struct nk_nat *nat, const struct port_range *range,
		  struct error *err)
{
	_cleanup_published_list_ struct published_list published = { 0 };
	_cleanup_flow_list_ struct flow_list flows = { 0 };
	int ret;

	range_change(nat, range);
	ret = invalidator_tell(&datapath->pins, err);
	if (!ret)
		ret = published_list_read(datapath, &published, err);
	if (!ret)
		ret = flow_list_read(datapath, &flows, err);
	if (!ret)
		nat_ports_clear(nat, &published, &flows);
	return ret;
}

/* The ports come last: a range is what tells that the rest was filled in. */
static int nat_fill(struct nk_nat *nat, struct error *err)
{
	struct port_range local, range;
	int ret = port_range_local(&local, err);

	if (ret)
		return ret;
	if (getrandom(&nat->secret, sizeof(nat->secret), 0) != sizeof(nat->secret))
		return error_sys(err, errno, "get random bytes");
	range = port_range_choose(&local);
	nat->endpoint_flows = NK_ENDPOINT_FLOWS_DEFAULT;
	range_watch(nat, &range);
	range_store(nat, &range);
	return 0;
}

int nat_init(struct datapath *datapath, struct error *err)
{
	_cleanup_nat_ struct nk_nat *nat = NULL;
	int ret = nat_open(datapath, &nat, err);

	if (nat && !nat->port_max)
		ret = nat_fill(nat, err);
	return ret;
}
