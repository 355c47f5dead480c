/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What root in a container may send, and what is to become of it: frames by chance, and an oracle
 * that knows the promises, not the programs. On the host of net.h; the frames are the sender's.
 */
#ifndef NKCTL_TESTS_HOSTILE_H
#define NKCTL_TESTS_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "packet.h"

/* A port of the host's first addresses that leads to the other endpoint, and where it leads. */
#define HOSTILE_PUBLISHED_PORT 8080
#define HOSTILE_SERVER_PORT    80

/**
 * enum hostile_way - where a frame may go; a bit each.
 * @WAY_STACK: to the host's stack, every byte as it was
 * @WAY_OTHER, @WAY_SELF: one hop on to an endpoint, with its own address
 * @WAY_OUT: one hop on to the router, or to whom the neighbour table tells, with its own address
 * @WAY_MASQUERADED: the same with the host's address
 * @WAY_HAIRPIN: to the other endpoint by its published port, from the address that was asked
 * @WAY_ARP, @WAY_ND: back to the asker, with the gateway's MAC address for an answer
 * @WAY_ERROR: back to the sender, as an ICMP error about it from an address of the host
 */
enum hostile_way {
	WAY_STACK = 1 << 0,
	WAY_OTHER = 1 << 1,
	WAY_SELF = 1 << 2,
	WAY_OUT = 1 << 3,
	WAY_MASQUERADED = 1 << 4,
	WAY_HAIRPIN = 1 << 5,
	WAY_ARP = 1 << 6,
	WAY_ND = 1 << 7,
	WAY_ERROR = 1 << 8,
};

#define HOSTILE_WAYS 9

/**
 * struct hostile_judgement - what may become of a frame.
 * @ways: enum hostile_way
 * @reasons: for which it may be dropped; bit (1 << NK_DROP_*). With no ways, it has to be
 */
struct hostile_judgement {
	unsigned int ways;
	uint64_t reasons;
};

/* hostile_packet() - a frame by chance. */
void hostile_packet(struct packet *packet);

/*
 * hostile_judge() - what may become of the next frame of the sender's; it remembers which
 * conversations the frames before have answered. By prog_nat, the sender masquerades and is kept
 * away from metadata, the endpoints' subnets are exempt, and the port above is published for TCP
 * and UDP.
 */
struct hostile_judgement hostile_judge(const struct packet *packet);

/* hostile_way_taken() - whether @after is what @before has to be on a way. */
bool hostile_way_taken(enum hostile_way way, const struct packet *before,
		       const struct packet *after);

#endif
