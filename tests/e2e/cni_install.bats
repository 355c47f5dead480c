#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `nkctl cni install` and `uninstall`: files that are put in their place whole, or not at all. Natively
# alone: no kernel takes part but for its file system.
#
# places: native

load lib
load cni
load interrupted

@test "installed, a runtime finds it; uninstalled, nothing is left" {
	local dir=$BATS_TEST_TMPDIR/cni config
	expect 'installed' nkctl cni install --bin-dir "$dir/bin" --conf-dir "$dir/net.d" \
		--subnet 10.97.0.0/24
	expect 'the plugin is this program' cmp "$NKCTL_PROGRAM" "$dir/bin/nkctl"
	config=$(jq -c '. as $list | .plugins[0] + {name: $list.name, cniVersion: $list.cniVersions[-1]}' \
		"$dir/net.d/10-nkctl.conflist")
	NKCTL_PROGRAM=$dir/bin/nkctl expect_cni 'it works as a runtime would use it' ADD c1 "$config"
	expect_same 'with that subnet' 10.97.0.2/32 "$(answered '.ips[0].address')"
	NKCTL_PROGRAM=$dir/bin/nkctl expect_cni 'detached' DEL c1 "$config"
	expect_same 'again nothing changes, and the network stays as it is' 'unchanged kept' \
		"$(nkctl cni install --bin-dir "$dir/bin" --conf-dir "$dir/net.d" --json |
			jq -r '[.[].outcome] | join(" ")')"
	expect_same 'nothing but the files is there' '10-nkctl.conflist nkctl' \
		"$(find "$dir" -type f -printf '%f\n' | sort | xargs)"
	touch "$dir/net.d/05-other.conflist"
	expect_match 'a network that comes first is told' '05-other.conflist comes before' \
		"$(nkctl cni install --bin-dir "$dir/bin" --conf-dir "$dir/net.d" 2>&1)"
	expect_same 'uninstalled' 'removed removed' \
		"$(nkctl cni uninstall --bin-dir "$dir/bin" --conf-dir "$dir/net.d" --json |
			jq -r '[.[].outcome] | join(" ")')"
	expect_same 'the other file stays' 05-other.conflist "$(find "$dir" -type f -printf '%f\n')"
	expect 'again' nkctl cni uninstall --bin-dir "$dir/bin" --conf-dir "$dir/net.d"
	expect_refusal 'a bad subnet' 2 'host bits' cni install --subnet 10.97.0.1/24
	expect_refusal 'a bad name' 2 'a/b' cni install --network a/b
	expect_refusal 'one too long for any container' 2 'together' cni install --network "$(printf 'x%.0s' {1..200})"
	expect_refusal 'a file in the way' 1 'Not a directory' cni install \
		--bin-dir "$dir/net.d/05-other.conflist/x" --conf-dir "$dir/net.d"
}

@test "a directory that somebody keeps locked is installed to, and swept another time" {
	local dir=$BATS_TEST_TMPDIR/cni
	mkdir -p "$dir/bin" "$dir/net.d"
	touch "$dir/bin/.nkctl-new.abcdef"
	start locker host flock --no-fork "$dir/bin" sleep 1000
	eventually 'it is locked' eval "! flock -n '$dir/bin' true"
	expect 'installed' timeout 20 "$NKCTL_PROGRAM" cni install --bin-dir "$dir/bin" --conf-dir "$dir/net.d"
	expect_same 'nothing of a living one is swept' '.nkctl-new.abcdef 10-nkctl.conflist nkctl' \
		"$(find "$dir" -type f -printf '%f\n' | sort | xargs)"
	expect 'uninstalled' timeout 20 "$NKCTL_PROGRAM" cni uninstall --bin-dir "$dir/bin" --conf-dir "$dir/net.d"
	stop locker
	expect 'again' nkctl cni install --bin-dir "$dir/bin" --conf-dir "$dir/net.d"
	expect_same 'now it is' '10-nkctl.conflist nkctl' "$(find "$dir" -type f -printf '%f\n' | sort | xargs)"
}

@test "a network of that name that isn't ours, or none at all" {
	local dir=$BATS_TEST_TMPDIR/cni file content
	local -a dirs=(--bin-dir "$dir/bin" --conf-dir "$dir/net.d")
	file=$dir/net.d/10-nkctl.conflist
	mkdir -p "$dir/net.d"
	for content in '' '{' '[]' '{"name": "n"}' '{"name": "n", "plugins": []}' '{"plugins": [{"type": "nkctl"}]}'; do
		printf %s "$content" >"$file"
		expect_refusal "'$content'" 4 '10-nkctl.conflist is no network configuration: .*--network' \
			cni install "${dirs[@]}"
		expect_same "'$content' stays" "$content" "$(<"$file")"
	done
	expect_not 'a plugin was installed' test -e "$dir/bin/nkctl"
	content='{"name": "n", "plugins": [{"type": "bridge"}]}'
	printf %s "$content" >"$file"
	expect_refusal 'a bridge' 4 '10-nkctl.conflist has no plugin nkctl: ' cni install "${dirs[@]}"
	expect_same 'no uninstall takes it away' 'kept absent' \
		"$(nkctl cni uninstall "${dirs[@]}" --json 2>/dev/null | jq -r '[.[].outcome] | join(" ")')"
	expect_match 'and says so' 'warning: .*10-nkctl.conflist has no plugin nkctl: it stays' \
		"$(nkctl cni uninstall "${dirs[@]}" 2>&1 >/dev/null)"
	expect_same 'it stays' "$content" "$(<"$file")"
	expect 'replaced when asked for' nkctl cni install "${dirs[@]}" --network n
	expect_same 'with our plugin' nkctl "$(jq -r '.plugins[].type' "$file")"
	jq '.plugins += [{type: "tuning"}]' "$file" >"$dir/list"
	mv "$dir/list" "$file"
	expect_same 'one with ours among others is kept' 'unchanged kept' \
		"$(nkctl cni install "${dirs[@]}" --json | jq -r '[.[].outcome] | join(" ")')"
	for content in '{ "name": "n", "plugins": [{"type": "nkctl"},] }' '[]' '{"plugins": [{"type": "nkctl"}]}'; do
		printf %s "$content" >"$file"
		expect_match "'$content' may be anybody's" 'warning: .*10-nkctl.conflist is no network configuration: it stays' \
			"$(nkctl cni uninstall "${dirs[@]}" 2>&1 >/dev/null)"
		expect_same "'$content' is kept" "$content" "$(<"$file")"
	done
	expect 'installed anew' nkctl cni install "${dirs[@]}" --network n
	: >"$file"
	expect_same 'uninstalled, though it was emptied' 'removed removed' \
		"$(nkctl cni uninstall "${dirs[@]}" --json | jq -r '[.[].outcome] | join(" ")')"
}

@test "where there is no room for a file an installation fails, and tells what is there" {
	local dir=$BATS_TEST_TMPDIR/cni
	mkdir -p "$dir/small" "$dir/none"
	mount -t tmpfs -o size=64k tmpfs "$dir/small"
	defer umount "$dir/small"
	mount -t tmpfs -o nr_inodes=1 tmpfs "$dir/none"
	defer umount "$dir/none"
	expect_refusal 'for the plugin' 1 'No space left' cni install --bin-dir "$dir/small" \
		--conf-dir "$dir/net.d"
	expect_same 'nothing is there' '' "$(find "$dir" -type f)"
	expect_refusal 'for the network' 1 "the plugin is installed, its network isn't: .*No space left" \
		cni install --bin-dir "$dir/bin" --conf-dir "$dir/none"
	expect_same 'the plugin is there' "$dir/bin/nkctl" "$(find "$dir" -type f)"
}

# A runtime may start the plugin at any time: the kernel refuses it (ETXTBSY) while it can be written to.
@test "a plugin that is in its place can be started" {
	local dir=$BATS_TEST_TMPDIR/cni
	start install host strace -o /dev/null -e trace=rename -e inject=rename:delay_exit=1000000 \
		"$NKCTL_PROGRAM" cni install --bin-dir "$dir/bin" --conf-dir "$dir/net.d"
	eventually 'it is in its place' test -e "$dir/bin/nkctl"
	expect 'it starts' env CNI_COMMAND=VERSION sh -c "echo '{\"cniVersion\": \"1.1.0\"}' | '$dir/bin/nkctl'"
	expect 'installed' finish install
}

files() { find "$BATS_TEST_TMPDIR/cni" -type f -printf '%f\n' | sort; }

install_after_death() # INDEX
{
	expect 'installed' nkctl cni install "${dirs[@]}"
	expect_same 'that alone is there' $'10-nkctl.conflist\nnkctl' "$(files)"
	(($1 % 2)) || expect 'uninstalled' nkctl cni uninstall "${dirs[@]}"
	rm -f "$BATS_TEST_TMPDIR"/cni/*/*
}

uninstall_after_death() # INDEX
{
	expect 'uninstalled' nkctl cni uninstall "${dirs[@]}"
	expect_same 'nothing is there' '' "$(files)"
	(($1 % 2)) || expect 'installed' nkctl cni install "${dirs[@]}"
}

@test "an installation killed at any point leaves nothing that the next one, or its removal, doesn't take away" {
	local -a dirs=(--bin-dir "$BATS_TEST_TMPDIR/cni/bin" --conf-dir "$BATS_TEST_TMPDIR/cni/net.d")
	for_each_death 4 install_after_death 'net\.d' "$NKCTL_PROGRAM" cni install "${dirs[@]}"
	for_each_death 4 uninstall_after_death 'execve' "$NKCTL_PROGRAM" cni install "${dirs[@]}"
	nkctl cni install "${dirs[@]}"
	for_each_death 4 uninstall_after_death 'execve' "$NKCTL_PROGRAM" cni uninstall "${dirs[@]}"
}
