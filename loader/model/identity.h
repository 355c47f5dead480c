/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who an endpoint is: network / container id / interface name. The primary's name is a hash of it,
 * so that the kernel's refusal of a second device of that name decides atomically that it is
 * attached; the device's alias holds the identity in full.
 */
#ifndef NKCTL_MODEL_IDENTITY_H
#define NKCTL_MODEL_IDENTITY_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "nkctl/maps.h"

/* The alias, which must fit LINK_ALIAS_SIZE, and the longest names that may be in it, each with its
 * final zero. */
#define IDENTITY_ALIAS_SIZE   256
#define IDENTITY_NETWORK_SIZE 248
#define IDENTITY_ID_SIZE      248

#define DEFAULT_NETWORK "default"
#define DEFAULT_IFNAME  "eth0"

/* Who made an endpoint: a command of a person's (or of netavark's), or a runtime by CNI. */
enum identity_maker { IDENTITY_BY_COMMAND, IDENTITY_BY_CNI };

/* struct identity - the three names; @maker goes with them, and is no part of what they name. */
struct identity {
	enum identity_maker maker;
	char network[IDENTITY_NETWORK_SIZE];
	char id[IDENTITY_ID_SIZE];
	char ifname[IF_NAMESIZE];
};

/**
 * identity_init() - check the three names and put them together.
 * @network: characters of A-Z a-z 0-9 _ . -, the first a letter or digit
 * @id: the same (CNI spec 1.1.0, "CNI_CONTAINERID")
 * @ifname: 1 to 15 characters without '/', ':' or white space, neither "." nor ".."
 *	(dev_valid_name(), net/core/dev.c), and of printable ASCII
 *
 * Together they have at most 247 characters: the alias holds them all.
 *
 * Return: 0, or -EINVAL with an error that names the offender.
 */
int identity_init(struct identity *ret_identity, const char *network, const char *id,
		  const char *ifname, struct error *err);

/*
 * identity_network_check() - whether containers with ids of 64 digits, as runtimes give them, can
 * be in a network of that name, by interfaces of any.
 */
int identity_network_check(const char *network, struct error *err);

/* network_name_check() - whether a network of that name can be added: it has up to 31 characters.
 */
int network_name_check(const char *name, struct error *err);

/* identity_names_check() - the first two of these checks alone, without a limit to their length. */
int identity_names_check(const char *network, const char *id, struct error *err);

/* identity_ifname_check() - the third. */
int identity_ifname_check(const char *ifname, struct error *err);

/* identity_device_name() - the primary's name: "nk" and 12 hex digits. */
void identity_device_name(const struct identity *identity, char ret_name[IF_NAMESIZE]);

/**
 * identity_device_hash() - the part of identity_hash() that is in a primary's name: its lowest 48
 * bits.
 *
 * Return: 0; -EINVAL where it is no primary's name.
 */
int identity_device_hash(const char *name, uint64_t *ret_hash);

/* identity_alias() - "nkctl:network/id/ifname", or, made by CNI, "nkcni:network/id/ifname". */
void identity_alias(const struct identity *identity, char ret_alias[IDENTITY_ALIAS_SIZE]);

/* identity_from_alias() - Return: 0; -EINVAL where @alias isn't one of ours. */
int identity_from_alias(const char *alias, struct identity *ret_identity);

/**
 * identity_id_from_ns() - the container id that stands for a namespace unless one is given: the
 * name, the last part of the path, or "pid-N" for "pid:N" and "/proc/N/ns/net".
 *
 * Return: 0, or -EINVAL where nothing of it can be an id.
 */
int identity_id_from_ns(const char *ns, char ret_id[IDENTITY_ID_SIZE], struct error *err);

/* identity_equal() - whether they are the same names, whoever made them. */
bool identity_equal(const struct identity *a, const struct identity *b);

/**
 * identity_mac() - the container's MAC address where it has one: locally administered and always
 * the same for an identity, so that neighbours' caches outlive a new attach.
 */
void identity_mac(const struct identity *identity, uint8_t ret_mac[NK_ETH_ALEN]);

/* identity_hash() - 64 bits that stand for the identity. */
uint64_t identity_hash(const struct identity *identity);

#endif
