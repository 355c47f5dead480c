// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/plugin.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cni/answer.h"
#include "cni/request.h"
#include "cni/result.h"
#include "cni/verbs.h"
#include "core/cleanup.h"
#include "core/log.h"

bool cni_plugin_is_wanted(void)
{
	return getenv("CNI_COMMAND") != NULL;
}

/* An attachment that nobody learns of must not stay. */
static int add_run(const struct cni_request *request, struct error *err)
{
	json_t *answer = NULL;
	int ret = cni_add(request, &answer, err);

	if (ret)
		return ret;
	ret = answer_print(answer, err);
	if (ret)
		(void)cni_del(request, NULL); /* @ret tells more */
	return ret;
}

static int request_run(const struct cni_request *request, struct error *err)
{
	switch (request->command) {
	case CNI_ADD:
		return add_run(request, err);
	case CNI_DEL:
		return cni_del(request, err);
	case CNI_CHECK:
		return cni_check(request, err);
	case CNI_GC:
		return cni_gc(request, err);
	case CNI_STATUS:
		return cni_status(request, err);
	default:
		return answer_print(cni_versions_to_json(request->version_text), err);
	}
}

int cni_plugin_run(void)
{
	const struct cni_environment environment = cni_environment_read();
	_cleanup_free_ char *input = NULL;
	struct cni_request request = { 0 };
	struct error err = { 0 };
	size_t len = 0;
	int ret;

	(void)strcpy(request.version_text, cni_version_text(CNI_VERSION_NEWEST));
	ret = cni_input_read(STDIN_FILENO, CNI_INPUT_MAX, &input, &len, &err);
	if (ret)
		(void)error_prefix(&err, "stdin");
	else
		ret = cni_request_parse(&environment, input, len, &request, &err);
	log_step("request_parse");
	if (!ret)
		ret = request_run(&request, &err);
	if (ret)
		(void)answer_print(cni_error_to_json(&err, request.version_text),
				   NULL); /* where it can't be told, the status still tells */
	cni_request_free(&request);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
