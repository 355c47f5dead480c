#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What root in a container sends from its own address, so that the host's stack gets to see it, and that
# must not come out of there: nobody else is reached, nor what listens on the host's loopback.
# (tests/prog/test_hostile.c has what the program itself does with a million of such frames.)

load lib

readonly OWN4=10.88.0.2 OWN6=fd00:88::2 OTHER4=10.88.0.3 OTHER6=fd00:88::3
readonly CGROUP=/run/cgroup

# At the end of each frame; what is sent last, and must arrive, has the other one.
readonly MARK=5b00f5b00f LAST=1a571a571a57

# c1 is the hostile one. On the host's loopback somebody listens, at ports that may be published; c2
# has a published port at each address and one at 127.0.0.1 alone.
setup_file()
{
	local protocol
	mkdir $CGROUP
	mount -t cgroup2 cgroup2 $CGROUP
	containers c1 c2
	export ETH
	ETH=$(eth_from c1)
	for protocol in tcp udp; do
		serve c2 $protocol 80
		serve host-v4 $protocol 7777 127.0.0.1
		serve host-v6 $protocol 7777 ::1
	done
	nkctl publish add c2 8080:80 8080:80/udp 127.0.0.1:8081:80 127.0.0.1:8081:80/udp
}

serve() # NAME PROTOCOL PORT [ADDRESS]
{
	local place=${1%-v?}
	start "$1-$2" "$place" greet serve "$1" "${@:2}"
	eventually "greet listens in $1" grep -q ready "$(output_of "$1-$2")"
}

# Sends frames of a kind that the program may let through to the host's stack.
send() # FRAME-ARGUMENT...
{
	at c1 frame -n 5 eth0 "$@"
}

sniff_all()
{
	sniff wire remote eth0
	sniff other c2 eth0
}

# Expects that nothing of it came anywhere: what is sent last has arrived, and nothing before it.
expect_nothing_arrived()
{
	local reset=tcp:dport=9,flags=0x04 # which nobody answers
	send "$ETH" ip4:src=$OWN4,dst=$REMOTE4 $reset data:hex=$LAST
	send "$ETH" ip4:src=$OWN4,dst=$OTHER4 $reset data:hex=$LAST
	eventually "a good packet reaches the wire" has_sniffed wire "^in .*$LAST$"
	eventually "a good packet reaches the other container" has_sniffed other "^in .*$LAST$"
	expect_same "frames on the wire" 0 "$(sniffed_count wire "$MARK")"
	expect_same "frames to the other container" 0 "$(sniffed_count other "^in .*$MARK")"
}

@test "many, all, and nobody" {
	local addr
	sniff_all
	for addr in 224.0.0.1 224.0.0.251 239.1.2.3 255.255.255.255 192.0.2.255 10.88.255.255 10.88.0.77; do
		send "$ETH" ip4:src=$OWN4,dst=$addr udp:dport=9 data:hex=$MARK
		send eth:dst=ff:ff:ff:ff:ff:ff ip4:src=$OWN4,dst=$addr udp:dport=9 data:hex=$MARK
	done
	for addr in ff02::1 ff02::fb ff05::2 ff0e::1 fe80::1 fd00:88::77; do
		send "$ETH" ip6:src=$OWN6,dst=$addr udp:dport=9 data:hex=$MARK
		send eth:dst=33:33:00:00:00:01 ip6:src=$OWN6,dst=$addr udp:dport=9 data:hex=$MARK
	done
	expect_nothing_arrived
}

@test "routes of the sender's own choice" {
	local hop
	sniff_all
	# By the host to the others: loose and strict source routes (RFC 791), routing header of type 0.
	for hop in c0000202 0a580003; do
		send "$ETH" ip4:src=$OWN4,dst=$GATEWAY4,options=830704${hop}00 udp:dport=9 data:hex=$MARK
		send "$ETH" ip4:src=$OWN4,dst=$GATEWAY4,options=890704${hop}00 udp:dport=9 data:hex=$MARK
	done
	for hop in $REMOTE6 $OTHER6; do
		send "$ETH" ip6:src=$OWN6,dst=$GATEWAY6 routing:units=2,left=1 target:addr=$hop \
			udp:dport=9 data:hex=$MARK
	done
	expect_nothing_arrived
}

@test "packets in packets, from somebody else's address" {
	local inner addr
	sniff_all
	inner=$(frame -x eth:dst=ff:ff:ff:ff:ff:ff,src=02:00:00:00:00:99 ip4:src=$REMOTE4,dst=$OTHER4 \
		udp:dport=9 data:hex=$MARK)
	for addr in $OTHER4 $REMOTE4; do
		send "$ETH" ip4:src=$OWN4,dst=$GATEWAY4 ip4:src=10.88.0.99,dst=$addr udp:dport=9 data:hex=$MARK
	done
	for addr in $OTHER6 $REMOTE6; do
		send "$ETH" ip4:src=$OWN4,dst=$GATEWAY4,protocol=41 ip6:src=fd00:88::99,dst=$addr udp:dport=9 \
			data:hex=$MARK
		send "$ETH" ip6:src=$OWN6,dst=$GATEWAY6 ip6:src=fd00:88::99,dst=$addr udp:dport=9 data:hex=$MARK
	done
	send "$ETH" ip4:src=$OWN4,dst=$GATEWAY4,protocol=47 "data:hex=00006558$inner"
	send "$ETH" ip4:src=$OWN4,dst=$GATEWAY4 udp:dport=4789 "data:hex=0800000000000100$inner"
	send "$ETH" ip4:src=$OWN4,dst=$GATEWAY4 udp:dport=8472 "data:hex=0800000000000100$inner"
	expect_nothing_arrived
}

# The host puts them together where they are for it, and drops those that overlap: RFC 5722.
@test "fragments that become something else" {
	local first4=ip4:src=$OWN4,dst=$GATEWAY4,id=7 first6=ip6:src=$OWN6,dst=$GATEWAY6
	sniff_all
	send "$ETH" $first4,frag=0x2000,protocol=17 data:hex=00430044001c0000
	send "$ETH" $first4,frag=0x2000,protocol=17 data:hex=00090009001c0000
	send "$ETH" $first4,frag=0x0001,protocol=17 data:len=8 data:hex=$MARK
	send "$ETH" $first6 fragment:next=58,offset=1,id=9 data:hex=8000000000000000
	send "$ETH" $first6 fragment:next=58,offset=0,id=9 data:hex=8800000020000000 data:hex=$MARK
	send "$ETH" $first6 fragment:next=58,offset=8,id=9 data:len=16 data:hex=$MARK
	expect_nothing_arrived
}

# What the kernel calls reserved is routed, but not with the container's own address.
@test "reserved addresses" {
	sniff_all
	send "$ETH" ip4:src=$OWN4,dst=240.0.0.1 udp:dport=9 data:hex=$MARK
	eventually "they are masqueraded" has_sniffed wire "^in .*c0000201f0000001.*$MARK$"
	expect_same "none has the container's address" 0 "$(sniffed_count wire '0a580002f0000001')"
}

# Prints who answers c1, the first letters of his name.
asked() # SECONDS tcp|udp ADDRESS PORT
{
	# shellcheck disable=SC2016 # expanded by the shell in the container
	at c1 timeout "$1" bash -c 'exec 3<>"/dev/$0/$1/$2" && printf "?" >&3 && head -c 4 <&3 | tr -d "\0"' \
		"${@:2}" 2>/dev/null || true
}

expect_nobody() # ADDRESS PORT
{
	expect_same "who answers c1 at $* by TCP" '' "$(asked 3 tcp "$@")"
	expect_same "who answers c1 at $* by UDP" '' "$(asked 3 udp "$@")"
}

# Root in a container may take its own loopback away, and say that it's behind the host.
loopback_redirect()
{
	at c1 sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.eth0.route_localnet=1
	at c1 ip route flush table local dev lo
	at c1 ip route add 127.0.0.0/8 dev eth0 src $OWN4
	at c1 ip -6 route flush table local dev lo
	at c1 ip -6 address delete ::1/128 dev lo || true
	at c1 ip -6 route add ::1/128 dev eth0 src $OWN6
	at c1 ip -6 route replace local $OWN6 dev lo table local
}

# Prints how many packets from elsewhere to the host's loopback its stack has seen, of each family.
loopback_seen()
{
	nft list table inet loopback | grep -o 'packets [0-9]*'
}

# What else the kernel may be told, as kube-proxy does: then the program alone is in between.
@test "the host's loopback, whatever the container's routes and the host's settings are" {
	local localnet
	nft -f - <<-RULES
		table inet loopback {
			chain in {
				type filter hook prerouting priority -400
				iifname != lo ip daddr 127.0.0.0/8 counter
				iifname != lo ip6 daddr ::1 counter
			}
		}
	RULES
	defer nft delete table inet loopback
	defer sysctl -qw net.ipv4.conf.all.route_localnet=0
	for localnet in 0 1; do
		sysctl -qw net.ipv4.conf.all.route_localnet=$localnet
		drops_note
		send "$ETH" ip4:src=$OWN4,dst=127.0.0.1 udp:dport=7777 data:hex=$MARK
		send "$ETH" ip4:src=$OWN4,dst=127.0.0.1 tcp:dport=7777
		send "$ETH" ip4:src=$OWN4,dst=127.0.0.1 tcp:dport=8081
		send "$ETH" ip6:src=$OWN6,dst=::1 udp:dport=7777 data:hex=$MARK
		send "$ETH" ip6:src=$OWN6,dst=::ffff:127.0.0.1 tcp:dport=7777
		expect_same "each is dropped as what it is" 'martian 25' "$(drops_since)"
	done
	expect_same "the host reaches what listens there" 'host-v4 127.0.0.1 127.0.0.1 7777' \
		"$(greet ask tcp 127.0.0.1 7777)"
	expect_same "by IPv6, too" 'host-v6 ::1 ::1 7777' "$(greet ask udp ::1 7777)"
	expect_same "and the port that it publishes for itself" "c2 $GATEWAY4 127.0.0.1 8081" \
		"$(greet ask tcp 127.0.0.1 8081)"
	expect_same "the container reaches the port that is for all" c2 "$(asked $DEADLINE_S tcp $HOST4 8080)"
	expect_same "by UDP, too" c2 "$(asked $DEADLINE_S udp $HOST4 8080)"
	expect_nobody $HOST4 7777
	expect_nobody $HOST6 7777
	expect_nobody $GATEWAY4 8081
	expect_nobody $HOST4 8081
	loopback_redirect
	drops_note
	expect_nobody 127.0.0.1 7777
	expect_nobody 127.0.0.1 8081
	expect_nobody ::1 7777
	expect_match "what the stack of the container sent is dropped" '^martian [1-9]' "$(drops_since)"
	expect_same "packets in the host's stack" $'packets 0\npackets 0' "$(loopback_seen)"
}
