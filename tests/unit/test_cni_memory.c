// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Out of memory at each allocation that a request's way takes, once alone and, behind the parsing,
 * once with all that follow: jansson's parser then asserts that there is memory. There is an answer
 * that is whole, or a failure with words, and nothing is left allocated (LeakSanitizer). Our own
 * allocations are wrapped by the linker, jansson's by its hooks.
 */
#include <jansson.h>
#include <stdlib.h>

#include "cni.h"
#include "cni/config.h"
#include "cni/ipam_answer.h"
#include "cni/result.h"
#include "core/cleanup.h"

/* Counted from 1 while @failing is set; the one at @fail_at fails, or all from there on. */
static size_t allocations, fail_at;
static bool failing, all_following;

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void *__wrap_reallocarray(void *pointer, size_t count, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__real_reallocarray(void *pointer, size_t count, size_t size);

static bool allocation_fails(void)
{
	if (!failing)
		return false;
	allocations++;
	return all_following ? allocations >= fail_at : allocations == fail_at;
}

void *__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(pointer, size);
}

void *__wrap_reallocarray(void *pointer, size_t count, size_t size)
{
	return allocation_fails() ? NULL : __real_reallocarray(pointer, count, size);
}

#define RESULT                                                                                 \
	"{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"eth0\",\"mac\":"                \
	"\"06:00:00:00:00:01\",\"mtu\":1400,\"sandbox\":\"/run/netns/c1\"}],\"ips\":[{"        \
	"\"address\":\"10.1.0.2/24\",\"gateway\":\"10.1.0.1\",\"interface\":0}],\"routes\":[{" \
	"\"dst\":\"0.0.0.0/0\",\"gw\":\"10.1.0.1\",\"mtu\":1400,\"scope\":0}],\"dns\":{"       \
	"\"nameservers\":[\"1.1.1.1\"]}}"

static const char input[] =
	"{\"cniVersion\":\"1.1.0\",\"name\":\"pods\",\"type\":\"nkctl\",\"x\":99999999999999999999,"
	"\"dns\":{\"domain\":\"d\",\"search\":[\"s\"]},\"runtimeConfig\":{\"portMappings\":["
	"{\"hostPort\":80,\"containerPort\":80},{\"hostPort\":81,\"containerPort\":81}]},"
	"\"cni.dev/valid-attachments\":[{\"containerID\":\"c1\",\"ifname\":\"eth0\"}],"
	"\"prevResult\":" RESULT "}";

/* struct way - what a request comes by, and its answers behind another plugin and as the first. */
struct way {
	struct cni_request request;
	struct cni_config config;
	struct cni_attachment *attachments;
	size_t attachment_count;
	json_t *ipam_answer;
	struct cni_result result;
	json_t *answer, *first_answer;
};

static int way_parse(struct way *way, struct error *err)
{
	int ret = request_parse(&add_environment, input, &way->request, err);

	return ret ? ret
		   : ipam_answer_read("static", RESULT, strlen(RESULT), &way->ipam_answer,
				      &way->result, err);
}

static int way_answer(struct way *way, struct error *err)
{
	int ret = cni_config_parse(&way->request, &way->config, err);

	if (!ret)
		ret = cni_config_parse_attachments(&way->request, &way->attachments,
						   &way->attachment_count, err);
	if (ret)
		return ret;
	way->result.dns = way->config.dns;
	way->answer =
		cni_result_to_json(&way->result, way->request.version, way->config.previous.value);
	way->first_answer = cni_result_to_json(&way->result, way->request.version, NULL);
	return way->answer && way->first_answer ? 0 : cni_error(err, CNI_FAILED, "out of memory");
}

static void way_free(struct way *way)
{
	json_decref(way->answer);
	json_decref(way->first_answer);
	json_decref(way->ipam_answer);
	free(way->attachments);
	cni_config_free(&way->config);
	cni_request_free(&way->request);
}

/* The answer is the one that there is with enough memory. */
static void check_whole(const struct way *way, size_t at)
{
	json_t *again =
		cni_result_to_json(&way->result, way->request.version, way->config.previous.value);

	if (!json_equal(way->answer, again))
		fail_msg("allocation %zu: an answer that isn't whole", at);
	json_decref(again);
}

/* Return: whether there were as many allocations. */
static bool way_try(size_t at)
{
	struct error err = { 0 };
	struct way way = { 0 };
	int ret;

	allocations = 0;
	fail_at = at;
	failing = !all_following;
	ret = way_parse(&way, &err);
	failing = true;
	if (!ret)
		ret = way_answer(&way, &err);
	failing = false;
	if (ret && (ret != err.code || !*err.message))
		fail_msg("allocation %zu: a failure (%d) without words", at, ret);
	/* To jansson some are a mistake in the document. */
	if (ret && strstr(err.message, "no JSON:  ("))
		fail_msg("allocation %zu: '%s' is no reason", at, err.message);
	if (!ret)
		check_whole(&way, at);
	if (allocations < at && ret)
		fail_msg("without a failure of allocation: %s", err.message);
	way_free(&way);
	return allocations >= at;
}

static void ways_try(bool following)
{
	size_t at = 1;

	all_following = following;
	while (way_try(at))
		at++;
	assert_true(at > 50); /* the hooks are in use */
}

static void test_one_allocation_fails(void **state)
{
	(void)state;
	ways_try(false);
}

static void test_all_allocations_fail_from_one_on(void **state)
{
	(void)state;
	ways_try(true);
}

static void test_an_error_without_memory_is_none(void **state)
{
	const struct error err = { .code = -1, .message = "words" };
	json_t *json;

	(void)state;
	all_following = true;
	for (fail_at = 1; fail_at < 10; fail_at++) {
		allocations = 0;
		failing = true;
		json = cni_error_to_json(&err, "1.1.0");
		if (!json)
			json = cni_versions_to_json("1.1.0");
		failing = false;
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_allocation_fails),
		cmocka_unit_test(test_all_allocations_fail_from_one_on),
		cmocka_unit_test(test_an_error_without_memory_is_none),
	};

	json_set_alloc_funcs(__wrap_malloc, free);
	return cmocka_run_group_tests_name("cni_memory", tests, NULL, NULL);
}
