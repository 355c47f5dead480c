/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What this kernel and host can do, found by trying, and what to change. Nothing on the machine
 * is changed: what must be made to be tried is made in a network namespace of its own, which has no
 * name and is gone with this process at the latest.
 */
#ifndef NKCTL_OPS_DOCTOR_H
#define NKCTL_OPS_DOCTOR_H

#include <stddef.h>

#include "core/error.h"

/*
 * X(identifier, name): what a check finds, the best first. A note is worth knowing; a warning
 * is something that works otherwise than one may expect; where one fails, an attach would too.
 */
#define DOCTOR_STATES(X) \
	X(OK, "ok")      \
	X(NOTE, "note")  \
	X(WARN, "warn")  \
	X(FAIL, "fail")

enum doctor_state {
#define X(identifier, name) DOCTOR_##identifier,
	DOCTOR_STATES(X)
#undef X
};

/* X(identifier, name, text): the sum of it, for programs and for people. */
#define DOCTOR_VERDICTS(X)                         \
	X(NETKIT, "ready-netkit", "ready: netkit") \
	X(VETH, "ready-veth", "ready with veth")   \
	X(NOT_READY, "not-ready", "not ready")

enum doctor_verdict {
#define X(identifier, name, text) DOCTOR_VERDICT_##identifier,
	DOCTOR_VERDICTS(X)
#undef X
};

/* What a check can't do without. */
enum doctor_needs {
	DOCTOR_NEEDS_NOTHING = 0,
	DOCTOR_NEEDS_ROOT = 1 << 0,
	DOCTOR_NEEDS_NETNS = 1 << 1 | DOCTOR_NEEDS_ROOT, /* one to try things in */
	DOCTOR_NEEDS_PINS = 1 << 2 | DOCTOR_NEEDS_ROOT,  /* those of what is attached, if any is */
};

/*
 * X(identifier, name, needs): the checks, in the order in which they are made and shown: the
 * kernel's, the host's, and those of what shares the packets' way. doctor_check_IDENTIFIER() makes
 * the check.
 */
#define DOCTOR_CHECKS(X)                             \
	X(privilege, "privilege", NOTHING)           \
	X(namespaces, "namespaces", ROOT)            \
	X(programs, "programs", ROOT)                \
	X(collector, "collector", ROOT)              \
	X(path_cache, "path-cache", ROOT)            \
	X(sockets, "sockets", ROOT)                  \
	X(jit, "jit", ROOT)                          \
	X(btf, "btf", NOTHING)                       \
	X(bpffs, "bpffs", NOTHING)                   \
	X(sysctl, "sysctl", ROOT)                    \
	X(tcx, "tcx", NETNS)                         \
	X(netkit, "netkit", NETNS)                   \
	X(netkit_features, "netkit-features", NETNS) \
	X(veth, "veth", NETNS)                       \
	X(fib_lookup, "fib-lookup", ROOT)            \
	X(redirect_peer, "redirect-peer", ROOT)      \
	X(grace_periods, "grace-periods", ROOT)      \
	X(datapath, "datapath", ROOT)                \
	X(endpoints, "endpoints", ROOT)              \
	X(ipv6, "ipv6", NOTHING)                     \
	X(loopback, "loopback", NOTHING)             \
	X(repair, "repair", PINS)                    \
	X(uplinks, "uplinks", PINS)                  \
	X(forwarding, "forwarding", PINS)            \
	X(accept_ra, "accept-ra", PINS)              \
	X(mtu, "mtu", PINS)                          \
	X(subnets, "subnets", PINS)                  \
	X(nat_ports, "nat-ports", PINS)              \
	X(other_programs, "other-programs", PINS)    \
	X(xdp, "xdp", PINS)                          \
	X(tc_filters, "tc-filters", PINS)            \
	X(netfilter, "netfilter", ROOT)

enum doctor_check_id {
#define X(identifier, name, needs) DOCTOR_CHECK_##identifier,
	DOCTOR_CHECKS(X)
#undef X
		DOCTOR_CHECK_COUNT
};

#define DOCTOR_TEXT_SIZE 384

/**
 * struct doctor_check - what a check found.
 * @finding: what is there
 * @meaning: what follows from it; empty where nothing does
 * @mend: what to do about it; empty where nothing need be done
 *
 * The texts are printable.
 */
struct doctor_check {
	const char *name;
	enum doctor_state state;
	char finding[DOCTOR_TEXT_SIZE];
	char meaning[DOCTOR_TEXT_SIZE];
	char mend[DOCTOR_TEXT_SIZE];
};

struct doctor_report {
	enum doctor_verdict verdict;
	struct doctor_check checks[DOCTOR_CHECK_COUNT];
};

/* doctor_examine() - make all the checks. What can't be looked at is told in its check. */
void doctor_examine(struct doctor_report *ret_report);

/* doctor_verdict() - the sum of the checks. */
enum doctor_verdict doctor_verdict(const struct doctor_check list[DOCTOR_CHECK_COUNT]);

/* doctor_count() - how many checks found @state. */
size_t doctor_count(const struct doctor_check list[DOCTOR_CHECK_COUNT], enum doctor_state state);

const char *doctor_state_name(enum doctor_state state);
const char *doctor_verdict_name(enum doctor_verdict verdict);
const char *doctor_verdict_text(enum doctor_verdict verdict);

#endif
