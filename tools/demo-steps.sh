# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# How the demo shows what it does. Sourced by tools/demo.sh, and by tools/demo-scene.sh, which may run in
# a VM: NKCTL_DEMO_TERMINAL tells it that its output ends up on a terminal, and one that knows UTF-8.

if [[ -n ${NKCTL_DEMO_TERMINAL:-} ]]; then
	readonly DONE=$'\e[32m✓\e[0m' FAILED=$'\e[31m✗\e[0m' BOLD=$'\e[1m' PLAIN=$'\e[0m'
else
	readonly DONE='ok ' FAILED='FAILED' BOLD='' PLAIN=''
fi

# The words that overwrite themselves while something takes its time.
waiting() { [[ -z ${NKCTL_DEMO_TERMINAL:-} ]] || printf '  … %s\e[K\r' "$*"; }
erase() { [[ -z ${NKCTL_DEMO_TERMINAL:-} ]] || printf '\e[K'; }

done_step() { erase; printf '  %s %s\n' "$DONE" "$*"; }

# fail_step WHAT OUTPUT: says which step failed and shows what it printed, and ends the demo.
fail_step()
{
	erase
	printf '  %s %s\n' "$FAILED" "$1"
	[[ -z ${2:-} ]] || tail -n 25 <<<"$2" | sed 's/^/      /'
	exit 1
}

# step WHAT COMMAND...: runs a step of which only the success is of interest.
step()
{
	local what=$1 output
	shift
	waiting "$what"
	output=$("$@" 2>&1) || fail_step "$what" "$output"
	done_step "$what"
}

# show COMMAND...: runs a command as somebody would type it, with what it prints.
show()
{
	local output
	printf '  %s$ %s%s\n' "$BOLD" "$*" "$PLAIN"
	output=$("$@" 2>&1) || fail_step "$*" "$output"
	[[ -z $output ]] || printf '  %s\n' "${output//$'\n'/$'\n  '}"
}
