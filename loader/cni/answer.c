// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/answer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cni/code.h"
#include "core/cleanup.h"

static int all_write(const char *text, size_t len)
{
	while (len) {
		ssize_t put = write(STDOUT_FILENO, text, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -errno;
		text += put;
		len -= (size_t)put;
	}
	return 0;
}

int answer_print(json_t *answer, struct error *err)
{
	_cleanup_free_ char *text =
		answer ? json_dumps(answer, JSON_INDENT(4) | JSON_ENSURE_ASCII) : NULL;
	int ret = text ? all_write(text, strlen(text)) : -ENOMEM;

	if (!ret)
		ret = all_write("\n", 1);
	json_decref(answer);
	return ret ? cni_error(err, CNI_IO_FAILURE, "print the answer: %s", strerror(-ret)) : 0;
}

json_t *mac_to_json(const uint8_t mac[NK_ETH_ALEN])
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			    mac[5]);
}
