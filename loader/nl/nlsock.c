// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/nlsock.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/netns.h"
#include "nl/message.h"

/* The kernel fills dumps up to 32 KiB when the reader's buffer is that large (af_netlink.c). */
#define NL_RECEIVE_SIZE 32768

/* The kernel's first part of a dump fits into a page, but is never larger (NLMSG_GOODSIZE). */
#define NL_RECEIVE_LITTLE_MAX 8192

/* How often a table that changes while it is read is read, before it is let be. */
#define DUMP_TRIES 10

struct nlsock {
	struct mnl_socket *socket;
	uint32_t seq;
	size_t receive_size;
	char receive_buffer[NL_RECEIVE_SIZE];
};

static int nlsock_option_enable(struct mnl_socket *socket, int option, const char *what,
				struct error *err)
{
	int one = 1;

	if (mnl_socket_setsockopt(socket, option, &one, sizeof(one)))
		return error_sys(err, errno, "enable netlink %s", what);
	return 0;
}

static int nlsock_socket_open(int protocol, struct mnl_socket **ret_socket, struct error *err)
{
	struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	int ret;

	if (!socket)
		return error_sys(err, errno, "open a netlink socket");
	ret = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID)
		      ? error_sys(err, errno, "bind a netlink socket")
		      : nlsock_option_enable(socket, NETLINK_EXT_ACK, "extended acks", err);
	if (!ret)
		ret = nlsock_option_enable(socket, NETLINK_GET_STRICT_CHK, "strict checking", err);
	if (!ret)
		ret = nlsock_option_enable(socket, NETLINK_CAP_ACK, "capped acks", err);
	if (ret) {
		(void)mnl_socket_close(socket); /* the first error is the one to report */
		return ret;
	}
	*ret_socket = socket;
	return 0;
}

static int nlsock_open_protocol(int protocol, struct nlsock **ret_nl, struct error *err)
{
	struct nlsock *nl = calloc(1, sizeof(*nl));
	int ret;

	if (!nl)
		return error_sys(err, ENOMEM, "open a netlink socket");
	ret = nlsock_socket_open(protocol, &nl->socket, err);
	if (ret) {
		free(nl);
		return ret;
	}
	nl->receive_size = sizeof(nl->receive_buffer);
	*ret_nl = nl;
	return 0;
}

int nlsock_open(struct nlsock **ret_nl, struct error *err)
{
	return nlsock_open_protocol(NETLINK_ROUTE, ret_nl, err);
}

int nlsock_open_netfilter(struct nlsock **ret_nl, struct error *err)
{
	return nlsock_open_protocol(NETLINK_NETFILTER, ret_nl, err);
}

int nlsock_open_sock_diag(struct nlsock **ret_nl, struct error *err)
{
	return nlsock_open_protocol(NETLINK_SOCK_DIAG, ret_nl, err);
}

void nlsock_expect_little(struct nlsock *nl)
{
	long page_size = sysconf(_SC_PAGESIZE);

	nl->receive_size = page_size > 0 && page_size < NL_RECEIVE_LITTLE_MAX
				   ? (size_t)page_size
				   : NL_RECEIVE_LITTLE_MAX;
}

static int nlsock_open_here(void *data, struct error *err)
{
	return nlsock_open(data, err);
}

int nlsock_open_in(int netns_fd, struct nlsock **ret_nl, struct error *err)
{
	return netns_run(netns_fd, nlsock_open_here, ret_nl, err);
}

void nlsock_close(struct nlsock *nl)
{
	if (!nl)
		return;
	(void)mnl_socket_close(nl->socket); /* nothing is pending on it */
	free(nl);
}

struct nlmsghdr *nlsock_request_init(struct nlsock_request *request, uint16_t type, uint16_t flags,
				     size_t family_header_size, void **ret_family_header)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(request->buffer);

	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	*ret_family_header = mnl_nlmsg_put_extra_header(header, family_header_size);
	return header;
}

static int extack_attr(const struct nlattr *attr, void *data)
{
	const char **text = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
		*text = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

/* The kernel's own words for an error, or NULL. With capped acks they follow the header. */
static const char *extack_text(const struct nlmsghdr *message)
{
	const char *text = NULL;

	if (message->nlmsg_flags & NLM_F_ACK_TLVS)
		(void)mnl_attr_parse(message, sizeof(struct nlmsgerr), extack_attr, &text);
	return text;
}

/* MAX_ERRNO, include/linux/err.h: whatever else is in an answer is no error that anybody knows. */
#define ERRNO_MAX 4095

static int kernel_error(struct error *err, int code, const char *text)
{
	if (code >= 0 || code < -ERRNO_MAX)
		return error_set(err, EBADMSG, "netlink error %d isn't one", code);
	if (text)
		return error_set(err, code, "%s (%s)", text, strerror(-code));
	return error_set(err, code, "%s", strerror(-code));
}

static int ack_read(const struct nlmsghdr *message, struct error *err)
{
	const struct nlmsgerr *ack = message_header(message, sizeof(*ack));

	if (!ack)
		return error_set(err, EBADMSG, "truncated netlink acknowledgement");
	return ack->error ? kernel_error(err, ack->error, extack_text(message)) : 0;
}

/* A dump ends with NLMSG_DONE, which carries the error of a dump that broke off. */
static int done_read(const struct nlmsghdr *message, struct error *err)
{
	const int *code = message_header(message, sizeof(*code));

	return code && *code < 0 ? kernel_error(err, *code, NULL) : 0;
}

/* Read one datagram. Return: 1 while more is to come, 0 at the end, a negative errno. */
static int nlsock_receive(struct nlsock *nl, mnl_cb_t parse, void *data, bool *interrupted,
			  struct error *err)
{
	ssize_t received = mnl_socket_recvfrom(nl->socket, nl->receive_buffer, nl->receive_size);
	const struct nlmsghdr *message = (const struct nlmsghdr *)nl->receive_buffer;
	int len = (int)received;

	if (received < 0)
		return errno == EINTR ? 1 : error_sys(err, errno, "receive from netlink");
	for (; message_ok(message, len); message = mnl_nlmsg_next(message, &len)) {
		if (message->nlmsg_seq != nl->seq)
			continue; /* the rest of an answer that somebody stopped reading */
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (message->nlmsg_type == NLMSG_ERROR)
			return ack_read(message, err);
		if (message->nlmsg_type == NLMSG_DONE)
			return done_read(message, err);
		if (parse && parse(message, data) == MNL_CB_STOP) {
			*interrupted = false;
			return 0;
		}
	}
	return 1;
}

int nlsock_talk(struct nlsock *nl, struct nlmsghdr *request, mnl_cb_t parse, void *data,
		struct error *err)
{
	bool interrupted = false;
	int ret;

	request->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		return error_sys(err, errno, "send to netlink");
	do {
		ret = nlsock_receive(nl, parse, data, &interrupted, err);
	} while (ret == 1);
	if (!ret && interrupted)
		return error_set(err, EAGAIN, "the table changed while it was read");
	return ret;
}

int nlsock_dump(struct nlsock *nl, struct nlmsghdr *request, mnl_cb_t parse,
		void (*forget)(void *data), void *data, struct error *err)
{
	int ret = -EAGAIN;

	for (int i = 0; ret == -EAGAIN && i < DUMP_TRIES; i++) {
		forget(data);
		ret = nlsock_talk(nl, request, parse, data, err);
	}
	return ret == -EAGAIN ? error_set(err, EAGAIN,
					  "the table changed each of the %d times that it was "
					  "read; try again",
					  DUMP_TRIES)
			      : ret;
}
