#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Checks that includes point down only:
#
#	main -> cmd_* | cni -> ops -> { nl, bpf, model } -> core
#
# nl, bpf and model never include each other, everything may include include/nkctl/, and the
# eBPF programs include nothing but that, each other and the headers of the kernel and libbpf.

set -euo pipefail
shopt -s inherit_errexit

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# Which directories of loader/ a file of each may include from; 'cmd' is loader/ itself, of which
# main.c alone knows the plugin.
declare -rA MAY_INCLUDE=(
	[core]='core'
	[model]='core model'
	[nl]='core nl'
	[bpf]='core bpf'
	[ops]='core model nl bpf ops'
	[cni]='core model nl bpf ops cni'
	[cmd]='core model nl bpf ops cmd'
	[main]='core cmd cni'
)

status=0

complain() # PLACE INCLUDE
{
	echo "$1: may not include $2"
	status=1
}

# Prints "FILE:LINE INCLUDED" for each #include of a file below directory $1; system headers keep
# their <>.
includes_of()
{
	grep -rnoE --include='*.[ch]' '^[ \t]*#[ \t]*include[ \t]*("[^"]*"|<[^>]*>)' "$1" |
		sed -E 's/^([^:]*:[0-9]+):.*include[ \t]*/\1 /; s/"//g'
}

# Prints which layer a path below loader/ belongs to.
layer_of()
{
	case $1 in
	*/*)     echo "${1%%/*}" ;;
	main.c*) echo main ;;
	*)       echo cmd ;;
	esac
}

check_loader()
{
	local place included layer path
	while read -r place included; do
		path=${place#loader/}
		layer=$(layer_of "$path")
		case $included in
		'<'* | nkctl/*) continue ;;
		*.skel.h)       [[ $layer == bpf ]] || complain "$place" "$included" ;;
		*)
			[[ -f loader/$included ]] || complain "$place" "$included, which isn't there"
			[[ " ${MAY_INCLUDE[$layer]} " == *" $(layer_of "$included") "* ]] ||
				complain "$place" "$included"
			;;
		esac
	done < <(includes_of loader)
}

check_bpf()
{
	local place included
	while read -r place included; do
		case $included in
		'<linux/'* | '<bpf/'* | '<std'* | nkctl/* | '<nkctl/'*) ;;
		*) [[ $included != */* && -f bpf/$included ]] || complain "$place" "$included" ;;
		esac
	done < <(includes_of bpf)
}

check_contract()
{
	local place included
	while read -r place included; do
		[[ $included == '<linux/'* || $included == nkctl/* ]] ||
			complain "$place" "$included"
	done < <(includes_of include)
}

check_loader
check_bpf
check_contract
exit $status
