// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a runtime hands over: lines VARIABLE=VALUE, an empty line, and the document on stdin. Behind
 * a line "---" may stand what an IPAM plugin answers.
 */
#include "cni.h"

static const struct {
	const char *name;
	size_t offset;
} variables[] = {
	{ "COMMAND", offsetof(struct cni_environment, command) },
	{ "CONTAINERID", offsetof(struct cni_environment, container_id) },
	{ "NETNS", offsetof(struct cni_environment, netns) },
	{ "IFNAME", offsetof(struct cni_environment, ifname) },
	{ "ARGS", offsetof(struct cni_environment, args) },
	{ "PATH", offsetof(struct cni_environment, path) },
};

#define VARIABLE_COUNT (sizeof(variables) / sizeof(variables[0]))

/* Return: where the value of a variable is kept, and the value itself; NULL: no such variable. */
static char **variable_find(char *line, char **values, const char **ret_value)
{
	for (size_t i = 0; i < VARIABLE_COUNT; i++) {
		size_t len = strlen(variables[i].name);

		if (strncmp(line, variables[i].name, len) != 0 || line[len] != '=')
			continue;
		*ret_value = line + len + 1;
		memcpy((char *)&cni_environment + variables[i].offset, ret_value,
		       sizeof(*ret_value));
		return &values[i];
	}
	return NULL;
}

/* Values are parts of their lines, which live until the request is answered. */
static void environment_take(struct fuzz_input *lines, char **values)
{
	cni_environment = (struct cni_environment){ 0 };
	while (lines->size) {
		char *line = fuzz_cut_text(lines, "\n");
		const char *value;
		char **kept = variable_find(line, values, &value);

		if (!kept) {
			free(line);
			continue;
		}
		free(*kept);
		*kept = line;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { (const char *)data, size };
	struct fuzz_input lines = fuzz_cut(&input, "\n\n");
	char *values[VARIABLE_COUNT] = { NULL };

	plugin_stdin = fuzz_cut(&input, "\n---\n");
	cni_ipam_output = input;
	environment_take(&lines, values);
	(void)cni_plugin_run(); /* a failure is an answer, too */
	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		free(values[i]);
	return 0;
}
