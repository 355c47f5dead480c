// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What an IPAM plugin prints: the first byte tells how it ends and what the configuration wants of
 * it, the rest is its output.
 */
#include "cni.h"

/* Bits of the first byte. */
enum { FAILS = 1 << 0, KILLED = 1 << 1, IS_GATEWAY = 1 << 2, OLD_VERSION = 1 << 3 };

#define DOCUMENT(version, more)                                                 \
	"{\"cniVersion\":\"" version "\",\"name\":\"pods\",\"type\":\"nkctl\"," \
	"\"ipam\":{\"type\":\"host-local\"}" more "}"

static const char *document_of(uint8_t flags)
{
	if (flags & IS_GATEWAY)
		return DOCUMENT("1.1.0", ",\"isDefaultGateway\":true");
	return flags & OLD_VERSION ? DOCUMENT("0.3.1", "") : DOCUMENT("1.1.0", "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *document;
	char *output;

	if (!size)
		return 0;
	document = document_of(data[0]);
	output = fuzz_text((const char *)data + 1, size - 1);
	cni_environment = (struct cni_environment){ .command = "ADD",
						    .container_id = "c1",
						    .netns = "/run/netns/c1",
						    .ifname = "eth0",
						    .path = "/opt/cni/bin" };
	plugin_stdin = (struct fuzz_input){ document, strlen(document) };
	cni_ipam_output = (struct fuzz_input){ output, size - 1 };
	cni_ipam_status = data[0] & FAILS ? 1 << 8 : data[0] & KILLED ? 9 : 0;
	(void)cni_plugin_run(); /* a failure is an answer, too */
	free(output);
	return 0;
}
