// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/observe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netlink/cache.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "core/netns.h"
#include "core/text.h"

static void link_info_read(struct rtnl_link *source, struct link_info *link)
{
	const char *alias = rtnl_link_get_ifalias(source);
	const char *kind = rtnl_link_get_type(source);
	struct nl_addr *mac = rtnl_link_get_addr(source);

	*link = (struct link_info){
		.ifindex = rtnl_link_get_ifindex(source),
		.group = rtnl_link_get_group(source),
		.mtu = rtnl_link_get_mtu(source),
		.flags = rtnl_link_get_flags(source),
		.tx_queue_len = rtnl_link_get_txqlen(source),
		.type = (uint16_t)rtnl_link_get_arptype(source),
		.peer_ifindex = rtnl_link_get_link(source),
		.peer_netnsid = -1,
		.netkit_mode = -1,
	};
	(void)rtnl_link_get_link_netnsid(source, &link->peer_netnsid); /* absent: stays -1 */
	(void)strncpy(link->name, rtnl_link_get_name(source), sizeof(link->name) - 1);
	if (alias)
		(void)strncpy(link->alias, alias, sizeof(link->alias) - 1);
	if (kind)
		(void)strncpy(link->kind, kind, sizeof(link->kind) - 1);
	if (mac && nl_addr_get_len(mac) == NK_ETH_ALEN)
		memcpy(link->mac, nl_addr_get_binary_addr(mac), NK_ETH_ALEN);
	link_info_complete(link);
}

static int link_list_fill(struct nl_cache *cache, uint32_t group, struct link_list *list)
{
	struct nl_object *object;

	list->links = calloc((size_t)nl_cache_nitems(cache) + 1, sizeof(*list->links));
	if (!list->links)
		return -ENOMEM;
	for (object = nl_cache_get_first(cache); object; object = nl_cache_get_next(object))
		if (rtnl_link_get_group((struct rtnl_link *)object) == group)
			link_info_read((struct rtnl_link *)object, &list->links[list->count++]);
	return 0;
}

/*
 * The kernel begins to answer while a request is being sent. libnl takes one that couldn't be sent
 * for one that was (link_request_update() of 3.7), and would wait for ever.
 */
static int socket_limit_wait(struct nl_sock *socket)
{
	const struct timeval limit = { .tv_sec = 1 };

	return setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit))
		       ? -NLE_FAILURE
		       : 0;
}

int link_list_read(uint32_t group, struct link_list *ret_list, struct error *err)
{
	struct nl_sock *socket = nl_socket_alloc();
	struct link_list list = { 0 };
	struct nl_cache *cache = NULL;
	int ret;

	if (!socket)
		return error_sys(err, ENOMEM, "read the devices");
	ret = nl_connect(socket, NETLINK_ROUTE);
	if (!ret)
		ret = socket_limit_wait(socket);
	if (!ret)
		ret = rtnl_link_alloc_cache(socket, AF_UNSPEC, &cache);
	if (ret)
		ret = error_set(err, EIO, "read the devices: %s", nl_geterror(ret));
	else if (link_list_fill(cache, group, &list))
		ret = error_sys(err, ENOMEM, "read the devices");
	nl_cache_free(cache);
	nl_socket_free(socket);
	if (!ret)
		*ret_list = list;
	return ret;
}

void link_list_free(struct link_list *list)
{
	free(list->links);
	*list = (struct link_list){ 0 };
}

const struct link_info *link_list_find(const struct link_list *list, int ifindex)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->links[i].ifindex == ifindex)
			return &list->links[i];
	return NULL;
}

static int netns_name_add(struct nlsock *nl, int dir_fd, const char *name,
			  struct netns_name_list *list)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct netns_name *grown;
	int netnsid;

	if (name[0] == '.' || fd < 0 || netns_id(nl, fd, &netnsid, NULL) || netnsid < 0)
		return 0; /* going away, or no namespace: it has no name to give */
	grown = reallocarray(list->names, list->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->names = grown;
	grown[list->count].netnsid = netnsid;
	(void)snprintf(grown[list->count].name, sizeof(grown->name), "%s", name);
	text_sanitize(grown[list->count].name);
	list->count++;
	return 0;
}

int netns_name_list_read(struct nlsock *nl, struct netns_name_list *ret_list, struct error *err)
{
	struct netns_name_list list = { 0 };
	struct dirent *entry;
	int ret = 0;
	DIR *dir = opendir(NETNS_RUN_DIR);

	while (!ret && dir && (entry = readdir(dir)))
		ret = netns_name_add(nl, dirfd(dir), entry->d_name, &list);
	if (dir)
		(void)closedir(dir); /* it was only read */
	if (ret) {
		netns_name_list_free(&list);
		return error_sys(err, ret, "read " NETNS_RUN_DIR);
	}
	*ret_list = list;
	return 0;
}

void netns_name_list_free(struct netns_name_list *list)
{
	free(list->names);
	*list = (struct netns_name_list){ 0 };
}

const char *netns_name_find(const struct netns_name_list *list, int netnsid)
{
	for (size_t i = 0; netnsid >= 0 && i < list->count; i++)
		if (list->names[i].netnsid == netnsid)
			return list->names[i].name;
	return NULL;
}

int netns_open_known(struct nlsock *nl, const char *ns, int netnsid, int *ret_fd, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int ret = netns_open(ns, &fd, err), found;

	if (!ret)
		ret = netns_id(nl, fd, &found, err);
	if (ret)
		return ret;
	if (found != netnsid || netnsid < 0)
		return error_set(err, ESTALE, "%s is another network namespace by now", ns);
	*ret_fd = TAKE_FD(fd);
	return 0;
}
