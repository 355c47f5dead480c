/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Network devices: pairs made, devices set up, looked at and deleted. */
#ifndef NKCTL_NL_LINK_H
#define NKCTL_NL_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"
#include "nkctl/maps.h"
#include "nl/nlsock.h"

/* Longest alias that the kernel takes, with the final zero (IFALIASZ, linux/if.h). */
#define LINK_ALIAS_SIZE 256
#define LINK_KIND_SIZE  16

/**
 * struct pair_spec - a device pair: the primary here, its peer in a container.
 * @primary_name, @peer_name: names of the two ends
 * @peer_netns_fd: namespace in which the peer is born
 * @group: of the primary
 * @mtu: of both ends, in bytes
 * @mode: NK_MODE_L3 or NK_MODE_L2
 * @primary_mac, @peer_mac: MAC addresses; not used by l3 netkit, which has none
 */
struct pair_spec {
	const char *primary_name;
	const char *peer_name;
	int peer_netns_fd;
	uint32_t group;
	uint32_t mtu;
	enum nk_mode mode;
	uint8_t primary_mac[NK_ETH_ALEN];
	uint8_t peer_mac[NK_ETH_ALEN];
};

/**
 * netkit_create() - make a netkit pair whose peer may send nothing until a program allows it.
 *
 * The peer's policy is blackhole from its first moment (drivers/net/netkit.c); the primary's is
 * forward, since what enters a container was decided before. Both ends are down, and the primary
 * isn't finished before link_finish().
 *
 * Return: 0; -EEXIST where either name is taken; -EOPNOTSUPP where the kernel has no netkit.
 */
int netkit_create(struct nlsock *nl, const struct pair_spec *spec, struct error *err);

/**
 * veth_create() - the same on a veth pair, which knows no policy: it must stay down until a
 * program is attached. In l3 mode neither end does ARP.
 */
int veth_create(struct nlsock *nl, const struct pair_spec *spec, struct error *err);

/**
 * struct link_info - what the kernel tells of a device.
 *
 * Its IPv6 settings as well: for a path below /proc/sys/net the kernel looks at the entries of the
 * same name of each other network namespace in which somebody looked one up (proc_sys_compare(),
 * fs/proc/proc_sysctl.c), a microsecond for each. Where every container has one, the host's own
 * settings are slow to find, too.
 */
struct link_info {
	int ifindex;
	char name[IF_NAMESIZE];
	char alias[LINK_ALIAS_SIZE]; /* empty: none, or the device isn't finished */
	bool is_unfinished;          /* no link_finish() of it yet, or taken apart */
	char kind[LINK_KIND_SIZE];   /* "netkit", "veth" ...; empty: a real device */
	uint32_t group;
	uint32_t mtu;
	uint32_t flags; /* IFF_* */
	uint32_t tx_queue_len;
	uint16_t type; /* ARPHRD_* */
	bool has_ipv6; /* disable_ipv6 is known to be off */
	uint8_t mac[NK_ETH_ALEN];
	int peer_netnsid;       /* of the peer's namespace; -1: none or this one */
	int peer_ifindex;       /* in the peer's namespace; 0: none */
	int netkit_mode;        /* NK_MODE_*; -1: not a netkit device */
	bool netkit_peer_drops; /* the peer's policy is blackhole */
};

/* link_info_complete() - with all noted that the kernel tells: an alias counts if it's finished. */
void link_info_complete(struct link_info *link);

/* link_get*() - one device. Return: 0; -ENODEV where there is none. */
int link_get_by_name(struct nlsock *nl, const char *name, struct link_info *ret_link,
		     struct error *err);
int link_get_by_index(struct nlsock *nl, int ifindex, struct link_info *ret_link,
		      struct error *err);

/**
 * link_is_gone() - whether there is no such device any more. One that can't be asked for isn't
 * gone.
 *
 * Asked by SIOCGIFNAME, which needs no lock: a request to rtnetlink would wait for a deletion.
 */
bool link_is_gone(int ifindex);

/**
 * struct link_config - what to change of a device.
 * @alias: shorter than LINK_ALIAS_SIZE; NULL: it stays
 * @forwarding: turn on IPv4 forwarding, of this device, never the global switch
 * @no_link_local: make no IPv6 link-local address when it comes up
 */
struct link_config {
	const char *alias;
	bool forwarding, no_link_local;
};

/* link_configure() - best while it is down: see link.c. */
int link_configure(struct nlsock *nl, int ifindex, const struct link_config *config,
		   struct error *err);

/**
 * link_set_mtu() - in bytes.
 *
 * Below 1280 the kernel takes IPv6 off a device; from there on it is back, with the settings of a
 * new one (addrconf_notify(), net/ipv6/addrconf.c).
 */
int link_set_mtu(struct nlsock *nl, int ifindex, uint32_t mtu, struct error *err);

/* link_set_mac() - best while it is down, unless it is one of a pair: these take it at any time. */
int link_set_mac(struct nlsock *nl, int ifindex, const uint8_t mac[NK_ETH_ALEN], struct error *err);

/* link_up() - set a device up. */
int link_up(struct nlsock *nl, int ifindex, struct error *err);

/* link_finish() - a pair's primary is finished, and its alias valid from now on. */
int link_finish(struct nlsock *nl, int ifindex, struct error *err);

/* link_unfinish() - it is about to be taken apart, and its alias valid no more. */
int link_unfinish(struct nlsock *nl, int ifindex, struct error *err);

/* link_delete() - delete a device, and with it its peer. Return: 0; -ENODEV: it was gone. */
int link_delete(struct nlsock *nl, int ifindex, struct error *err);

/**
 * struct unlisting - a device that is about to be freed.
 * @expedite_fd: of expedite_begin(); given up, since it is the child that waits
 * @child: the process that waits for the kernel; 0: none does any more
 */
struct unlisting {
	int expedite_fd;
	pid_t child;
};

/**
 * link_unlist() - delete a device without waiting until the kernel has freed it: when this returns
 * it is closed, and nobody finds it any more (see link_unlist.c).
 *
 * A child process may outlive the caller by some 20 ms.
 *
 * Return: 0, also where it was gone.
 */
int link_unlist(struct nlsock *nl, int ifindex, struct unlisting *unlisting, struct error *err);

/* unlisting_await() - until the kernel has freed the device. */
void unlisting_await(struct unlisting *unlisting);

/* netns_id() - the id by which this namespace knows another one; -1: it has none. */
int netns_id(struct nlsock *nl, int netns_fd, int *ret_netnsid, struct error *err);

#endif
