// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Loads each program of eBPF objects with every combination of the settings that its code depends
 * on, and prints what the verifier said: a line for each, tab-separated, "KERNEL OBJECT/PROGRAM
 * SETTINGS INSNS STACK", or "KERNEL OBJECT/PROGRAM SETTINGS - ERRNO" where it isn't loadable here.
 *
 * INSNS are the instructions that it processed, along all paths; STACK the bytes of stack, of all
 * functions together.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "nkctl/config.h"
#include "nkctl/pace.h"

/* BPF_LOG_STATS, kernel/bpf/verifier.c: only the sums. */
#define LOG_LEVEL_STATS 4
#define LOG_SIZE        65536
#define OBJECT_SUFFIX   ".bpf.o"
#define NAME_SIZE       64

/*
 * Every setting that the loader makes before a load (loader/bpf/): of a section, a variable, and
 * where the variable is a structure, a member.
 */
#define CONFIG(member) ".rodata.config", "nk_config", offsetof(struct nk_config, member)
#define PACE(member)   ".rodata.pace", "nk_pace_config", offsetof(struct nk_pace, member)
#define COOKIE         ".rodata", "host_netns_cookie", 0

/**
 * struct setting - a setting of the objects that have its variable.
 * @feature: it's a switch, 0 or @value, by this name; NULL: it always has @value
 */
static const struct setting {
	const char *section, *variable;
	size_t offset;
	size_t size;
	uint64_t value;
	const char *feature;
} settings[] = {
	{ CONFIG(neigh_refresh_jiffies), 4, 3000, NULL },
	{ CONFIG(stack_forwards_ipv6), 4, 1, "stack_forwards_ipv6" },
	{ CONFIG(nat), 4, 1, "nat" },
	{ CONFIG(path_cache), 4, 1, "path_cache" },
	{ PACE(rate_bps), 8, 1000000, NULL },
	{ PACE(burst_bits), 8, 100000, NULL },
	{ PACE(burst_ns), 8, 100000000, NULL },
	{ PACE(horizon_ns), 8, 2000000000, NULL },
	{ COOKIE, 8, 1, NULL },
};
#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

static char log_buffer[LOG_SIZE];

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* Where a variable is in the data of its section; NULL: the object doesn't have it. */
static char *variable_find(const struct bpf_object *object, const struct setting *setting)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, setting->section);
	const struct btf *btf = bpf_object__btf(object);
	int id = btf__find_by_name_kind(btf, setting->section, BTF_KIND_DATASEC);
	const struct btf_type *section = id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
	size_t size;

	for (int i = 0; section && map && i < btf_vlen(section); i++) {
		const struct btf_var_secinfo *info = &btf_var_secinfos(section)[i];
		const struct btf_type *variable = btf__type_by_id(btf, info->type);

		if (!strcmp(btf__name_by_offset(btf, variable->name_off), setting->variable))
			return (char *)bpf_map__initial_value(map, &size) + info->offset +
			       setting->offset;
	}
	return NULL;
}

/* Make the settings; of the switches those that have a bit in @features. Prints their names. */
static void settings_make(struct bpf_object *object, unsigned int features, char *ret_names)
{
	unsigned int feature = 0;

	*ret_names = '\0';
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *setting = &settings[i];
		char *place = variable_find(object, setting);

		if (!place || (setting->feature && !(features & 1U << feature++)))
			continue;
		memcpy(place, &setting->value, setting->size); /* the low bytes come first */
		if (setting->feature)
			(void)sprintf(ret_names + strlen(ret_names), "%s%s", *ret_names ? "," : "",
				      setting->feature);
	}
}

static unsigned int features_count(const struct bpf_object *object)
{
	unsigned int count = 0;

	for (size_t i = 0; i < SETTING_COUNT; i++)
		count += settings[i].feature && variable_find(object, &settings[i]);
	return count;
}

/* "48+0+16", one number for each function. */
static unsigned long stack_sum(const char *depths)
{
	unsigned long sum = 0;
	char *end;

	for (end = (char *)depths; *end >= '0' && *end <= '9'; end += *end == '+')
		sum += strtoul(end, &end, 10);
	return sum;
}

/* A line for each function, "subprog 1 (uplink_nat_v4) global insns_self 1241 ... stack 56". */
static unsigned long stack_sum_lines(const char *log)
{
	const char *line = log, *stack;
	unsigned long sum = 0;

	while ((line = strstr(line, "\nsubprog "))) {
		stack = strstr(line++, " stack ");
		if (!stack)
			errx(1, "the verifier told no function's stack: %s", log);
		sum += strtoul(stack + strlen(" stack "), NULL, 10);
	}
	return sum;
}

/* "stack depth 48+0+16", or on later kernels "stack depth max 64" and lines. */
static unsigned long stack_parse(const char *log)
{
	const char *depth = strstr(log, "stack depth ");

	if (!depth)
		errx(1, "the verifier told no stack depth: %s", log);
	depth += strlen("stack depth ");
	return strncmp(depth, "max ", strlen("max ")) ? stack_sum(depth) : stack_sum_lines(log);
}

static unsigned long insns_parse(const char *log)
{
	const char *processed = strstr(log, "processed ");

	if (!processed)
		errx(1, "the verifier told no number of instructions: %s", log);
	return strtoul(processed + strlen("processed "), NULL, 10);
}

static struct bpf_object *object_open(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);

	if (!object)
		err(1, "%s", path);
	return object;
}

/* Return: false: the object has no program of that number. */
static bool program_verify(const char *path, const char *prefix, unsigned int number,
			   unsigned int features)
{
	struct bpf_object *object = object_open(path);
	struct bpf_program *program, *wanted = NULL;
	char names[256];
	int ret;

	bpf_object__for_each_program (program, object) {
		(void)bpf_program__set_autoload(program, !number);
		if (!number--)
			wanted = program;
	}
	if (wanted) {
		settings_make(object, features, names);
		(void)bpf_program__set_log_level(wanted, LOG_LEVEL_STATS);
		(void)bpf_program__set_log_buf(wanted, log_buffer, sizeof(log_buffer));
		ret = bpf_object__load(object);
		(void)printf("%s/%s\t%s\t", prefix, bpf_program__name(wanted),
			     *names ? names : "none");
		if (ret)
			(void)printf("-\t%s\n", strerrorname_np(-ret));
		else
			(void)printf("%lu\t%lu\n", insns_parse(log_buffer),
				     stack_parse(log_buffer));
	}
	bpf_object__close(object);
	return wanted;
}

static void object_verify(const char *path, const char *kernel)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct bpf_object *object = object_open(path);
	unsigned int combinations = 1U << features_count(object);
	char prefix[2 * NAME_SIZE];

	bpf_object__close(object);
	(void)snprintf(prefix, sizeof(prefix), "%s\t%.*s", kernel,
		       (int)(strlen(name) - strlen(OBJECT_SUFFIX)), name);
	for (unsigned int features = 0; features < combinations; features++)
		for (unsigned int number = 0; program_verify(path, prefix, number, features);)
			number++;
}

int main(int argc, char **argv)
{
	struct utsname system;
	char kernel[NAME_SIZE];

	(void)libbpf_set_print(print_nothing);
	(void)uname(&system); /* fails only for an invalid pointer */
	(void)snprintf(kernel, sizeof(kernel), "%.*s",
		       (int)(strcspn(system.release, ".") + 1 +
			     strspn(strchr(system.release, '.') + 1, "0123456789")),
		       system.release);
	for (int i = 1; i < argc; i++)
		object_verify(argv[i], kernel);
	return 0;
}
