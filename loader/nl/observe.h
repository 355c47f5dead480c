/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The observing side: the kernel's devices as a typed list, read by libnl-route-3. */
#ifndef NKCTL_NL_OBSERVE_H
#define NKCTL_NL_OBSERVE_H

#include "core/error.h"
#include "nl/link.h"

/* struct link_list - devices of this namespace in order of their index. */
struct link_list {
	struct link_info *links;
	size_t count;
};

/* link_list_read() - all devices of a group. Freed by link_list_free(). */
int link_list_read(uint32_t group, struct link_list *ret_list, struct error *err);

void link_list_free(struct link_list *list);
#define _cleanup_link_list_ _cleanup_(link_list_free)

/* The device with an index, or NULL. */
const struct link_info *link_list_find(const struct link_list *list, int ifindex);

/* struct netns_name_list - what the names under /run/netns are called by this namespace. */
struct netns_name {
	int netnsid;
	char name[256];
};
struct netns_name_list {
	struct netns_name *names;
	size_t count;
};

/* netns_name_list_read() - names without an id here are left out. An absent directory is none. */
int netns_name_list_read(struct nlsock *nl, struct netns_name_list *ret_list, struct error *err);
void netns_name_list_free(struct netns_name_list *list);
#define _cleanup_netns_name_list_ _cleanup_(netns_name_list_free)

/* The name of the namespace with an id, or NULL. */
const char *netns_name_find(const struct netns_name_list *list, int netnsid);

/**
 * netns_open_known() - open a namespace by its name or path, if it is still the one with an id.
 *
 * Return: 0; -ESTALE where it is another one by now, or none; netns_open()'s errors.
 */
int netns_open_known(struct nlsock *nl, const char *ns, int netnsid, int *ret_fd,
		     struct error *err);

#endif
