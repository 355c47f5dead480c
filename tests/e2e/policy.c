// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * policy: sets what netkit does with the packets that no program decides about, which an iproute2
 * older than netkit can't.
 *
 *	policy DEVICE own|peer forward|blackhole
 *
 * DEVICE is either end of the pair, own or peer the end whose packets are meant. What the kernel
 * refuses is told by the error's symbol on standard output, with exit status 1.
 */
#include <err.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nl/netkit_uapi.h"

/* struct request - RTM_NEWLINK with IFLA_LINKINFO { IFLA_INFO_KIND, IFLA_INFO_DATA { policy } }. */
struct request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	struct nlattr info, kind_attr;
	char kind[8];
	struct nlattr data, policy_attr;
	uint32_t policy;
};

struct answer {
	struct nlmsghdr header;
	struct nlmsgerr error;
};

static struct request request_make(unsigned int ifindex, uint16_t attr, uint32_t policy)
{
	return (struct request){
		.header = { sizeof(struct request), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0 },
		.link = { .ifi_index = (int)ifindex },
		.info = { sizeof(struct request) - offsetof(struct request, info), IFLA_LINKINFO },
		.kind_attr = { NLA_HDRLEN + sizeof("netkit"), IFLA_INFO_KIND },
		.kind = "netkit",
		.data = { sizeof(struct request) - offsetof(struct request, data), IFLA_INFO_DATA },
		.policy_attr = { NLA_HDRLEN + sizeof(policy), attr },
		.policy = policy,
	};
}

/* Return: 0, or an error number. */
static int request_send(const struct request *request)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), one = 1;
	struct answer answer;

	if (fd < 0 || setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one)) ||
	    send(fd, request, sizeof(*request), 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) != sizeof(answer))
		err(2, "talk to rtnetlink");
	(void)close(fd);
	if (answer.header.nlmsg_type != NLMSG_ERROR)
		errx(2, "not an acknowledgement");
	return -answer.error.error;
}

static uint16_t attr_parse(const char *end)
{
	if (!strcmp(end, "own"))
		return NK_IFLA_NETKIT_POLICY;
	if (!strcmp(end, "peer"))
		return NK_IFLA_NETKIT_PEER_POLICY;
	errx(2, "no end '%s'", end);
}

static uint32_t policy_parse(const char *name)
{
	if (!strcmp(name, "forward"))
		return NK_NETKIT_PASS;
	if (!strcmp(name, "blackhole"))
		return NK_NETKIT_DROP;
	errx(2, "no policy '%s'", name);
}

int main(int argc, char **argv)
{
	struct request request;
	int error;

	if (argc != 4)
		errx(2, "usage: policy DEVICE own|peer forward|blackhole");
	request = request_make(if_nametoindex(argv[1]), attr_parse(argv[2]), policy_parse(argv[3]));
	if (!request.link.ifi_index)
		errx(2, "no device '%s'", argv[1]);
	error = request_send(&request);
	if (error)
		(void)puts(strerrorname_np(error));
	return error != 0;
}
