// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/identity.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/netns.h"

/* All of one length, so that names may be as long whoever attaches. */
#define ALIAS_PREFIX_LEN ((size_t)6)

static const char *const alias_prefixes[] = {
	[IDENTITY_BY_COMMAND] = "nkctl:",
	[IDENTITY_BY_CNI] = "nkcni:",
};

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

/* What is left of an alias for the three names: without the prefix, two slashes and the zero. */
#define NAMES_LEN_MAX (IDENTITY_ALIAS_SIZE - ALIAS_PREFIX_LEN - 2 - 1)

_Static_assert(NAMES_LEN_MAX < IDENTITY_NETWORK_SIZE, "a network that fits an alias fits");
_Static_assert(NAMES_LEN_MAX < IDENTITY_ID_SIZE, "an id that fits an alias fits");

static int name_check(const char *what, const char *name, size_t size, struct error *err)
{
	if (!*name)
		return error_set(err, EINVAL, "the %s is empty", what);
	if (strlen(name) >= size)
		return error_set(err, EINVAL, "the %s is longer than %zu characters", what,
				 size - 1);
	if (!isalnum((unsigned char)*name) || strspn(name, NAME_CHARACTERS) != strlen(name))
		return error_set(err, EINVAL,
				 "%s '%s' may only have letters, digits, '_', '.' and '-', and "
				 "begins with a letter or digit",
				 what, name);
	return 0;
}

/*
 * dev_valid_name() in the kernel's net/core/dev.c, where '%' has a number put in its place
 * (dev_get_valid_name()); and sysctl has directories of some names already
 * (devinet_sysctl_register() in net/ipv4/devinet.c).
 */
static bool ifname_valid(const char *name)
{
	static const char *const taken[] = { ".", "..", "all", "default" };

	if (!*name || strlen(name) >= IF_NAMESIZE)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (!strcmp(name, taken[i]))
			return false;
	for (; *name; name++)
		if (!isgraph((unsigned char)*name) || strchr("/:%", *name))
			return false;
	return true;
}

int network_name_check(const char *name, struct error *err)
{
	return name_check("network name", name, NK_NETWORK_NAME_SIZE, err);
}

int identity_names_check(const char *network, const char *id, struct error *err)
{
	int ret = name_check("network name", network, SIZE_MAX, err);

	return ret ? ret : name_check("container id", id, SIZE_MAX, err);
}

int identity_ifname_check(const char *ifname, struct error *err)
{
	if (ifname_valid(ifname))
		return 0;
	return error_set(err, EINVAL,
			 "'%s' can't be an interface's name: 1 to %d printable characters without "
			 "'/', ':' and '%%', and neither 'all' nor 'default'",
			 ifname, IF_NAMESIZE - 1);
}

int identity_init(struct identity *ret_identity, const char *network, const char *id,
		  const char *ifname, struct error *err)
{
	struct identity identity = { 0 };
	int ret = identity_names_check(network, id, err);

	if (!ret)
		ret = identity_ifname_check(ifname, err);
	if (ret)
		return ret;
	if (strlen(network) + strlen(id) + strlen(ifname) > NAMES_LEN_MAX)
		return error_set(err, EINVAL,
				 "network name, container id and interface's name have more than "
				 "%zu characters together, which is all that a device's alias "
				 "holds",
				 NAMES_LEN_MAX);
	(void)strcpy(identity.network, network); /* lengths were checked */
	(void)strcpy(identity.id, id);
	(void)strcpy(identity.ifname, ifname);
	*ret_identity = identity;
	return 0;
}

int identity_network_check(const char *network, struct error *err)
{
	struct identity identity;
	char id[64 + 1] = "", ifname[IF_NAMESIZE] = "";

	memset(id, '0', sizeof(id) - 1);
	memset(ifname, 'e', sizeof(ifname) - 1);
	return identity_init(&identity, network, id, ifname, err);
}

void identity_alias(const struct identity *identity, char ret_alias[IDENTITY_ALIAS_SIZE])
{
	int len = snprintf(ret_alias, IDENTITY_ALIAS_SIZE, "%s%s/%s/%s",
			   alias_prefixes[identity->maker], identity->network, identity->id,
			   identity->ifname);

	assert(len < IDENTITY_ALIAS_SIZE); /* identity_init() has seen to it */
}

static int alias_maker(const char *alias, enum identity_maker *ret_maker)
{
	for (size_t i = 0; i < ARRAY_SIZE(alias_prefixes); i++) {
		if (!strncmp(alias, alias_prefixes[i], ALIAS_PREFIX_LEN)) {
			*ret_maker = (enum identity_maker)i;
			return 0;
		}
	}
	return -EINVAL;
}

int identity_from_alias(const char *alias, struct identity *ret_identity)
{
	char copy[IDENTITY_ALIAS_SIZE];
	char *network = copy, *id, *ifname;
	enum identity_maker maker;
	int ret;

	if (strlen(alias) >= sizeof(copy) || alias_maker(alias, &maker))
		return -EINVAL;
	(void)strcpy(copy, alias + ALIAS_PREFIX_LEN);
	id = strchr(copy, '/');
	ifname = id ? strchr(id + 1, '/') : NULL;
	if (!ifname)
		return -EINVAL;
	*id++ = '\0';
	*ifname++ = '\0';
	ret = identity_init(ret_identity, network, id, ifname, NULL);
	if (!ret)
		ret_identity->maker = maker;
	return ret;
}

/* The digits of N in "pid:N" and "/proc/N/ns/net". Return: how many; 0: it is neither. */
static size_t ns_pid(const char *ns, const char **ret_digits)
{
	static const struct {
		const char *before, *behind;
	} forms[] = { { "pid:", "" }, { "/proc/", "/ns/net" } };
	const char *digits;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (strncmp(ns, forms[i].before, strlen(forms[i].before)) != 0)
			continue;
		digits = ns + strlen(forms[i].before);
		len = strspn(digits, "0123456789");
		if (len && !strcmp(digits + len, forms[i].behind)) {
			*ret_digits = digits;
			return len;
		}
	}
	return 0;
}

int identity_id_from_ns(const char *ns, char ret_id[IDENTITY_ID_SIZE], struct error *err)
{
	const char *slash = strrchr(ns, '/');
	const char *digits = NULL;
	size_t pid_len = ns_pid(ns, &digits);
	char id[IDENTITY_ID_SIZE];
	int len, ret = netns_spec_check(ns, err);

	if (ret) /* an id wouldn't help */
		return ret;
	if (pid_len)
		len = snprintf(id, sizeof(id), "pid-%.*s", (int)pid_len, digits);
	else
		len = snprintf(id, sizeof(id), "%s", slash ? slash + 1 : ns);
	if (len < 0 || (size_t)len >= sizeof(id))
		return error_set(err, EINVAL, "'%s' is too long for a container id: give --id", ns);
	ret = name_check("container id", id, sizeof(id), err);
	if (ret)
		return error_set(err, ret, "'%s' makes no container id: give --id", ns);
	(void)strcpy(ret_id, id); /* same size */
	return 0;
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
	return !strcmp(a->network, b->network) && !strcmp(a->id, b->id) &&
	       !strcmp(a->ifname, b->ifname);
}

static uint64_t hash_add(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	return hash;
}

/*
 * FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/: plenty where a collision is told anyway. It
 * is that of the alias, but for its prefix: who makes an endpoint is no part of what it is.
 */
uint64_t identity_hash(const struct identity *identity)
{
	char alias[IDENTITY_ALIAS_SIZE];

	identity_alias(identity, alias);
	return hash_add(hash_add(0xcbf29ce484222325, alias_prefixes[IDENTITY_BY_COMMAND]),
			alias + ALIAS_PREFIX_LEN);
}

void identity_device_name(const struct identity *identity, char ret_name[IF_NAMESIZE])
{
	(void)snprintf(ret_name, IF_NAMESIZE, "nk%012llx",
		       (unsigned long long)(identity_hash(identity) & 0xffffffffffff));
}

int identity_device_hash(const char *name, uint64_t *ret_hash)
{
	if (strncmp(name, "nk", 2) != 0 || strlen(name) != 14 ||
	    strspn(name + 2, "0123456789abcdef") != 12)
		return -EINVAL;
	*ret_hash = strtoull(name + 2, NULL, 16);
	return 0;
}

void identity_mac(const struct identity *identity, uint8_t ret_mac[NK_ETH_ALEN])
{
	uint64_t hash = identity_hash(identity);

	/* 0x06: locally administered, unicast, and never NK_GATEWAY_MAC, which begins with 0x02. */
	ret_mac[0] = 0x06;
	for (size_t i = 1; i < NK_ETH_ALEN; i++)
		ret_mac[i] = (uint8_t)(hash >> (8 * (i - 1)));
}
