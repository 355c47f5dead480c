// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/address.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int address_add(struct device_address_list *list, int ifindex, const struct prefix *prefix)
{
	struct device_address *grown =
		reallocarray(list->addresses, list->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->addresses = grown;
	grown[list->count++] = (struct device_address){ ifindex, *prefix };
	return 0;
}

/* struct address_dump - a list that grows while it is read. */
struct address_dump {
	struct device_address_list list;
	int ret;
};

/* Of a point-to-point address IFA_ADDRESS is the other end: its prefix is on the link. */
static int address_parse(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct prefix prefix = { .addr.family = info->ifa_family, .len = info->ifa_prefixlen };
	struct address_dump *dump = data;
	const struct nlattr *attr;

	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return MNL_CB_OK;
	mnl_attr_for_each (attr, message, sizeof(*info)) {
		if (mnl_attr_get_type(attr) != IFA_ADDRESS ||
		    mnl_attr_get_payload_len(attr) != addr_size(info->ifa_family))
			continue;
		memcpy(prefix.addr.bytes, mnl_attr_get_payload(attr), addr_size(info->ifa_family));
		dump->ret = address_add(&dump->list, (int)info->ifa_index, &prefix);
	}
	return dump->ret ? MNL_CB_STOP : MNL_CB_OK;
}

int device_address_list_read(struct nlsock *nl, struct device_address_list *ret_list,
			     struct error *err)
{
	struct address_dump dump = { 0 };
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_GETADDR, NLM_F_DUMP,
						      sizeof(struct ifaddrmsg), &family_header);
	int ret = nlsock_talk(nl, header, address_parse, &dump, err);

	/* An interrupted dump still told of every address that stayed. */
	if (ret == -EAGAIN)
		ret = 0;
	if (!ret && dump.ret)
		ret = error_sys(err, dump.ret, "keep them");
	if (ret) {
		device_address_list_free(&dump.list);
		return error_prefix(err, "read the devices' addresses");
	}
	*ret_list = dump.list;
	return 0;
}

void device_address_list_free(struct device_address_list *list)
{
	free(list->addresses);
	*list = (struct device_address_list){ 0 };
}
