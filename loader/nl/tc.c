// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/tc.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "nl/message.h"

static void kinds_add(struct tc_kinds *kinds, const char *kind)
{
	for (size_t i = 0; i < kinds->count; i++)
		if (!strcmp(kinds->names[i], kind))
			return;
	if (kinds->count < TC_KINDS_MAX)
		(void)strcpy(kinds->names[kinds->count++], kind); /* same size */
}

static int filter_parse(const struct nlmsghdr *message, void *kinds)
{
	const struct nlattr *attr;
	char kind[TC_KIND_SIZE];

	mnl_attr_for_each (attr, message, sizeof(struct tcmsg)) {
		if (mnl_attr_get_type(attr) != TCA_KIND)
			continue;
		attr_text(attr, kind, sizeof(kind));
		kinds_add(kinds, kind);
	}
	return MNL_CB_OK;
}

int tc_ingress_kinds(struct nlsock *nl, int ifindex, struct tc_kinds *ret_kinds, struct error *err)
{
	struct nlsock_request request;
	void *family_header;
	struct nlmsghdr *header = nlsock_request_init(&request, RTM_GETTFILTER, NLM_F_DUMP,
						      sizeof(struct tcmsg), &family_header);
	struct tcmsg *message = family_header;
	struct tc_kinds kinds = { 0 };
	int ret;

	message->tcm_ifindex = ifindex;
	message->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
	ret = nlsock_talk(nl, header, filter_parse, &kinds, err);
	if (ret)
		return error_prefix(err, "read the tc filters of device %d", ifindex);
	*ret_kinds = kinds;
	return 0;
}
