# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What bash completion offers: the verbs and options that nkctl has, and the names that it knows.
#
# places: native

load lib

completion=$BATS_TEST_DIRNAME/../../tools/completion/nkctl

setup_file()
{
	containers web1
	ip netns add web2
	nkctl network add lab --subnet 10.99.0.0/24
}

# Prints what is offered for the last of the words, sorted.
offers() # WORD...
{
	# shellcheck disable=SC2016 # expanded by the shell that runs it
	bash -c '
		source "$1"
		COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
		_nkctl
		if ((${#COMPREPLY[@]})); then printf "%s\n" "${COMPREPLY[@]}"; fi' \
		_ "$completion" "$NKCTL_PROGRAM" "$@" | sort | xargs -r -d '\n'
}

# Expects these words to be offered, in whatever order, and no other.
expect_offers() # "OFFER..." WORD...
{
	expect_same "nkctl ${*:2}<Tab>" "$(tr ' ' '\n' <<<"$1" | sort | xargs)" "$(offers "${@:2}")"
}

# The verbs of nkctl, one a line.
verbs() { jq -r '.[].name' <<<"$help"; }

setup() { help=$(nkctl help --json); }

@test "each verb is offered, and each word behind a group's name" {
	local group
	expect_offers "$(verbs | cut -d' ' -f1 | uniq | xargs)" ''
	for group in publish network uplink cni; do
		expect_offers "$(verbs | sed -n "s/^$group //p" | xargs)" $group ''
		expect_offers "$(verbs | sed -n "s/^$group //p" | xargs)" help $group ''
	done
	expect_offers 'detach doctor down' d
}

@test "each verb's options are offered, and no other" {
	local verb options
	while IFS=: read -r verb options; do
		# shellcheck disable=SC2086 # a verb may be two words
		expect_offers "--json --verbose --help $options" $verb --
	done < <(jq -r '.[] | .name + ":" + ([.options[].name | "--" + .] | join(" "))' <<<"$help")
	expect_offers '--subnet' network add net1 --s
	expect_offers '--id --ifname --ingress-burst --ingress-rate --ip' attach --ns web2 --i
}

@test "values are offered" {
	expect_offers 'l3 l2' attach --mode ''
	expect_offers 'netkit' attach --ns web2 --device n
	expect_offers 'auto' attach --ip a
	expect_offers '/etc/ssl' cni install --bin-dir /etc/ssl
	expect_offers '' cni install --network ''
	expect_offers '' attach --mtu ''
	expect_offers 'default lab' attach --network ''
	expect_offers 'lab' network remove l
	expect_offers 'web1' detach --id ''
	expect_offers '' attach --id ''
	expect_offers 'eth0' show web1 --ifname ''
	expect_offers "web1 $(primary_of web1)" show ''
	expect_offers "web1 $(primary_of web1)" publish add ''
	nkctl publish add web1 8080:80 53:53/udp
	expect_offers '8080:80 53:53/udp' publish remove web1 ''
	expect_offers '8080:80' publish remove web1 53 : 53/udp 8
	nkctl publish remove web1 8080:80 53:53/udp
	expect_offers 'eth0' uplink remove ''
	expect_offers 'eth0' uplink add e
}

@test "what nkctl would refuse isn't offered" {
	expect_offers 'eth0' uplink add ''
	nkctl nat exempt add 192.0.2.0/24 10.99.0.0/24
	defer nkctl nat exempt remove 192.0.2.0/24 10.99.0.0/24
	expect_match 'subnets of networks are exempt' '10.88.0.0/16' "$(nkctl nat show)"
	expect_offers '10.99.0.0/24 192.0.2.0/24' nat exempt remove ''
}

@test "a namespace is offered by its name, by its path, and as pid:" {
	expect_offers 'web1 web2' attach --ns w
	expect_offers 'pid:' detach --ns p
	expect_offers '/run/netns/web1 /run/netns/web2' attach --ns /run/netns/w
}

@test "an option's value may follow an equals sign, and the verb an option" {
	expect_offers 'web1 web2' attach --ns = w
	expect_offers 'l3 l2' attach --mode =
	expect_offers 'list' --json uplink l
}

@test "options are offered behind a value with colons" {
	expect_offers '--mtu --mode --masquerade' attach --ns pid : 4711 --m
	expect_offers '--mtu --mode --masquerade' attach --ip fd00 : 88 :: 7 --m
}

@test "a name that a shell would run is quoted, not run" {
	cd "$BATS_TEST_TMPDIR"
	# shellcheck disable=SC2016 # that is the point
	ip netns add 'x$(touch ran)'
	expect_same 'the offer' 'x\$\(touch\ ran\)' "$(offers attach --ns x)"
	expect_not 'the name ran' ls ran
}

@test "where nkctl may not be asked, no names are offered, and nothing is said" {
	expect_same 'the offer and stderr' '--help --json --verbose' "$(NKCTL_PROGRAM=/bin/false \
		offers network remove '' 2>&1)"
}

@test "bash-completion finds it by its name" {
	mkdir -p "$BATS_TEST_TMPDIR/bash-completion/completions"
	cp "$completion" "$BATS_TEST_TMPDIR/bash-completion/completions/nkctl"
	# shellcheck disable=SC2016
	expect_match 'the completion of nkctl' '^complete -F _nkctl nkctl$' \
		"$(BASH_COMPLETION_USER_DIR=$BATS_TEST_TMPDIR/bash-completion bash -c '
			. /usr/share/bash-completion/bash_completion
			_completion_loader nkctl || true
			complete -p nkctl')"
}
