/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A rtnetlink socket and the one loop that sends a request, checks the sequence number and reads
 * the answer up to its acknowledgement. Requests are built and parsed by libmnl.
 */
#ifndef NKCTL_NL_NLSOCK_H
#define NKCTL_NL_NLSOCK_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "core/cleanup.h"
#include "core/error.h"

struct nlsock;

/* A request under construction: a netlink header with room for the attributes behind it. */
struct nlsock_request {
	_Alignas(struct nlmsghdr) char buffer[2048];
};

/**
 * nlsock_open() - a rtnetlink socket in this process's network namespace.
 * @ret_nl: owned by the caller, freed by nlsock_close()
 */
int nlsock_open(struct nlsock **ret_nl, struct error *err);

/* nlsock_open_netfilter() - a nfnetlink socket, which is talked to in the same way. */
int nlsock_open_netfilter(struct nlsock **ret_nl, struct error *err);

/* nlsock_open_sock_diag() - a socket for questions about sockets. */
int nlsock_open_sock_diag(struct nlsock **ret_nl, struct error *err);

/**
 * nlsock_expect_little() - for a dump of which only the beginning is wanted: while the kernel hands
 * over a part it prepares the next one, as large as its reader's buffer (netlink_recvmsg(),
 * af_netlink.c).
 */
void nlsock_expect_little(struct nlsock *nl);

/* nlsock_open_in() - a rtnetlink socket in another namespace, in which it stays. */
int nlsock_open_in(int netns_fd, struct nlsock **ret_nl, struct error *err);

void nlsock_close(struct nlsock *nl);

static inline void cleanup_nlsock(struct nlsock **nl)
{
	nlsock_close(*nl);
}
#define _cleanup_nlsock_ _cleanup_(cleanup_nlsock)

/**
 * nlsock_request_init() - begin a request.
 * @type: RTM_*
 * @flags: NLM_F_*, beside NLM_F_REQUEST and NLM_F_ACK which are always set
 * @family_header_size: size of the family's own header (ifinfomsg, rtmsg ...), zeroed
 * @ret_family_header: that header
 *
 * Return: the netlink header, for mnl_attr_put*().
 */
struct nlmsghdr *nlsock_request_init(struct nlsock_request *request, uint16_t type, uint16_t flags,
				     size_t family_header_size, void **ret_family_header);

/**
 * nlsock_talk() - send a request, hand each message of the answer to @parse, await the end.
 * @parse: as mnl_cb_t: MNL_CB_OK goes on, MNL_CB_STOP reads no further. NULL: there is none
 *
 * Return: 0; the kernel's negative errno with its extended acknowledgement as the message, where
 * it gave one; -EAGAIN where a dump was changed while it was read (NLM_F_DUMP_INTR): start over.
 */
int nlsock_talk(struct nlsock *nl, struct nlmsghdr *request, mnl_cb_t parse, void *data,
		struct error *err);

/**
 * nlsock_dump() - the same for a dump that is to be whole: begun again while the table changes. The
 * kernel goes on by the number of entries that it has told of: where one of these goes, another one
 * that stays is skipped.
 * @forget: what @data has of an earlier try
 *
 * Return: as nlsock_talk(); -EAGAIN where the table never rests: @data has the last answer.
 */
int nlsock_dump(struct nlsock *nl, struct nlmsghdr *request, mnl_cb_t parse,
		void (*forget)(void *data), void *data, struct error *err);

#endif
