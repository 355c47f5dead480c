// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/message.h"

#include <string.h>

/* libmnl compares the length as a signed number, and with it lets one of 2 GiB pass. */
bool message_ok(const struct nlmsghdr *message, int len)
{
	return mnl_nlmsg_ok(message, len) && message->nlmsg_len <= (uint32_t)len;
}

const void *message_header(const struct nlmsghdr *message, size_t size)
{
	return mnl_nlmsg_get_payload_len(message) < size ? NULL : mnl_nlmsg_get_payload(message);
}

uint32_t attr_u32(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) < sizeof(uint32_t) ? 0 : mnl_attr_get_u32(attr);
}

uint64_t attr_u64(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) < sizeof(uint64_t) ? 0 : mnl_attr_get_u64(attr);
}

void attr_text(const struct nlattr *attr, char *ret_text, size_t size)
{
	size_t len = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	if (len > size - 1)
		len = size - 1;
	memcpy(ret_text, mnl_attr_get_payload(attr), len);
	ret_text[len] = '\0';
}
