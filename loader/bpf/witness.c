// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/witness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/netfilter.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "forward.skel.h"

/*
 * Behind everybody who may change or drop a packet. No two eBPF programs may have the same priority
 * (nf_hook_entries_grow() in net/netfilter/core.c): a new one is attached while the old one is
 * there, or lingers.
 */
#define PRIORITY_LAST  (INT_MAX - 1)
#define PRIORITY_TRIES 16

static const struct {
	const char *pin;
	uint32_t family;
} links[WITNESS_PROGRAMS] = {
	{ "forward_v4", NFPROTO_IPV4 },
	{ "forward_v6", NFPROTO_IPV6 },
};

static int program_attach(const struct bpf_program *program, uint32_t family,
			  struct bpf_link **ret_link)
{
	LIBBPF_OPTS(bpf_netfilter_opts, options, .pf = family, .hooknum = NF_INET_FORWARD,
		    .priority = PRIORITY_LAST);

	for (int i = 0; i < PRIORITY_TRIES; i++, options.priority--) {
		*ret_link = bpf_program__attach_netfilter(program, &options);
		if (*ret_link)
			return 0;
		if (errno != EBUSY)
			break;
	}
	return -errno;
}

/* @pins: where the link stays; NULL: nowhere */
static int witness_attach(const struct pins *pins, const struct bpf_program *program, size_t index,
			  struct error *err)
{
	struct bpf_link *link;
	int ret = program_attach(program, links[index].family, &link);

	if (ret)
		return error_sys(err, ret, "attach %s to netfilter", links[index].pin);
	if (pins)
		ret = pins_replace(pins, "links", links[index].pin, bpf_link__fd(link), err);
	(void)bpf_link__destroy(link); /* closes the descriptor: the pin keeps the link */
	return ret;
}

static int skeleton_attach(const struct pins *pins, struct forward_bpf *skeleton, struct error *err)
{
	int ret = forward_bpf__load(skeleton);

	if (ret)
		return error_sys(err, ret, "load the eBPF programs for netfilter");
	ret = witness_attach(pins, skeleton->progs.nk_forward_v4, 0, err);
	return ret ? ret : witness_attach(pins, skeleton->progs.nk_forward_v6, 1, err);
}

static int skeleton_open(struct forward_bpf **ret_skeleton, struct error *err)
{
	*ret_skeleton = forward_bpf__open();
	return *ret_skeleton ? 0 : error_sys(err, errno, "open the eBPF object for netfilter");
}

int witness_load(const struct pins *pins, struct error *err)
{
	struct forward_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = pins_reuse_maps(pins, skeleton->obj, err); /* the datapath made them */
	if (!ret)
		ret = skeleton_attach(pins, skeleton, err);
	forward_bpf__destroy(skeleton);
	log_step("witness_load");
	return ret;
}

int witness_try(struct error *err)
{
	struct forward_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = skeleton_attach(NULL, skeleton, err);
	forward_bpf__destroy(skeleton);
	return ret;
}

bool witness_is_loaded(const struct pins *pins)
{
	return pins_has(pins, "links", links[0].pin) && pins_has(pins, "links", links[1].pin);
}

void witness_program_ids(const struct pins *pins, uint32_t ids[WITNESS_PROGRAMS])
{
	for (size_t i = 0; i < WITNESS_PROGRAMS; i++)
		if (pins_link_program(pins, links[i].pin, &ids[i], NULL))
			ids[i] = 0;
}
