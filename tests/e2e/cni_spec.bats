#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The CNI spec 1.1.0 in its order, as far as its sentences can be tested from outside: section 1, and of
# section 2 parameters and errors. cni_spec_operations and cni_spec_results have the rest.
# What has a file of its own isn't repeated: cni (ADD, DEL, VERSION), cni_check, cni_gc (GC, STATUS),
# cni_ipam, cni_requests, cni_many, cni_chain (section 3).
#
# places: native
#
# datapath: stays loaded

load lib
load cni

## Section 1: the configuration

@test "1: keys that the plugin doesn't know, or the runtime has made, change nothing" {
	expect 'attached' call_c1 ADD "$(cni_config '{"cniVersions": ["1.0.0", "1.1.0"], "disableCheck": true,
		"disableGC": false, "loadOnlyInlinedPlugins": true, "capabilities": {"portMappings": true},
		"args": {"labels": {"a": "b"}, "cni": {"labels": [{"key": "a"}]}}, "cni.dev/x": {"y": [1]},
		"bridge": "cni0", "hairpinMode": 7, "runtimeConfig": {"cgroupPath": "/x", "deviceID": "0000"},
		"ipam": {}, "dns": {}, "prevResult": null, "subnets": null, "mtu": 0}')"
	expect_same 'with addresses of the built-in allocation' 10.88.0.2/32 "$(answered '.ips[0].address')"
}

@test "1: of a key that is there twice the last one counts, as to libcni" {
	expect 'attached' call_c1 ADD '{"cniVersion": "9.9.9", "cniVersion": "1.0.0", "name": "x", "name": "pods",
		"device": "'"$E2E_DEVICE"'", "mtu": "big", "mtu": 1400}'
	expect_same 'the version' 1.0.0 "$(answered .cniVersion)"
	expect_same 'the name' pods/c1/eth0 "$(attached)"
}

@test "1: names of networks and of plugins that can be files' names alone" {
	local name
	for name in . .. -x _x .x 'a b' 'a/b' 'a\\b' 'ä' 'a\nb' '*'; do
		expect_not "the network '$name'" call_c1 ADD "{\"cniVersion\": \"1.1.0\", \"name\": \"$name\"}"
		expect_error_object "the network '$name'" 1.1.0 7
	done
	expect_not 'an empty one' call_c1 ADD '{"cniVersion": "1.1.0", "name": ""}'
	expect_error_object 'an empty one' 1.1.0 7
	for name in . .. a/b /bin/true; do
		expect_not "the plugin '$name'" call_c1 ADD \
			"{\"cniVersion\": \"1.1.0\", \"name\": \"pods\", \"ipam\": {\"type\": \"$name\"}}"
		expect_error_object "the plugin '$name'" 1.1.0 7
	done
	expect 'odd, but allowed' call_c1 ADD "$(cni_config '{}' 1.1.0 0.a_b-c.)"
}

## Section 2: parameters

@test "2: container ids that are allowed, and that are not" {
	local id long config
	long=$(printf 'x%.0s' {1..300})
	config=$(cni_config)
	for id in .. . -x _x a/b ../../x 'a b' 'a;b' 'ä' $'a\nb' '$(id)' "$long"; do
		expect_not "'$id'" call_c1 ADD "$config" CNI_CONTAINERID="$id"
		expect_error_object "'$id'" 1.1.0 4 CNI_CONTAINERID
	done
	for id in 0 A..b_-. "${long:0:200}"; do
		expect "'$id'" call_c1 ADD "$config" CNI_CONTAINERID="$id"
		expect "'$id' is detached" call_c1 DEL "$config" CNI_CONTAINERID="$id" CNI_NETNS=
	done
	expect_not "a bad one to DEL" call_c1 DEL "$config" CNI_CONTAINERID=..
	expect_error_object "a bad one to DEL" 1.1.0 4
	expect_same 'nothing is left' '' "$(attached)"
}

@test "2: CNI_NETNS is a path to a network namespace, and not the host's" {
	local path config
	config=$(cni_config)
	for path in /run/netns/none /etc/passwd /run /proc/self/ns/mnt /proc/self/ns/net /proc/1/ns/net \
		/proc/4194304/ns/net c1 ../netns/c1/x /dev/null ''; do
		expect_not "'$path'" call_c1 ADD "$config" CNI_NETNS="$path"
		expect_error_object "'$path'" 1.1.0 4 CNI_NETNS
	done
	expect 'a path that goes round' call_c1 ADD "$config" CNI_NETNS=/run/../run/netns/c1
	expect_same 'the sandbox is told as it was given' /run/../run/netns/c1 "$(answered '.interfaces[1].sandbox')"
}

@test "2: CNI_ARGS in all its forms" {
	local args config
	config=$(cni_config)
	for args in FOO FOO=BAR '=x' 'IgnoreUnknown=2;FOO=BAR' 'IgnoreUnknown=truest;FOO=BAR' \
		'IgnoreUnknown=;FOO=BAR' 'K8S_=x' 'MAC=zz' 'IP=zz' 'IP=10.88.0.9,zz'; do
		expect_not "'$args'" call_c1 ADD "$config" CNI_ARGS="$args"
		expect_match "'$args': it is named" CNI_ARGS "$answer"
	done
	expect 'DEL needs none' call_c1 DEL "$config" CNI_ARGS=FOO
	for args in ';' 'IgnoreUnknown=True;FOO=BAR' 'FOO=BAR;;IgnoreUnknown=1;' \
		'K8S_POD_NAME=a;K8S_POD_UID=b;K8S_POD_ANY=c=d' 'IP=10.88.0.9,fd00:88::9;GATEWAY=10.88.0.1'; do
		expect "'$args'" call_c1 ADD "$config" CNI_ARGS="$args"
		[[ $args != IP=* ]] || expect_same 'the addresses asked for' '10.88.0.9/32 fd00:88::9/128' \
			"$(answered '[.ips[].address] | join(" ")')"
		expect 'detached' call_c1 DEL "$config" CNI_ARGS="$args"
	done
}

## Section 2: errors

@test "2: errors are objects on stdout with the request's version, and nothing is on stderr" {
	local version deep
	expect_not 'no JSON' call_c1 ADD '{"cniVersion": "1.0.0"'
	expect_error_object 'no JSON' 1.1.0 6
	deep=$(printf '[%.0s' {1..5000})
	for version in '' null '"x"' 7 '{"name": "pods"}{}' "$deep" $'{"cniVersion": "\x01"}' $'\xef\xbb\xbf{}' \
		$'{"a": "\xff"}'; do
		expect_not "'${version:0:20}'" call_c1 ADD "$version"
		expect_error_object "'${version:0:20}'" 1.1.0 6
	done
	expect_not 'no version' call_c1 ADD '{"name": "pods"}'
	expect_error_object 'no version' 1.1.0 1
	for version in 0.2.0 1.2.0 2.0.0 1.1.0-rc1 v1.0.0 1.0; do
		expect_not "version $version" call_c1 ADD "{\"cniVersion\": \"$version\", \"name\": \"pods\"}"
		expect_error_object "version $version" $version 1 "cniVersion $version:"
	done
	expect_not 'to DEL, too' call_c1 DEL "{\"cniVersion\": \"$version\", \"name\": \"pods\"}"
	expect_error_object 'to DEL, too' $version 1
	for version in 0.3.1 0.4.0 1.0.0 1.1.0; do
		expect_not "a failure in version $version" call_c1 ADD \
			"{\"cniVersion\": \"$version\", \"name\": \"pods\", \"mtu\": 1}"
		expect_error_object "a failure in version $version" $version 7
	done
	expect_same 'nothing was attached' '[]' "$(nkctl list --json)"
}

@test "2: input that can't be read, is endless or huge, and output that can't be written" {
	local config said
	config=$(cni_config)
	expect_same 'stdin is closed' 5 "$(cni_raw <&- | jq .code)"
	expect_same 'stdin is a directory' 5 "$(cni_raw </ | jq .code)"
	expect_same 'stdin is endless' 6 "$(cni_raw </dev/zero | jq .code)"
	expect_not 'stdout is full' eval 'cni_raw <<<"$config" >/dev/full'
	expect_not 'stdout is closed' eval 'cni_raw <<<"$config" >&-'
	expect_same 'an attachment that nobody learns of is undone' '' "$(attached)"
	said=$(head -c 4000000 /dev/zero | tr '\0' x)
	jq -c --rawfile x <(printf %s "$said") '. + {x: $x}' <<<"$config" >"$BATS_TEST_TMPDIR/large"
	expect 'four megabytes that are nobody'\''s business' cni_raw <"$BATS_TEST_TMPDIR/large"
	expect_same 'attached' pods/c1/eth0 "$(attached)"
}

# An ADD of c1 with this shell's stdin and stdout.
cni_raw()
{
	CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 "$NKCTL_PROGRAM"
}
