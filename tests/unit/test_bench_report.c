// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* bench/report: what it prints of documents whose figures are known, and what it refuses. */
#include <ctype.h>
#include <err.h>
#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#define DOCUMENTS_MAX 4
#define NUMBERS_MAX   1000
#define PAGE_SIZE     (4 << 20)

#define EXIT_INPUT 2

/* struct numbers - all numbers of a text. */
struct numbers {
	double values[NUMBERS_MAX];
	size_t count;
};

/* struct run - what bench/report gave. */
struct run {
	int status;
	char *out, *err;
};

extern char **environ;

/* Documents in which no figure is there twice. Times of the second become milliseconds. */
static const char *const documents[] = {
	"{\"8.1\": {\"kernel\": \"8.1.77\", \"ratios\": {"
	"\"nkctl\": {\"tcp_rr ipv4\": 1.13, \"udp_rr ipv6\": 1.17},"
	"\"nkctl_nat\": {\"tcp_rr ipv4\": 1.19, \"tcp_rr_published ipv4\": 1.23}}}}",

	"{\"nkctl\": \"0.1.0\", \"kernel\": \"9.2.5\", \"processors\": \"3\", \"parallel\": 41, "
	"\"figures\": {"
	"\"add nkctl\": {\"median\": 11100, \"quartiles\": [10300, 12700], \"rounds\": 7},"
	"\"add ptp\": {\"median\": 21100, \"quartiles\": [20300, 22700], \"rounds\": 7},"
	"\"del_many nkctl\": {\"median\": 311000, \"quartiles\": [303000, 327000], \"rounds\": 7},"
	"\"memory nkctl\": {\"median\": 1777, \"quartiles\": [1666, 1888], \"rounds\": 7}},"
	"\"targets\": [{\"name\": \"one to another\", \"ratio\": 0.53}]}",
};

/* What of them must be read in the page's tables, and what in its plots as well. */
static const double tabulated[] = { 10.3, 12.7, 20.3, 22.7, 303, 327, 1777, 1666, 1888, 0.53 };
static const double drawn[] = { 1.13, 1.17, 1.19, 1.23, 11.1, 21.1, 311 };

/* Numbers ------------------------------------------------------------------------------------ */

static void number_add(struct numbers *numbers, double value)
{
	assert_true(numbers->count < NUMBERS_MAX);
	numbers->values[numbers->count++] = value;
}

static bool has_number(const struct numbers *numbers, double value)
{
	for (size_t i = 0; i < numbers->count; i++)
		if (fabs(numbers->values[i] - value) < 1e-9)
			return true;
	return false;
}

/* Adds the numbers in @len bytes of @text; the 4 of IPv4 is none. */
static void numbers_add(struct numbers *numbers, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		if (isdigit((unsigned char)*text)) {
			number_add(numbers, strtod(text, (char **)&text));
		} else if (isalpha((unsigned char)*text) || *text == '_') {
			while (text < end && (isalnum((unsigned char)*text) || *text == '_'))
				text++;
		} else {
			text++;
		}
	}
}

/* Adds the numbers of all elements that begin with @opening, up to their first mark-up. */
static void numbers_of_elements(struct numbers *numbers, const char *page, const char *opening)
{
	while ((page = strstr(page, opening))) {
		page += strlen(opening);
		numbers_add(numbers, page, strcspn(page, "<"));
	}
}

/* Runs ----------------------------------------------------------------------------------------- */

static char *file_read(FILE *file)
{
	char *text = calloc(1, PAGE_SIZE);

	if (!text)
		err(1, "allocate");
	rewind(file);
	if (fread(text, 1, PAGE_SIZE - 1, file) == PAGE_SIZE - 1)
		errx(1, "the page is too large for this test");
	(void)fclose(file); /* nothing of it is wanted any more */
	return text;
}

static FILE *file_of(const char *text)
{
	FILE *file = tmpfile();

	if (!file || fputs(text, file) == EOF || fflush(file))
		err(1, "write a file");
	return file;
}

static int spawn(char *const *argv, FILE *out, FILE *err_file)
{
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, fileno(err_file), STDERR_FILENO);
	if (posix_spawn(&pid, BENCH_REPORT_PATH, &actions, NULL, argv, environ))
		err(1, "run " BENCH_REPORT_PATH);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (waitpid(pid, &status, 0) != pid)
		err(1, "wait for bench/report");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs bench/report with documents of @count @texts. */
static struct run report(const char *const *texts, size_t count)
{
	char *argv[DOCUMENTS_MAX + 2] = { "report" };
	FILE *files[DOCUMENTS_MAX], *out = file_of(""), *err_file = file_of("");
	char paths[DOCUMENTS_MAX][64];
	struct run run;

	assert_true(count <= DOCUMENTS_MAX);
	for (size_t i = 0; i < count; i++) {
		files[i] = file_of(texts[i]);
		(void)snprintf(paths[i], sizeof(paths[i]), "/proc/%d/fd/%d", (int)getpid(),
			       fileno(files[i]));
		argv[i + 1] = paths[i];
	}
	run.status = spawn(argv, out, err_file);
	run.out = file_read(out);
	run.err = file_read(err_file);
	for (size_t i = 0; i < count; i++)
		(void)fclose(files[i]); /* the test has no more use for it */
	return run;
}

static void run_free(struct run *run)
{
	free(run->out);
	free(run->err);
}

/* The tests ------------------------------------------------------------------------------------ */

static void assert_numbers(const struct numbers *numbers, const double *expected, size_t count,
			   const char *where)
{
	for (size_t i = 0; i < count; i++)
		if (!has_number(numbers, expected[i]))
			fail_msg("%g should be in the page's %s", expected[i], where);
}

static void test_figures_are_the_documents(void **state)
{
	const size_t count = sizeof(documents) / sizeof(*documents);
	struct numbers known = { 0 }, table = { 0 }, plots = { 0 };
	struct run run = report(documents, count);

	(void)state;
	if (run.status)
		fail_msg("bench/report ended with %d: %s", run.status, run.err);
	numbers_of_elements(&table, run.out, "<td class=\"n\">");
	numbers_of_elements(&table, run.out, "<b>");
	numbers_of_elements(&plots, run.out, "<text>");
	assert_numbers(&table, tabulated, sizeof(tabulated) / sizeof(*tabulated), "tables");
	assert_numbers(&table, drawn, sizeof(drawn) / sizeof(*drawn), "tables");
	assert_numbers(&plots, drawn, sizeof(drawn) / sizeof(*drawn), "plots");
	for (size_t i = 0; i < count; i++)
		numbers_add(&known, documents[i], strlen(documents[i]));
	for (size_t i = 0; i < table.count; i++)
		if (!has_number(&known, table.values[i]) &&
		    !has_number(&known, table.values[i] * 1000))
			fail_msg("%g of the page's tables is of no document", table.values[i]);
	run_free(&run);
}

/* No other figures, no plots, and nothing from elsewhere: the page has them by the documents only.
 */
static void test_page_is_self_contained(void **state)
{
	struct run run = report(documents, 1);

	(void)state;
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "<svg"));
	assert_null(strstr(run.out, "http"));
	assert_null(strstr(run.out, "url("));
	assert_null(strstr(run.out, "<script"));
	assert_null(strstr(run.out, "ptp, ipMasq"));
	run_free(&run);
}

static void test_text_is_no_markup_and_no_command(void **state)
{
	static const char *const hostile =
		"{\"8.1\": {\"kernel\": \"<script>8\", \"ratios\": {"
		"\"x'\\\"`touch /nkctl`\\nEND\\nexit\\n<b>\": {\"tcp_rr ipv4\": 1.13}}}}";
	struct run run = report(&hostile, 1);

	(void)state;
	if (run.status)
		fail_msg("bench/report ended with %d: %s", run.status, run.err);
	assert_null(strstr(run.out, "<script>"));
	assert_null(strstr(run.out, "<b>"));
	assert_non_null(strstr(run.out, "<text>1.13</text>"));
	run_free(&run);
}

static void test_broken_documents(void **state)
{
	static const struct {
		const char *text, *message;
	} refused[] = {
		{ "", "it isn't JSON" },
		{ "{\"8.1\": ", "it isn't JSON" },
		{ "{} {}", "it isn't JSON" },
		{ "[1]", "it is no JSON object" },
		{ "{}", "it has no kernel's ratios" },
		{ "{\"8.1\": {\"kernel\": \"8.1\"}}", "needs \"kernel\" and \"ratios\"" },
		{ "{\"8.1\": {\"kernel\": \"8.1\", \"ratios\": {\"nkctl\": "
		  "{\"tcp_rr ipv4\": \"1.13\"}}}}",
		  "ratios are numbers" },
		{ "{\"figures\": 3}", "it has none of the forms" },
		{ "{\"nkctl\": \"0\", \"kernel\": \"9\", \"processors\": \"3\", \"figures\": {}}",
		  "it has no figures" },
		{ "{\"nkctl\": \"0\", \"kernel\": \"9\", \"processors\": \"3\", \"figures\": "
		  "{\"add nkctl\": {\"median\": 1, \"quartiles\": [1], \"rounds\": 7}}}",
		  "two \"quartiles\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		const char *texts[] = { documents[0], refused[i].text };
		struct run run = report(texts, 2);

		if (run.status != EXIT_INPUT || *run.out)
			fail_msg("'%s' should be refused, status %d", refused[i].text, run.status);
		if (strncmp(run.err, "bench: /proc/", 13) || !strstr(run.err, refused[i].message))
			fail_msg("'%s' should be refused for '%s', not: %s", refused[i].text,
				 refused[i].message, run.err);
		run_free(&run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures_are_the_documents),
		cmocka_unit_test(test_page_is_self_contained),
		cmocka_unit_test(test_text_is_no_markup_and_no_command),
		cmocka_unit_test(test_broken_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
