// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sniff: prints the frames that pass a device, one a line, at once:
 *
 *	DIRECTION LENGTH HEXADECIMAL
 *
 * DIRECTION is in or out. LENGTH is that of the frame in bytes; of its content the first 256 are
 * shown. The first line is "ready". Starts faster than tcpdump, and one frame is one word for grep.
 *
 *	sniff DEVICE
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_SIZE 65600
#define SHOWN       256

/* A burst waits here until it is printed. */
#define RECEIVE_BUFFER (16 << 20)

static int device_open(const char *device)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), size = RECEIVE_BUFFER;

	addr.sll_ifindex = (int)if_nametoindex(device);
	if (fd < 0 || !addr.sll_ifindex ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "%s", device);
	return fd;
}

static void frame_print(const uint8_t *frame, size_t len, const struct sockaddr_ll *from)
{
	(void)printf("%s %zu ", from->sll_pkttype == PACKET_OUTGOING ? "out" : "in", len);
	for (size_t i = 0; i < len && i < SHOWN; i++)
		(void)printf("%02x", frame[i]);
	(void)putchar('\n');
}

int main(int argc, char **argv)
{
	static uint8_t frame[BUFFER_SIZE];
	struct sockaddr_ll from;
	socklen_t from_len;
	ssize_t len;
	int fd;

	if (argc != 2)
		errx(2, "which device?");
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	fd = device_open(argv[1]);
	(void)puts("ready");
	for (;;) {
		from_len = sizeof(from);
		len = recvfrom(fd, frame, sizeof(frame), MSG_TRUNC, (struct sockaddr *)&from,
			       &from_len);
		if (len < 0)
			err(1, "%s", argv[1]);
		frame_print(frame, (size_t)len, &from);
	}
}
