/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The settings of address translation: the only entry of the pinned map "nat", in memory that is
 * shared with the programs (BPF_F_MMAPABLE), so that a change takes effect at once.
 */
#ifndef NKCTL_BPF_NAT_H
#define NKCTL_BPF_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/datapath.h"
#include "bpf/flows.h"
#include "bpf/published.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "nkctl/nat.h"

/* struct port_range - inclusive, in host order. */
struct port_range {
	uint32_t min, max;
};

/* The ports that anybody may take without privileges, and the least that masquerading gets. */
#define NAT_PORT_MIN    1024
#define NAT_PORT_MAX    (NK_PORTS - 1)
#define NAT_RANGE_LEAST 16

/**
 * nat_open() - map the settings into memory, to be read and written in place.
 * @ret_nat: until nat_close()
 */
int nat_open(struct datapath *datapath, struct nk_nat **ret_nat, struct error *err);

/* nat_close() - @nat may point to NULL. */
void nat_close(struct nk_nat **nat);
#define _cleanup_nat_ _cleanup_(nat_close)

/* nat_init() - fill in what a fresh map needs; nothing where it was done. Needs the exclusive lock.
 */
int nat_init(struct datapath *datapath, struct error *err);

/**
 * nat_port_set() - have the datapath look at packets to a local port. Atomic, but who sets and
 * clears ports has to hold the node's lock around both.
 * @port: host order
 */
void nat_port_set(struct nk_nat *nat, uint16_t port);

/* nat_port_is_set() - whether it does. */
bool nat_port_is_set(const struct nk_nat *nat, uint16_t port);

/**
 * nat_ports_clear() - have the datapath look no longer at ports that nobody uses: those that are
 * neither published, nor of the range that masquerading takes, nor have a flow from an earlier
 * range. Needs the node's lock.
 * @published, @flows: all that there are
 */
void nat_ports_clear(struct nk_nat *nat, const struct published_list *published,
		     const struct flow_list *flows);

/*
 * nat_programs_wait() - wait until no program runs any more that may have read what was changed
 * before: settings, or entries of a map.
 */
void nat_programs_wait(void);

bool port_ranges_overlap(const struct port_range *a, const struct port_range *b);

/**
 * port_range_choose() - the ports that masquerading takes unless told otherwise: ones that the
 * host's own sockets don't, as far as there are enough.
 * @local: net.ipv4.ip_local_port_range
 */
struct port_range port_range_choose(const struct port_range *local);

/* port_range_local() - read net.ipv4.ip_local_port_range: what the host's own sockets take. */
int port_range_local(struct port_range *ret_range, struct error *err);

/* The range in the settings. */
struct port_range nat_range(const struct nk_nat *nat);

/**
 * nat_range_set() - have masquerading take other ports from now on; flows keep theirs. Needs the
 * node's lock.
 *
 * Return: 0; with an error the range is set all the same, and bits of ports are that nobody uses.
 */
int nat_range_set(struct datapath *datapath, struct nk_nat *nat, const struct port_range *range,
		  struct error *err);

#endif
