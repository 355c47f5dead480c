# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # variables of tools/setup.sh
#
# A private apt for tools/setup.sh: the machine's own Debian suites and, beside them, the ones that
# hold the stock kernels and a newer libbpf. It shares dpkg's database with the
# machine and nothing else, so that the machine's own apt configuration and package lists stay as
# they are. Sourced, with 'cache', 'codename' and 'scratch' set.

# Every file is checked against the Debian archive's signatures.
readonly APT_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
apt_ready=

# Prints where this machine's apt gets suite $1 of Debian ('main') from, if it does. Lists that are
# already there would be left out of the answer, hence the empty directory.
apt_source_of()
{
	local uris
	mkdir -p -- "$scratch/no-lists/partial"
	uris=$(apt-get update --print-uris -o Dir::State::lists="$scratch/no-lists" 2>/dev/null)
	sed -n "s,^'\(.*\)/dists/$1/main/binary-[^/]*/Packages.*,\1,p;T;q" <<<"$uris"
}

# The Debian mirror. Others' archives have suites of these names too, but no -updates.
apt_mirror()
{
	local suite uri
	if [[ -n ${NKCTL_MIRROR:-} ]]; then
		echo "$NKCTL_MIRROR"
		return
	fi
	for suite in "$codename-updates" "$codename-backports" "$codename"; do
		uri=$(apt_source_of "$suite")
		[[ -z $uri ]] || { echo "$uri"; return; }
	done
	die "apt knows no Debian mirror on this machine: name one, NKCTL_MIRROR=http://HOST/debian"
}

# Prints the suites of the machine's own release, and the others that something is taken from.
apt_suites()
{
	case $codename in
	bookworm) echo bookworm bookworm-updates bookworm-backports trixie trixie-backports ;;
	trixie)   echo trixie trixie-updates trixie-backports ;;
	esac
}

apt_write_sources()
{
	local mirror security suite
	mirror=$(apt_mirror)
	security=$(apt_source_of "$codename-security")
	for suite in $(apt_suites); do
		echo "deb [signed-by=$APT_KEYRING] $mirror $suite main"
	done
	[[ -n $security ]] || return 0
	for suite in "$codename-security" trixie-security; do
		echo "deb [signed-by=$APT_KEYRING] $security $suite main"
	done | sort -u
}

# bookworm takes from trixie only what it lacks itself, and from its own backports only libbpf.
apt_write_preferences()
{
	if [[ $codename == bookworm ]]; then
		printf '%s\n' 'Package: *' 'Pin: release n=trixie*' 'Pin-Priority: 1' '' \
			'Package: libbpf-dev libbpf1' 'Pin: release n=bookworm-backports' \
			'Pin-Priority: 900'
	fi
}

# The private apt: apt_get and apt_cache once this has run.
apt_prepare()
{
	local dir=$cache/apt
	[[ -z $apt_ready ]] || return 0
	[[ -e $APT_KEYRING ]] || die "no $APT_KEYRING: apt-get install debian-archive-keyring"
	mkdir -p -- "$dir/lists/partial" "$dir/cache/archives/partial"
	apt_write_sources >"$dir/sources.list"
	apt_write_preferences >"$dir/preferences"
	apt_options=(
		-q -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o Dir::Etc::Preferences="$dir/preferences" -o Dir::Etc::PreferencesParts=/dev/null
		-o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache"
		-o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root
		-o APT::Update::Error-Mode=any -o DPkg::Lock::Timeout=600
	)
	say "reading package lists from $(apt_mirror)"
	attempt 'read the package lists (another mirror? NKCTL_MIRROR=http://HOST/debian)' \
		apt_get update
	apt_ready=1
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get "${apt_options[@]}" "$@"; }
apt_cache() { apt-cache "${apt_options[@]}" "$@"; }

# Installs the named packages.
apt_install()
{
	apt_prepare
	say "installing $*"
	attempt "install the packages" apt_get install -y --no-install-recommends "$@"
	apt_get clean
}

# Downloads the packages $2... into directory $1, leaving the machine's own packages alone.
apt_download()
{
	local dir=$1
	shift
	mkdir -p -- "$dir"
	(cd -- "$dir" && attempt "download $*" apt_get download "$@")
}

# Unpacks the packages $2... into directory $1 instead of installing them.
apt_unpack()
{
	local dir=$1 deb
	shift
	apt_prepare
	apt_download "$dir" "$@"
	for deb in "$dir"/*.deb; do
		dpkg-deb -x "$deb" "$dir"
		rm -- "$deb"
	done
}
