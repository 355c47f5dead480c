// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * frame: sends Ethernet frames that no well-behaved stack would send, by a packet socket.
 *
 *	frame [-n COUNT] [-s SIZE] [-p PROTOCOL] [-b] DEVICE LAYER...
 *	frame -x [-s SIZE] LAYER...
 *
 * A frame is its layers from the outermost on, each NAME[:KEY=VALUE,...] with the keys of the
 * tables below. What isn't given is zero or the usual; next protocols, lengths and checksums fit
 * what follows, unless they are given.
 *
 *	frame -n 20 eth0 ip4:src=10.88.0.9,dst=192.0.2.2 udp:dport=9 data:len=100
 *
 *   -n  send it COUNT times
 *   -s  send only its first SIZE bytes
 *   -p  what the socket claims the frame to be (skb->protocol), whatever its header says
 *   -b  past the queueing discipline (PACKET_QDISC_BYPASS)
 *   -x  print it in hexadecimal instead
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_SIZE  8192
#define LAYERS_MAX  12
#define FIELDS_MAX  12
#define HEADER_SIZE 40

enum field_kind { FIELD_END, NUMBER, MAC, ADDR4, ADDR6, BYTES, FILLER };

/*
 * struct field - a key of a layer.
 * @offset, @size: in bytes, in the layer's header. BYTES and FILLER are appended to it.
 */
struct field {
	const char *key;
	enum field_kind kind;
	size_t offset, size;
};

/* Which field of a layer names what comes next, counts bytes, or sums them up. */
enum role { ROLE_NEXT, ROLE_LENGTH, ROLE_CHECKSUM, ROLE_COUNT };

/* What a layer's length counts, and how far its checksum reaches. */
enum extent { EXTENT_NONE, EXTENT_ALL, EXTENT_PAYLOAD, EXTENT_HEADER, EXTENT_WITH_PSEUDO_HEADER };

/*
 * struct layer_type - a protocol.
 * @header: what it is when nothing is given
 * @ethertype, @ip_protocol: its names in an outer header; -1: none
 * @roles: keys of the fields that are filled in
 */
struct layer_type {
	const char *name;
	size_t header_len;
	uint8_t header[HEADER_SIZE];
	int ethertype, ip_protocol;
	const char *roles[ROLE_COUNT];
	enum extent length, checksum;
	struct field fields[FIELDS_MAX];
};

static const struct layer_type types[] = {
	{ .name = "eth",
	  .header_len = 14,
	  .header = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	  .ethertype = -1,
	  .ip_protocol = -1,
	  .roles = { [ROLE_NEXT] = "type" },
	  .fields = { { "dst", MAC, 0, 6 }, { "src", MAC, 6, 6 }, { "type", NUMBER, 12, 2 } } },
	{ .name = "vlan",
	  .header_len = 4,
	  .ethertype = 0x8100,
	  .ip_protocol = -1,
	  .roles = { [ROLE_NEXT] = "type" },
	  .fields = { { "id", NUMBER, 0, 2 }, { "type", NUMBER, 2, 2 } } },
	{ .name = "arp",
	  .header_len = 28,
	  .header = { 0, 1, 8, 0, 6, 4, 0, 1 },
	  .ethertype = 0x0806,
	  .ip_protocol = -1,
	  .fields = { { "op", NUMBER, 6, 2 },
		      { "sha", MAC, 8, 6 },
		      { "spa", ADDR4, 14, 4 },
		      { "tha", MAC, 18, 6 },
		      { "tpa", ADDR4, 24, 4 } } },
	{ .name = "ip4",
	  .header_len = 20,
	  .header = { [0] = 0x45, [8] = 64 },
	  .ethertype = 0x0800,
	  .ip_protocol = 4,
	  .roles = { "protocol", "len", "check" },
	  .length = EXTENT_ALL,
	  .checksum = EXTENT_HEADER,
	  .fields = { { "first", NUMBER, 0, 1 },
		      { "tos", NUMBER, 1, 1 },
		      { "len", NUMBER, 2, 2 },
		      { "id", NUMBER, 4, 2 },
		      { "frag", NUMBER, 6, 2 },
		      { "ttl", NUMBER, 8, 1 },
		      { "protocol", NUMBER, 9, 1 },
		      { "check", NUMBER, 10, 2 },
		      { "src", ADDR4, 12, 4 },
		      { "dst", ADDR4, 16, 4 },
		      { "options", BYTES, 0, 0 } } },
	{ .name = "ip6",
	  .header_len = 40,
	  .header = { [0] = 0x60, [7] = 64 },
	  .ethertype = 0x86dd,
	  .ip_protocol = 41,
	  .roles = { "next", "len" },
	  .length = EXTENT_PAYLOAD,
	  .fields = { { "first", NUMBER, 0, 4 },
		      { "len", NUMBER, 4, 2 },
		      { "next", NUMBER, 6, 1 },
		      { "hop", NUMBER, 7, 1 },
		      { "src", ADDR6, 8, 16 },
		      { "dst", ADDR6, 24, 16 } } },
	/* Extension headers are told apart by the number in front of them; 4 bytes of padding. */
	{ .name = "hopopts",
	  .header_len = 8,
	  .header = { 0, 0, 1, 4 },
	  .ethertype = -1,
	  .ip_protocol = 0,
	  .roles = { "next" },
	  .fields = { { "next", NUMBER, 0, 1 }, { "units", NUMBER, 1, 1 } } },
	{ .name = "dstopts",
	  .header_len = 8,
	  .header = { 0, 0, 1, 4 },
	  .ethertype = -1,
	  .ip_protocol = 60,
	  .roles = { "next" },
	  .fields = { { "next", NUMBER, 0, 1 }, { "units", NUMBER, 1, 1 } } },
	{ .name = "routing",
	  .header_len = 8,
	  .ethertype = -1,
	  .ip_protocol = 43,
	  .roles = { "next" },
	  .fields = { { "next", NUMBER, 0, 1 },
		      { "units", NUMBER, 1, 1 },
		      { "type", NUMBER, 2, 1 },
		      { "left", NUMBER, 3, 1 } } },
	{ .name = "fragment",
	  .header_len = 8,
	  .ethertype = -1,
	  .ip_protocol = 44,
	  .roles = { "next" },
	  .fields = { { "next", NUMBER, 0, 1 },
		      { "offset", NUMBER, 2, 2 },
		      { "id", NUMBER, 4, 4 } } },
	{ .name = "udp",
	  .header_len = 8,
	  .ethertype = -1,
	  .ip_protocol = IPPROTO_UDP,
	  .roles = { NULL, "len", "check" },
	  .length = EXTENT_ALL,
	  .checksum = EXTENT_WITH_PSEUDO_HEADER,
	  .fields = { { "sport", NUMBER, 0, 2 },
		      { "dport", NUMBER, 2, 2 },
		      { "len", NUMBER, 4, 2 },
		      { "check", NUMBER, 6, 2 } } },
	{ .name = "tcp",
	  .header_len = 20,
	  .header = { [12] = 0x50, [13] = 0x02, [14] = 0xff, [15] = 0xff },
	  .ethertype = -1,
	  .ip_protocol = IPPROTO_TCP,
	  .roles = { NULL, NULL, "check" },
	  .checksum = EXTENT_WITH_PSEUDO_HEADER,
	  .fields = { { "sport", NUMBER, 0, 2 },
		      { "dport", NUMBER, 2, 2 },
		      { "seq", NUMBER, 4, 4 },
		      { "flags", NUMBER, 13, 1 },
		      { "check", NUMBER, 16, 2 } } },
	{ .name = "icmp",
	  .header_len = 8,
	  .header = { 8 },
	  .ethertype = -1,
	  .ip_protocol = IPPROTO_ICMP,
	  .roles = { NULL, NULL, "check" },
	  .checksum = EXTENT_ALL,
	  .fields = { { "type", NUMBER, 0, 1 },
		      { "code", NUMBER, 1, 1 },
		      { "check", NUMBER, 2, 2 },
		      { "id", NUMBER, 4, 2 },
		      { "seq", NUMBER, 6, 2 } } },
	{ .name = "icmp6",
	  .header_len = 8,
	  .header = { 128 },
	  .ethertype = -1,
	  .ip_protocol = IPPROTO_ICMPV6,
	  .roles = { NULL, NULL, "check" },
	  .checksum = EXTENT_WITH_PSEUDO_HEADER,
	  .fields = { { "type", NUMBER, 0, 1 },
		      { "code", NUMBER, 1, 1 },
		      { "check", NUMBER, 2, 2 },
		      { "id", NUMBER, 4, 2 },
		      { "seq", NUMBER, 6, 2 } } },
	/* The rest of a neighbour discovery message, behind icmp6: target, and a MAC's option. */
	{ .name = "target",
	  .header_len = 16,
	  .ethertype = -1,
	  .ip_protocol = -1,
	  .fields = { { "addr", ADDR6, 0, 16 } } },
	{ .name = "option",
	  .header_len = 8,
	  .header = { 1, 1 },
	  .ethertype = -1,
	  .ip_protocol = -1,
	  .fields = { { "type", NUMBER, 0, 1 }, { "units", NUMBER, 1, 1 }, { "mac", MAC, 2, 6 } } },
	{ .name = "data",
	  .ethertype = -1,
	  .ip_protocol = -1,
	  .fields = { { "len", FILLER, 0, 0 }, { "hex", BYTES, 0, 0 } } },
};

/* struct layer - one of a frame. @offset: in it; @given: bit by index of the fields with a value */
struct layer {
	const struct layer_type *type;
	size_t offset, header_len;
	unsigned int given;
};

static uint8_t frame[FRAME_SIZE];
static size_t frame_len;
static struct layer layers[LAYERS_MAX];
static size_t layer_count;

static void frame_append(const uint8_t *bytes, size_t len)
{
	if (frame_len + len > sizeof(frame))
		errx(2, "the frame is longer than %zu bytes", sizeof(frame));
	if (bytes)
		memcpy(frame + frame_len, bytes, len);
	frame_len += len;
}

static void number_put(uint8_t *at, size_t size, unsigned long number)
{
	for (size_t i = size; i-- > 0; number >>= 8)
		at[i] = (uint8_t)number;
}

static unsigned long number_parse(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 0);

	if (!*text || *end)
		errx(2, "'%s' is no number", text);
	return number;
}

static void mac_parse(const char *text, uint8_t *ret_mac)
{
	unsigned int b[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
		errx(2, "'%s' is no MAC address", text);
	for (int i = 0; i < 6; i++)
		ret_mac[i] = (uint8_t)b[i];
}

static void addr_parse(int family, const char *text, uint8_t *ret_addr)
{
	if (inet_pton(family, text, ret_addr) != 1)
		errx(2, "'%s' is no address here", text);
}

static void hex_append(const char *text)
{
	unsigned int byte;

	for (; *text; text += 2) {
		if (sscanf(text, "%2x", &byte) != 1 || !text[1])
			errx(2, "'%s' isn't hexadecimal", text);
		frame_append(&(uint8_t){ (uint8_t)byte }, 1);
	}
}

/* Bytes that differ from their neighbours, so that a shift shows. */
static void filler_append(size_t len)
{
	for (size_t i = 0; i < len; i++)
		frame_append(&(uint8_t){ (uint8_t)i }, 1);
}

static void field_set(struct layer *layer, const struct field *field, const char *value)
{
	uint8_t *at = frame + layer->offset + field->offset;

	switch (field->kind) {
	case NUMBER:
		number_put(at, field->size, number_parse(value));
		break;
	case MAC:
		mac_parse(value, at);
		break;
	case ADDR4:
		addr_parse(AF_INET, value, at);
		break;
	case ADDR6:
		addr_parse(AF_INET6, value, at);
		break;
	case BYTES:
		hex_append(value);
		break;
	case FILLER:
		filler_append(number_parse(value));
		break;
	case FIELD_END:
		break;
	}
	layer->given |= 1u << (field - layer->type->fields);
}

static const struct field *field_find(const struct layer_type *type, const char *key)
{
	const struct field *field = type->fields;

	while (field->kind != FIELD_END && strcmp(field->key, key))
		field++;
	return field->kind == FIELD_END ? NULL : field;
}

static const struct layer_type *type_find(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	errx(2, "'%s' is no layer", name);
}

/* NAME[:KEY=VALUE,...]; the text is cut up. */
static void layer_parse(char *text)
{
	char *name = strsep(&text, ":"), *key, *value;
	struct layer *layer = &layers[layer_count];
	const struct field *field;

	if (layer_count++ == LAYERS_MAX)
		errx(2, "more than %d layers", LAYERS_MAX);
	*layer = (struct layer){ .type = type_find(name), .offset = frame_len };
	frame_append(layer->type->header, layer->type->header_len);
	while (text && (value = strsep(&text, ","))) {
		key = strsep(&value, "=");
		field = field_find(layer->type, key);
		if (!field || !value)
			errx(2, "%s has no '%s=VALUE'", name, key);
		field_set(layer, field, value);
	}
	layer->header_len = frame_len - layer->offset;
}

/* Set the field that has a role unless a value was given. */
static void role_set(struct layer *layer, enum role role, unsigned long number)
{
	const char *key = layer->type->roles[role];
	const struct field *field = key ? field_find(layer->type, key) : NULL;

	if (field && !(layer->given & 1u << (field - layer->type->fields)))
		number_put(frame + layer->offset + field->offset, field->size, number);
}

static bool layer_is(const struct layer *layer, const char *name)
{
	return !strcmp(layer->type->name, name);
}

static void next_set(struct layer *layer, const struct layer *next)
{
	bool by_ethertype = layer_is(layer, "eth") || layer_is(layer, "vlan");
	int number = by_ethertype ? next->type->ethertype : next->type->ip_protocol;

	if (number >= 0)
		role_set(layer, ROLE_NEXT, (unsigned long)number);
}

static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

/* Addresses, length and protocol (RFC 9293, section 3.1; RFC 8200, section 8.1). */
static uint32_t pseudo_header_sum(const struct layer *layer)
{
	const struct layer *ip = layer;
	uint32_t sum = (uint32_t)(frame_len - layer->offset) + (uint32_t)layer->type->ip_protocol;

	while (ip > layers && !layer_is(ip, "ip4") && !layer_is(ip, "ip6"))
		ip--;
	if (layer_is(ip, "ip4"))
		return sum_add(sum, frame + ip->offset + 12, 8);
	return sum_add(sum, frame + ip->offset + 8, 32);
}

static void checksum_set(struct layer *layer)
{
	size_t len = layer->type->checksum == EXTENT_HEADER ? layer->header_len
							    : frame_len - layer->offset;
	uint32_t sum = sum_add(0, frame + layer->offset, len);

	if (layer->type->checksum == EXTENT_WITH_PSEUDO_HEADER)
		sum += pseudo_header_sum(layer);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	role_set(layer, ROLE_CHECKSUM, ~sum & 0xffff);
}

/* From the innermost layer out, since a checksum covers what is inside. */
static void layers_finish(void)
{
	for (size_t i = layer_count; i-- > 0;) {
		struct layer *layer = &layers[i];
		size_t len = frame_len - layer->offset;

		if (i + 1 < layer_count)
			next_set(layer, layer + 1);
		if (layer_is(layer, "ip4") && !(layer->given & 1))
			frame[layer->offset] = (uint8_t)(0x40 + layer->header_len / 4);
		if (layer->type->length == EXTENT_PAYLOAD)
			len -= layer->header_len;
		role_set(layer, ROLE_LENGTH, len);
		if (layer->type->checksum != EXTENT_NONE)
			checksum_set(layer);
	}
}

/* The device's own address, unless the frame names a source. */
static void source_set(int fd, const char *device)
{
	struct ifreq request = { 0 };

	if (!layer_is(layers, "eth") || layers->given & 1u << 1)
		return;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		err(1, "%s", device);
	memcpy(frame + 6, request.ifr_hwaddr.sa_data, 6);
}

/* That a frame was dropped on the way out, which netkit tells by ENOBUFS, is no error here. */
static void frame_send(const char *device, unsigned long count, int protocol, bool bypass)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(device),
				  .sll_protocol = htons((uint16_t)protocol) };

	if (fd < 0 || !to.sll_ifindex)
		err(1, "%s", device);
	if (bypass && setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)))
		err(1, "bypass the queueing discipline");
	source_set(fd, device);
	while (count-- > 0)
		if (sendto(fd, frame, frame_len, 0, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		    errno != ENOBUFS)
			err(1, "send by %s", device);
	(void)close(fd);
}

static void frame_print(void)
{
	for (size_t i = 0; i < frame_len; i++)
		(void)printf("%02x", frame[i]);
	(void)putchar('\n');
}

int main(int argc, char **argv)
{
	unsigned long count = 1, size = FRAME_SIZE;
	bool bypass = false, print = false;
	const char *device = NULL;
	int option, protocol = 0;

	while ((option = getopt(argc, argv, "+n:s:p:bx")) > 0) {
		switch (option) {
		case 'n':
			count = number_parse(optarg);
			break;
		case 's':
			size = number_parse(optarg);
			break;
		case 'p':
			protocol = (int)number_parse(optarg);
			break;
		case 'b':
			bypass = true;
			break;
		case 'x':
			print = true;
			break;
		default:
			return 2;
		}
	}
	if (!print)
		device = argv[optind++];
	if (optind >= argc)
		errx(2, "no layers; see the head of its source");
	if (strncmp(argv[optind], "eth", 3))
		layer_parse((char[]){ "eth" });
	for (; optind < argc; optind++)
		layer_parse(argv[optind]);
	layers_finish();
	frame_len = size < frame_len ? size : frame_len;
	if (print)
		frame_print();
	else
		frame_send(device, count, protocol, bypass);
	return 0;
}
