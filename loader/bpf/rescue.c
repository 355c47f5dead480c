// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/rescue.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "bpf/hook.h"
#include "bpf/invalidator.h"
#include "bpf/map.h"
#include "core/cleanup.h"

/* Maps of a program at most (MAX_USED_MAPS, include/linux/bpf_verifier.h). */
#define PROGRAM_MAPS_MAX 64

/* What libbpf calls the maps that are sections, as the kernel cuts it. */
static const struct {
	const char *map, *pin;
} sections[] = {
	{ ".rodata.config", PINS_CONFIG },
	{ ".data.generatio", GENERATION_NAME },
};

/* struct program_maps - what a program works on. */
struct program_maps {
	uint32_t ids[PROGRAM_MAPS_MAX];
	uint32_t count;
};

/* struct attached - the newest program of each kind on this namespace's devices; 0: none. */
struct attached {
	uint32_t ids[PROGRAM_COUNT];
};

/* The pin that a map belongs at; NULL: at none. */
static const char *pin_of(const char *map_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (!strcmp(map_name, sections[i].map))
			return sections[i].pin;
	for (int map = 0; map < MAP_COUNT; map++)
		if (!strcmp(map_name, datapath_map_name((enum datapath_map)map)))
			return datapath_map_name((enum datapath_map)map);
	return NULL;
}

static int program_maps_read(uint32_t id, struct program_maps *maps, struct error *err)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = { .nr_map_ids = PROGRAM_MAPS_MAX,
				      .map_ids = (uintptr_t)maps->ids };
	__u32 size = sizeof(info);

	if (fd < 0)
		return error_sys(err, fd, "open the eBPF program %u", id);
	if (bpf_prog_get_info_by_fd(fd, &info, &size))
		return error_sys(err, errno, "look at the eBPF program %u", id);
	maps->count = info.nr_map_ids < PROGRAM_MAPS_MAX ? info.nr_map_ids : PROGRAM_MAPS_MAX;
	return 0;
}

/* Return: 0; -ESTALE where something else is pinned where a map belongs. */
static int map_check(const struct pins *pins, uint32_t id, struct error *err)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id), pinned_fd = -1;
	struct bpf_map_info info, pinned;
	const char *pin;

	if (fd < 0 || map_info(fd, &info))
		return error_sys(err, errno, "look at the eBPF map %u", id);
	pin = pin_of(info.name);
	if (!pin || !strcmp(pin, PINS_CONFIG))
		return 0;
	pinned_fd = pins_get(pins, "maps", pin, err);
	if (pinned_fd < 0)
		return pinned_fd == -ENOENT ? 0 : pinned_fd;
	if (map_info(pinned_fd, &pinned))
		return error_sys(err, errno, "look at the pinned eBPF map %s", pin);
	return pinned.id == id
		       ? 0
		       : error_set(err, ESTALE, "the eBPF map %u isn't the pinned %s", id, pin);
}

int rescue_program_check(const struct pins *pins, uint32_t id, struct error *err)
{
	struct program_maps maps = { 0 };
	int ret = program_maps_read(id, &maps, err);

	for (uint32_t i = 0; !ret && i < maps.count; i++)
		ret = map_check(pins, maps.ids[i], err);
	return ret;
}

bool rescue_program_fits(const struct pins *pins, uint32_t id)
{
	return rescue_program_check(pins, id, NULL) != -ESTALE;
}

/* @pins: with which programs must fit; NULL: any. A device without a hook has no program at it. */
static void device_look(const struct pins *pins, int ifindex, struct attached *attached)
{
	uint32_t id;

	for (int program = 0; program < PROGRAM_COUNT; program++)
		if (!hook_find((enum datapath_program)program, ifindex, &id, NULL, NULL) &&
		    id > attached->ids[program] && (!pins || rescue_program_fits(pins, id)))
			attached->ids[program] = id;
}

static void attached_read(const struct pins *pins, struct attached *ret_attached)
{
	struct if_nameindex *devices = if_nameindex();

	*ret_attached = (struct attached){ 0 };
	for (size_t i = 0; devices && devices[i].if_index; i++)
		device_look(pins, (int)devices[i].if_index, ret_attached);
	if (devices)
		if_freenameindex(devices);
}

static uint32_t attached_newest(const struct attached *attached)
{
	uint32_t newest = 0;

	for (int program = 0; program < PROGRAM_COUNT; program++)
		if (attached->ids[program] > newest)
			newest = attached->ids[program];
	return newest;
}

bool rescue_is_possible(void)
{
	struct attached attached;

	attached_read(NULL, &attached);
	return attached_newest(&attached);
}

/* @config: that map alone, or all but that one, whose pin says that there are all (pins.h) */
static int map_pin(const struct pins *pins, uint32_t id, bool config, struct error *err)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info;
	const char *pin;

	if (fd < 0 || map_info(fd, &info))
		return error_sys(err, errno, "look at the eBPF map %u", id);
	pin = pin_of(info.name);
	if (!pin || !strcmp(pin, PINS_CONFIG) != config || pins_has(pins, "maps", pin))
		return 0;
	return pins_add(pins, "maps", pin, fd, err);
}

static int program_pin(const struct pins *pins, const char *name, uint32_t id, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (!id || pins_has(pins, "progs", name))
		return 0;
	fd = bpf_prog_get_fd_by_id(id);
	return fd < 0 ? error_sys(err, fd, "open the eBPF program %u", id)
		      : pins_add(pins, "progs", name, fd, err);
}

static int program_maps_pin(const struct pins *pins, uint32_t id, bool config, struct error *err)
{
	struct program_maps maps = { 0 };
	int ret = id ? program_maps_read(id, &maps, err) : 0;

	for (uint32_t i = 0; !ret && i < maps.count; i++)
		ret = map_pin(pins, maps.ids[i], config, err);
	return ret;
}

/* The newest has the configuration that counts; one of an earlier build may hold fewer maps. */
int rescue_pins(const struct pins *pins, struct error *err)
{
	struct attached attached;
	int ret;

	attached_read(pins, &attached);
	ret = program_maps_pin(pins, attached_newest(&attached), false, err);
	for (int program = 0; !ret && program < PROGRAM_COUNT; program++) {
		ret = program_maps_pin(pins, attached.ids[program], false, err);
		if (!ret)
			ret = program_pin(pins,
					  datapath_program_name((enum datapath_program)program),
					  attached.ids[program], err);
	}
	if (!ret)
		ret = program_maps_pin(pins, attached_newest(&attached), true, err);
	return ret ? error_prefix(err, "put lost pins back") : 0;
}
