/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of a repair share. Only ops/repair*.c include it. */
#ifndef NKCTL_OPS_REPAIR_FAULT_H
#define NKCTL_OPS_REPAIR_FAULT_H

#include "ops/endpoint.h"
#include "ops/repair.h"

/**
 * struct repair - a repair under way.
 * @subject, @name, @identity: what is looked at now (struct repair_fault); @identity may be NULL
 */
struct repair {
	struct node *node;
	bool dry_run;
	enum repair_subject subject;
	const char *name;
	const struct identity *identity;
	struct repair_report report;
};

/**
 * fault_mend() - note a fault, and mend it unless this is a dry run.
 * @mend: called with @data
 *
 * Return: whether it's mended.
 */
__attribute__((format(printf, 4, 5))) bool fault_mend(struct repair *repair,
						      int (*mend)(void *data, struct error *err),
						      void *data, const char *format, ...);

/* fault_leave() - note a fault that can't be mended. @advice: what to do about it */
__attribute__((format(printf, 3, 4))) void fault_leave(struct repair *repair, const char *advice,
						       const char *format, ...);

/* repair_endpoint() - look at an endpoint and mend it. Needs the exclusive lock, unless dry. */
int repair_endpoint(struct repair *repair, const struct endpoint *endpoint, struct error *err);

#endif
