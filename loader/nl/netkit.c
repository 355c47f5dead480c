// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/netkit.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "nl/netkit_uapi.h"

static const struct {
	const char *name;
	uint16_t attr;
} features[NETKIT_FEATURE_COUNT] = {
#define X(identifier, name) [NETKIT_##identifier] = { name, NK_IFLA_NETKIT_##identifier },
	NETKIT_FEATURES(X)
#undef X
};

const char *netkit_feature_name(enum netkit_feature feature)
{
	return features[feature].name;
}

static void features_take(const struct nlattr *data, uint32_t *found)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, data)
		for (size_t i = 0; i < NETKIT_FEATURE_COUNT; i++)
			if (mnl_attr_get_type(attr) == features[i].attr)
				*found |= 1U << i;
}

static int features_parse(const struct nlmsghdr *message, void *found)
{
	const struct nlattr *attr, *info;

	mnl_attr_for_each (attr, message, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested (info, attr)
			if (mnl_attr_get_type(info) == IFLA_INFO_DATA)
				features_take(info, found);
	}
	return MNL_CB_OK;
}

int netkit_features(struct nlsock *nl, const char *device, uint32_t *ret_features,
		    struct error *err)
{
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_GETLINK, 0,
						      sizeof(struct ifinfomsg), &family_header);
	uint32_t found = 0;
	int ret;

	mnl_attr_put_strz(header, IFLA_IFNAME, device);
	ret = nlsock_talk(nl, header, features_parse, &found, err);
	if (!ret)
		*ret_features = found;
	return ret;
}
