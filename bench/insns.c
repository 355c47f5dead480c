// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A plugin of QEMU that counts how often each instruction of the guest runs, for bench/profile.
 *
 *   -plugin insns.so,mark=ADDRESS,out=FILE
 *
 * Theory of operation: QEMU shows a plugin each block of instructions when it translates it, and
 * lets it ask for a call whenever one of them runs. Here every instruction has its counter.
 * Counting goes on from one run of the instruction at ADDRESS to the next, and the counts of the
 * first such interval are in FILE.0, of the second in FILE.1, ...: a line "address count" for each
 * instruction that ran, addresses in hexadecimal. The guest has one processor, so nothing is
 * locked.
 *
 * Debian has no package with qemu-plugin.h; the declarations below are those of QEMU's "TCG
 * plugins" documentation (docs/devel/tcg-plugins.rst) that haven't changed from version 1 of the
 * interface (QEMU 7) to 4 (QEMU 10).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* QEMU's interface --------------------------------------------------------------------------- */

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu_index, void *userdata);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    qemu_plugin_vcpu_udata_cb_t cb,
					    enum qemu_plugin_cb_flags flags, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

/* What QEMU looks for in a plugin. */
#define EXPORT __attribute__((visibility("default")))
extern EXPORT int qemu_plugin_version;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* Counters ----------------------------------------------------------------------------------- */

/* 2^64 / golden ratio (Knuth, TAOCP 3, section 6.4). */
#define HASH_FACTOR  0x9e3779b97f4a7c15ULL
#define BUCKETS_BITS 16
#define PATH_SIZE    4096

struct counter {
	struct counter *next;
	uint64_t address;
	uint64_t count;
};

static struct counter *buckets[1 << BUCKETS_BITS];
static bool counting;
static unsigned int interval;
static uint64_t mark_address;
static const char *out_path;

/* Code is translated more than once; counters stay, for QEMU keeps pointers to them. */
static struct counter *counter_get(uint64_t address)
{
	struct counter **bucket = &buckets[address * HASH_FACTOR >> (64 - BUCKETS_BITS)];
	struct counter *counter;

	for (counter = *bucket; counter; counter = counter->next)
		if (counter->address == address)
			return counter;
	counter = calloc(1, sizeof(*counter));
	if (!counter)
		abort();
	*counter = (struct counter){ .next = *bucket, .address = address };
	*bucket = counter;
	return counter;
}

static void counters_write(FILE *file)
{
	for (size_t i = 0; i < 1 << BUCKETS_BITS; i++) {
		for (struct counter *counter = buckets[i]; counter; counter = counter->next) {
			if (counter->count)
				fprintf(file, "%016" PRIx64 " %" PRIu64 "\n", counter->address,
					counter->count);
			counter->count = 0;
		}
	}
}

static void interval_end(void)
{
	char path[PATH_SIZE];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s.%u", out_path, interval++);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	counters_write(file);
	if (fclose(file)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

/* What QEMU calls ---------------------------------------------------------------------------- */

static void on_insn(unsigned int vcpu_index, void *counter)
{
	(void)vcpu_index;
	if (counting)
		((struct counter *)counter)->count++;
}

static void on_mark(unsigned int vcpu_index, void *data)
{
	(void)vcpu_index;
	(void)data;
	if (counting)
		interval_end();
	counting = !counting;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);

		if (address == mark_address)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
		else
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, on_insn, QEMU_PLUGIN_CB_NO_REGS, counter_get(address));
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "mark=", 5))
			mark_address = strtoull(argv[i] + 5, NULL, 16);
		else if (!strncmp(argv[i], "out=", 4))
			out_path = strdup(argv[i] + 4);
	}
	if (!mark_address || !out_path) {
		fputs("insns: mark=ADDRESS and out=FILE are needed\n", stderr);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
