// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/address.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nl/message.h"

static int address_add(struct device_address_list *list, const struct device_address *address)
{
	struct device_address *grown =
		reallocarray(list->addresses, list->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->addresses = grown;
	grown[list->count++] = *address;
	return 0;
}

/* struct address_dump - a list that grows while it is read. */
struct address_dump {
	struct device_address_list list;
	int ret;
};

static void address_forget(void *data)
{
	struct address_dump *dump = data;

	device_address_list_free(&dump->list);
}

/* Return: whether the attribute is an address of that family; @ret_addr has the family. */
static bool attribute_read(const struct nlattr *attr, struct addr *ret_addr)
{
	size_t size = addr_size(ret_addr->family);

	if (mnl_attr_get_payload_len(attr) != size)
		return false;
	memcpy(ret_addr->bytes, mnl_attr_get_payload(attr), size);
	return true;
}

/*
 * Of a point-to-point address IFA_ADDRESS is the other end, whose prefix is on the link, and
 * IFA_LOCAL is ours; else the two are the same, and IPv6 leaves IFA_LOCAL out
 * (inet6_fill_ifaddr()).
 */
static int address_parse(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = message_header(message, sizeof(*info));
	struct addr addr = { 0 }, local = { 0 };
	bool has_addr = false, has_local = false;
	struct address_dump *dump = data;
	uint32_t flags = 0;
	const struct nlattr *attr;

	if (!info || (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return MNL_CB_OK;
	addr.family = local.family = info->ifa_family;
	mnl_attr_for_each (attr, message, sizeof(*info)) {
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			has_addr = attribute_read(attr, &addr);
		else if (mnl_attr_get_type(attr) == IFA_LOCAL)
			has_local = attribute_read(attr, &local);
		else if (mnl_attr_get_type(attr) == IFA_FLAGS)
			flags = attr_u32(attr);
	}
	if (has_addr)
		dump->ret =
			address_add(&dump->list, &(struct device_address){
							 .ifindex = (int)info->ifa_index,
							 .scope = info->ifa_scope,
							 .flags = flags,
							 .local = has_local ? local : addr,
							 .prefix = { addr, info->ifa_prefixlen },
						 });
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
	int ret = nlsock_dump(nl, header, address_parse, address_forget, &dump, err);

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
