// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "prog.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So long that nothing ages by itself while the tests run. */
#define REFRESH_JIFFIES 0x7fffffff

#define CPUS_MAX 1024

#define BSS_SIZE_MAX 16384

/* BPF_F_TEST_SKB_CHECKSUM_COMPLETE: Linux 6.11, commit a3cfe84cca28. */
#define TEST_CHECKSUM_COMPLETE (1 << 2)

/* The next hops that the programs remember: next_hops in bpf/fib.h. */
#define NEXT_HOPS 256

struct next_hop {
	uint64_t key;
	uint64_t used_jiffies;
};

/* The paths that they keep, on each CPU: struct nk_path in bpf/path.h. */
struct path {
	uint64_t question[6];
	uint64_t generation;
	uint64_t begun_generation;
	uint64_t since_jiffies;
	uint8_t answer[24];
};

bool prog_stack_forwards_ipv6 = true;
bool prog_nat;
bool prog_uplink_l3;
bool prog_path_cache = true;
uint32_t prog_flows_max;

struct nkctl_bpf *progs;

/* The map of an address's family. */
static int claims_fd(const char *addr, uint8_t ret_key[sizeof(struct in6_addr)])
{
	if (inet_pton(AF_INET, addr, ret_key) == 1)
		return bpf_map__fd(progs->maps.endpoints_v4);
	assert_int_equal(inet_pton(AF_INET6, addr, ret_key), 1);
	return bpf_map__fd(progs->maps.endpoints_v6);
}

void prog_endpoint_set(const char *addr, const struct nk_endpoint *endpoint)
{
	uint8_t key[sizeof(struct in6_addr)];
	int fd = claims_fd(addr, key);

	assert_int_equal(bpf_map_update_elem(fd, key, endpoint, BPF_ANY), 0);
	prog_paths_forget();
}

struct nk_endpoint prog_endpoint_take(const char *addr)
{
	uint8_t key[sizeof(struct in6_addr)];
	int fd = claims_fd(addr, key);
	struct nk_endpoint endpoint;

	assert_int_equal(bpf_map_lookup_elem(fd, key, &endpoint), 0);
	assert_int_equal(bpf_map_delete_elem(fd, key), 0);
	return endpoint;
}

static void endpoint_create(const char *primary, const uint8_t mac[ETH_ALEN], const char *v4,
			    const char *v6)
{
	struct nk_endpoint endpoint = {
		.ifindex = if_nametoindex(primary),
		.mtu = ENDPOINT_MTU,
		.gateway_mac = NK_GATEWAY_MAC,
	};

	memcpy(endpoint.mac, mac, ETH_ALEN);
	prog_endpoint_set(v4, &endpoint);
	prog_endpoint_set(v6, &endpoint);
}

static void progs_load(void)
{
	struct nk_config *config;

	progs = nkctl_bpf__open();
	if (!progs)
		err(1, "open the programs");
	config = (struct nk_config *)&progs->rodata_config->nk_config;
	config->neigh_refresh_jiffies = REFRESH_JIFFIES;
	config->stack_forwards_ipv6 = prog_stack_forwards_ipv6;
	config->nat = prog_nat;
	config->path_cache = prog_path_cache;
	if (prog_flows_max && bpf_map__set_max_entries(progs->maps.flows, prog_flows_max))
		err(1, "make the flow table small");
	if (bpf_program__set_autoload(progs->progs.nk_uplink_l3, prog_uplink_l3))
		err(1, "choose the programs");
	if (nkctl_bpf__load(progs))
		err(1, "load the programs");
}

/* To the CPU that it runs on: paths are kept for each CPU. */
static void cpu_pin(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(1, "stay on a CPU");
}

void prog_setup(enum net_device device)
{
	cpu_pin();
	net_create(device);
	progs_load();
	endpoint_create(SENDER, sender_mac, SENDER_V4, SENDER_V6);
	endpoint_create(OTHER, other_mac, OTHER_V4, OTHER_V6);
}

int prog_group_setup(void **state)
{
	(void)state;
	prog_setup(NET_VETH);
	return 0;
}

int prog_group_teardown(void **state)
{
	(void)state;
	nkctl_bpf__destroy(progs);
	progs = NULL;
	return 0;
}

struct CMUnitTest *prog_tests_add(struct CMUnitTest *tests, CMUnitTestFunction function,
				  const char *prefix, const void *cases, size_t size, size_t count)
{
	const char *test = cases;

	for (size_t i = 0; i < count; i++, test += size) {
		char *name;

		if (asprintf(&name, "%s: %s", prefix, *(const char *const *)test) < 0)
			err(1, "name a test");
		*tests++ = (struct CMUnitTest){ .name = name,
						.test_func = function,
						.initial_state = (void *)test };
	}
	return tests;
}

void prog_drops_read(uint64_t ret_drops[NK_DROP_REASONS_MAX])
{
	static uint64_t counts[NK_DROP_REASONS_MAX * CPUS_MAX];
	uint32_t keys[NK_DROP_REASONS_MAX], batch, count = NK_DROP_REASONS_MAX;
	int cpus = libbpf_num_possible_cpus();

	assert_in_range(cpus, 1, CPUS_MAX);
	/* Ends with ENOENT: there is no further entry. */
	if (bpf_map_lookup_batch(bpf_map__fd(progs->maps.drops), NULL, &batch, keys, counts, &count,
				 NULL) &&
	    errno != ENOENT)
		fail_msg("read the drop counters: %s", strerror(errno));
	assert_int_equal(count, NK_DROP_REASONS_MAX);
	memset(ret_drops, 0, NK_DROP_REASONS_MAX * sizeof(*ret_drops));
	for (int i = 0; i < NK_DROP_REASONS_MAX * cpus; i++)
		ret_drops[keys[i / cpus]] += counts[i];
}

/* A kernel that knows no such packets is given one without the sum. */
static int test_run(const struct bpf_program *program, struct bpf_test_run_opts *opts)
{
	int error = bpf_prog_test_run_opts(bpf_program__fd(program), opts);

	if (error != -EINVAL || !opts->flags)
		return error;
	opts->flags = 0;
	return bpf_prog_test_run_opts(bpf_program__fd(program), opts);
}

void prog_run(const struct bpf_program *program, struct prog_run *run)
{
	struct __sk_buff ctx = {
		.ifindex = (uint32_t)run->ifindex,
		.gso_size = run->gso_size,
		.gso_segs = run->gso_size ? 2 : 0,
	};
	struct packet out = { .len = sizeof(out.data) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->packet.data,
		    .data_size_in = (uint32_t)run->packet.len, .data_out = out.data,
		    .data_size_out = (uint32_t)out.len, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .flags = run->is_summed ? TEST_CHECKSUM_COMPLETE : 0);
	uint64_t before[NK_DROP_REASONS_MAX];
	int error;

	prog_drops_read(before);
	error = test_run(program, &opts);
	if (error == -EBADMSG)
		fail_msg("%s: a device's sum of the packet isn't right afterwards",
			 bpf_program__name(program));
	if (error)
		fail_msg("BPF_PROG_TEST_RUN of %s: %s", bpf_program__name(program),
			 strerror(errno));
	prog_drops_read(run->drops);
	for (int i = 0; i < NK_DROP_REASONS_MAX; i++)
		run->drops[i] -= before[i];
	out.len = opts.data_size_out;
	run->packet = out;
	run->verdict = (int)opts.retval;
}

/* The programs' variables, all of their .bss. */
static void bss_read(uint8_t ret_bss[BSS_SIZE_MAX])
{
	assert_in_range(bpf_map__value_size(progs->maps.bss), 1, BSS_SIZE_MAX);
	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(progs->maps.bss), &(uint32_t){ 0 }, ret_bss), 0);
}

static void bss_write(const uint8_t bss[BSS_SIZE_MAX])
{
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(progs->maps.bss), &(uint32_t){ 0 }, bss, BPF_EXIST),
		0);
}

/* Where a variable of @size bytes is among them. */
static size_t bss_offset(const char *name, size_t size)
{
	const struct btf *btf = bpf_object__btf(progs->obj);
	const struct btf_type *section = btf__type_by_id(
		btf, (uint32_t)btf__find_by_name_kind(btf, ".bss", BTF_KIND_DATASEC));
	const struct btf_var_secinfo *variable = btf_var_secinfos(section);

	for (int i = 0; i < btf_vlen(section); i++, variable++) {
		const struct btf_type *type = btf__type_by_id(btf, variable->type);

		if (strcmp(btf__name_by_offset(btf, type->name_off), name))
			continue;
		assert_int_equal(variable->size, size);
		assert_in_range(variable->offset, 0, bpf_map__value_size(progs->maps.bss) - size);
		return variable->offset;
	}
	fail_msg("the programs have no variable %s", name);
	return 0;
}

void prog_paths_forget(void)
{
	progs->data_generation->generation++;
}

void prog_next_hops_forget(void)
{
	size_t size = NEXT_HOPS * sizeof(struct next_hop), offset = bss_offset("next_hops", size);
	uint8_t bss[BSS_SIZE_MAX];

	bss_read(bss);
	memset(bss + offset, 0, size);
	bss_write(bss);
	prog_paths_forget();
}

uint64_t prog_answers_count(void)
{
	uint8_t bss[BSS_SIZE_MAX];
	uint64_t count;

	bss_read(bss);
	memcpy(&count, bss + bss_offset("icmp_answers_count", sizeof(count)), sizeof(count));
	return count;
}

void prog_answers_set(uint64_t count)
{
	uint8_t bss[BSS_SIZE_MAX];

	bss_read(bss);
	memcpy(bss + bss_offset("icmp_answers_count", sizeof(count)), &count, sizeof(count));
	bss_write(bss);
}

static void paths_age(void)
{
	static struct path paths[CPUS_MAX];
	int fd = bpf_map__fd(progs->maps.paths), cpus = libbpf_num_possible_cpus();

	assert_in_range(cpus, 1, CPUS_MAX);
	assert_int_equal(bpf_map__value_size(progs->maps.paths), sizeof(*paths));
	for (uint32_t i = 0; i < bpf_map__max_entries(progs->maps.paths); i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, &i, paths), 0);
		for (int cpu = 0; cpu < cpus; cpu++)
			paths[cpu].since_jiffies -= REFRESH_JIFFIES;
		assert_int_equal(bpf_map_update_elem(fd, &i, paths, BPF_EXIST), 0);
	}
}

void prog_next_hops_age(void)
{
	struct next_hop hops[NEXT_HOPS];
	size_t offset = bss_offset("next_hops", sizeof(hops));
	uint8_t bss[BSS_SIZE_MAX];

	bss_read(bss);
	memcpy(hops, bss + offset, sizeof(hops));
	for (int i = 0; i < NEXT_HOPS; i++)
		if (hops[i].key)
			hops[i].used_jiffies -= REFRESH_JIFFIES;
	memcpy(bss + offset, hops, sizeof(hops));
	bss_write(bss);
	paths_age();
}

void prog_assert_packet(const struct packet *packet, const struct packet *expected)
{
	assert_int_equal(packet->len, expected->len);
	assert_memory_equal(packet->data, expected->data, expected->len);
}

const char *prog_drop_name(unsigned int reason)
{
	static const char *const names[NK_DROP_REASONS_MAX] = {
#define X(identifier, name, explanation) [NK_DROP_##identifier] = name,
		NK_DROP_REASONS(X)
#undef X
	};

	return names[reason] ? names[reason] : "unused";
}

void prog_assert_drops(const struct prog_run *run, unsigned int reason)
{
	for (uint32_t i = 0; i < NK_DROP_REASONS_MAX; i++)
		if (run->drops[i] != (i == reason))
			fail_msg("counter %u (%s) grew by %llu", i, prog_drop_name(i),
				 (unsigned long long)run->drops[i]);
}
