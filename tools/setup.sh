#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Makes a Debian 12 or 13 machine able to build, check and test nkctl: installs the packages that
# are missing and keeps the stock kernels for vmtest/ and the container runtimes in a cache. Where
# all is there it only looks, in a few hundredths of a second.

set -euo pipefail
shopt -s inherit_errexit

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname -- "$here")
cache=${NKCTL_CACHE:-/var/cache/nkctl}
# shellcheck source=tools/apt.sh
. "$here/apt.sh"
# shellcheck source=tools/kernels.sh
. "$here/kernels.sh"
# shellcheck source=tools/runtimes.sh
. "$here/runtimes.sh"

# The first libbpf that knows netkit (bpf_program__attach_netkit, BPF_NETKIT_PEER).
readonly LIBBPF_MIN=1.3

readonly PACKAGES_BUILD=(
	gcc libc6-dev make pkg-config clang llvm bpftool linux-libc-dev
	libbpf-dev libelf-dev zlib1g-dev libzstd-dev
	libmnl-dev libnl-3-dev libnl-route-3-dev libjansson-dev
)
readonly PACKAGES_CHECK=(clang-format clang-tidy cppcheck shellcheck mandoc)
readonly PACKAGES_TEST=(
	bats libcmocka-dev libclang-rt-dev containernetworking-plugins jq gojq procps strace
	util-linux bash-completion
	iproute2 iputils-ping iputils-arping traceroute iperf3 tcpdump ethtool socat nftables
	runc crun conmon busybox-static python3 gnuplot-nox
)
readonly PACKAGES_BENCH=(iperf3 sockperf)
readonly PACKAGES_VM=(qemu-system-x86 busybox-static cpio kmod xz-utils zstd)

usage()
{
	cat <<-USAGE
	Usage: tools/setup.sh WHAT...

	Makes this Debian 12 or 13 machine able to do WHAT:
	  build   build nkctl
	  check   run the formatters and analysers
	  test    run the tests
	  verify  build the eBPF programs with each clang of this release, and load them in VMs
	  vm      boot a stock kernel with vmtest/run
	  bench   run the measurements
	  all     all of these

	Packages come from the Debian mirror in this machine's apt configuration, or from
	NKCTL_MIRROR. Stock kernels and container runtimes are kept in $cache
	(NKCTL_CACHE); remove that directory to have the newest ones fetched.
	USAGE
}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# attempt WHAT COMMAND...: runs it with its output in the log, of which the end is shown if it fails.
attempt()
{
	local what=$1
	shift
	"$@" </dev/null >>"$cache/setup.log" 2>&1 && return
	tail -n 15 -- "$cache/setup.log" >&2
	die "can't $what: see above, or all of it in $cache/setup.log"
}

# Prints the packages of the clangs that this release itself has. Of those that its security updates
# bring for browsers' sake (19 and later, in bookworm) it has no other programs built.
clangs()
{
	local VERSION_CODENAME=''
	# shellcheck source=/dev/null
	. /etc/os-release
	case $VERSION_CODENAME in
	bookworm) printf 'clang-%d\n' 13 14 15 16 ;;
	trixie)   printf 'clang-%d\n' 17 18 19 ;;
	esac
}

# Puts the packages that the named purposes need into 'packages', and the purposes that these
# imply into 'purposes'.
collect()
{
	local what
	for what in "$@"; do
		[[ -z ${purposes[$what]+set} ]] || continue
		purposes[$what]=1
		case $what in
		build) packages+=("${PACKAGES_BUILD[@]}") ;;
		check) packages+=("${PACKAGES_CHECK[@]}"); collect build ;;
		test)  packages+=("${PACKAGES_TEST[@]}"); collect build ;;
		vm)    packages+=("${PACKAGES_VM[@]}") ;;
		bench) packages+=("${PACKAGES_BENCH[@]}"); collect test vm ;;
		verify) collect build vm; mapfile -t -O ${#packages[@]} packages < <(clangs) ;;
		all)   collect build check test vm bench verify ;;
		*)     usage >&2; die "unknown purpose '$what'" ;;
		esac
	done
}

# Prints those of the named packages that aren't installed, or are too old.
missing_packages()
{
	local -A version=()
	local name status found
	while read -r status name found; do
		if [[ $status == installed ]]; then version[$name]=$found; fi
	done < <(dpkg-query -W -f '${db:Status-Status} ${Package} ${source:Upstream-Version}\n' \
			"$@" 2>/dev/null)
	for name in "$@"; do
		[[ -n ${version[$name]:-} ]] || echo "$name"
	done
	if [[ -n ${version[libbpf-dev]:-} ]] &&
	   dpkg --compare-versions "${version[libbpf-dev]}" lt "$LIBBPF_MIN"; then
		echo libbpf-dev
	fi
}

# bookworm's libmnl-dev has no static library; trixie's links with bookworm's libc just as well.
libmnl_archive_missing()
{
	[[ $codename == bookworm && ! -e $cache/lib/libmnl.a ]]
}

fetch_libmnl_archive()
{
	say "fetching libmnl.a from trixie's libmnl-dev"
	apt_unpack "$scratch/libmnl" libmnl-dev/trixie
	mkdir -p "$cache/lib"
	mv -- "$scratch"/libmnl/usr/lib/*/libmnl.a "$cache/lib/"
}

check_machine()
{
	local ID='' VERSION_CODENAME=''
	# shellcheck source=/dev/null
	. /etc/os-release
	codename=$VERSION_CODENAME
	[[ $ID == debian && $codename == @(bookworm|trixie) ]] ||
		die "this is ${ID:-unknown} ${codename:-}, and packages are only known for Debian 12" \
		    "(bookworm) and 13 (trixie): install the like of them by hand: ${packages[*]}"
}

# One set-up at a time works on the cache; what a killed one left is removed.
prepare_cache()
{
	((EUID == 0)) || die "installing needs root: sudo tools/setup.sh $*"
	mkdir -p -- "$cache"
	exec {lock_fd}>"$cache/lock"
	flock -n "$lock_fd" || { say "waiting for another set-up"; flock "$lock_fd"; }
	rm -rf -- "$cache"/scratch.*
	scratch=$(mktemp -d -- "$cache/scratch.XXXXXX")
	trap 'rm -rf -- "$scratch"' EXIT
	trap 'exit 130' INT TERM HUP
	: >"$cache/setup.log"
}

main()
{
	local -A purposes=()
	local packages=() missing=() kernels=() runtimes=() version runtime

	case ${1:-} in
	'')          usage >&2; exit 2 ;;
	-h | --help) usage; exit ;;
	esac
	collect "$@"
	check_machine

	if [[ -n ${purposes[test]:-} ]]; then
		mapfile -t -O ${#packages[@]} packages < <(runtimes_libraries)
		mapfile -t runtimes < <(runtimes_missing)
	fi
	mapfile -t missing < <(missing_packages "${packages[@]}")
	if [[ -n ${purposes[vm]:-} ]]; then mapfile -t kernels < <(kernels_missing); fi
	if ((${#missing[@]} + ${#kernels[@]} + ${#runtimes[@]} == 0)) &&
	   ! { [[ -n ${purposes[build]:-} ]] && libmnl_archive_missing; }; then
		return
	fi

	prepare_cache "$@"
	if ((${#missing[@]})); then apt_install "${missing[@]}"; fi
	if [[ -n ${purposes[build]:-} ]] && libmnl_archive_missing; then fetch_libmnl_archive; fi
	for runtime in "${runtimes[@]}"; do
		if [[ ! -e $cache/$runtime ]]; then runtimes_fetch "$runtime"; fi
	done
	for version in "${kernels[@]}"; do
		if kernel_missing "$version"; then kernel_install "$version"; fi
	done
	say "ready for $*"
}

main "$@"
