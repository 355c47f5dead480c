/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Real frames, for what BPF_PROG_TEST_RUN can't show: where a redirect leads to, and packets that
 * it doesn't make. They go through packet sockets on the devices of net.h, whose peers in a network
 * namespace of their own are the containers' ends.
 */
#ifndef NKCTL_TESTS_WIRE_H
#define NKCTL_TESTS_WIRE_H

#include <bpf/libbpf.h>
#include <linux/virtio_net.h>

#include "net.h"
#include "packet.h"

/* The other ends of the pairs of net.h. */
#define SENDER_PEER SENDER "p"
#define OTHER_PEER  OTHER "p"
#define UPLINK_PEER UPLINK "p"

/* wire_containers_create() - move the peers of both endpoints to a new namespace. */
void wire_containers_create(void);

/**
 * wire_open() - a packet socket.
 * @device: SENDER_PEER and OTHER_PEER are found where they are
 * @protocol: ETH_P_ALL: sees frames before tc ingress; any other: those that passed it
 */
int wire_open(const char *device, uint16_t protocol);

/* wire_tun_create() - a tun device whose packets come with a virtio_net_hdr. */
int wire_tun_create(const char *name);

/* wire_attach() - @program to its hook of @device, as long as that lives. */
void wire_attach(const struct bpf_program *program, const char *device);

/**
 * wire_send() - hand a packet to a packet socket or a tun device.
 * @header: its segments, and how many bytes of it are linear; NULL: it's a plain packet
 */
void wire_send(int fd, const struct packet *packet, const struct virtio_net_hdr *header);

/* wire_has_seen() - whether @packet is among those that have arrived by now. */
bool wire_has_seen(int fd, const struct packet *packet);

/**
 * wire_expect() - wait until @packet arrives; a failure after a deadline. Others are passed over.
 *
 * Return: what the kernel left to do to it.
 */
struct virtio_net_hdr wire_expect(int fd, const struct packet *packet);

/* wire_expect_none() - wait for @marker, that was sent after it; a failure if @packet arrives. */
void wire_expect_none(int fd, const struct packet *packet, const struct packet *marker);

#endif
