// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bench/report: what it prints of documents whose figures are known, and what it refuses.
 * bench/native.jq: medians, intervals and verdicts of rounds that are known.
 */
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

#define NATIVE_HEAD                                                                             \
	"{\"form\": \"native\", \"kernel\": \"9.2.5\", \"nkctl\": \"0.1.0\", \"processors\": "  \
	"\"3\", "                                                                               \
	"\"cpu\": \"a model\", \"seconds\": 19, \"rounds\": 17, \"sysctls\": {\"net.core.x\": " \
	"\"87\"}, "                                                                             \
	"\"firewall_rules\": {\"nkctl\": 29}, \"figures\": ["
#define NATIVE_FIGURE(case, metric, unit, rest)                                             \
	"{\"case\": \"" case "\", \"test\": \"tcp_rr\", \"family\": \"ipv4\", \"metric\": " \
			     "\"" metric "\", \"unit\": \"" unit                            \
			     "\", \"tool\": \"sockperf\", \"rounds\": [51, 52], " rest "}"

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

	NATIVE_HEAD NATIVE_FIGURE("host", "rate", "1/s", "\"median\": 5011, \"interval\": [4811, 5211]") "," NATIVE_FIGURE("host", "p50", "us", "\"median\": 31.3, \"interval\": null") "," NATIVE_FIGURE(
		"host", "p90", "us",
		"\"median\": 32.3, \"interval\": null") "," NATIVE_FIGURE("host", "p99", "us",
									  "\"median\": "
									  "33.3, "
									  "\"interval\": "
									  "null") "," NATIVE_FIGURE("host",
												    "p99.9",
												    "us",
												    "\"median\": 34.3, \"interval\": null") "," NATIVE_FIGURE("nkctl",
																			      "rate",
																			      "1/s",
																			      "\"median\": 4511, \"interval\": [4411, 4711], "
																			      "\"ratio\": 0.91, \"ratio_interval\": [0.88, 0.94], \"verdict\": \"worse\"") "]}",
};

/* What of them must be read in the page's tables, and what in its plots as well. */
static const double tabulated[] = { 10.3, 12.7, 20.3, 22.7, 303,  327,  1777, 1666, 1888,
				    0.53, 5011, 4811, 5211, 4511, 4411, 4711, 0.88, 0.94,
				    31.3, 32.3, 34.3, 17,   19,   87,   29 };
static const double drawn[] = { 1.13, 1.17, 1.19, 1.23, 11.1, 21.1, 311, 0.91, 33.3 };

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

static int spawn(const char *program, char *const *argv, FILE *in, FILE *out, FILE *err_file)
{
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, fileno(in), STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, fileno(err_file), STDERR_FILENO);
	if (posix_spawnp(&pid, program, &actions, NULL, argv, environ))
		err(1, "run %s", program);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (waitpid(pid, &status, 0) != pid)
		err(1, "wait for %s", program);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs a program whose standard input is @input. */
static struct run run(const char *program, char *const *argv, const char *input)
{
	FILE *in = file_of(input), *out = file_of(""), *err_file = file_of("");
	struct run run;

	rewind(in);
	run.status = spawn(program, argv, in, out, err_file);
	run.out = file_read(out);
	run.err = file_read(err_file);
	(void)fclose(in); /* the program has read it */
	return run;
}

/* Runs bench/report with documents of @count @texts. */
static struct run report(const char *const *texts, size_t count)
{
	char *argv[DOCUMENTS_MAX + 2] = { "report" };
	char paths[DOCUMENTS_MAX][64];
	FILE *files[DOCUMENTS_MAX];
	struct run result;

	assert_true(count <= DOCUMENTS_MAX);
	for (size_t i = 0; i < count; i++) {
		files[i] = file_of(texts[i]);
		(void)snprintf(paths[i], sizeof(paths[i]), "/proc/%d/fd/%d", (int)getpid(),
			       fileno(files[i]));
		argv[i + 1] = paths[i];
	}
	result = run(BENCH_PATH "/report", argv, "");
	for (size_t i = 0; i < count; i++)
		(void)fclose(files[i]); /* the test has no more use for it */
	return result;
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

/* A ratio is worth a word only where the document has one. */
static void test_verdicts_are_the_documents(void **state)
{
	static const char *const native = NATIVE_HEAD NATIVE_FIGURE(
		"host", "rate", "1/s",
		"\"median\": 5, \"interval\": null") "," NATIVE_FIGURE("nkctl", "rate", "1/s",
								       "\"median\": 1, "
								       "\"interval\": null, "
								       "\"ratio\": 0.2, "
								       "\"ratio_interval\": null, "
								       "\"verdict\": null") "]}";
	struct run with = report(&documents[2], 1), without = report(&native, 1);

	(void)state;
	assert_non_null(strstr(with.out, "<td class=\"n\">slower</td>"));
	assert_null(strstr(with.out, "faster"));
	assert_int_equal(without.status, 0);
	assert_null(strstr(without.out, "slower"));
	run_free(&with);
	run_free(&without);
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

/* Rounds of 'tcp_rr ipv4': host networking's as they came, and those of three cases. */
static void native_lines(char *ret_lines, size_t size, int rounds)
{
	static const int host[] = { 4, 9, 1, 7, 10, 2, 8, 3, 6, 5 };
	FILE *file = fmemopen(ret_lines, size, "w");

	if (!file)
		err(1, "write lines");
	for (int i = 0; i < rounds; i++)
		(void)fprintf(
			file,
			"figure host tcp_rr ipv4 rate t %d\nfigure nkctl tcp_rr ipv4 rate t %d\n"
			"figure veth tcp_rr ipv4 rate t %d\nfigure host tcp_rr ipv4 p99 t %d\n"
			"figure veth tcp_rr ipv4 p99 t %d\n",
			host[i], 2 * host[i], 100 + host[i], host[i], 100 + host[i]);
	(void)fclose(file); /* what it holds is checked */
}

static struct run native_report(int rounds)
{
	char *argv[] = { "jq", "-cRn", "--argjson", "seconds", "1", "-f", BENCH_PATH "/native.jq",
			 NULL };
	char lines[8192] = "";

	native_lines(lines, sizeof(lines), rounds);
	return run("jq", argv, lines);
}

static void assert_has(const char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("'%s' should be in %s", expected, text);
}

static void test_native_statistics(void **state)
{
	struct run ten = native_report(10), five = native_report(5);

	(void)state;
	if (ten.status || five.status)
		fail_msg("native.jq has failed: %s%s", ten.err, five.err);
	/* Of ten, fewer than 2 or more than 8 are below the median in 2.1% of cases; fewer than 3,
	 * in 11%. */
	assert_has(ten.out, "\"median\":5.5,\"interval\":[2,9]}");
	assert_has(ten.out, "\"median\":11,\"interval\":[4,18],\"ratio\":2,"
			    "\"ratio_interval\":[2,2],\"verdict\":null");
	assert_has(ten.out, "\"verdict\":\"better\"");
	assert_has(ten.out, "\"verdict\":\"worse\"");
	/* Of five, all are on one side in 6% of cases: there is no interval of 95%, and no verdict.
	 */
	assert_has(five.out, "\"median\":7,\"interval\":null}");
	assert_has(five.out, "\"ratio_interval\":null,\"verdict\":null");
	assert_null(strstr(five.out, "\"verdict\":\""));
	run_free(&ten);
	run_free(&five);
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
		{ "{\"form\": \"native\"}", "it needs \"kernel\"" },
		{ NATIVE_HEAD "]}", "it has no figures" },
		{ NATIVE_HEAD NATIVE_FIGURE("nkctl", "rate", "1/s",
					    "\"median\": 1, \"interval\": "
					    "[1]") "]}",
		  "its figure 0 " },
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
		cmocka_unit_test(test_verdicts_are_the_documents),
		cmocka_unit_test(test_page_is_self_contained),
		cmocka_unit_test(test_text_is_no_markup_and_no_command),
		cmocka_unit_test(test_native_statistics),
		cmocka_unit_test(test_broken_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
