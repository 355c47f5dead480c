/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The datapath in the kernel: programs and maps, loaded and pinned once, opened by every later
 * command through their pins. The configuration's pin comes last and goes first (PINS_CONFIG).
 */
#ifndef NKCTL_BPF_DATAPATH_H
#define NKCTL_BPF_DATAPATH_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "bpf/pins.h"
#include "core/error.h"
#include "nkctl/config.h"

enum datapath_map {
	MAP_ENDPOINTS_V4,
	MAP_ENDPOINTS_V6,
	MAP_OWNERS,
	MAP_NETWORKS,
	MAP_CURSORS,
	MAP_UPLINKS,
	MAP_DROPS,
	MAP_FLOWS,
	MAP_FLOW_SLOTS,
	MAP_FLOW_RINGS,
	MAP_FRAGMENTS,
	MAP_EVICTED,
	MAP_FORWARDED,
	MAP_FORWARDED_ANY,
	MAP_PUBLISHED,
	MAP_EXEMPT,
	MAP_NAT,
	MAP_HOST_ADDRESSES,
	MAP_COUNT
};

enum datapath_program {
	PROGRAM_FROM_CTR,      /* netkit/peer: out of a container */
	PROGRAM_FROM_CTR_VETH, /* tcx/ingress of a veth pair's host end: the same */
	PROGRAM_UPLINK,        /* tcx/ingress of an uplink */
	PROGRAM_UPLINK_L3,     /* the same, for devices without a MAC header */
	PROGRAM_COUNT
};

/**
 * struct datapath - the open datapath.
 * @nat: programs that are loaded now are to have the code for address translation, whether or not
 *	earlier ones had it; set before datapath_open() or datapath_load()
 * @config_fd: the configuration that was loaded, until datapath_commit() pins it; otherwise -1
 * @map_fds, @program_fds: -1 until they are needed
 */
struct datapath {
	struct pins pins;
	struct nk_config config;
	bool nat;
	int config_fd;
	int map_fds[MAP_COUNT];
	int program_fds[PROGRAM_COUNT];
};

/**
 * datapath_open() - lock and open what is pinned; load and pin it first where it isn't.
 * @datapath: DATAPATH_CLOSED, or with the wish @nat
 * @lock: kept until datapath_close()
 *
 * Return: 0; -EOPNOTSUPP where the kernel can't run it; -EPROTO where a build with another layout
 * of the maps loaded what is there.
 */
int datapath_open(struct datapath *datapath, enum pins_lock lock, struct error *err);

/* datapath_open_loaded() - the same without loading: -ENOENT where nothing is loaded. */
int datapath_open_loaded(struct datapath *ret_datapath, enum pins_lock lock, struct error *err);

/* datapath_put_back() - pin what programs that are attached hold, and whose pin was lost. */
int datapath_put_back(struct datapath *datapath, struct error *err);

/**
 * datapath_load() - load this build's programs on the pinned maps, made where they are absent,
 * and pin them in place of the earlier ones. Needs the exclusive lock.
 *
 * @datapath->config is theirs from now on. For later commands nothing was loaded, or the earlier
 * ones still are, until datapath_commit(): killed or failing before, it's all done again.
 */
int datapath_load(struct datapath *datapath, struct error *err);

/**
 * datapath_commit() - pin the configuration of what datapath_load() loaded. By then those programs
 * must be wherever the earlier ones were: later commands rely on what it says.
 */
int datapath_commit(struct datapath *datapath, struct error *err);

/**
 * datapath_relock() - change the kind of lock, and look again at what is loaded.
 *
 * Return: 0; -EBUSY where everything was removed in the meantime.
 */
int datapath_relock(struct datapath *datapath, enum pins_lock lock, struct error *err);

bool datapath_is_open(const struct datapath *datapath);

/* Whether one is pinned there as a whole, of whichever layout. */
bool datapath_is_loaded(const struct pins *pins);

void datapath_close(struct datapath *datapath);
#define DATAPATH_CLOSED                                                                         \
	{                                                                                       \
		.pins.base_fd = -1, .config_fd = -1, .map_fds = { [0 ... MAP_COUNT - 1] = -1 }, \
		.program_fds = {                                                                \
			[0 ... PROGRAM_COUNT - 1] = -1                                          \
		}                                                                               \
	}

/* datapath_map_fd() - Return: descriptor that @datapath owns, or a negative errno. */
int datapath_map_fd(struct datapath *datapath, enum datapath_map map, struct error *err);

/**
 * datapath_mend_links() - attach again the programs in the kernel's own functions and netfilter
 * whose links' pins were lost, where the kernel has what they take. Needs the exclusive lock.
 */
void datapath_mend_links(struct datapath *datapath);

/* datapath_links_are_gone() - whether there is one that the kernel would take. */
bool datapath_links_are_gone(const struct datapath *datapath);

/* datapath_wants_program() - whether every load brings it; the others come when they are needed. */
bool datapath_wants_program(enum datapath_program program);

/* datapath_program_fd() - the same; -ENOENT where that program isn't loaded: nobody needed it. */
int datapath_program_fd(struct datapath *datapath, enum datapath_program program,
			struct error *err);

/**
 * datapath_program_need() - the same, with the program loaded if it isn't.
 *
 * Return: a descriptor that @datapath owns; -EOPNOTSUPP where the kernel doesn't take it.
 */
int datapath_program_need(struct datapath *datapath, enum datapath_program program,
			  struct error *err);

/* The name of a map or a program in the object, and of its pin. */
const char *datapath_map_name(enum datapath_map map);
const char *datapath_program_name(enum datapath_program program);

/**
 * datapath_try() - load this build's programs into the kernel, with maps of their own, and let
 * them go again: what the verifier says, and no trace.
 * @loaded: what is loaded; NULL: nothing. What the kernel has taken from this version, as it would
 *	be loaded now, isn't tried again: the verifier takes its time.
 *
 * Return: as datapath_open().
 */
int datapath_try(const struct datapath *loaded, struct error *err);

/**
 * datapath_has_netkit_hook() - whether the kernel has netkit (6.7, CONFIG_NETKIT).
 *
 * A program for its hook is taken by any kernel of that age. What is attached to the hook of the
 * loopback device is an odd question to a kernel that has it, -ENXIO (netkit_dev_fetch() in
 * drivers/net/netkit.c), and an invalid one to others, -EINVAL.
 */
bool datapath_has_netkit_hook(void);

#endif
