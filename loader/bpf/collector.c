// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/collector.h"

#include <bpf/libbpf.h>
#include <errno.h>

#include "collect.skel.h"
#include "core/log.h"
#include "core/netns.h"

#define LINK_NAME "collect"

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
		ret = pins_reuse_maps(pins, skeleton->obj, err); /* the datapath made them */
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
	return pins_link_program(pins, LINK_NAME, ret_id, err);
}
