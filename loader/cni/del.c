// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/attachment.h"
#include "cni/config.h"
#include "cni/ipam.h"
#include "cni/verbs.h"

/* First the endpoint, so that its addresses are nobody's when they are given back. */
int cni_del(const struct cni_request *request, struct error *err)
{
	const char *ipam_type;
	int ret = cni_config_parse_ipam(request, &ipam_type, err);

	if (!ret)
		ret = attachment_remove(&request->identity, err);
	if (!ret && ipam_type)
		ret = ipam_run(request, ipam_type, "DEL", err);
	return ret;
}
