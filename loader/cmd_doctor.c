// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "core/cleanup.h"
#include "ops/doctor.h"
#include "output.h"

static json_t *check_to_json(const struct doctor_check *check)
{
	return json_pack("{ss ss ss so so}", "name", check->name, "state",
			 doctor_state_name(check->state), "finding", check->finding, "meaning",
			 text_or_null(check->meaning), "mend", text_or_null(check->mend));
}

static int report_print_json(const struct doctor_report *report, struct error *err)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(report->checks); i++)
		(void)json_array_append_new(checks, check_to_json(&report->checks[i]));
	return output_json(json_pack("{ss so}", "verdict", doctor_verdict_name(report->verdict),
				     "checks", checks),
			   err);
}

#define LINE_WIDTH 80

/* Print words from column @indent on, where the cursor is, to the end of the line and further ones.
 */
static void text_print(int indent, const char *text)
{
	int column = indent, len;

	for (; *text; text += len + strspn(text + len, " ")) {
		len = (int)strcspn(text, " ");
		if (column > indent && column + 1 + len > LINE_WIDTH) {
			(void)printf("\n%*s", indent, "");
			column = indent;
		}
		column += printf("%s%.*s", column > indent ? " " : "", len, text);
	}
	(void)putchar('\n');
}

static void check_print(const struct doctor_check *check, int name_width)
{
	text_print(printf("%-4s  %-*s  ", doctor_state_name(check->state), name_width, check->name),
		   check->finding);
	if (*check->meaning)
		text_print(printf("      means: "), check->meaning);
	if (*check->mend)
		text_print(printf("      mend:  "), check->mend);
}

static int name_width(const struct doctor_report *report)
{
	size_t width = 0;

	for (size_t i = 0; i < ARRAY_SIZE(report->checks); i++)
		if (strlen(report->checks[i].name) > width)
			width = strlen(report->checks[i].name);
	return (int)width;
}

static void verdict_print(const struct doctor_report *report)
{
	size_t warnings = doctor_count(report->checks, DOCTOR_WARN), failed = 0;

	(void)printf("%s", doctor_verdict_text(report->verdict));
	for (size_t i = 0; i < ARRAY_SIZE(report->checks); i++)
		if (report->checks[i].state == DOCTOR_FAIL)
			(void)printf("%s%s", failed++ ? ", " : ": ", report->checks[i].name);
	if (warnings)
		(void)printf(" (%zu warning%s)", warnings, plural(warnings));
	(void)putchar('\n');
}

static void report_print(const struct doctor_report *report)
{
	int width = name_width(report);

	for (size_t i = 0; i < ARRAY_SIZE(report->checks); i++)
		check_print(&report->checks[i], width);
	verdict_print(report);
}

/* Without privilege nobody can tell what the kernel is fit for. */
static int verdict_return(struct cli *cli, const struct doctor_report *report, struct error *err)
{
	bool unprivileged = report->checks[DOCTOR_CHECK_privilege].state == DOCTOR_FAIL;

	if (report->verdict != DOCTOR_VERDICT_NOT_READY)
		return 0;
	cli->json = false; /* the report was the answer: none for the failure beside it */
	return error_set(err, unprivileged ? EPERM : EOPNOTSUPP,
			 "doctor: an attach would fail here: mend what the report says fails");
}

static int doctor_run(struct cli *cli, struct error *err)
{
	struct doctor_report report;
	int ret = cli_options_end(cli, err);

	if (!ret)
		ret = cli_arguments(cli, 0, 0, err);
	if (ret)
		return error_prefix(err, "doctor");
	doctor_examine(&report);
	if (cli->json)
		ret = report_print_json(&report, err);
	else
		report_print(&report);
	return ret ? error_prefix(err, "doctor") : verdict_return(cli, &report, err);
}

const struct cli_command command_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "tell what this kernel and host can do, and what to change",
	.help = "Tries what an attach and the programs do, looks at what else is on the packets' "
		"way, and\n"
		"tells of each what was found, what it means and how to mend it. Changes nothing.\n"
		"Succeeds where an attach would.\n"
		"\n"
		"Examples:\n"
		"  nkctl doctor\n"
		"  nkctl doctor --json | jq -r '.checks[] | select(.state != \"ok\") | .name'",
	.run = doctor_run,
};
