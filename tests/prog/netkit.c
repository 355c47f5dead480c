// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netkit.h"

#include <assert.h>
#include <err.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

/* <linux/if_link.h> has them since Linux 6.7. */
#define NK_IFLA_NETKIT_PEER_INFO 1
#define NK_IFLA_NETKIT_MODE      5
#define NK_NETKIT_L2             0

#define ATTRIBUTES_SIZE 512

struct link_request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	char attributes[ATTRIBUTES_SIZE];
};

static struct rtattr *attribute_put(struct link_request *request, unsigned short type,
				    const void *data, size_t len)
{
	struct rtattr *attribute =
		(void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attribute), data, len);
	request->header.nlmsg_len =
		NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
	assert(request->header.nlmsg_len <= sizeof(*request));
	return attribute;
}

static void attribute_end(struct link_request *request, struct rtattr *attribute)
{
	char *end = (char *)request + request->header.nlmsg_len;

	attribute->rta_len = (unsigned short)(end - (char *)attribute);
}

static void request_fill(struct link_request *request, const char *name,
			 const uint8_t mac[ETH_ALEN], uint32_t mtu)
{
	const struct ifinfomsg peer_link = { 0 };
	const uint32_t mode = NK_NETKIT_L2;
	struct rtattr *info, *data, *peer;
	char peer_name[IFNAMSIZ];

	(void)snprintf(peer_name, sizeof(peer_name), "%sp", name);
	attribute_put(request, IFLA_IFNAME, name, strlen(name) + 1);
	attribute_put(request, IFLA_ADDRESS, mac, ETH_ALEN);
	attribute_put(request, IFLA_MTU, &mtu, sizeof(mtu));
	info = attribute_put(request, IFLA_LINKINFO, NULL, 0);
	attribute_put(request, IFLA_INFO_KIND, "netkit", strlen("netkit"));
	data = attribute_put(request, IFLA_INFO_DATA, NULL, 0);
	attribute_put(request, NK_IFLA_NETKIT_MODE, &mode, sizeof(mode));
	peer = attribute_put(request, NK_IFLA_NETKIT_PEER_INFO, &peer_link, sizeof(peer_link));
	attribute_put(request, IFLA_IFNAME, peer_name, strlen(peer_name) + 1);
	attribute_put(request, IFLA_MTU, &mtu, sizeof(mtu));
	attribute_end(request, peer);
	attribute_end(request, data);
	attribute_end(request, info);
}

/* Return: 0 or the kernel's negative errno. */
static int request_send(const struct link_request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[1024];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || send(fd, request, request->header.nlmsg_len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)))
		err(1, "talk to rtnetlink");
	(void)close(fd);
	return answer.error.error;
}

bool netkit_create(const char *name, const uint8_t mac[ETH_ALEN], uint32_t mtu)
{
	struct link_request request = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(request.link)),
			    .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL },
	};
	int error;

	request_fill(&request, name, mac, mtu);
	error = request_send(&request);
	if (error && error != -EOPNOTSUPP)
		errx(1, "make the netkit device %s: %s", name, strerror(-error));
	return !error;
}

bool netkit_is_known(void)
{
	const char *name = "nkprobe";

	if (!netkit_create(name, gateway_mac, PRIMARY_MTU))
		return false;
	net_run("ip link del %s", name);
	return true;
}
