// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/attachment.h"
#include "cni/config.h"
#include "cni/ipam.h"
#include "cni/verbs.h"

/*
 * First the endpoint, so that its addresses are nobody's when they are given back. Nothing that may
 * be wrong with the configuration keeps it: "plugins should always complete a DEL action without
 * error to the fullest extent possible" (CNI spec 1.1.0, section 2, DEL). A delegated plugin that
 * ADD refuses it has never asked, and that one's DEL would fail for ever.
 */
int cni_del(const struct cni_request *request, struct error *err)
{
	const char *ipam_type;
	int ret = attachment_remove(&request->identity, request->environment->netns, err);

	if (ret || cni_config_parse_ipam(request, &ipam_type, NULL) || !ipam_type)
		return ret;
	return ipam_run(request, ipam_type, "DEL", err);
}
