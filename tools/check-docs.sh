#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck disable=SC2317 # functions that make lists are called by their name
#
# Checks that what is written about nkctl is what it does: the command table (`nkctl help --json`)
# against the man page, the bash completion and the README; exit statuses, drop reasons and
# doctor's checks, maps and links against the man page; the commands of tools/cni/*.md against the tests that run them.
#
# Each list is made twice, one item a line, and compared.

set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top=$(dirname -- "$here")
program=$(realpath -- "${1:-$top/build/nkctl}")
man=$here/man/nkctl.8
completion=$here/completion/nkctl
status=0

compare() # TEXT FUNCTION-MAKING-THE-TRUE-LIST FUNCTION-MAKING-THE-OTHER
{
	local expected found
	expected=$("$2" | sort)
	found=$("$3" | sort)
	[[ -z $expected || $expected != "$found" ]] || return 0
	echo "$1:"
	[[ -n $expected ]] || echo "  $2 made an empty list"
	{ diff <(echo "$expected") <(echo "$found") || true; } |
		sed -n 's/^</  missing:/p; s/^>/  not so: /p'
	status=1
}

## What the program says

# Verbs, and their options as "VERB --OPTION", with '=' where a value follows.
table_verbs() { "$program" help --json | jq -r '.[].name'; }
table_options()
{
	"$program" help --json |
		jq -r '.[] | .name as $verb | .options[] |
			"\($verb) --\(.name)\(if .value then "=" else "" end)"'
}
table_usages()
{
	"$program" help --json | jq -r '.[] | "\(.name) \(.arguments)" | rtrimstr(" ")'
}
common_options() { "$program" help | sed -n '/^Every verb takes:/,/^$/s/^  \(--[a-z]*\).*/\1/p'; }

# The names in an X-macro, as the compiler sees them.
macro_names() # HEADER MACRO PARAMETERS
{
	printf '#include "%s"\n#define X(%s) @name@\n%s(X)\n' "$1" "$3" "$2" |
		gcc -E -P -I"$top/include" -I"$top/loader" - | grep -o '@"[^"]*"' | tr -d '@"'
}
drop_reasons() { macro_names nkctl/drop_reason.h NK_DROP_REASONS 'identifier, name, explanation'; }
doctor_checks() { macro_names ops/doctor.h DOCTOR_CHECKS 'identifier, name, needs'; }
endpoint_states() { macro_names ops/endpoint.h ENDPOINT_STATES 'identifier, name, explanation'; }
exit_statuses() { sed -n 's/^\tEXIT_STATUS_[A-Z_]* = \([0-9]*\),$/\1/p' "$top/loader/core/error.h"; }
# The datapath's maps are pinned by their names; objects beside it pin those of their own, too
# (pins_reuse_maps()).
map_pins()
{
	sed -n '/ map_names\[MAP_COUNT\] = {/,/^};/s/.* = "\(.*\)",$/\1/p' "$top/loader/bpf/datapath.c"
	find "$top/bpf" -name '*.bpf.c' ! -name nkctl.bpf.c -exec sed -n 's/^} \(.*\) SEC("\.maps");$/\1/p' {} +
	sed -n 's/^#define PINS_CONFIG "\(.*\)"$/\1/p' "$top/loader/bpf/pins.h"
	sed -n 's/^#define GENERATION_NAME "\(.*\)"$/\1/p' "$top"/loader/bpf/*.h
}
# Those of the host's sockets are on the root cgroup.
link_pins()
{
	sed -n 's/^#define LINK_NAME "\(.*\)"$/\1/p' "$top"/loader/bpf/*.c
	sed -n '/ links\[WITNESS_PROGRAMS\] = {/,/^};/s/.*{ "\(.*\)", .*/\1/p' "$top/loader/bpf/witness.c"
	sed -n '/ program_names\[INVALIDATOR_PROGRAMS\] = {/,/^};/p' "$top/loader/bpf/invalidator.c" |
		grep -o '"[^"]*"' | tr -d '"'
}

## What the man page says

# The lines of a section (Sh) or subsection (Ss).
man_section() # MACRO TITLE
{
	sed -n "/^\.$1 $2\$/,/^\.S[hs] /p" "$man" | sed 1d
}
man_verbs() { sed -n '/^\.Sh VERBS/,/^\.Sh [^V]/s/^\.Ss //p' "$man"; }
man_options()
{
	local verb
	while read -r verb; do
		man_section Ss "$verb" |
			sed -nE 's/^\.It Fl Fl ([a-z0-9-]+)( .*)?$/\1\2/p' |
			sed -E "s/^([^ ]+) .*/\1=/; s/^/$verb --/"
	done < <(man_verbs)
}
man_common_options()
{
	man_section Ss 'Options of every verb' | sed -nE 's/^\.It .*Fl Fl ([a-z]+)$/--\1/p'
}
man_items() # SECTION MACRO
{
	man_section Sh "$1" | sed -nE "s/^\.It $2 ?([a-z0-9-]+)\$/\1/p"
}
man_exit_statuses() { man_items 'EXIT STATUS' ''; }
man_drop_reasons() { man_items 'DROP REASONS' Sy; }
man_doctor_checks() { man_items CHECKS Sy; }
man_endpoint_states()
{
	man_section Sh OUTPUT | sed -n '/Va state :/,/^\.El/s/^\.It Li \([a-z-]*\)$/\1/p'
}
# The names in the description of a directory of pins.
man_pins() # DIRECTORY
{
	man_section Sh FILES | sed -n "/^\.It Pa .*\/$1\$/,/^\.It /s/^\.Li //p" | grep -o '[a-z][a-z0-9_]*'
}
man_map_pins() { man_pins maps; }
man_link_pins() { man_pins links; }

## What the completion offers

# Prints what function $1 of the completion adds to COMPREPLY when nothing is typed yet.
offered() # FUNCTION ARGUMENT...
{
	# The completion works on variables of its caller.
	local cur='' COMPREPLY=()
	"$@"
	printf '%s\n' "${COMPREPLY[@]}"
}
completion_verbs() # [WORDS]
{
	local verbs word words
	verbs=$(table_verbs)
	while read -r word; do
		words=${1:+$1 }$word
		if [[ $'\n'$verbs == *$'\n'"$words "* ]]; then
			completion_verbs "$words"
		else
			echo "$words"
		fi
	done < <(offered _nkctl_argument "${1-}")
}
completion_options()
{
	local verb option common
	local -a options
	common=$(common_options)
	while read -r verb; do
		_nkctl_options "$verb"
		for option in "${options[@]}"; do
			[[ $'\n'$common$'\n' != *$'\n'"$option"$'\n'* ]] || continue
			if _nkctl_takes_value "$option"; then option+='='; fi
			echo "$verb $option"
		done
	done < <(table_verbs)
}
completion_common_options()
{
	local -a options
	_nkctl_options list
	printf '%s\n' "${options[@]}"
}

## What the README says

# shellcheck disable=SC2016 # no expansion: these are Markdown's
readme_usages() { sed -n 's/^| `nkctl \([^`]*\)` |.*/\1/p' "$top/README.md"; }

## What the pages for container runtimes say

# The sections that have commands, as "PAGE TITLE".
page_sections()
{
	local page
	for page in "$here"/cni/*.md; do
		sed -n '/^## /h; /^```sh$/{x; s/^## //; p; x}' "$page" | sort -u |
			sed "s/^/${page##*/} /"
	done
}
followed_sections()
{
	sed -nE "s/^\s*follow ([a-z0-9-]+\.md) '?([^']*)'?\$/\1 \2/p" "$top"/tests/e2e/*.bash "$top"/tests/e2e/*.bats | sort -u
}
pages() { (cd -- "$here/cni" && printf '%s\n' *.md); }
readme_pages() { grep -o 'tools/cni/[a-z0-9-]*\.md' "$top/README.md" | sed 's,.*/,,' | sort -u; }

# shellcheck source=tools/completion/nkctl
. "$completion"
compare 'nkctl(8): verbs' table_verbs man_verbs
compare 'nkctl(8): options' table_options man_options
compare 'nkctl(8): options of every verb' common_options man_common_options
compare 'nkctl(8): exit statuses' exit_statuses man_exit_statuses
compare 'nkctl(8): drop reasons' drop_reasons man_drop_reasons
compare "nkctl(8): doctor's checks" doctor_checks man_doctor_checks
compare "nkctl(8): endpoints' states" endpoint_states man_endpoint_states
compare 'nkctl(8): maps' map_pins man_map_pins
compare 'nkctl(8): links' link_pins man_link_pins
compare 'completion: verbs' table_verbs completion_verbs
compare 'completion: options' table_options completion_options
compare 'completion: options of every verb' common_options completion_common_options
compare 'README.md: verbs' table_usages readme_usages
compare "README.md: container runtimes' pages" pages readme_pages
compare 'tests/e2e: commands of tools/cni that a test follows' page_sections followed_sections
exit $status
