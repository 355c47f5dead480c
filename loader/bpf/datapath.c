// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/collector.h"
#include "bpf/invalidator.h"
#include "bpf/map.h"
#include "bpf/nat.h"
#include "bpf/rescue.h"
#include "bpf/routes.h"
#include "bpf/sockets.h"
#include "bpf/tracker.h"
#include "bpf/uapi.h"
#include "bpf/witness.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "core/netns.h"
#include "nkctl.skel.h"
#include "nkctl/maps.h"

/* Names in the object are the names of the pins. */
static const char *const map_names[MAP_COUNT] = {
	[MAP_OWNERS] = "owners",
	[MAP_ENDPOINTS_V4] = "endpoints_v4",
	[MAP_ENDPOINTS_V6] = "endpoints_v6",
	[MAP_NETWORKS] = "networks",
	[MAP_CURSORS] = "cursors",
	[MAP_UPLINKS] = "uplinks",
	[MAP_DROPS] = "drops",
	[MAP_FLOWS] = "flows",
	[MAP_FLOW_SLOTS] = "flow_slots",
	[MAP_FLOW_RINGS] = "flow_rings",
	[MAP_FRAGMENTS] = "fragments",
	[MAP_EVICTED] = "evicted",
	[MAP_FORWARDED] = "forwarded",
	[MAP_FORWARDED_ANY] = "forwarded_any",
	[MAP_PUBLISHED] = "published",
	[MAP_EXEMPT] = "exempt",
	[MAP_NAT] = "nat",
	[MAP_HOST_ADDRESSES] = "host_addresses",
};

static const char *const program_names[PROGRAM_COUNT] = {
	[PROGRAM_FROM_CTR] = "nk_from_ctr",
	[PROGRAM_FROM_CTR_VETH] = "nk_from_ctr_veth",
	[PROGRAM_UPLINK] = "nk_uplink",
	[PROGRAM_UPLINK_L3] = "nk_uplink_l3",
};

/* How many jiffies a next hop may go unconfirmed: 3 s at HZ=1000, 12 s at 250, 30 s at 100. */
#define NEIGH_REFRESH_JIFFIES 3000

/* What a kernel (6.17) has that forwards IPv6 for a device without the global switch. */
#define FORCE_FORWARDING_PATH "/proc/sys/net/ipv6/conf/default/force_forwarding"

/* libbpf tells why by printing: the last line it had to say, for our error. */
static char libbpf_words[512];

static int libbpf_print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level > LIBBPF_WARN)
		return 0;
	(void)vsnprintf(libbpf_words, sizeof(libbpf_words), format, args);
	libbpf_words[strcspn(libbpf_words, "\n")] = '\0';
	return 0;
}

const char *datapath_map_name(enum datapath_map map)
{
	return map_names[map];
}

const char *datapath_program_name(enum datapath_program program)
{
	return program_names[program];
}

bool datapath_has_netkit_hook(void)
{
	LIBBPF_OPTS(bpf_prog_query_opts, opts);

	return bpf_prog_query_opts(LOOPBACK_IFINDEX, (enum bpf_attach_type)NK_BPF_NETKIT_PEER,
				   &opts) == -ENXIO;
}

int datapath_map_fd(struct datapath *datapath, enum datapath_map map, struct error *err)
{
	if (datapath->map_fds[map] < 0)
		datapath->map_fds[map] = pins_get(&datapath->pins, "maps", map_names[map], err);
	return datapath->map_fds[map];
}

int datapath_program_fd(struct datapath *datapath, enum datapath_program program, struct error *err)
{
	if (datapath->program_fds[program] < 0)
		datapath->program_fds[program] =
			pins_get(&datapath->pins, "progs", program_names[program], err);
	return datapath->program_fds[program];
}

/* Whether all is pinned that this build's load pins. Another build may have had fewer maps. */
static bool pins_are_complete(const struct datapath *datapath)
{
	const struct pins *pins = &datapath->pins;

	if (strncmp(datapath->config.version, NKCTL_VERSION, NK_VERSION_SIZE) != 0)
		return true;
	for (size_t i = 0; i < MAP_COUNT; i++)
		if (!pins_has(pins, "maps", map_names[i]))
			return false;
	return pins_has(pins, "maps", GENERATION_NAME) && pins_are_prepared(pins);
}

/* The .rodata of the programs in the kernel. Return: 0; -ENOENT where nothing is loaded, or only a
 * part of what was is pinned any more. */
static int config_read(struct datapath *datapath, struct error *err)
{
	_cleanup_close_ int fd = pins_get(&datapath->pins, "maps", PINS_CONFIG, err);
	int ret;

	if (fd < 0)
		return fd;
	ret = map_section_read(fd, &datapath->config, sizeof(datapath->config));
	if (ret)
		return error_sys(err, ret, "read the configuration in the kernel");
	if (datapath->config.abi_version != NK_ABI_VERSION)
		return error_set(err, EPROTO,
				 "nkctl %.*s loaded maps of layout %u, this one (" NKCTL_VERSION
				 ") has layout %d: detach the containers with that one first",
				 NK_VERSION_SIZE, datapath->config.version,
				 datapath->config.abi_version, NK_ABI_VERSION);
	if (!pins_are_complete(datapath))
		return error_set(err, ENOENT, "pins below %s are gone: `nkctl repair`",
				 datapath->pins.base);
	return 0;
}

static void skeleton_configure(struct nkctl_bpf *skeleton, bool nat, bool path_cache)
{
	struct nk_config *config = (struct nk_config *)&skeleton->rodata_config->nk_config;

	config->abi_version = NK_ABI_VERSION;
	config->neigh_refresh_jiffies = NEIGH_REFRESH_JIFFIES;
	config->nat = nat;
	config->path_cache = path_cache;
	config->paces = true;
	config->withholds = true;
	config->stack_forwards_ipv6 = !access(FORCE_FORWARDING_PATH, F_OK);
	(void)snprintf(config->version, sizeof(config->version), "%s", NKCTL_VERSION);
}

/* libbpf reuses a map that is pinned at its path, and pins one that it makes. */
static int skeleton_pin_maps(const struct datapath *datapath, struct nkctl_bpf *skeleton,
			     struct error *err)
{
	char path[PINS_PATH_SIZE];
	struct bpf_map *map;
	int ret = 0;

	for (size_t i = 0; !ret && i < MAP_COUNT; i++) {
		map = bpf_object__find_map_by_name(skeleton->obj, map_names[i]);
		pins_path(&datapath->pins, "maps", map_names[i], path);
		ret = bpf_map__set_pin_path(map, path);
	}
	pins_path(&datapath->pins, "maps", GENERATION_NAME, path);
	if (!ret)
		ret = bpf_map__set_pin_path(skeleton->maps.data_generation, path);
	return ret ? error_sys(err, ret, "choose the maps' pins") : 0;
}

/* A set of programs: a bit for each enum datapath_program. */
#define PROGRAMS_ALL ((1U << PROGRAM_COUNT) - 1)

/*
 * What every node needs; the verifier takes its time for each. The others are loaded when somebody
 * asks for them: veth pairs where the kernel has netkit, uplinks without MAC addresses.
 */
static unsigned int programs_common(void)
{
	return 1U << PROGRAM_UPLINK |
	       (datapath_has_netkit_hook() ? 1U << PROGRAM_FROM_CTR : 1U << PROGRAM_FROM_CTR_VETH);
}

bool datapath_wants_program(enum datapath_program program)
{
	return programs_common() & 1U << program;
}

static unsigned int programs_pinned(const struct datapath *datapath)
{
	unsigned int programs = 0;

	for (unsigned int i = 0; i < PROGRAM_COUNT; i++)
		if (pins_has(&datapath->pins, "progs", program_names[i]))
			programs |= 1U << i;
	return programs;
}

/*
 * A program holds the maps that it uses. Bound to the others as well, each keeps all of them, and
 * lost pins can be put back (bpf/rescue.h).
 */
static int skeleton_bind_maps(struct nkctl_bpf *skeleton, struct error *err)
{
	struct bpf_program *program;
	struct bpf_map *map;
	int ret = 0;

	bpf_object__for_each_program (program, skeleton->obj) {
		if (bpf_program__fd(program) < 0)
			continue; /* it wasn't wanted */
		bpf_object__for_each_map (map, skeleton->obj)
			ret = ret ? ret
				  : bpf_prog_bind_map(bpf_program__fd(program), bpf_map__fd(map),
						      NULL);
	}
	return ret ? error_sys(err, ret, "bind the maps to the eBPF programs") : 0;
}

/* Not where the machine is short of something, or who asks may not: no other kernel mends that. */
static bool kernel_is_to_blame(int error)
{
	switch (-error) {
	case EPERM:
	case EACCES:
	case EAGAIN:
	case EBUSY:
	case EINTR:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return false;
	default:
		return true;
	}
}

static int skeleton_load(struct nkctl_bpf *skeleton, unsigned int programs, bool nat,
			 bool path_cache, struct error *err)
{
	struct bpf_program *program;
	int ret;

	skeleton_configure(skeleton, nat, path_cache);
	for (unsigned int i = 0; i < PROGRAM_COUNT; i++) {
		program = bpf_object__find_program_by_name(skeleton->obj, program_names[i]);
		(void)bpf_program__set_autoload(program, programs & 1U << i);
	}
	libbpf_words[0] = '\0';
	ret = nkctl_bpf__load(skeleton);
	if (ret && !kernel_is_to_blame(ret))
		return error_set(err, ret, "load the eBPF programs: %s (%s)", strerror(-ret),
				 libbpf_words);
	if (ret)
		return error_set(err, EOPNOTSUPP,
				 "this kernel doesn't take the eBPF programs: %s (%s); 6.6 or "
				 "later is needed, `nkctl doctor` tells more",
				 strerror(-ret), libbpf_words);
	return skeleton_bind_maps(skeleton, err);
}

static int skeleton_pin_programs(struct datapath *datapath, struct nkctl_bpf *skeleton,
				 struct error *err)
{
	struct bpf_program *program;
	int ret = 0, fd;

	for (size_t i = 0; !ret && i < PROGRAM_COUNT; i++) {
		program = bpf_object__find_program_by_name(skeleton->obj, program_names[i]);
		fd = bpf_program__fd(program);
		if (fd >= 0)
			ret = pins_replace(&datapath->pins, "progs", program_names[i], fd, err);
		cleanup_close(&datapath->program_fds[i]); /* the earlier program's */
	}
	return ret;
}

static int skeleton_open(struct nkctl_bpf **ret_skeleton, struct error *err)
{
	(void)libbpf_set_print(libbpf_print);
	*ret_skeleton = nkctl_bpf__open();
	return *ret_skeleton ? 0 : error_sys(err, errno, "open the eBPF object");
}

/* From here on the datapath is what was loaded; the other commands' comes with the commit. */
static int config_take(struct datapath *datapath, const struct nkctl_bpf *skeleton,
		       struct error *err)
{
	int fd = fcntl(bpf_map__fd(skeleton->maps.rodata_config), F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return error_sys(err, errno, "keep the configuration that was loaded");
	cleanup_close(&datapath->config_fd); /* an earlier load's that wasn't committed */
	datapath->config_fd = fd;
	memcpy(&datapath->config, (const void *)&skeleton->rodata_config->nk_config,
	       sizeof(datapath->config));
	return 0;
}

int datapath_load(struct datapath *datapath, struct error *err)
{
	const bool nat = datapath->nat || datapath->config.nat;
	struct nkctl_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);
	bool path_cache;

	if (ret)
		return ret;
	path_cache = !invalidator_load(&datapath->pins, NULL); /* without it, none are kept */
	ret = skeleton_pin_maps(datapath, skeleton, err);
	if (!ret)
		ret = skeleton_load(skeleton, programs_common() | programs_pinned(datapath), nat,
				    path_cache, err);
	if (!ret)
		ret = nat_init(datapath, err);
	if (!ret)
		ret = skeleton_pin_programs(datapath, skeleton, err);
	if (!ret)
		(void)collector_load(&datapath->pins, NULL); /* without it, commands collect */
	if (!ret)
		(void)witness_load(&datapath->pins, NULL); /* without it, answers go straight */
	if (!ret)
		(void)routes_load(&datapath->pins, NULL); /* without it, routes are dumped */
	if (!ret)
		ret = config_take(datapath, skeleton, err);
	nkctl_bpf__destroy(skeleton);
	log_step("datapath_load");
	return ret;
}

int datapath_commit(struct datapath *datapath, struct error *err)
{
	int ret = pins_replace(&datapath->pins, "maps", PINS_CONFIG, datapath->config_fd, err);

	cleanup_close(&datapath->config_fd);
	log_step("datapath_commit");
	return ret;
}

/*
 * Two that come at once both load it; the first to pin it has made the one that stays. Where
 * another version loaded the rest, they work side by side as after an upgrade that was killed half
 * way: the layout of the maps is the same (config_read()).
 */
static int program_load(struct datapath *datapath, enum datapath_program program, struct error *err)
{
	struct nkctl_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = skeleton_pin_maps(datapath, skeleton, err);
	if (!ret)
		ret = skeleton_load(skeleton, 1U << program, datapath->config.nat,
				    datapath->config.path_cache, err);
	if (!ret)
		ret = pins_add(&datapath->pins, "progs", program_names[program],
			       bpf_program__fd(bpf_object__find_program_by_name(
				       skeleton->obj, program_names[program])),
			       err);
	nkctl_bpf__destroy(skeleton);
	log_step("program_load");
	return ret == -EEXIST ? 0 : ret;
}

int datapath_program_need(struct datapath *datapath, enum datapath_program program,
			  struct error *err)
{
	int fd = datapath_program_fd(datapath, program, err), ret;

	if (fd != -ENOENT)
		return fd;
	ret = program_load(datapath, program, err);
	return ret ? ret : datapath_program_fd(datapath, program, err);
}

/*
 * Programs that the kernel has taken already, with all of their code. The others may have come
 * later, and from another version: program_load().
 */
static unsigned int programs_taken(const struct datapath *loaded)
{
	if (!loaded || !loaded->config.nat || !loaded->config.path_cache ||
	    strncmp(loaded->config.version, NKCTL_VERSION, NK_VERSION_SIZE) != 0)
		return 0;
	return programs_pinned(loaded) & programs_common();
}

int datapath_try(const struct datapath *loaded, struct error *err)
{
	/* The most that is ever loaded. */
	const unsigned int programs = datapath_has_netkit_hook()
					      ? PROGRAMS_ALL
					      : PROGRAMS_ALL & ~(1U << PROGRAM_FROM_CTR);
	struct nkctl_bpf *skeleton;
	int ret = skeleton_open(&skeleton, err);

	if (ret)
		return ret;
	ret = skeleton_load(skeleton, programs & ~programs_taken(loaded), true, true, err);
	nkctl_bpf__destroy(skeleton);
	return ret;
}

static bool pinned_link_is_gone(int (*program_id)(const struct pins *, uint32_t *, struct error *),
				const struct datapath *datapath)
{
	uint32_t id;

	return program_id(&datapath->pins, &id, NULL) == -ENOENT;
}

static bool collector_is_gone(const struct datapath *datapath)
{
	return pinned_link_is_gone(collector_program_id, datapath);
}

/* It comes with the programs of the host's sockets. */
static bool tracker_is_gone(const struct datapath *datapath)
{
	return sockets_are_attached(datapath) && pinned_link_is_gone(tracker_program_id, datapath);
}

static bool witness_is_gone(const struct datapath *datapath)
{
	return !witness_is_loaded(&datapath->pins);
}

static bool routes_are_gone(const struct datapath *datapath)
{
	return pinned_link_is_gone(routes_program_id, datapath);
}

/* struct beside - one that the kernel may not take: @try tells; all works without it. */
static const struct beside {
	bool (*is_gone)(const struct datapath *datapath);
	int (*try)(struct error *err);
	int (*load)(const struct pins *pins, struct error *err);
} beside[] = {
	{ collector_is_gone, collector_try, collector_load },
	{ tracker_is_gone, tracker_try, tracker_load },
	{ witness_is_gone, witness_try, witness_load },
	{ routes_are_gone, routes_try, routes_load },
};

static bool invalidator_is_gone(const struct datapath *datapath)
{
	return datapath->config.path_cache &&
	       invalidator_state(&datapath->pins) == INVALIDATOR_GONE;
}

bool datapath_links_are_gone(const struct datapath *datapath)
{
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
		if (beside[i].is_gone(datapath) && !beside[i].try(NULL))
			return true;
	return invalidator_is_gone(datapath);
}

void datapath_mend_links(struct datapath *datapath)
{
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
		if (beside[i].is_gone(datapath))
			(void)beside[i].load(&datapath->pins, NULL);
	if (invalidator_is_gone(datapath))
		invalidator_mend(&datapath->pins);
}

/*
 * What is attached works on maps that a load must find: a new set beside them would know nothing of
 * the addresses that are taken.
 */
int datapath_put_back(struct datapath *datapath, struct error *err)
{
	int ret = pins_prepare(&datapath->pins, err);

	return ret ? ret : rescue_pins(&datapath->pins, err);
}

static int datapath_restore(struct datapath *datapath, struct error *err)
{
	int ret = datapath_put_back(datapath, err);

	if (!ret)
		ret = config_read(datapath, err);
	if (!ret)
		datapath_mend_links(datapath);
	return ret;
}

/* Nothing is attached that would work on what a load that fails has made. */
static int datapath_load_first(struct datapath *datapath, struct error *err)
{
	int ret = datapath_load(datapath, err);

	if (!ret)
		ret = datapath_commit(datapath, err);
	if (ret)
		(void)pins_remove(&datapath->pins, NULL); /* @ret tells more */
	return ret;
}

/* Several attaches may come first at once: one loads, the others find it done. */
static int datapath_load_once(struct datapath *datapath, enum pins_lock lock, struct error *err)
{
	int ret = pins_relock(&datapath->pins, PINS_EXCLUSIVE, err);

	if (!ret)
		ret = config_read(datapath, err);
	if (ret == -ENOENT)
		ret = datapath_restore(datapath, err);
	if (ret == -ENOENT)
		ret = datapath_load_first(datapath, err);
	if (!ret && lock != PINS_EXCLUSIVE)
		ret = pins_relock(&datapath->pins, lock, err);
	return ret;
}

/* Pins can be lost, and links with them. Without those the paths that are kept may be old ones. */
static int datapath_mend(struct datapath *datapath, enum pins_lock lock, struct error *err)
{
	const struct pins *pins = &datapath->pins;
	int ret;

	if (!invalidator_is_gone(datapath))
		return 0;
	ret = datapath_relock(datapath, PINS_EXCLUSIVE, err);
	if (!ret && invalidator_is_gone(datapath))
		invalidator_mend(pins);
	if (!ret && lock != PINS_EXCLUSIVE)
		ret = datapath_relock(datapath, lock, err);
	return ret;
}

static int datapath_open_pins(struct datapath *datapath, enum pins_lock lock, bool load,
			      struct error *err)
{
	int ret = pins_open(&datapath->pins, lock, load, err);

	(void)libbpf_set_print(libbpf_print); /* for objects that are loaded later, too */
	if (!ret)
		ret = config_read(datapath, err);
	if (ret == -ENOENT && load)
		ret = datapath_load_once(datapath, lock, err);
	if (!ret && load)
		ret = datapath_mend(datapath, lock, err);
	if (ret)
		datapath_close(datapath);
	return ret;
}

int datapath_open(struct datapath *datapath, enum pins_lock lock, struct error *err)
{
	return datapath_open_pins(datapath, lock, true, err);
}

int datapath_open_loaded(struct datapath *ret_datapath, enum pins_lock lock, struct error *err)
{
	struct datapath datapath = DATAPATH_CLOSED;
	int ret = datapath_open_pins(&datapath, lock, false, err);

	if (!ret)
		*ret_datapath = datapath;
	return ret;
}

int datapath_relock(struct datapath *datapath, enum pins_lock lock, struct error *err)
{
	int ret = pins_relock(&datapath->pins, lock, err);

	return ret ? ret : config_read(datapath, err);
}

bool datapath_is_open(const struct datapath *datapath)
{
	return datapath->pins.base_fd >= 0;
}

bool datapath_is_loaded(const struct pins *pins)
{
	struct datapath datapath = DATAPATH_CLOSED;

	datapath.pins = *pins; /* which stay the caller's */
	return config_read(&datapath, NULL) != -ENOENT;
}

void datapath_close(struct datapath *datapath)
{
	for (size_t i = 0; i < MAP_COUNT; i++)
		cleanup_close(&datapath->map_fds[i]);
	for (size_t i = 0; i < PROGRAM_COUNT; i++)
		cleanup_close(&datapath->program_fds[i]);
	cleanup_close(&datapath->config_fd);
	pins_close(&datapath->pins);
}
