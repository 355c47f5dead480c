// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/collector.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "collect.skel.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "core/netns.h"

#define LINK_NAME "collect"

/* The maps are there already: the datapath was loaded first. */
static int maps_reuse(const struct pins *pins, struct bpf_object *object, struct error *err)
{
	char path[PINS_PATH_SIZE];
	struct bpf_map *map;
	int ret = 0;

	bpf_object__for_each_map (map, object) {
		if (bpf_map__is_internal(map))
			continue;
		pins_path(pins, "maps", bpf_map__name(map), path);
		ret = ret ? ret : bpf_map__set_pin_path(map, path);
	}
	return ret ? error_sys(err, ret, "choose the maps' pins") : 0;
}

static int skeleton_open(struct collect_bpf **ret_skeleton, struct error *err)
{
	*ret_skeleton = collect_bpf__open();
	return *ret_skeleton ? 0 : error_sys(err, errno, "open the collector's eBPF object");
}

static int skeleton_attach(struct collect_bpf *skeleton, struct error *err)
{
	int ret = collect_bpf__load(skeleton);

	if (!ret)
		ret = collect_bpf__attach(skeleton);
	return ret ? error_sys(err, ret, "attach the collector to the kernel") : 0;
}

int collector_load(const struct pins *pins, struct error *err)
{
	struct collect_bpf *skeleton;
	uint64_t cookie = 0;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = netns_cookie(&cookie, err);
	if (!ret)
		ret = maps_reuse(pins, skeleton->obj, err);
	skeleton->rodata->host_netns_cookie = cookie;
	if (!ret)
		ret = skeleton_attach(skeleton, err);
	if (!ret)
		ret = pins_replace(pins, "links", LINK_NAME,
				   bpf_link__fd(skeleton->links.nk_collect), err);
	collect_bpf__destroy(skeleton); /* the pin keeps link and program */
	log_step("collector_load");
	return ret;
}

/* No network namespace has the cookie 0: it sees devices go, and does nothing. */
int collector_try(struct error *err)
{
	struct collect_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = skeleton_attach(skeleton, err);
	collect_bpf__destroy(skeleton);
	return ret;
}

int collector_program_id(const struct pins *pins, uint32_t *ret_id, struct error *err)
{
	_cleanup_close_ int fd = pins_get(pins, "links", LINK_NAME, err);
	struct bpf_link_info info = { 0 };
	__u32 size = sizeof(info);

	if (fd < 0)
		return fd;
	if (bpf_link_get_info_by_fd(fd, &info, &size))
		return error_sys(err, errno, "look at the collector");
	*ret_id = info.prog_id;
	return 0;
}
