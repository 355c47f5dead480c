// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "packet.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include "net.h"

#define TTL 64

/* Ports of no meaning, and a TCP header with a timestamp option, as most segments have. */
#define SPORT           40000
#define DPORT           80
#define TCP_DATA_OFFSET 12
#define TCP_WORDS       (32 / 4)

static void ethernet_fill(struct packet *packet, uint16_t protocol, size_t len)
{
	assert(len <= sizeof(packet->data));
	memset(packet->data, 0, sizeof(packet->data));
	packet->len = len;
	packet_macs(packet, gateway_mac, sender_mac);
	packet_set(packet, &(struct packet_field)ETH(h_proto, protocol));
}

static void upper_fill(struct packet *packet, size_t offset, uint8_t protocol)
{
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return;
	packet_set(packet, &(struct packet_field)FIELD_AT(offset, 2, SPORT));
	packet_set(packet, &(struct packet_field)FIELD_AT(offset + 2, 2, DPORT));
	if (protocol == IPPROTO_TCP)
		packet->data[offset + TCP_DATA_OFFSET] = TCP_WORDS << 4;
}

void packet_ipv4(struct packet *packet, const char *saddr, const char *daddr, uint8_t protocol,
		 size_t payload_len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(sizeof(ip) + payload_len)),
		.ttl = TTL,
		.protocol = protocol,
	};

	assert(inet_pton(AF_INET, saddr, &ip.saddr) == 1);
	assert(inet_pton(AF_INET, daddr, &ip.daddr) == 1);
	ethernet_fill(packet, ETH_P_IP, ETH_HLEN + sizeof(ip) + payload_len);
	memcpy(packet->data + ETH_HLEN, &ip, sizeof(ip));
	upper_fill(packet, ETH_HLEN + sizeof(ip), protocol);
	packet_ipv4_checksum(packet);
}

void packet_ipv6(struct packet *packet, const char *saddr, const char *daddr, uint8_t protocol,
		 size_t payload_len)
{
	struct ipv6hdr ip6 = {
		.version = 6,
		.payload_len = htons((uint16_t)payload_len),
		.nexthdr = protocol,
		.hop_limit = TTL,
	};

	assert(inet_pton(AF_INET6, saddr, &ip6.saddr) == 1);
	assert(inet_pton(AF_INET6, daddr, &ip6.daddr) == 1);
	ethernet_fill(packet, ETH_P_IPV6, ETH_HLEN + sizeof(ip6) + payload_len);
	memcpy(packet->data + ETH_HLEN, &ip6, sizeof(ip6));
	upper_fill(packet, ETH_HLEN + sizeof(ip6), protocol);
}

void packet_set(struct packet *packet, const struct packet_field *field)
{
	assert(field->offset + field->size <= sizeof(packet->data));
	for (size_t i = 0; i < field->size; i++)
		packet->data[field->offset + i] =
			(uint8_t)(field->value >> 8 * (field->size - 1 - i));
}

uint64_t packet_get(const struct packet *packet, size_t offset, size_t size)
{
	uint64_t value = 0;

	assert(offset + size <= sizeof(packet->data));
	for (size_t i = 0; i < size; i++)
		value = value << 8 | packet->data[offset + i];
	return value;
}

void packet_set_all(struct packet *packet, const struct packet_field *fields)
{
	for (size_t i = 0; i < PACKET_FIELDS_MAX && fields[i].size; i++)
		packet_set(packet, &fields[i]);
	packet_ipv4_checksum(packet);
}

static bool packet_is_ipv4(const struct packet *packet)
{
	return packet_get(packet, offsetof(struct ethhdr, h_proto), 2) == ETH_P_IP;
}

static void packet_add(struct packet *packet, size_t offset, size_t size, size_t summand)
{
	struct packet_field field = FIELD_AT(offset, size, packet_get(packet, offset, size));

	field.value += summand;
	packet_set(packet, &field);
}

void packet_insert(struct packet *packet, const void *bytes, size_t len)
{
	bool ipv4 = packet_is_ipv4(packet);
	size_t offset = ETH_HLEN + (ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));

	assert(packet->len + len <= sizeof(packet->data));
	memmove(packet->data + offset + len, packet->data + offset, packet->len - offset);
	memcpy(packet->data + offset, bytes, len);
	packet->len += len;
	if (ipv4)
		packet_add(packet, ETH_HLEN, 1, len / 4);
	packet_add(packet,
		   ETH_HLEN + (ipv4 ? offsetof(struct iphdr, tot_len)
				    : offsetof(struct ipv6hdr, payload_len)),
		   2, len);
}

void packet_ipv4_checksum(struct packet *packet)
{
	uint8_t *header = packet->data + ETH_HLEN;
	size_t len = (header[0] & 0xf) * 4;
	uint16_t checksum;

	if (!packet_is_ipv4(packet))
		return;
	memset(header + offsetof(struct iphdr, check), 0, sizeof(checksum));
	checksum = checksum_fold(checksum_add(0, header, len));
	packet_set(packet, &(struct packet_field)IP4(check, checksum));
}

void packet_macs(struct packet *packet, const uint8_t destination[ETH_ALEN],
		 const uint8_t source[ETH_ALEN])
{
	memcpy(packet->data, destination, ETH_ALEN);
	memcpy(packet->data + ETH_ALEN, source, ETH_ALEN);
}

void packet_strip(struct packet *packet)
{
	packet->len -= ETH_HLEN;
	memmove(packet->data, packet->data + ETH_HLEN, packet->len);
}

void packet_forwarded(struct packet *packet)
{
	size_t at = packet_is_ipv4(packet) ? offsetof(struct iphdr, ttl)
					   : offsetof(struct ipv6hdr, hop_limit);

	packet->data[ETH_HLEN + at]--;
	packet_ipv4_checksum(packet);
}

uint32_t checksum_add(uint32_t sum, const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? byte[i] : (uint32_t)byte[i] << 8;
	return sum;
}

uint16_t checksum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Over the addresses, the length, the protocol, and the message. */
static uint16_t icmp6_checksum(const struct packet *packet, size_t message_len)
{
	const uint8_t *ip6 = packet->data + ETH_HLEN;
	uint32_t sum = (uint32_t)message_len + IPPROTO_ICMPV6;

	sum = checksum_add(sum, ip6 + offsetof(struct ipv6hdr, saddr), 32);
	return checksum_fold(checksum_add(sum, ip6 + sizeof(struct ipv6hdr), message_len));
}

void packet_icmp6_error(struct packet *ret_error, const struct packet *packet,
			const uint8_t source[16], uint8_t type, uint32_t mtu, size_t quote_len)
{
	const uint8_t *ip6 = packet->data + ETH_HLEN;
	uint8_t *error_ip6 = ret_error->data + ETH_HLEN;

	packet_ipv6(ret_error, "::", "::", IPPROTO_ICMPV6, 8 + quote_len);
	packet_macs(ret_error, packet->data + ETH_ALEN, packet->data);
	memcpy(error_ip6 + offsetof(struct ipv6hdr, saddr), source, 16);
	memcpy(error_ip6 + offsetof(struct ipv6hdr, daddr), ip6 + offsetof(struct ipv6hdr, saddr),
	       16);
	packet_set(ret_error, &(struct packet_field)L4_OF_IP6(0, 1, type));
	packet_set(ret_error, &(struct packet_field)L4_OF_IP6(4, 4, mtu));
	memcpy(error_ip6 + sizeof(struct ipv6hdr) + 8, ip6, quote_len);
	packet_set(ret_error,
		   &(struct packet_field)L4_OF_IP6(2, 2, icmp6_checksum(ret_error, 8 + quote_len)));
}
