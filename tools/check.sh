#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs the formatters and analysers over the whole tree, or some of them. Each prints what it finds
# fault with and nothing else.

set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top=$(dirname -- "$here")

# In this order; each is a function check_NAME.
readonly CHECKS=(build unused format headers includes docs man text shell cppcheck tidy)
readonly SOURCE_DIRECTORIES=(bpf include loader tests bench)
readonly LICENCE='SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause'

# What the tree is formatted by, and the status of a check that can't be made here.
readonly CLANG_FORMAT_VERSION=14
readonly EXIT_SKIPPED=77

# Objects of the checks' own, so that flags don't mix with those of other builds.
readonly BUILD=build/check

usage()
{
	cat <<-'USAGE'
	Usage: tools/check.sh [CHECK]...

	Runs all checks, or those named:
	  build     everything compiles without a warning
	  unused    no function of loader/ that only its own unit test calls
	  format    clang-format would change nothing
	  headers   each header compiles alone
	  includes  includes point down only (tools/check-includes.sh)
	  docs      command table, man page, completion and README agree (tools/check-docs.sh)
	  man       mandoc has nothing to say about the man page
	  text      licence lines, no white space at the ends of lines
	  shell     shellcheck
	  cppcheck  cppcheck
	  tidy      clang-tidy, as .clang-tidy says

	Exit status: 0 if nothing was found.
	USAGE
}

make_quietly() { make -s -j "$(nproc)" CI=true BUILD=$BUILD "$@"; }

# Prints the files below the given directories whose names match a pattern.
find_files() # PATTERN DIRECTORY...
{
	local pattern=$1
	shift
	find "$@" -type f -name "$pattern" | sort
}

# The flags that every file of loader/ is compiled with.
loader_flags()
{
	printf '%s\n' -std=gnu17 -D_GNU_SOURCE -DNKCTL_VERSION='"check"' -DNKCTL_PATH='""' \
		-Iinclude -Iloader -Ibuild
	pkg-config --cflags-only-I libnl-route-3.0 | sed 's/-I/-isystem/g' | xargs -n 1
}

check_build()
{
	make_quietly all unit-programs prog-programs e2e-programs $BUILD/bench/traffic \
		$BUILD/bench/{hooks,verdicts,lookups}
	make_quietly FUZZ=1 BUILD=$BUILD/fuzz fuzz-programs
}

# What the linker leaves out of nkctl isn't called there, unless it was inlined in its own file.
check_unused()
{
	local log file function status=0
	rm -f $BUILD/nkctl
	log=$(make_quietly LDFLAGS='-Wl,--gc-sections,--print-gc-sections' $BUILD/nkctl 2>&1)
	while read -r file function; do
		(($(grep -cw -- "$function" "$file") == 1)) || continue
		echo "$file: $function() isn't used"
		status=1
	done < <(sed -n "s,.*'\.text\.\([^.']*\)' in file '$BUILD/\(loader/.*\)\.o'.*,\2.c \1,p" <<<"$log")
	return $status
}

# Versions differ in details, such as braces in macros.
check_format()
{
	local version
	version=$(clang-format --version | sed -n 's/.* version \([0-9]*\)\..*/\1/p')
	if [[ $version != "$CLANG_FORMAT_VERSION" ]]; then
		echo "the tree is formatted by clang-format $CLANG_FORMAT_VERSION, this is $version"
		return $EXIT_SKIPPED
	fi
	find_files '*.[ch]' "${SOURCE_DIRECTORIES[@]}" | xargs clang-format --dry-run -Werror
}

# Included twice, so that a header without a guard fails as well.
check_headers()
{
	local header flags status=0
	make_quietly all # for the skeletons
	mapfile -t flags < <(loader_flags)
	while read -r header; do
		printf '#include "%s"\n' "$header" "$header" |
			gcc -fsyntax-only -Wall -Wextra -Werror "${flags[@]}" -I. -x c - || status=1
	done < <(find_files '*.h' include loader tests)
	while read -r header; do
		printf '#include "%s"\n' "$header" "$header" |
			clang -fsyntax-only -target bpf -Wall -Werror -Wno-unused-function \
				-Iinclude -I. -idirafter "/usr/include/$(uname -m)-linux-gnu" -x c - ||
			status=1
	done < <(find_files '*.h' bpf)
	return $status
}

check_includes() { "$here/check-includes.sh"; }
check_docs() { make_quietly all && "$here/check-docs.sh" $BUILD/nkctl; }
check_man() { mandoc -T lint -W warning tools/man/*; }

# Prints every file of the tree that holds text of ours, which inputs of fuzzing targets are not.
text_files()
{
	find Makefile .clang-format .clang-tidy .editorconfig .ci "${SOURCE_DIRECTORIES[@]}" tools vmtest \
		-path tests/fuzz/corpus -prune -o -type f -print
}

check_text()
{
	local status=0
	if text_files | grep -Ev '\.(md|json)$' | xargs grep -L "$LICENCE" | grep .; then
		echo "^ no line '$LICENCE'"
		status=1
	fi
	if { text_files; echo README.md; } | xargs grep -nE $'[ \t\r]+$'; then
		echo '^ white space at the end of the line'
		status=1
	fi
	# clang-format, breaking a line that a tab began, joins it to the asterisk.
	if text_files | grep -E '\.[ch]$' | xargs grep -nE '^ \*[A-Za-z]'; then
		echo '^ a comment without a space behind the asterisk'
		status=1
	fi
	return $status
}

# Prints the shell scripts: by name, or by what their first line calls.
shell_scripts()
{
	local file
	while read -r file; do
		if [[ $file == *.@(sh|bash) || $file == tools/completion/* ]] ||
		   head -n 1 -- "$file" | grep -Eq '^#!.*/(bash|sh|busybox sh)$'; then
			echo "$file"
		fi
	done < <(text_files)
}

# In bats files, 'run' sets variables (SC2154), and each test is a subshell (SC2030, SC2031).
check_shell()
{
	local status=0
	shell_scripts | xargs shellcheck --external-sources || status=1
	find_files '*.bats' tests | xargs -r shellcheck --external-sources --shell=bats \
		--severity=warning --exclude=SC2030,SC2031,SC2154 || status=1
	return $status
}

# legacyUninitvar and ctuuninitvar don't see that a function sets its output unless it fails.
check_cppcheck()
{
	local status=0
	cppcheck --quiet --enable=warning,performance,portability --error-exitcode=1 \
		--inline-suppr --suppress=legacyUninitvar --suppress=ctuuninitvar --std=c11 \
		--suppress=normalCheckLevelMaxBranches \
		-D_GNU_SOURCE '-DNKCTL_VERSION="check"' '-DNKCTL_PATH=""' '-DBENCH_PATH=""' \
		'-DLIBBPF_OPTS(type,name,...)=struct type name = {__VA_ARGS__}' \
		-Iinclude -Iloader -Itests/unit -Itests/prog -Itests/fuzz loader tests bench || status=1
	return $status
}

check_tidy()
{
	local -a flags
	make_quietly all # for the skeletons
	mapfile -t flags < <(loader_flags)
	# One file at a time, as many as there are processors; flags follow the file.
	# shellcheck disable=SC2016 # expanded by the shell that xargs runs
	find_files '*.c' loader | xargs -P "$(nproc)" -I FILE \
		bash -c 'clang-tidy --quiet "$@" 2>/dev/null' _ FILE -- "${flags[@]}"
}

# Runs check $1 and shows what it printed, if it failed.
run_check()
{
	local output start=$SECONDS status=0
	output=$("check_$1" 2>&1) || status=$?
	case $status in
	0)               printf 'ok       %-9s (%d s)\n' "$1" $((SECONDS - start)) ;;
	"$EXIT_SKIPPED") printf 'skipped  %-9s %s\n' "$1" "$output" ;;
	*)               printf 'FAILED   %-9s (%d s)\n%s\n' "$1" $((SECONDS - start)) "$output"
	                 return 1 ;;
	esac
}

main()
{
	local check failed=()
	local -a checks=("$@")
	case ${1:-} in
	-h | --help) usage; return ;;
	esac
	((${#checks[@]})) || checks=("${CHECKS[@]}")
	for check in "${checks[@]}"; do
		[[ " ${CHECKS[*]} " == *" $check "* ]] || { usage >&2; return 2; }
	done
	cd -- "$top"
	unset MAKEFLAGS MFLAGS MAKELEVEL
	"$here/setup.sh" check test
	for check in "${checks[@]}"; do
		run_check "$check" || failed+=("$check")
	done
	if ((${#failed[@]})); then
		echo "check: ${failed[*]} failed"
		return 1
	fi
	echo 'check: all is well'
}

main "$@"
