// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/routes.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "routes.skel.h"

#define LINK_NAME "default_routes"

static int skeleton_open(struct routes_bpf **ret_skeleton, struct error *err)
{
	*ret_skeleton = routes_bpf__open();
	return *ret_skeleton ? 0 : error_sys(err, errno, "open the eBPF object that finds routes");
}

static int skeleton_attach(struct routes_bpf *skeleton, struct error *err)
{
	int ret = routes_bpf__load(skeleton);

	if (!ret)
		ret = routes_bpf__attach(skeleton);
	return ret ? error_sys(err, ret, "load the eBPF program that finds routes") : 0;
}

int routes_load(const struct pins *pins, struct error *err)
{
	struct routes_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = skeleton_attach(skeleton, err);
	if (!ret)
		ret = pins_replace(pins, "links", LINK_NAME,
				   bpf_link__fd(skeleton->links.nk_default_routes), err);
	routes_bpf__destroy(skeleton); /* the pin keeps link and program */
	log_step("routes_load");
	return ret;
}

int routes_try(struct error *err)
{
	struct routes_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = skeleton_attach(skeleton, err);
	routes_bpf__destroy(skeleton);
	return ret;
}

/* One read(2) is enough: see the program. */
int routes_read_default(const struct pins *pins, struct nk_default_route *routes, size_t max,
			size_t *ret_count, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char path[PINS_PATH_SIZE];
	size_t count;
	ssize_t len;

	if (pins->base_fd < 0)
		return error_set(err, ENOENT, "nothing is loaded");
	pins_path(pins, "links", LINK_NAME, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "open %s", path);
	len = read(fd, routes, max * sizeof(*routes));
	if (len < 0)
		return error_sys(err, errno, "read %s", path);
	count = (size_t)len / sizeof(*routes);
	if (count && routes[count - 1].ifindex == NK_DEFAULT_ROUTES_END)
		count--;
	for (size_t i = 0; i < count; i++)
		if (!routes[i].ifindex)
			return error_set(err, ENOENT, "%s tells of a nexthop object", path);
	*ret_count = count;
	return 0;
}

int routes_program_id(const struct pins *pins, uint32_t *ret_id, struct error *err)
{
	return pins_link_program(pins, LINK_NAME, ret_id, err);
}
