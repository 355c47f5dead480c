/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bandwidth: how fast an endpoint may send and be sent to. */
#ifndef NKCTL_MODEL_BANDWIDTH_H
#define NKCTL_MODEL_BANDWIDTH_H

#include <stdint.h>

#include "core/error.h"

/*
 * What Kubernetes takes for a reasonable rate (pkg/util/bandwidth/utils.go), in bits per second.
 */
#define BANDWIDTH_RATE_MIN_BPS 1000ULL
#define BANDWIDTH_RATE_MAX_BPS 1000000000000000ULL

/* The largest burst in bits: 2 GiB, as tc takes them. */
#define BANDWIDTH_BURST_MAX_BITS (8ULL << 31)

/**
 * struct bandwidth_limit - a limit in one direction.
 * @rate_bps: in bits per second; 0: there is none
 * @burst_bits: that may go at once after a rest, in bits; 0: bandwidth_complete() chooses
 */
struct bandwidth_limit {
	uint64_t rate_bps;
	uint64_t burst_bits;
};

/**
 * struct bandwidth - the limits of an endpoint.
 * @ingress: into the container
 * @egress: out of it
 */
struct bandwidth {
	struct bandwidth_limit ingress, egress;
};

/**
 * bandwidth_parse() - parse an amount of bits, or of bits per second: a whole number, perhaps with
 * one of the suffixes k, M, G and T, which are powers of 1000.
 *
 * Return: 0; -EINVAL.
 */
int bandwidth_parse(const char *text, uint64_t *ret_bits);

#define BANDWIDTH_TEXT_SIZE 24
struct bandwidth_text {
	char text[BANDWIDTH_TEXT_SIZE];
};

/* bandwidth_format() - the shortest text that bandwidth_parse() makes the same of. */
struct bandwidth_text bandwidth_format(uint64_t bits);

/**
 * bandwidth_check() - whether a limit can be kept.
 *
 * Return: 0; -EINVAL where the rate is out of range, or a burst has none.
 */
int bandwidth_check(const struct bandwidth_limit *limit, struct error *err);

/* bandwidth_complete() - choose the burst of a limit that has none. */
void bandwidth_complete(struct bandwidth_limit *limit);

#endif
