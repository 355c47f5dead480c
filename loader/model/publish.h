/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Published ports: which ports of the host lead to which ports of an endpoint, as people write it:
 *
 *	[HOSTIP:]HOSTPORT[-END]:PORT[-END][/tcp|udp|sctp]
 */
#ifndef NKCTL_MODEL_PUBLISH_H
#define NKCTL_MODEL_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/cleanup.h"
#include "core/error.h"

/**
 * struct publish_spec - a range of ports that leads to an equally long one.
 * @host: address of the host. Family 0: any, of both families; 0.0.0.0 or ::: any of that family
 * @host_port, @port: the first of the range, of the host and of the endpoint; host order
 * @count: ports in the range, at least 1
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP
 */
struct publish_spec {
	struct addr host;
	uint16_t host_port;
	uint16_t port;
	uint32_t count;
	uint8_t protocol;
};

/**
 * struct publish_list - ports to be published.
 * @reserved: whoever asks has sockets of the host's own on them: no other process can have them
 */
struct publish_list {
	struct publish_spec *specs;
	size_t count;
	bool reserved;
};

/**
 * publish_parse() - parse what people write.
 *
 * Return: 0, or -EINVAL with an error that names what is wrong with it.
 */
int publish_parse(const char *text, struct publish_spec *ret_spec, struct error *err);

/* "[ADDR]:PORT-END:PORT-END/sctp" with the longest address and ports. */
#define PUBLISH_TEXT_SIZE (ADDR_TEXT_SIZE + 32)
struct publish_text {
	char text[PUBLISH_TEXT_SIZE];
};

/* The shortest text that publish_parse() makes the same of; lives as addr_format()'s does. */
struct publish_text publish_format(const struct publish_spec *spec);

/* "ADDR:PORT/PROTOCOL", "[ADDR]:PORT/PROTOCOL" or "PORT/PROTOCOL": one port of the host. */
struct publish_text publish_port_format(const struct addr *host, uint16_t port, uint8_t protocol);

/* Names of protocols: "tcp", "udp", "sctp". */
const char *publish_protocol_name(uint8_t protocol);

/* publish_protocol_parse() - by its name, @len bytes of it. Return: 0; -EINVAL. */
int publish_protocol_parse(const char *name, size_t len, bool any_case, uint8_t *ret_protocol);

/**
 * publish_list_add() - append a range that no other in the list overlaps.
 *
 * Return: 0; -EINVAL where one does, or where it can't be published at all; -ENOMEM.
 */
int publish_list_add(struct publish_list *list, const struct publish_spec *spec, struct error *err);

/**
 * publish_list_merge() - the same for what a program asks for, which may say a thing twice: of two
 * ranges of which one has all ports and addresses of the other, leading to the same, that one
 * counts.
 */
int publish_list_merge(struct publish_list *list, const struct publish_spec *spec,
		       struct error *err);

/**
 * publish_list_without_family() - leave out what is for addresses of a family that the endpoint
 * hasn't got, where the same ports lead to it by the other one.
 */
void publish_list_without_family(struct publish_list *list, uint8_t family);

/**
 * publish_list_compress() - from single ports, in whatever order, make the fewest ranges that say
 * the same, in order of protocol, port and address.
 * @list: its addresses have a family each
 * @dual: the endpoint has addresses of both families: without, any of its one family is any at all,
 *	unless the list itself has any of both, since addresses may be lost
 */
void publish_list_compress(struct publish_list *list, bool dual);

/* publish_list_copy() - @ret_list is empty where it fails. Return: 0; -ENOMEM. */
int publish_list_copy(const struct publish_list *list, struct publish_list *ret_list,
		      struct error *err);

void publish_list_free(struct publish_list *list);
#define _cleanup_publish_list_ _cleanup_(publish_list_free)

/* Whether a packet to an address may be for both: they are equal, or one is any of its family. */
bool publish_addrs_overlap(const struct addr *a, const struct addr *b);

#endif
