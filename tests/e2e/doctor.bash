# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What `nkctl doctor` finds. It loads all programs, which takes an emulated guest seconds: once for all
# that a test expects of it.

# Examines the host. What the checks below look at is this report.
examine() { report_read "$(nkctl doctor --json 2>/dev/null)"; }

# Takes a report apart, at once, since a process takes long in a guest.
report_read() # JSON
{
	local name state finding meaning mend
	report=$1
	states=() findings=() meanings=() mends=()
	while IFS=$'\t' read -r name state finding meaning mend; do
		states[$name]=$state findings[$name]=$finding
		meanings[$name]=$meaning mends[$name]=$mend
	done < <(jq -r '.checks[] | [.name, .state, .finding, .meaning // "-", .mend // "-"] | @tsv' \
		<<<"$report")
}
declare -gA states findings meanings mends

# Expects a check to have found something, and to explain what isn't well.
expect_check() # NAME STATE REGEX
{
	expect_same "$1: state" "$2" "${states[$1]}"
	expect_match "$1: finding" "$3" "${findings[$1]}"
	[[ $2 == @(ok|note) ]] || expect_match "$1: what it means" '[a-z]' "${meanings[$1]}"
	[[ $2 == @(ok|note) ]] || expect_match "$1: how to mend it" '[a-z]' "${mends[$1]}"
}

verdict() { jq -r .verdict <<<"$report"; }
