// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What netavark hands over: the verb in the first line, and the document on stdin. */
#include "cni/netavark.h"
#include "plugin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { (const char *)data, size };
	char *verb = fuzz_cut_text(&input, "\n");
	char *argv[] = { "nkctl", verb, "/run/netns/c1", NULL };
	bool has_namespace = !strcmp(verb, "setup") || !strcmp(verb, "teardown");

	plugin_stdin = input;
	if (has_namespace || !strcmp(verb, "create"))
		(void)netavark_run(has_namespace ? 3 : 2, argv); /* a failure is an answer, too */
	free(verb);
	return 0;
}
