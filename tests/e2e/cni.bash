# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# A runtime in a few lines, for the tests of the CNI plugin: environment, JSON, exit status.

# shellcheck disable=SC2034 # for the tests
readonly CNI_PLUGIN_DIR=/usr/lib/cni

# Prints a configuration of the network 'pods': an object with more keys. Most are put together without jq, which
# an emulated guest feels: those that give none of the keys anew.
cni_config() # [MORE] [VERSION] [NAME]
{
	local more=${1:-'{}'} base
	printf -v base '{"cniVersion": "%s", "name": "%s", "type": "nkctl", "device": "%s", "mode": "%s"' \
		"${2:-1.1.0}" "${3:-pods}" "$E2E_DEVICE" "$E2E_MODE"
	if [[ ${2:-}${3:-} =~ ^[A-Za-z0-9._-]*$ && ! $more =~ \"(cniVersion|name|type|device|mode)\" &&
		$more =~ ^\{([[:space:]]*\".*)?\}$ ]]; then
		echo "$base${BASH_REMATCH[1]:+, ${BASH_REMATCH[1]}}}"
		return
	fi
	jq -nc --argjson more "$more" --arg version "${2:-1.1.0}" --arg name "${3:-pods}" \
		--arg device "$E2E_DEVICE" --arg mode "$E2E_MODE" \
		'{cniVersion: $version, name: $name, type: "nkctl", device: $device, mode: $mode} + $more'
}

# Does what a runtime does. The answer goes into 'answer', and what is said beside it into 'beside'.
# The attachment is CONTAINER[:IFNAME]; its namespace is named like it, unless CNI_NS names another path.
cni() # COMMAND CONTAINER[:IFNAME] CONFIG
{
	local id=${2%%:*} ifname=eth0 result=0 dir=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}
	[[ $2 != *:* ]] || ifname=${2#*:}
	cni_call "$1" CNI_CONTAINERID="$id" CNI_IFNAME="$ifname" \
		CNI_NETNS="${CNI_NS-/run/netns/$id}" CNI_PATH=$CNI_PLUGIN_DIR -- "$3" ||
		result=$?
	return $result
}

# The same with variables of one's choice alone.
cni_call() # COMMAND [VARIABLE=VALUE]... -- INPUT
{
	local command=$1 result=0 dir=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}
	local -a variables=()
	shift
	while [[ $1 != -- ]]; do
		variables+=("$1")
		shift
	done
	env -i PATH="$PATH" CNI_COMMAND="$command" ${CNI_ARGS:+CNI_ARGS="$CNI_ARGS"} \
		"${variables[@]}" "$NKCTL_PROGRAM" <<<"$2" >"$dir/answer" 2>"$dir/beside" || result=$?
	answer=$(<"$dir/answer")
	beside=$(<"$dir/beside")
	return $result
}

# Prints what a jq filter finds in the last answer.
answered() # FILTER
{
	jq -r "$1" <<<"$answer"
}

# Expects a request to succeed. Like it, it sets 'answer'.
expect_cni() # WORDS COMMAND CONTAINER[:IFNAME] CONFIG
{
	cni "${@:2}" || fail "$1" "$answer" "$beside"
}

# Expects it to fail with a number and a message, and an error object in the config's version.
expect_cni_error() # WORDS CODE REGEX COMMAND CONTAINER[:IFNAME] CONFIG
{
	! cni "${@:4}" || fail "$1: it should fail" "$answer"
	expect_answered_error "$1" "$2" "$3"
}

expect_answered_error() # WORDS CODE REGEX
{
	local -a told
	mapfile -t told < <(answered '.code, .msg')
	expect_same "$1: its number ($answer)" "$2" "${told[0]:-}"
	expect_match "$1: its words" "$3" "${told[*]:1}"
}

# Configuration $1 with the last answer as its prevResult.
with_previous() # CONFIG
{
	if [[ $1 == *'"prevResult"'* ]]; then
		jq -c --argjson previous "$answer" '. + {prevResult: $previous}' <<<"$1"
	else
		echo "${1%\}}, \"prevResult\": $answer}"
	fi
}

# shellcheck disable=SC2034
readonly BUILT_IN='{"subnets": ["10.91.0.0/16", "fd00:91::/64"]}'

setup()
{
	trace_test_only
	ip netns add c1
	ip netns add c2
}

teardown()
{
	clean_up
	take_all_down
}

# A file of eth0 below /sys, as the container's own sysfs has it.
host_path() # CONTAINER FILE
{
	local file=$BATS_TEST_TMPDIR/$2
	within "$1" unshare -m sh -c "mount -t sysfs sysfs /sys && cat /sys/class/net/eth0/$2" >"$file"
	echo "$file"
}

# Prints the endpoints that nkctl knows, as NETWORK/ID/IFNAME.
attached()
{
	nkctl list --json | jq -r '[.[] | "\(.network)/\(.id)/\(.ifname)"] | join(" ")'
}

# A configuration whose addresses come from host-local, whose files are this test's own.
host_local() # [MORE] [VERSION]
{
	local more=${1:-'{}'}
	cni_config "$(jq -nc --argjson more "$more" --arg dir "$BATS_TEST_TMPDIR/ipam" '{ipam: {
		type: "host-local", dataDir: $dir, ranges: [[{subnet: "10.92.0.0/24"}],
		[{subnet: "fd00:92::/64"}]], routes: [{dst: "0.0.0.0/0"}, {dst: "::/0"},
		{dst: "198.51.100.0/24"}]}} * $more')" "${2:-1.0.0}"
}

# The addresses that host-local has given out.
reserved() { (cd "$BATS_TEST_TMPDIR/ipam/pods" && printf '%s ' [0-9f]*); }

need_plugins() { [[ -x $CNI_PLUGIN_DIR/host-local ]] || skip 'containernetworking-plugins is not installed'; }

# Expects the last answer to be an error object and nothing else. A process takes long in a guest.
expect_error_object() # WORDS VERSION CODE [REGEX]
{
	expect_match "$1: an error object" \
		"^\{\s*\"cniVersion\": \"${2//./\\.}\",\s*\"code\": $3,\s*\"msg\": \"[^"$'\n'"]+\"\s*\}\$" "$answer"
	expect_match "$1: its words" "${4:-}" "$answer"
	expect_same "$1: nothing on stderr" '' "$beside"
}

# Calls with the variables of an ADD of c1, and perhaps others instead.
call_c1() # COMMAND INPUT [VARIABLE=VALUE]...
{
	cni_call "$1" CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 \
		CNI_PATH=$CNI_PLUGIN_DIR "${@:3}" -- "$2"
}
