// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * lookups - what a node of many endpoints costs a packet from one to another, in our programs
 * alone, and the endpoints the kernel in memory of their tables.
 *
 * Theory of operation: as in verdicts.c, but with as many entries in the endpoint tables as asked
 * for, and each packet to another destination than the one before. One destination's entry would
 * stay in the processor's cache, whatever the table's size.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <err.h>
#include <linux/in.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prog_time.h"
#include "program.h"

#define ROUNDS_MAX 1000

/* Of which a round's figure is the median: more than the programs keep paths (bpf/path.h). */
#define DESTINATIONS_MAX 4096

/* Endpoints behind those of tests/prog/net.h, by their number. */
#define FIRST_V4   0x0a590000u /* 10.89.0.0 */
#define FORMAT_V6  "fd00:89::%x"
#define PACKET_LEN 100

static const unsigned int sizes[] = { 10, 100, 1000, 10000, 50000 };

static const char usage_text[] =
	"Usage: lookups [-r ROUNDS]\n"
	"\n"
	"Prints a line 'family=FAMILY paths=0|1 endpoints=N NS' for each size of the endpoint\n"
	"tables, in each round: what a packet from an endpoint to another costs in the program; "
	"and\n"
	"'map=MAP endpoints=N unit=bytes BYTES': how much the kernel counts as the table's "
	"memory.\n"
	"\n"
	"  -r ROUNDS  rounds (30)\n";

/* Endpoints ------------------------------------------------------------------------------------ */

static void endpoint_address(unsigned int number, bool is_ipv4, char ret_text[INET6_ADDRSTRLEN])
{
	struct in_addr addr = { .s_addr = htonl(FIRST_V4 + number) };

	if (is_ipv4)
		(void)inet_ntop(AF_INET, &addr, ret_text, INET6_ADDRSTRLEN);
	else
		(void)snprintf(ret_text, INET6_ADDRSTRLEN, FORMAT_V6, number);
}

/* All of them are at one device: to a program they are as many as there are entries. */
static void endpoints_add(unsigned int first, unsigned int end)
{
	const struct nk_endpoint endpoint = {
		.ifindex = if_nametoindex(OTHER),
		.mtu = ENDPOINT_MTU,
		.gateway_mac = NK_GATEWAY_MAC,
	};
	char text[INET6_ADDRSTRLEN];

	for (unsigned int i = first; i < end; i++) {
		endpoint_address(i, true, text);
		prog_endpoint_set(text, &endpoint);
		endpoint_address(i, false, text);
		prog_endpoint_set(text, &endpoint);
	}
}

/* What the kernel counts as a table's memory (map_mem_usage, Linux 6.4). */
static unsigned long map_bytes(const struct bpf_map *map)
{
	unsigned long bytes = 0;
	char path[64], line[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
	file = fopen(path, "re");
	if (!file)
		err(1, "open %s", path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %lu", &bytes) == 1)
			break;
	(void)fclose(file); /* nothing was written */
	if (!bytes)
		errx(1, "%s tells no memory", path);
	return bytes;
}

static void bytes_print(const struct bpf_map *map, unsigned int endpoints)
{
	printf("map=%s endpoints=%u unit=bytes %lu\n", bpf_map__name(map), endpoints,
	       map_bytes(map));
}

/* Rounds --------------------------------------------------------------------------------------- */

static double packet_time(unsigned int number, bool is_ipv4)
{
	static struct prog_run run;
	char text[INET6_ADDRSTRLEN];
	double ns;

	endpoint_address(number, is_ipv4, text);
	run.ifindex = (int)if_nametoindex(SENDER);
	if (is_ipv4)
		packet_ipv4(&run.packet, SENDER_V4, text, IPPROTO_UDP, PACKET_LEN);
	else
		packet_ipv6(&run.packet, SENDER_V6, text, IPPROTO_UDP, PACKET_LEN);
	ns = prog_time(progs->progs.nk_from_ctr, &run, 1, 1);
	assert_int_equal(run.verdict, VERDICT_REDIRECT);
	return ns;
}

static int times_compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Destinations that are as far from each other as the number of endpoints allows. */
static double round_run(unsigned int endpoints, bool is_ipv4)
{
	unsigned int count = endpoints < DESTINATIONS_MAX ? endpoints : DESTINATIONS_MAX;
	static double times_ns[DESTINATIONS_MAX];

	for (unsigned int i = 0; i < count; i++)
		times_ns[i] = packet_time((unsigned int)((uint64_t)i * endpoints / count), is_ipv4);
	qsort(times_ns, count, sizeof(*times_ns), times_compare);
	return times_ns[count / 2];
}

static void size_measure(unsigned int endpoints, bool has_paths, unsigned int rounds)
{
	for (unsigned int round = 0; round <= rounds; round++) {
		double v4_ns = round_run(endpoints, true), v6_ns = round_run(endpoints, false);

		if (!round) /* to be warm */
			continue;
		printf("family=ipv4 paths=%d endpoints=%u %.0f\n", has_paths, endpoints, v4_ns);
		printf("family=ipv6 paths=%d endpoints=%u %.0f\n", has_paths, endpoints, v6_ns);
	}
	if (has_paths) /* the tables are the same in either case */
		return;
	bytes_print(progs->maps.endpoints_v4, endpoints);
	bytes_print(progs->maps.endpoints_v6, endpoints);
}

static void sizes_measure(bool has_paths, unsigned int rounds)
{
	unsigned int endpoints = 0;

	prog_path_cache = has_paths;
	prog_setup(NET_VETH);
	prog_time_setup();
	for (size_t i = 0; i < COUNT(sizes); i++) {
		endpoints_add(endpoints, sizes[i]);
		endpoints = sizes[i];
		size_measure(endpoints, has_paths, rounds);
	}
	(void)prog_group_teardown(NULL); /* can't fail */
}

int main(int argc, char **argv)
{
	unsigned int rounds = 30;
	const struct number_option option = { 'r', ROUNDS_MAX, &rounds };

	numbers_parse(argc, argv, &option, 1, usage_text);
	sizes_measure(false, rounds);
	sizes_measure(true, rounds);
	return EXIT_SUCCESS;
}
