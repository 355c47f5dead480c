# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Reads the stream that tests/run makes of the tests of one place: prints a line for each program,
# what a failed one said, and counts. Sourced by tests/run.
#
#   @@ begin LAYER PROGRAM
#   TAP (https://testanything.org/tap-specification.html), of cmocka or bats, and other output
#   @@ end EXIT-STATUS SECONDS
#   @@ done                    after the last program
#
# A program that stops short of its plan, ends with a status that its results don't explain, or has
# no plan counts as failed, and so do a stream that stops and a layer of which nothing ran.

# In place of the exit status of a program that a VM took with it.
readonly STATUS_UNKNOWN=125

# As many lines of a failed program are shown; the log has all of them.
readonly REPORT_LINES_MAX=200

report_line() # WHAT
{
	printf '%-5s %-7s %-20s %s\n' "$layer" "$place" "$program" "$1"
}

# A program's own words, without what a terminal would obey.
report_output()
{
	local line
	for line in "${output[@]:0:REPORT_LINES_MAX}"; do
		line=${line//$'\t'/        }
		printf '    | %s\n' "${line//[[:cntrl:]]/?}"
	done
	((${#output[@]} <= REPORT_LINES_MAX)) ||
		printf '    ... %d lines more: %s\n' $((${#output[@]} - REPORT_LINES_MAX)) "$log"
}

report_begin() # LAYER PROGRAM
{
	layer=$1 program=$2
	planned='' seen=0 passed=0 failed=0 skipped=0 output=()
}

# One result of a program: "ok 1 - name", "not ok 2 - name", "ok 3 name # skip reason"; cmocka
# skips with "not ok 4 # SKIP name".
report_result() # LINE "not " NAME
{
	local name=$3
	((seen += 1))
	[[ -z ${NKCTL_TEST_FILTER:-} || $name =~ $NKCTL_TEST_FILTER ]] || return 0
	if [[ $name =~ ^(.*)\#\ [Ss][Kk][Ii][Pp](.*)$ ]]; then
		((skipped += 1))
		name=${BASH_REMATCH[1]%' '}${BASH_REMATCH[2]}
		report_line "skipped: ${name#' '}"
		return
	fi
	if [[ -n $2 ]]; then
		((failed += 1))
		output+=("$1")
		return
	fi
	((passed += 1))
	[[ -z ${NKCTL_TEST_VERBOSE:-} ]] || report_line "ok: $name"
}

# What the results of a program don't tell.
report_problem() # TEXT
{
	((failed += 1))
	output+=("not ok: $1")
}

report_end() # EXIT-STATUS SECONDS
{
	local summary="$passed passed"
	if [[ -z $planned ]]; then
		report_problem "it ended (status $1) without a plan"
	elif ((seen < planned)); then
		report_problem "it ended (status $1) after $seen of $planned tests"
	elif (($1 && !failed)); then
		report_problem "it ended with status $1"
	fi
	((failed == 0)) || summary+=", $failed FAILED"
	((skipped == 0)) || summary+=", $skipped skipped"
	((passed + failed + skipped == 0)) || report_line "$summary  ($2 s)"
	((failed == 0)) || report_output
	((all_passed += passed, all_failed += failed, all_skipped += skipped)) || true
	((ran[$layer] += passed + failed + skipped)) || true
	program='' output=()
}

report_text() # LINE
{
	if [[ $1 =~ ^(not )?ok\ [0-9]+\ (-\ )?(.*)$ ]]; then
		report_result "$1" "${BASH_REMATCH[1]}" "${BASH_REMATCH[3]}"
	elif [[ $1 =~ ^1\.\.([0-9]+)$ ]]; then
		planned=${BASH_REMATCH[1]}
	elif [[ -n $1 ]]; then
		output+=("$1")
	fi
}

# What is wrong with the place as a whole.
report_place_problem() # TEXT
{
	((all_failed += 1))
	layer='-' program='-'
	report_line "FAILED: $1"
}

# Reads the stream of PLACE from standard input, which the file LOG has a copy of, and writes its
# counts to the file COUNTS.
report() # PLACE LOG COUNTS LAYER...
{
	local place=$1 log=$2 counts=$3 ended='' line a b
	local layer='' program='' planned='' seen=0 passed=0 failed=0 skipped=0 output=()
	local all_passed=0 all_failed=0 all_skipped=0
	local -A ran=()
	shift 3

	while IFS= read -r line; do
		line=${line%$'\r'}
		read -r _ a b <<<"${line#@@ }"
		case $line in
		'@@ begin '*)  report_begin "$a" "$b" ;;
		'@@ end '*)    report_end "$a" "$b" ;;
		'@@ done')     ended=1 ;;
		*)             report_text "$line" ;;
		esac
	done
	[[ -z $program ]] || report_end "$STATUS_UNKNOWN" 0
	if [[ -z $ended ]]; then
		report_place_problem 'the run ended before its last test'
		report_output
	fi
	for layer in "$@"; do
		if ((!${ran[$layer]:-0})) && [[ -z ${NKCTL_TEST_FILTER:-} ]]; then
			report_place_problem "nothing of $layer ran"
		fi
	done
	echo "$all_passed $all_failed $all_skipped" >"$counts"
}
