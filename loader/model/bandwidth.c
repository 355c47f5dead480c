// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/bandwidth.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each a thousand times the one before. */
static const char suffixes[] = "kMGT";

/*
 * A burst that isn't asked for: the largest packet that a stack makes, so that a sender's usual
 * step goes at once, and what goes in a few milliseconds, so that a timer which is late costs
 * nothing. More would be seen: a second of 10 Mbit/s has 20 times as much.
 */
#define BURST_MIN_BITS (8ULL * 65536)
#define BURST_MS       5

int bandwidth_parse(const char *text, uint64_t *ret_bits)
{
	size_t digits = strspn(text, "0123456789");
	const char *suffix;
	uint64_t bits;

	errno = 0;
	bits = strtoull(text, NULL, 10);
	if (!digits || errno)
		return -EINVAL;
	if (text[digits]) {
		suffix = strchr(suffixes, text[digits]);
		if (!suffix || text[digits + 1])
			return -EINVAL;
		for (const char *step = suffixes; step <= suffix; step++)
			if (__builtin_mul_overflow(bits, 1000, &bits))
				return -EINVAL;
	}
	*ret_bits = bits;
	return 0;
}

struct bandwidth_text bandwidth_format(uint64_t bits)
{
	struct bandwidth_text ret;
	size_t step = 0;

	while (bits && bits % 1000 == 0 && suffixes[step]) {
		bits /= 1000;
		step++;
	}
	(void)snprintf(ret.text, sizeof(ret.text), "%" PRIu64 "%.*s", bits, step ? 1 : 0,
		       step ? &suffixes[step - 1] : "");
	return ret;
}

int bandwidth_check(const struct bandwidth_limit *limit, struct error *err)
{
	if (limit->burst_bits && !limit->rate_bps)
		return error_set(err, EINVAL, "a burst of %s bits needs a rate",
				 bandwidth_format(limit->burst_bits).text);
	if (limit->rate_bps &&
	    (limit->rate_bps < BANDWIDTH_RATE_MIN_BPS || limit->rate_bps > BANDWIDTH_RATE_MAX_BPS))
		return error_set(err, EINVAL,
				 "a rate of %s bits per second is out of range: %s to %s",
				 bandwidth_format(limit->rate_bps).text,
				 bandwidth_format(BANDWIDTH_RATE_MIN_BPS).text,
				 bandwidth_format(BANDWIDTH_RATE_MAX_BPS).text);
	if (limit->burst_bits > BANDWIDTH_BURST_MAX_BITS)
		return error_set(err, EINVAL, "a burst of %s bits is more than 2 GiB",
				 bandwidth_format(limit->burst_bits).text);
	return 0;
}

void bandwidth_complete(struct bandwidth_limit *limit)
{
	uint64_t burst_bits = limit->rate_bps / 1000 * BURST_MS;

	if (!limit->rate_bps || limit->burst_bits)
		return;
	if (burst_bits < BURST_MIN_BITS)
		burst_bits = BURST_MIN_BITS;
	limit->burst_bits =
		burst_bits < BANDWIDTH_BURST_MAX_BITS ? burst_bits : BANDWIDTH_BURST_MAX_BITS;
}
