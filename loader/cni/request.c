// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cni/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cni/code.h"
#include "cni/document.h"
#include "cni/field.h"
#include "core/cleanup.h"

#define READ_AT_ONCE ((size_t)65536)

static const char *const version_texts[] = {
#define X(identifier, text) [identifier] = (text),
	CNI_VERSIONS(X)
#undef X
};

/* What a command can't do without, and the first version that has it. */
enum needs { NEEDS_ATTACHMENT = 1 << 0, NEEDS_NETNS = 1 << 1 };

static const struct {
	const char *name;
	unsigned int needs;
	enum cni_version since;
} commands[] = {
	[CNI_ADD] = { "ADD", NEEDS_ATTACHMENT | NEEDS_NETNS, CNI_0_3_1 },
	[CNI_DEL] = { "DEL", NEEDS_ATTACHMENT, CNI_0_3_1 },
	[CNI_CHECK] = { "CHECK", NEEDS_ATTACHMENT | NEEDS_NETNS, CNI_0_4_0 },
	[CNI_GC] = { "GC", 0, CNI_1_1_0 },
	[CNI_STATUS] = { "STATUS", 0, CNI_1_1_0 },
	[CNI_VERSION] = { "VERSION", 0, CNI_0_3_1 },
};

_Static_assert(ARRAY_SIZE(commands) == CNI_COMMAND_COUNT, "each command has a line");

const char *cni_version_text(enum cni_version version)
{
	return version_texts[version];
}

struct cni_environment cni_environment_read(void)
{
	return (struct cni_environment){
		.command = getenv("CNI_COMMAND"),
		.container_id = getenv("CNI_CONTAINERID"),
		.netns = getenv("CNI_NETNS"),
		.ifname = getenv("CNI_IFNAME"),
		.args = getenv("CNI_ARGS"),
		.path = getenv("CNI_PATH"),
	};
}

/* The environment ------------------------------------------------------------------------------ */

static int command_parse(const char *name, enum cni_command *ret_command, struct error *err)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, name)) {
			*ret_command = (enum cni_command)i;
			return 0;
		}
	}
	return cni_error(err, CNI_INVALID_ENVIRONMENT,
			 "CNI_COMMAND '%s' is none of ADD, DEL, CHECK, GC, STATUS and VERSION",
			 name ? name : "");
}

static int variable_check(const char *name, const char *value, struct error *err)
{
	if (value && *value)
		return 0;
	return cni_error(err, CNI_INVALID_ENVIRONMENT, "%s is missing", name);
}

/* What Kubernetes' runtimes tell is for other plugins, and what "static" reads for that one. */
static bool arg_is_known(const char *key, size_t len)
{
	static const char *const names[] = { "IgnoreUnknown", "GATEWAY" };
	static const char kubernetes[] = "K8S_";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && !strncmp(names[i], key, len))
			return true;
	return len >= sizeof(kubernetes) && !strncmp(key, kubernetes, sizeof(kubernetes) - 1);
}

static int arg_take(struct cni_request *request, const char *key, size_t key_len, const char *value,
		    size_t value_len, bool *ret_known)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} keys[] = {
		{ "IP", request->arg_ip, sizeof(request->arg_ip) },
		{ "MAC", request->arg_mac, sizeof(request->arg_mac) },
	};

	*ret_known = arg_is_known(key, key_len);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strlen(keys[i].key) != key_len || strncmp(keys[i].key, key, key_len) != 0)
			continue;
		*ret_known = true;
		if (value_len >= keys[i].size)
			return -EINVAL;
		memcpy(keys[i].to, value, value_len);
		keys[i].to[value_len] = '\0';
	}
	return 0;
}

/* Truth as libcni reads it: pkg/types/args.go, UnmarshallableBool. */
static bool args_ignore_unknown(const char *args)
{
	static const char key[] = "IgnoreUnknown=";
	const char *found = args;
	size_t len;

	while ((found = strstr(found, key)) && found != args && found[-1] != ';')
		found++;
	if (!found)
		return false;
	found += strlen(key);
	len = strcspn(found, ";");
	return (len == 1 && *found == '1') || (len == 4 && !strncasecmp(found, "true", 4));
}

/* "Alphanumeric key-value pairs separated by semicolons; for example, FOO=BAR;ABC=123" */
static int args_parse(struct cni_request *request, const char *args, struct error *err)
{
	bool ignore = args_ignore_unknown(args), known;

	while (*args) {
		size_t len = strcspn(args, ";");
		size_t key_len = strcspn(args, "=;");

		if (len && key_len == len)
			return cni_error(err, CNI_INVALID_ENVIRONMENT,
					 "CNI_ARGS: '%.*s' isn't KEY=VALUE", (int)len, args);
		if (len &&
		    arg_take(request, args, key_len, args + key_len + 1, len - key_len - 1, &known))
			return cni_error(err, CNI_INVALID_ENVIRONMENT,
					 "CNI_ARGS: the value of %.*s is too long", (int)key_len,
					 args);
		if (len && !known && !ignore)
			return cni_error(err, CNI_INVALID_ENVIRONMENT,
					 "CNI_ARGS: unknown key %.*s: set IgnoreUnknown=1 to have "
					 "it ignored",
					 (int)key_len, args);
		args += len + (args[len] == ';');
	}
	return 0;
}

/* The names are looked at one by one, so that the message tells which one is wrong. */
static int attachment_check(const struct cni_environment *environment, struct error *err)
{
	int ret = variable_check("CNI_CONTAINERID", environment->container_id, err);

	if (!ret)
		ret = variable_check("CNI_IFNAME", environment->ifname, err);
	if (ret)
		return ret;
	if (identity_names_check("any", environment->container_id, err)) {
		(void)error_prefix(err, "CNI_CONTAINERID");
		return cni_recode(err, CNI_INVALID_ENVIRONMENT);
	}
	if (identity_ifname_check(environment->ifname, err)) {
		(void)error_prefix(err, "CNI_IFNAME");
		return cni_recode(err, CNI_INVALID_ENVIRONMENT);
	}
	return 0;
}

/* An answer repeats it, and JSON is UTF-8 (RFC 8259, 8.1): jansson makes no string of anything
 * else. */
static int netns_check(const char *netns, struct error *err)
{
	json_t *text;
	int ret = variable_check("CNI_NETNS", netns, err);

	if (ret)
		return ret;
	text = json_string(netns);
	if (!text)
		ret = cni_error(err, CNI_INVALID_ENVIRONMENT, "CNI_NETNS is no text in UTF-8");
	else if (!strchr(netns, '/'))
		ret = cni_error(err, CNI_INVALID_ENVIRONMENT, "CNI_NETNS '%s' is no path", netns);
	json_decref(text);
	return ret;
}

static int environment_parse(struct cni_request *request, struct error *err)
{
	const struct cni_environment *environment = request->environment;
	int ret = command_parse(environment->command, &request->command, err);
	unsigned int needs = ret ? 0 : commands[request->command].needs;

	if (!ret && needs & NEEDS_ATTACHMENT)
		ret = attachment_check(environment, err);
	if (!ret && needs & NEEDS_NETNS)
		ret = netns_check(environment->netns, err);
	if (!ret && needs & NEEDS_NETNS && environment->args)
		ret = args_parse(request, environment->args, err);
	return ret;
}

/* The document --------------------------------------------------------------------------------- */

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* What is worth repeating in an answer: the characters of a version (semver.org). */
static bool version_is_plausible(const char *text)
{
	return text && *text && strlen(text) < CNI_VERSION_TEXT_SIZE &&
	       strspn(text, DIGITS LETTERS ".-+") == strlen(text);
}

static void version_note(struct cni_request *request)
{
	const char *text = json_string_value(json_object_get(request->config, "cniVersion"));

	(void)strcpy(request->version_text,
		     version_is_plausible(text) ? text : version_texts[CNI_VERSION_NEWEST]);
}

/* Without the key it is the spec's first version (libcni, pkg/version: Decode), which is too old.
 */
static int version_parse(struct cni_request *request, struct error *err)
{
	const struct field document = { .value = request->config };
	const char *text = NULL;
	int ret = field_get_text(&document, "cniVersion", &text, err);

	if (ret)
		return ret;
	for (size_t i = 0; text && i < CNI_VERSION_COUNT; i++) {
		if (!strcmp(version_texts[i], text)) {
			request->version = (enum cni_version)i;
			return 0;
		}
	}
	return cni_error(err, CNI_INCOMPATIBLE_VERSION,
			 "cniVersion %s: supported are 0.3.1, 0.4.0, 1.0.0 and 1.1.0",
			 text ? text : "is missing");
}

static int command_check_version(const struct cni_request *request, struct error *err)
{
	enum cni_version since = commands[request->command].since;

	if (request->version >= since)
		return 0;
	return cni_error(err, CNI_INCOMPATIBLE_VERSION, "cniVersion %s has no %s: it came with %s",
			 request->version_text, commands[request->command].name,
			 version_texts[since]);
}

static int name_parse(struct cni_request *request, struct error *err)
{
	const struct field document = { .value = request->config };
	int ret = field_get_text(&document, "name", &request->network, err);

	if (ret)
		return ret;
	if (!request->network)
		return cni_error(err, CNI_INVALID_CONFIG, "name: the network's name is missing");
	if (!identity_names_check(request->network, "any", err))
		return 0;
	(void)error_prefix(err, "name");
	return cni_recode(err, CNI_INVALID_CONFIG);
}

static int document_parse(struct cni_request *request, struct error *err)
{
	int ret;

	if (!json_is_object(request->config))
		return cni_error(err, CNI_DECODE_FAILURE,
				 "the network configuration on stdin is no JSON object");
	ret = version_parse(request, err);
	if (!ret)
		ret = command_check_version(request, err);
	if (!ret)
		ret = name_parse(request, err);
	return ret;
}

/* Each name is fine by itself: together they may be more than a device's alias holds. */
static int identity_parse(struct cni_request *request, struct error *err)
{
	const struct cni_environment *environment = request->environment;

	if (!(commands[request->command].needs & NEEDS_ATTACHMENT))
		return 0;
	if (!identity_init(&request->identity, request->network, environment->container_id,
			   environment->ifname, err)) {
		request->identity.maker = IDENTITY_BY_CNI;
		return 0;
	}
	if (strlen(environment->container_id) < strlen(request->network))
		return cni_recode(err, CNI_INVALID_CONFIG);
	(void)error_prefix(err, "CNI_CONTAINERID");
	return cni_recode(err, CNI_INVALID_ENVIRONMENT);
}

int cni_request_parse(const struct cni_environment *environment, const char *input,
		      size_t input_len, struct cni_request *ret_request, struct error *err)
{
	json_error_t json_err = { 0 };
	int ret;

	*ret_request = (struct cni_request){ .environment = environment,
					     .input = input,
					     .input_len = input_len };
	/* First of all, so that even an error has the version that was asked for. */
	ret_request->config = document_load(input, input_len, &json_err);
	version_note(ret_request);
	ret = environment_parse(ret_request, err);
	if (ret || ret_request->command == CNI_VERSION)
		return ret;
	if (!ret_request->config && !*json_err.text)
		return cni_error(err, CNI_FAILED,
				 "out of memory"); /* jansson has no words for it */
	if (!ret_request->config)
		return cni_error(err, CNI_DECODE_FAILURE,
				 "the network configuration on stdin is no JSON: %s (line %d, "
				 "column %d)",
				 json_err.text, json_err.line, json_err.column);
	ret = document_parse(ret_request, err);
	return ret ? ret : identity_parse(ret_request, err);
}

void cni_request_free(struct cni_request *request)
{
	json_decref(request->config);
	request->config = NULL;
}

int cni_input_read(int fd, size_t max, char **ret_input, size_t *ret_len, struct error *err)
{
	_cleanup_free_ char *input = NULL;
	size_t len = 0, size = 0;
	ssize_t got;

	do {
		if (size - len < READ_AT_ONCE) {
			char *grown = realloc(input, size + 2 * READ_AT_ONCE);

			if (!grown)
				return cni_error(err, CNI_IO_FAILURE, "out of memory");
			input = grown;
			size += 2 * READ_AT_ONCE;
		}
		got = read(fd, input + len, size - len - 1);
		if (got < 0 && errno != EINTR)
			return cni_error(err, CNI_IO_FAILURE, "read: %s", strerror(errno));
		len += got > 0 ? (size_t)got : 0;
		if (len > max)
			return cni_error(err, CNI_DECODE_FAILURE, "more than %zu bytes", max);
	} while (got);
	input[len] = '\0';
	*ret_input = TAKE_PTR(input);
	*ret_len = len;
	return 0;
}
