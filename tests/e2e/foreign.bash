# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
#
# Packets from addresses that aren't a container's own.

readonly FOREIGN4=10.88.0.66 FOREIGN6=fd00:88::66

# Counts those that the host's stack gets to see.
foreign_watch()
{
	nft -f - <<-RULES
		table inet foreign {
			chain in {
				type filter hook prerouting priority -400
				ip saddr $FOREIGN4 counter
				ip6 saddr $FOREIGN6 counter
			}
		}
	RULES
}

expect_none_seen() # WORDS
{
	expect_same "$1" $'packets 0\npackets 0' "$(nft list table inet foreign | grep -o 'packets [0-9]*')"
}
