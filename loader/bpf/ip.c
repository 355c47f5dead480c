// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpf/ip.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* RFC 4291, section 2.5.5.2: what precedes the four bytes of an IPv4 address. */
static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

struct nk_ip addr_to_ip(const struct addr *addr)
{
	struct nk_ip ip;

	if (addr->family == AF_INET) {
		memcpy(&ip, mapped_prefix, sizeof(mapped_prefix));
		memcpy((uint8_t *)&ip + sizeof(mapped_prefix), addr->bytes, 4);
	} else {
		memcpy(&ip, addr->bytes, sizeof(ip));
	}
	return ip;
}

struct addr addr_from_ip(const struct nk_ip *ip)
{
	bool is_v4 = !memcmp(ip, mapped_prefix, sizeof(mapped_prefix));
	struct addr addr = { .family = is_v4 ? AF_INET : AF_INET6 };

	memcpy(addr.bytes, (const uint8_t *)ip + (is_v4 ? sizeof(mapped_prefix) : 0),
	       addr_size(addr.family));
	return addr;
}
