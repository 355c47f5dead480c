// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/nat.h"

#include <endian.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "bpf/flows.h"
#include "bpf/published.h"
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

void nat_port_clear(struct nk_nat *nat, uint16_t port)
{
	struct port_range range = nat_range(nat);

	if (!port_range_has(&range, port))
		__atomic_fetch_and(&nat->ports[port / 64], ~(1ULL << port % 64), __ATOMIC_RELAXED);
}

static bool nat_port_is_set(const struct nk_nat *nat, uint16_t port)
{
	return nat->ports[port / 64] >> port % 64 & 1;
}

bool port_range_has(const struct port_range *range, uint32_t port)
{
	return port >= range->min && port <= range->max;
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

/* Ports that are published, and those that flows have. */
static int ports_in_use(struct datapath *datapath, struct nk_nat *ret_used, struct error *err)
{
	_cleanup_published_list_ struct published_list published = { 0 };
	_cleanup_flow_list_ struct flow_list flows = { 0 };
	int ret = published_list_read(datapath, &published, err);

	if (!ret)
		ret = flow_list_read(datapath, &flows, err);
	for (size_t i = 0; i < published.count; i++)
		nat_port_set(ret_used, be16toh(published.entries[i].key.port));
	for (size_t i = 0; i < flows.count; i++)
		nat_port_set(ret_used, be16toh(flows.flows[i].original.to.sport));
	return ret;
}

/* The old ports' bits go last: by then no flow gets one of these any more. */
int nat_range_set(struct datapath *datapath, struct nk_nat *nat, const struct port_range *range,
		  struct error *err)
{
	const struct port_range before = nat_range(nat);
	struct nk_nat used = { 0 };
	int ret;

	for (uint32_t port = range->min; port <= range->max; port++)
		nat_port_set(nat, (uint16_t)port);
	nat->port_min = range->min;
	nat->port_max = range->max;
	ret = ports_in_use(datapath, &used, err);
	for (uint32_t port = before.min; !ret && port <= before.max; port++)
		if (!nat_port_is_set(&used, (uint16_t)port))
			nat_port_clear(nat, (uint16_t)port);
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
	for (uint32_t port = range.min; port <= range.max; port++)
		nat_port_set(nat, (uint16_t)port);
	nat->port_min = range.min;
	nat->port_max = range.max;
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
