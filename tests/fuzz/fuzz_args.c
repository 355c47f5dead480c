// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* CNI_ARGS of an ADD, in both modes: in mode l2 a MAC address is taken. */
#include "cni.h"

static void add_run(char *args, const char *document)
{
	cni_environment = (struct cni_environment){ .command = "ADD",
						    .container_id = "c1",
						    .netns = "/run/netns/c1",
						    .ifname = "eth0",
						    .args = args };
	plugin_stdin = (struct fuzz_input){ document, strlen(document) };
	(void)cni_plugin_run(); /* a failure is an answer, too */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *args = fuzz_text((const char *)data, size);

	add_run(args, "{\"cniVersion\":\"1.1.0\",\"name\":\"pods\",\"type\":\"nkctl\"}");
	add_run(args, "{\"cniVersion\":\"1.0.0\",\"name\":\"pods\",\"type\":\"nkctl\","
		      "\"mode\":\"l2\"}");
	free(args);
	return 0;
}
