# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What the tests of podman 4 and 5 share.

podman_host()
{
	private_host
	mkdir -p /etc/containers
	podman_config >/etc/containers/containers.conf
	cat >/etc/containers/storage.conf <<-'CONFIG'
		[storage]
		driver = "overlay"
		graphroot = "/var/lib/containers/storage"
		runroot = "/run/containers/storage"
	CONFIG
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
	image_make "$BATS_FILE_TMPDIR/image.tar"
	podman load -q -i "$BATS_FILE_TMPDIR/image.tar" >/dev/null
	echo_serve host 7
	echo_serve remote 7
}

# The page's podman needs nothing of this: no systemd, limits that a test may set, and ping.
podman_config()
{
	cat <<-CONFIG
		[containers]
		default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
		log_driver = "k8s-file"
		pids_limit = 0
		default_capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "NET_RAW"]
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		runtime = "runc"
		conmon_path = ["$(type -P conmon)"]
		helper_binaries_dir = ["$RUNTIMES/usr/lib/podman"]
		[engine.runtimes]
		runc = ["/run/bin/runc"]
		crun = ["/run/bin/crun"]
	CONFIG
}

# No descriptor of bats' goes to conmon, which outlives podman.
podman() { without_descriptors podman "$@"; }

inside() { podman --log-level error exec "$@"; }

setup()
{
	trace_test_only
	cd "$BATS_TEST_TMPDIR" || return
	note attachment_traces
}

teardown()
{
	clean_up
	podman rm -f -a -t 0 >/dev/null
}

addresses_of() # CONTAINER
{
	inside "$1" ip -o address show dev eth0 scope global | sed 's,.* inet6* \([^/]*\)/.*,\1,'
}

# Expects the page's containers 'web' and 'client' to reach and be reached.
expect_podman_network()
{
	local addresses
	addresses=$(addresses_of web)
	expect_match 'both families' '10\.244\.1\..*fd00:244:1:' "${addresses//$'\n'/ }"
	# shellcheck disable=SC2086 # two addresses
	expect_reaches 'the other container' client 80 $addresses
	expect_reaches 'host and world' client 7 "$HOST4" "$HOST6" "$REMOTE4" "$REMOTE6"
	# shellcheck disable=SC2086 # two addresses
	expect_echoes 'the host reaches the container' host 80 $addresses
	expect_echoes 'the world reaches its port' remote 8080 "$HOST4" "$HOST6"
	expect_echoes 'so does the host' host 8080 "$HOST4" "$HOST6"
}

# Kills podman and the plugin while it attaches; expects the next container to be well, and nothing to
# be left after GC, and after what podman itself left is gone.
expect_death_is_collected_by_gc_of() # NETWORK [OPTION]...
{
	die_in_next
	expect_not 'the container runs' podman run --name dead "${@:2}" "$IMAGE" true
	expect_same 'a device is left' 1 "$(devices_count)"
	expect_same 'the next one runs' well "$(podman --log-level error run --rm "${@:2}" "$IMAGE" echo well)"
	gc "$1"
	expect_same 'no device is left' 0 "$(devices_count)"
	podman_forget_dead
	expect_as_noted 'nothing is left' attachment_traces
}

# What podman itself leaves when it is killed: a mount and a namespace.
podman_forget_dead()
{
	umount -l /var/lib/containers/storage/overlay-containers/*/userdata/shm || true
	namespaces_remove
	podman rm -f -t 0 dead
}

# Namespaces of containers that podman lost with its life.
namespaces_remove()
{
	local name
	for name in $(ip netns list | grep -o '^netns-[^ ]*'); do ip netns delete "$name"; done
}
