// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/invalidator.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "core/netns.h"
#include "invalidate.skel.h"
#include "nkctl/generation.h"

/* Names in the object are the names of the links' pins. */
static const char *const program_names[INVALIDATOR_PROGRAMS] = {
	"nk_rtnetlink",    "nk_sysctl",       "nk_route_v4",     "nk_route_v6_add",
	"nk_route_v6_del", "nk_exception_v4", "nk_exception_v6", "nk_neighbour",
	"nk_device",       "nk_nexthop",      "nk_bucket",       "nk_router",
};

static int generation_open(const struct pins *pins, __u64 **ret_generation, struct error *err)
{
	_cleanup_close_ int fd = pins_get(pins, "maps", GENERATION_NAME, err);
	void *memory;

	if (fd < 0)
		return fd;
	memory = mmap(NULL, sizeof(**ret_generation), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return error_sys(err, errno, "map the generation of paths into memory");
	*ret_generation = memory;
	return 0;
}

static void generation_close(__u64 **generation)
{
	if (*generation)
		(void)munmap(*generation,
			     sizeof(**generation)); /* fails only for what isn't mapped */
}
#define _cleanup_generation_ _cleanup_(generation_close)

static int skeleton_open(struct invalidate_bpf **ret_skeleton, struct error *err)
{
	*ret_skeleton = invalidate_bpf__open();
	if (!*ret_skeleton)
		return error_sys(err, errno, "open the invalidator's eBPF object");
	assert((*ret_skeleton)->skeleton->prog_cnt == INVALIDATOR_PROGRAMS);
	return 0;
}

static int skeleton_attach(struct invalidate_bpf *skeleton, struct error *err)
{
	int ret = invalidate_bpf__load(skeleton);

	if (!ret)
		ret = invalidate_bpf__attach(skeleton);
	return ret ? error_sys(err, ret, "attach to the kernel's changes of routes and the like")
		   : 0;
}

static int links_pin(const struct pins *pins, struct invalidate_bpf *skeleton, struct error *err)
{
	const struct bpf_object_skeleton *object = skeleton->skeleton;
	int ret = 0;

	for (int i = 0; !ret && i < object->prog_cnt; i++)
		ret = pins_replace(pins, "links", object->progs[i].name,
				   bpf_link__fd(*object->progs[i].link), err);
	return ret;
}

/* From now on somebody tells; what was missed until now is forgotten. */
static int generation_begin(const struct pins *pins, struct error *err)
{
	_cleanup_generation_ __u64 *generation = NULL;
	int ret = generation_open(pins, &generation, err);

	if (ret)
		return ret;
	__atomic_fetch_add(generation, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_and(generation, ~NK_GENERATION_LOST, __ATOMIC_SEQ_CST);
	return 0;
}

static int invalidator_attach(const struct pins *pins, struct invalidate_bpf *skeleton,
			      struct error *err)
{
	char path[PINS_PATH_SIZE];
	uint64_t cookie = 0;
	int ret = netns_cookie(&cookie, err);

	if (ret)
		return ret;
	skeleton->rodata->host_netns_cookie = cookie;
	pins_path(pins, "maps", GENERATION_NAME, path);
	ret = bpf_map__set_pin_path(skeleton->maps.data_generation, path);
	if (ret)
		return error_sys(err, ret, "choose the pin of the generation");
	ret = skeleton_attach(skeleton, err);
	if (!ret)
		ret = links_pin(pins, skeleton, err);
	return ret ? ret : generation_begin(pins, err);
}

int invalidator_load(const struct pins *pins, struct error *err)
{
	struct invalidate_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = invalidator_attach(pins, skeleton, err);
	invalidate_bpf__destroy(skeleton); /* the pins keep links and programs */
	log_step("invalidator_load");
	return ret;
}

static bool links_are_pinned(const struct pins *pins)
{
	for (size_t i = 0; i < INVALIDATOR_PROGRAMS; i++)
		if (!pins_has(pins, "links", program_names[i]))
			return false;
	return true;
}

enum invalidator_state invalidator_state(const struct pins *pins)
{
	_cleanup_generation_ __u64 *generation = NULL;

	(void)generation_open(pins, &generation, NULL); /* then there is none */
	if (!generation)
		return INVALIDATOR_GONE;
	if (*generation & NK_GENERATION_LOST)
		return INVALIDATOR_GIVEN_UP;
	return links_are_pinned(pins) ? INVALIDATOR_ATTACHED : INVALIDATOR_GONE;
}

/* Without its pin the map is not the programs' any more, and only an upgrade helps. */
void invalidator_mend(const struct pins *pins)
{
	_cleanup_generation_ __u64 *generation = NULL;

	(void)generation_open(pins, &generation, NULL); /* then there is none */
	if (!generation)
		return;
	if (invalidator_load(pins, NULL))
		__atomic_fetch_or(generation, NK_GENERATION_LOST, __ATOMIC_SEQ_CST);
}

int invalidator_tell(const struct pins *pins, struct error *err)
{
	_cleanup_generation_ __u64 *generation = NULL;
	int ret = generation_open(pins, &generation, err);

	if (!ret)
		__atomic_fetch_add(generation, 1, __ATOMIC_SEQ_CST);
	return ret == -ENOENT ? 0 : ret;
}

void invalidator_program_ids(const struct pins *pins, uint32_t ids[INVALIDATOR_PROGRAMS])
{
	for (size_t i = 0; i < INVALIDATOR_PROGRAMS; i++)
		if (pins_link_program(pins, program_names[i], &ids[i], NULL))
			ids[i] = 0;
}

/* No network namespace has the cookie 0, and the map is nobody's. */
int invalidator_try(struct error *err)
{
	struct invalidate_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = skeleton_attach(skeleton, err);
	invalidate_bpf__destroy(skeleton);
	return ret;
}
