# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # variables of tools/setup.sh
#
# Container runtimes for the tests. What has daemons is unpacked into the cache rather than installed, so
# that the machine starts none, now or at its next boot, and gets no network of theirs. Sourced by
# tools/setup.sh, after tools/apt.sh.
#
# bookworm has podman 4, which speaks CNI. Its podman 5, which has netavark alone, is trixie's, with
# trixie's libraries beside it: the tests show them to it in a mount namespace. Of containerd it has 1.6;
# trixie's 1.7 is content with bookworm's libraries.

readonly RUNTIMES_PODMAN5=(podman netavark aardvark-dns conmon libc6 libgcc-s1 libsubid5 libgpgme11t64
	libassuan9 libglib2.0-0t64)

# Prints the libraries that are to be installed for what is unpacked.
runtimes_libraries()
{
	case $codename in
	bookworm) printf '%s\n' libgpgme11 libsubid4 ;;
	trixie)   printf '%s\n' libgpgme11t64 libsubid5 libsqlite3-0 libseccomp2 ;;
	esac
}

# Prints the directories of the cache that are missing.
runtimes_missing()
{
	[[ -e $cache/runtimes ]] || echo runtimes
	[[ $codename == bookworm ]] || return 0
	[[ -e $cache/podman5 ]] || echo podman5
	[[ -e $cache/containerd17 ]] || echo containerd17
}

# A directory appears when all of it is there.
runtimes_fetch() # DIRECTORY
{
	local -a packages=(containerd podman)
	[[ $codename == bookworm ]] || packages+=(netavark aardvark-dns)
	case $1 in
	podman5)      packages=("${RUNTIMES_PODMAN5[@]/%//trixie}") ;;
	containerd17) packages=(containerd/trixie) ;;
	esac
	say "fetching ${packages[*]}"
	apt_unpack "$scratch/$1" "${packages[@]}"
	mv -- "$scratch/$1" "$cache/$1"
}
