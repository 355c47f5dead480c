/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mending in place what is attached: see repair.c. */
#ifndef NKCTL_OPS_REPAIR_H
#define NKCTL_OPS_REPAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "model/identity.h"
#include "ops/node.h"

#define REPAIR_TEXT_SIZE 256
#define REPAIR_NAME_SIZE IDENTITY_ID_SIZE

/* X(identifier, name): what became of a fault. */
#define REPAIR_STATES(X)          \
	X(MENDED, "mended")       \
	X(WANTED, "to be mended") \
	X(LEFT, "left")

enum repair_state {
#define X(identifier, name) REPAIR_##identifier,
	REPAIR_STATES(X)
#undef X
};

const char *repair_state_name(enum repair_state state);

/* X(identifier, name): what has a fault. */
#define REPAIR_SUBJECTS(X)      \
	X(DATAPATH, "datapath") \
	X(UPLINK, "uplink")     \
	X(ENDPOINT, "endpoint")

enum repair_subject {
#define X(identifier, name) REPAIR_##identifier,
	REPAIR_SUBJECTS(X)
#undef X
};

const char *repair_subject_name(enum repair_subject subject);

/**
 * struct repair_fault - something that wasn't as an attach makes it. Its texts are printable ASCII.
 * @name: of what has it: the endpoint's id or device, the uplink's device, or "datapath"
 * @identity: of the endpoint; empty for others
 * @finding: what was wrong
 * @advice: what is left to do; empty where nothing is
 */
struct repair_fault {
	enum repair_subject subject;
	enum repair_state state;
	char name[REPAIR_NAME_SIZE];
	struct identity identity;
	char finding[REPAIR_TEXT_SIZE];
	char advice[REPAIR_TEXT_SIZE];
};

/**
 * struct repair_report - what a repair found and did. Freed by repair_report_free().
 * @endpoints: how many were looked at
 * @left: faults that are still there
 */
struct repair_report {
	struct repair_fault *faults;
	size_t count, left, endpoints;
};

void repair_report_free(struct repair_report *report);
#define _cleanup_repair_report_ _cleanup_(repair_report_free)

/**
 * struct repair_request - what to repair.
 * @dry_run: change nothing: tell what would be done
 * @names: endpoints, each by its id or its device; none: all, and the uplinks
 */
struct repair_request {
	bool dry_run;
	char *const *names;
	size_t name_count;
};

/**
 * node_repair() - look at what is attached, and mend what isn't as an attach has made it.
 *
 * Return: 0, also where faults are left, which the report tells; -ENODEV where a name is nobody's;
 * other errors where it couldn't look.
 */
int node_repair(const struct repair_request *request, struct repair_report *ret_report,
		struct error *err);

#endif
