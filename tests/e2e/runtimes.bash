# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# For the tests with real container runtimes: a host whose /etc, /opt, /var/lib and CNI plugins are its
# own to write to, an image made on the spot, and the commands of the pages in tools/cni.

# What tools/setup.sh unpacked rather than install, so that no daemon was started.
# shellcheck disable=SC2123
readonly RUNTIMES=${RUNTIMES:-${NKCTL_CACHE:-/var/cache/nkctl}/runtimes}
PATH=$RUNTIMES/usr/bin:$PATH
[[ $PATH == /run/bin:* ]] || PATH=/run/bin:$PATH

readonly IMAGE=docker.io/library/busybox:latest PAUSE_IMAGE=registry.k8s.io/pause:3.9
# shellcheck disable=SC2034
readonly PAGES=$BATS_TEST_DIRNAME/../../tools/cni
readonly PRIVATE_DIRS='/etc /opt /var/lib /usr/lib/cni /usr/local /usr/libexec'

need() # PROGRAM...
{
	local program
	for program; do
		[[ -n $(type -P "$program") ]] || skip "$program is not installed"
	done
}

# Makes a host of one's own from the machine's: what is written to it is gone with the mount namespace.
private_host()
{
	local dir upper
	for dir in $PRIVATE_DIRS; do
		upper=/run/private$dir
		mkdir -p "$upper/upper" "$upper/work"
		mount -t overlay -o "lowerdir=$dir,upperdir=$upper/upper,workdir=$upper/work" own "$dir"
	done
	rm -rf /etc/cni /etc/containerd /etc/containers
	# Images are put on overlays, which can't be on overlays.
	for dir in /var/lib/containerd /var/lib/containers; do
		mkdir -p $dir
		mount -t tmpfs tmpfs $dir
	done
	# Of cgroup v2 alone, with the tests' own cgroup as its root.
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	runtime_wrap runc
	runtime_wrap crun
}

# The tests' own cgroup has no controllers: containers get no limits.
runtime_wrap() # PROGRAM
{
	mkdir -p /run/bin
	cat >"/run/bin/$1" <<-SCRIPT
		#!/bin/bash
		for ((i = 1; i < \$#; i++)); do
			next=\$((i + 1))
			[[ \${!i} != --bundle ]] || config=\${!next}/config.json
		done
		[[ -z \$config ]] || echo "\$(jq 'del(.linux.resources)' "\$config")" >"\$config"
		exec $(type -P "$1") "\$@"
	SCRIPT
	chmod +x "/run/bin/$1"
}

# Makes an archive, as "docker save" would, of two images with busybox.
image_make() # FILE
{
	local dir=$BATS_FILE_TMPDIR/image applet layer
	mkdir -p "$dir"/rootfs/{bin,etc,tmp,root}
	cp /bin/busybox "$dir/rootfs/bin/"
	for applet in cat echo ip nc ping sh sleep true; do ln -s busybox "$dir/rootfs/bin/$applet"; done
	echo 'root:x:0:0::/root:/bin/sh' >"$dir/rootfs/etc/passwd"
	tar -C "$dir/rootfs" -cf "$dir/layer.tar" .
	layer=$(sha256sum "$dir/layer.tar")
	image_config "${layer%% *}" sh >"$dir/busybox.json"
	image_config "${layer%% *}" sleep 2147483647 >"$dir/pause.json"
	jq -n --arg image "$IMAGE" --arg pause "$PAUSE_IMAGE" '[
		{Config: "busybox.json", RepoTags: [$image], Layers: ["layer.tar"]},
		{Config: "pause.json", RepoTags: [$pause], Layers: ["layer.tar"]}]' >"$dir/manifest.json"
	tar -C "$dir" -cf "$1" manifest.json busybox.json pause.json layer.tar
	rm -r "$dir"
}

image_config() # LAYER COMMAND...
{
	jq -n --arg layer "sha256:$1" --args '{architecture: "amd64", os: "linux",
		config: {Env: ["PATH=/bin"], Cmd: $ARGS.positional},
		rootfs: {type: "layers", diff_ids: [$layer]}}' "${@:2}"
}

# Prints the commands of a page's section.
page() # PAGE TITLE
{
	sed -n "/^## $2\$/,/^## /{/^\`\`\`sh\$/,/^\`\`\`\$/{/^\`\`\`/!p}}" "$PAGES/$1"
}

# Runs them, as they are. Not in a subshell: later sections use the variables of earlier ones. Not in a
# condition either, so that the first one that fails ends the test.
follow() # PAGE TITLE
{
	local commands
	commands=$(page "$1" "$2")
	expect_match "$1 has commands under '$2'" . "$commands"
	eval "$commands"
}

# The network of the pages uses the device and the mode under test.
network_adapt() # FILE
{
	local config
	config=$(jq --arg device "$E2E_DEVICE" --arg mode "$E2E_MODE" \
		'.plugins[0] += {device: $device, mode: $mode}' "$1")
	printf '%s\n' "$config" >"$1"
}

# Prints what an attachment has on the host: devices, routes, claims, published ports, namespaces.
attachment_traces()
{
	local map
	ip -o link show | cut -d ' ' -f 2
	ip -4 route show table all
	ip -6 route show table all | sed 's/ expires [0-9]*sec//'
	for map in /sys/fs/bpf/nkctl*/maps/{owners,endpoints_v4,endpoints_v6,published}; do
		[[ ! -e $map ]] || bpftool -j map dump pinned "$map"
	done
	ip netns list
	nkctl list
}

# Runs a program without any of bats' pipes: whoever holds one, as a child that stays would, keeps bats
# waiting.
without_descriptors() # PROGRAM [ARGUMENT]...
{
	# shellcheck disable=SC2016 # the inner shell's
	bash -c 'for fd in /proc/self/fd/*; do
			((${fd##*/} < 3)) || eval "exec ${fd##*/}>&-"
		done
		exec "$@"' - "$@"
}

# Starts a daemon that outlives the test.
daemon_start() # NAME [ARGUMENT]...
{
	without_descriptors "$@" >>"/run/$1.log" 2>&1 </dev/null &
	echo $! >"/run/$1.pid"
	disown
}

daemon_end() # NAME
{
	[[ ! -e /run/$1.pid ]] || kill -KILL "$(<"/run/$1.pid")" 2>/dev/null || true
}

# Has a place answer on a TCP port with what it is told.
echo_serve() # PLACE PORT
{
	start "echo-$1" "$1" socat "TCP6-LISTEN:$2,ipv6only=0,fork,reuseaddr" EXEC:cat
}

# Expects that a container reaches all addresses by ping, and by TCP on a port where an echo is.
expect_reaches() # WORDS CONTAINER PORT ADDRESS...
{
	local said
	# shellcheck disable=SC2016 # the container's
	listen_to inside "$2" sh -c 'port=$1; shift; for address; do
		ping -c 1 -w 5 $address >/dev/null && echo "hello $address" | nc -w 5 $address $port
		done' - "${@:3}" || fail "$1: ping and TCP" "$said"
	expect_same "$1: ping and TCP" "$(printf 'hello %s\n' "${@:4}")" "$said"
}

# Expects an echo on a TCP port of all addresses, from a place.
expect_echoes() # WORDS PLACE PORT ADDRESS...
{
	local address
	for address in "${@:4}"; do
		[[ $address != *:* ]] || address="[$address]"
		expect_same "$1: $address" hello "$(echo hello | at "$2" socat -t 5 - "TCP:$address:$3" 2>&1)"
	done
}

## Death in the midst of an attachment

# Has a script stand before a plugin. Files tell it what to do to the next ADD: to wait in the midst, or
# to kill it in its midst together with the runtime.
plugin_wrap() # FILE
{
	mv "$1" "$1.real"
	defer mv "$1.real" "$1"
	cat >"$1" <<-'SCRIPT'
		#!/bin/bash
		if [[ $CNI_COMMAND != ADD && $1 != setup ]]; then
			:
		elif [[ -e /run/wait ]]; then
			mv /run/wait /run/waits
			while [[ -e /run/waits ]]; do sleep 0.05; done
		elif [[ -e /run/die ]]; then
			die=$(</run/die)
			rm /run/die
			$die "$0.real" "$@"
			caller=$PPID
			while [[ $(</proc/$caller/comm) == @(containerd|podman|netavark) ]]; do
				callers+=" $caller"
				caller=$(ps -o ppid= "$caller")
				caller=${caller// }
			done
			kill -KILL $callers $$
		fi
		exec "$0.real" "$@"
	SCRIPT
	chmod +x "$1"
}

# Has the next ADD die when the device is there and the program is to be attached.
die_in_next() { echo "$(type -P at_bpf) $BPF_PROG_ATTACH 1 kill" >/run/die; }

# Does what runtimes that know GC do when no container is left.
gc() # NETWORK
{
	expect_cni 'GC' GC '' "$(cni_config '{"cni.dev/valid-attachments": []}' 1.1.0 "$1")"
}

devices_count() { ip -o link show | grep -c ': nk[0-9a-f]*@'; }
