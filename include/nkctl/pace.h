/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs that hold an endpoint to a rate are loaded with; read back from their .rodata.
 */
#ifndef NKCTL_PACE_H
#define NKCTL_PACE_H

#include <linux/types.h>

/**
 * struct nk_pace - a limit, in one direction.
 * @rate_bps: in bits per second, with Ethernet headers; never 0
 * @burst_bits: that may go at once after a rest, in bits
 * @burst_ns: the same, as the time that it takes
 * @horizon_ns: how far ahead a packet's turn may be; beyond, it is dropped
 * @drop_reason: under which it's counted (drop_reason.h)
 */
struct nk_pace {
	__u64 rate_bps;
	__u64 burst_bits;
	__u64 burst_ns;
	__u64 horizon_ns;
	__u32 drop_reason;
	__u32 reserved;
};

_Static_assert(sizeof(struct nk_pace) == 40, "no padding");

#endif
