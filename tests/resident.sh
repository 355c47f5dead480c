# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # variables of tests/run
#
# Which of this machine's files the end-to-end tests open all the time: a guest has them in its memory
# (vmtest/run --resident). Sourced by tests/run, with 'here' and 'top' set.

readonly RESIDENT_PROGRAMS=(
	awk bash basename bats bpftool cat chmod cmp comm cp cut date dd diff dirname env ethtool expr false find
	findmnt flock getconf gojq grep head id ip iperf3 kill ln ls mkdir mkfifo mknod mktemp mount mv nft
	nsenter od paste pgrep ping printf ps python3 readlink realpath rm sed seq setarch setpriv sh sleep
	socat sort ss stat strace sysctl tac tail tc tcpdump tee timeout touch tr true umount uniq unshare wc
	xargs
)

# Prints the paths, and on the way to them the symbolic links of a Debian system.
resident_files()
{
	local -a files=()
	mapfile -t files < <(
		PATH=/usr/sbin:/usr/bin:/sbin:/bin type -P "${RESIDENT_PROGRAMS[@]}" || true
		find "$top/build/nkctl" "$top/build/tests/e2e" -type f -executable 2>/dev/null || true
	)
	mapfile -t files < <(
		printf '%s\n' "${files[@]}" /etc/ld.so.cache
		ldd "${files[@]}" 2>/dev/null | grep -o '/[^ :]*' || true # static ones have none
		find "$here/e2e" "$top/tools" -maxdepth 1 -type f
		find /usr/lib/bats-core /usr/libexec/bats-core -type f
	)
	{
		printf '%s\n' /bin /lib /lib64 /sbin "${files[@]}"
		realpath -qe -- "${files[@]}" || true
	} | sort -u
}
