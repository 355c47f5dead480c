# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # variables of tools/setup.sh
#
# Stock Debian kernels for vmtest/, unpacked from their packages into the cache. Sourced by
# tools/setup.sh beside tools/apt.sh. A kernel is a directory $cache/kernels/VERSION of
#
#   vmlinuz    as Debian ships it
#   vmlinux    the ELF image inside it, which QEMU starts at its PVH entry
#   modules/   what belongs at /lib/modules/RELEASE, uncompressed
#   version    RELEASE, as 'uname -r' tells it
#   layout     KERNEL_LAYOUT at the time
#
# made elsewhere and renamed into place, so that it is there whole or not at all.

# By the version that people name, a pattern for its releases. 6.12 is trixie's own kernel and 7.3 one
# of its backports; bookworm, whose backports have 6.12 as well, gets the same two. The pattern leaves
# out the flavours for clouds (which has no 9p) and real time.
declare -rA KERNEL_RELEASES=(
	[6.12]='6[.]12[.][0-9.]+[+]deb13[0-9.]*-amd64'
	[7.3]='7[.]3[.][0-9.]+[+]deb13[0-9.]*-amd64'
)

# To be raised whenever the content of a kernel's directory changes.
readonly KERNEL_LAYOUT=1

# The drivers that a VM, or a network without hardware, has a use for.
readonly KERNEL_DRIVERS=(block char net vhost virtio)
readonly KERNEL_DRIVERS_NET_LEFT_OUT=(can ethernet fddi ieee802154 phy usb wireless wwan)

kernel_missing()
{
	local layout=
	[[ ! -e $cache/kernels/$1/layout ]] || read -r layout <"$cache/kernels/$1/layout"
	[[ $layout != "$KERNEL_LAYOUT" ]]
}

# Prints the versions that the cache hasn't got.
kernels_missing()
{
	local version
	for version in "${!KERNEL_RELEASES[@]}"; do
		if kernel_missing "$version"; then echo "$version"; fi
	done
}

# Prints the newest release of version $1 that the archive has.
kernel_newest_release()
{
	apt_cache pkgnames linux- |
		sed -nE "s/^linux-(image|binary)-(${KERNEL_RELEASES[$1]})\$/\2/p" |
		sort -V | tail -n 1
}

# Prints the packages that make up release $1: a single one for 6.12, four for 7.3.
kernel_packages()
{
	apt_cache pkgnames linux- | grep -Fx -e "linux-image-$1" -e "linux-binary-$1" \
		-e "linux-modules-$1" -e "linux-base-$1"
}

# Removes modules for hardware, the larger half, from the tree at $1.
kernel_drop_drivers()
{
	local -a keep=() drop=()
	local name
	for name in "${KERNEL_DRIVERS[@]}"; do keep+=(! -name "$name"); done
	for name in "${KERNEL_DRIVERS_NET_LEFT_OUT[@]}"; do drop+=("$1/kernel/drivers/net/$name"); done
	find "$1/kernel/drivers" -mindepth 1 -maxdepth 1 "${keep[@]}" -exec rm -rf {} +
	rm -rf -- "$1/kernel/sound" "${drop[@]}"
}

# Turns the module tree at $1 of release $2 into one that loads without delay.
kernel_prepare_modules()
{
	rm -f -- "$1/build" "$1/source"
	kernel_drop_drivers "$1"
	find "$1" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 -P "$(nproc)" xz -d
	find "$1" -name '*.ko.zst' -print0 | xargs -0 -r -n 64 -P "$(nproc)" zstd -q -d --rm
	attempt "index the modules of $2" depmod -b "${1%/lib/modules/*}" "$2"
}

# Fetches version $1 into the cache.
kernel_install()
{
	local release root new modules
	local -a names

	apt_prepare
	release=$(kernel_newest_release "$1")
	[[ -n $release ]] || die "kernel $1: this mirror's trixie and trixie-backports don't have it"
	say "kernel $1: fetching $release"
	root=$scratch/kernel-$1 new=$scratch/kernel-$1.new
	mapfile -t names < <(kernel_packages "$release")
	apt_unpack "$root" "${names[@]}"

	say "kernel $1: unpacking its modules"
	modules=$(find "$root" -path "*/lib/modules/$release")
	kernel_prepare_modules "$modules" "$release"
	mkdir -p -- "$new"
	find "$root" \( -name vmlinuz -o -name "vmlinuz-$release" \) -exec mv {} "$new/vmlinuz" \;
	"$top/vmtest/extract-vmlinux" "$new/vmlinuz" "$new/vmlinux"
	rm -f -- "$modules/vmlinuz"
	mv -- "$modules" "$new/modules"
	echo "$release" >"$new/version"
	echo "$KERNEL_LAYOUT" >"$new/layout"

	mkdir -p -- "$cache/kernels"
	rm -rf -- "$cache/kernels/$1"
	mv -T -- "$new" "$cache/kernels/$1"
	rm -rf -- "$root"
}
