// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nl/qdisc.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "nl/message.h"

/* The handle of the qdiscs that are made here: any but 0, which has the kernel choose one. */
#define QDISC_HANDLE TC_H_MAKE(0x6e6b0000U, 0)

static struct nlmsghdr *qdisc_request(struct nlsock_request *request, uint16_t type, uint16_t flags,
				      int ifindex, struct tcmsg **ret_message)
{
	void *family_header;
	struct nlmsghdr *header =
		nlsock_request_init(request, type, flags, sizeof(struct tcmsg), &family_header);

	*ret_message = family_header;
	(*ret_message)->tcm_ifindex = ifindex;
	(*ret_message)->tcm_parent = TC_H_ROOT;
	return header;
}

static struct nlmsghdr *qdisc_set_request(struct nlsock_request *request, int ifindex,
					  const char *kind)
{
	struct tcmsg *message;
	struct nlmsghdr *header = qdisc_request(request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE,
						ifindex, &message);

	message->tcm_handle = QDISC_HANDLE;
	mnl_attr_put_strz(header, TCA_KIND, kind);
	return header;
}

int qdisc_set_fq(struct nlsock *nl, int ifindex, uint32_t limit, struct error *err)
{
	struct nlsock_request request;
	struct nlmsghdr *header = qdisc_set_request(&request, ifindex, "fq");
	struct nlattr *options = mnl_attr_nest_start(header, TCA_OPTIONS);

	mnl_attr_put_u32(header, TCA_FQ_PLIMIT, limit);
	mnl_attr_put_u32(header, TCA_FQ_FLOW_PLIMIT, limit);
	mnl_attr_nest_end(header, options);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

/*
 * A rate beyond 32 bits is told beside. With a link layer that the kernel knows it makes its rate
 * table itself, and the bucket is in bytes rather than ticks (tbf_change(), net/sched/sch_tbf.c).
 */
int qdisc_set_tbf(struct nlsock *nl, int ifindex, const struct tbf_spec *spec, struct error *err)
{
	struct tc_tbf_qopt parms = { .limit = spec->limit };
	struct nlsock_request request;
	struct nlmsghdr *header = qdisc_set_request(&request, ifindex, "tbf");
	struct nlattr *options = mnl_attr_nest_start(header, TCA_OPTIONS);

	parms.rate.linklayer = TC_LINKLAYER_ETHERNET;
	parms.rate.rate =
		spec->rate_byte_ps < UINT32_MAX ? (uint32_t)spec->rate_byte_ps : UINT32_MAX;
	mnl_attr_put(header, TCA_TBF_PARMS, sizeof(parms), &parms);
	if (spec->rate_byte_ps > UINT32_MAX)
		mnl_attr_put_u64(header, TCA_TBF_RATE64, spec->rate_byte_ps);
	mnl_attr_put_u32(header, TCA_TBF_BURST, spec->burst);
	mnl_attr_nest_end(header, options);
	return nlsock_talk(nl, header, NULL, NULL, err);
}

int qdisc_delete(struct nlsock *nl, int ifindex, struct error *err)
{
	struct nlsock_request request;
	struct tcmsg *message;
	struct nlmsghdr *header = qdisc_request(&request, RTM_DELQDISC, 0, ifindex, &message);
	int ret = nlsock_talk(nl, header, NULL, NULL, err);

	return ret == -ENOENT || ret == -EINVAL ? 0 : ret; /* there is none, or it has no handle */
}

static void tbf_parse(const struct nlattr *options, struct qdisc *qdisc)
{
	const struct nlattr *attr;
	uint64_t rate64 = 0;

	mnl_attr_for_each_nested (attr, options) {
		const struct tc_tbf_qopt *parms = mnl_attr_get_payload(attr);

		if (mnl_attr_get_type(attr) == TCA_TBF_RATE64)
			rate64 = attr_u64(attr);
		else if (mnl_attr_get_type(attr) == TCA_TBF_PARMS &&
			 mnl_attr_get_payload_len(attr) >= sizeof(*parms))
			qdisc->rate_byte_ps = parms->rate.rate;
	}
	if (rate64)
		qdisc->rate_byte_ps = rate64;
}

static int qdisc_parse(const struct nlmsghdr *message, void *data)
{
	struct qdisc *qdisc = data;
	const struct nlattr *attr;

	mnl_attr_for_each (attr, message, sizeof(struct tcmsg)) {
		if (mnl_attr_get_type(attr) == TCA_KIND)
			attr_text(attr, qdisc->kind, sizeof(qdisc->kind));
		else if (mnl_attr_get_type(attr) == TCA_OPTIONS && !strcmp(qdisc->kind, "tbf"))
			tbf_parse(attr, qdisc);
	}
	return MNL_CB_OK;
}

/*
 * Before Linux 6.7 only who wants an echo is told (tc_get_qdisc(), net/sched/sch_api.c). Of a qdisc
 * that nobody has made the kernel shows nothing, and says EINVAL or ENOENT.
 */
int qdisc_get(struct nlsock *nl, int ifindex, struct qdisc *ret_qdisc, struct error *err)
{
	struct nlsock_request request;
	struct tcmsg *message;
	struct nlmsghdr *header =
		qdisc_request(&request, RTM_GETQDISC, NLM_F_ECHO, ifindex, &message);
	struct qdisc qdisc = { 0 };
	int ret = nlsock_talk(nl, header, qdisc_parse, &qdisc, err);

	if (ret == -EINVAL || ret == -ENOENT)
		ret = 0;
	if (ret)
		return error_prefix(err, "read the qdisc of device %d", ifindex);
	*ret_qdisc = qdisc;
	return 0;
}
