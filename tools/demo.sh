#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# nkctl's main job on real packets: installs what is missing, builds, and attaches two containers that
# then talk to each other, to the host and to a remote host (tools/demo-scene.sh). On this kernel where it
# has netkit, otherwise in a VM.

set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname -- "$here")
cache=${NKCTL_CACHE:-/var/cache/nkctl}
if [[ -t 1 && $(locale charmap 2>/dev/null) == UTF-8 ]]; then export NKCTL_DEMO_TERMINAL=1; fi
# shellcheck source=tools/demo-steps.sh
. "$here/demo-steps.sh"

# Whatever ends this script ends what it runs; there is nothing to clean up but that.
readonly SCENE=(
	setpriv --pdeathsig KILL
	unshare --cgroup --mount --net --pid --fork --kill-child --mount-proc -- "$here/demo-scene.sh"
)

usage()
{
	cat <<-'USAGE'
	Usage: tools/demo.sh [--kernel K]       (or: make demo DEMO_KERNEL=K)

	Shows nkctl at work, in namespaces of its own that are gone afterwards.

	  -k, --kernel K   where: 'here' for the running kernel, with veth if it has no netkit; 6.12 or
	                   7.3 for that Debian kernel in a VM. Default: here if this kernel has
	                   netkit, else 6.12
	USAGE
}

parse_options()
{
	while (($#)); do
		case $1 in
		-k | --kernel) (($# >= 2)) || { usage >&2; exit 2; }
		               kernel=$2; shift ;;
		-h | --help)   usage; exit ;;
		*)             usage >&2; exit 2 ;;
		esac
		shift
	done
}

# The set-up tells what it's at, since that may be a download.
set_up()
{
	waiting "packages for $*"
	"$here/setup.sh" "$@" 2>&1 | sed -u 's/^setup: /    /' || fail_step "packages for $*"
}

kernel_has_netkit() { unshare --net ip link add type netkit 2>/dev/null; }

build()
{
	unset MAKEFLAGS MAKELEVEL
	make -C "$top" --no-print-directory -j "$(nproc)"
}

run_here()
{
	if kernel_has_netkit; then
		done_step "this kernel ($(uname -r)) has netkit: running right here"
	else
		done_step "this kernel ($(uname -r)) has no netkit: running here all the same, with veth"
	fi
	"${SCENE[@]}"
}

run_in_vm()
{
	local release=$kernel
	set_up vm
	[[ ! -e $cache/kernels/$kernel/version ]] || release=$(<"$cache/kernels/$kernel/version")
	kernel_has_netkit ||
		done_step "this kernel ($(uname -r)) has no netkit, so this runs in a VM"
	done_step "VM with Debian's $release; its speed says little about a machine's"
	waiting 'booting'
	setpriv --pdeathsig TERM "$top/vmtest/run" --kernel "$kernel" -- "${SCENE[@]}"
}

main()
{
	local kernel=${DEMO_KERNEL:-}
	parse_options "$@"
	((EUID == 0)) || fail_step 'the demo makes network namespaces: run it as root'
	trap 'exit 130' INT

	printf '%snkctl demo%s\n' "$BOLD" "$PLAIN"
	set_up build test
	step "nkctl is built" build
	if [[ -z $kernel ]]; then
		kernel=6.12
		if kernel_has_netkit; then kernel=here; fi
	fi
	if [[ $kernel == here ]]; then run_here; else run_in_vm; fi
	printf '\nTo go on by hand: %sbuild/nkctl attach --ns NAME%s, %sbuild/nkctl help%s, README.md\n' \
		"$BOLD" "$PLAIN" "$BOLD" "$PLAIN"
}

main "$@"
