# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# What the tests of containerd share. The commands are those of tools/cni/containerd.md.

setup_file()
{
	need containerd ctr runc crun
	private_host
	image_make "$BATS_FILE_TMPDIR/image.tar"
	containerd_config >/run/containerd.toml
	containerd_start
	ctr -n k8s.io images import "$BATS_FILE_TMPDIR/image.tar" >/dev/null
	ctr images import "$BATS_FILE_TMPDIR/image.tar" >/dev/null
	follow containerd.md Install
	network_adapt /etc/cni/net.d/10-nkctl.conflist
	eventually 'containerd takes the network' network_is_ready
	echo_serve host 7
	echo_serve remote 7
	# Loads the programs, so that what is there before and after can be compared. Claims of a container
	# that has died before its DEL wait to be collected, where the kernel doesn't do it.
	follow containerd.md 'A container by ctr'
	gc nkctl
}

setup()
{
	trace_test_only
	cd "$BATS_TEST_TMPDIR" || return
	note attachment_traces
}

teardown()
{
	local id
	[[ -n $BATS_TEST_COMPLETED ]] || containerd_errors
	clean_up
	for id in $(crictl pods -q); do crictl rmp -f "$id"; done
}

teardown_file()
{
	daemon_end containerd
	clean_up
}

# Says on a failure what the runtime says.
containerd_errors() { grep -o 'level=error.*' /run/containerd.log | tail -n 3; }

crictl() { "$BATS_TEST_DIRNAME/crictl" "$@"; }

inside() { crictl exec -s "$@"; }

containerd_start()
{
	daemon_start containerd --config /run/containerd.toml
	eventually 'containerd serves' ctr version
	eventually 'containerd knows its pods' crictl pods -q
}

# The page's containerd needs nothing of this: a pause image that isn't fetched, and a machine without
# AppArmor and the right to lower oom_score_adj.
containerd_config()
{
	cat <<-CONFIG
		version = 2
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "$PAUSE_IMAGE"
		restrict_oom_score_adj = true
		disable_apparmor = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		bin_dir = "/usr/lib/cni"
		conf_dir = "/etc/cni/net.d"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
		runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
		BinaryName = "crun"
	CONFIG
}

network_is_ready() { crictl info | grep -A 1 NetworkReady | grep -q true; }

# The addresses of a pod, IPv4 first.
addresses_of() # POD
{
	local all
	all=$(crictl inspectp "$1" | sed -n 's/.*"ip": "\(.*\)".*/\1/p')
	grep -v : <<<"$all"
	grep : <<<"$all"
}

# Makes one more pod, by SECOND_RUNTIME and without a port; its ids go into 'pod2' and 'container2'.
second_pod()
{
	cat >second.json <<-'END'
		{"metadata": {"name": "second", "namespace": "default", "uid": "second-1"}, "linux": {}}
	END
	pod2=$(crictl runp --runtime "$SECOND_RUNTIME" second.json)
	container2=$(crictl create "$pod2" echo.json second.json)
	crictl start "$container2"
}

# The page's pod, and a second one.
expect_pods_talk()
{
	local address4 address6 other4 other6 container
	follow containerd.md Check
	follow containerd.md 'A pod'
	second_pod
	read -rd '' address4 address6 < <(addresses_of "$pod") || true
	read -rd '' other4 other6 < <(addresses_of "$pod2") || true
	expect_match 'an IPv4 address' '^10\.244\.1\.' "$address4"
	expect_match 'an IPv6 address' '^fd00:244:1:' "$address6"
	expect_reaches 'the other pod' "$container" 80 "$other4" "$other6"
	expect_reaches 'and back' "$container2" 80 "$address4" "$address6"
	expect_reaches 'host and world' "$container" 7 "$HOST4" "$HOST6" "$REMOTE4" "$REMOTE6"
	expect_echoes 'the host reaches the pod' host 80 "$address4" "$address6"
	expect_echoes 'the world reaches its port' remote 8080 "$HOST4" "$HOST6"
	expect_echoes 'so does the host' host 8080 "$HOST4" "$HOST6"
	follow containerd.md 'Remove the pod'
	crictl rmp -f "$pod2"
	expect_as_noted 'nothing is left' attachment_traces
}

pod_config() { page containerd.md 'A pod' | sed -n '/^{/,/^}/{p;/^}/q}'; }

# Runtime and plugin are killed in the midst of ADD.
expect_dead_add_leaves_nothing()
{
	plugin_wrap /usr/lib/cni/nkctl
	pod_config >web.json
	sed 's/web/next/; s/8080/8081/' web.json >next.json
	die_in_next
	expect_not 'the pod is made' crictl runp web.json
	expect_same 'a device is left' 1 "$(devices_count)"
	containerd_start
	pod=$(crictl runp next.json)
	expect_match 'the next one is attached' "nkctl/$pod/eth0" "$(attached)"
	crictl rmp -f "$pod"
	crictl rmp -f "$(crictl pods -q)"
	calls_del_for_the_unfinished || dead_are_collected
	expect_as_noted 'nothing is left of the dead one' attachment_traces
}

# Later ones take the namespace away, and leave to others what hung on it.
calls_del_for_the_unfinished() { [[ $(containerd --version) == *' 1.6.'* ]]; }

dead_are_collected()
{
	eventually 'the device dies with its namespace' eval "! devices_count"
	gc nkctl
}

endpoint_is_left() { [[ $(attached) == nkctl/* ]]; }

# The runtime is killed while the plugin goes on to its end.
expect_gc_of_unknown()
{
	plugin_wrap /usr/lib/cni/nkctl
	touch /run/wait
	pod_config >web.json
	start runp host "$BATS_TEST_DIRNAME/crictl" runp web.json
	eventually 'the plugin is under way' test -e /run/waits
	daemon_end containerd
	rm /run/waits
	eventually 'the plugin goes on to its end' endpoint_is_left
	containerd_start
	gc nkctl
	expect_same 'it is gone' '' "$(attached)"
	crictl rmp -f "$(crictl pods -q)"
	expect_as_noted 'nothing is left' attachment_traces
}

expect_uninstalled()
{
	follow containerd.md Uninstall
	expect_same 'no network' '' "$(find /etc/cni/net.d -name '*.conflist')"
	expect_not 'no plugin' test -e /usr/lib/cni/nkctl -o -e /opt/cni/bin/nkctl
}
