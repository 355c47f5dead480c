/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a packet was dropped: the one list behind the datapath's counters and what the program
 * prints. A new reason is one line here; append it, so that counters of an older build keep
 * their meaning over an upgrade.
 *
 * X(identifier, name, explanation)
 */
#ifndef NKCTL_DROP_REASON_H
#define NKCTL_DROP_REASON_H

#define NK_DROP_REASONS(X)                                                                         \
	X(SOURCE, "source", "the source address isn't one of the endpoint's own")                  \
	X(LINK_LOCAL, "link-local",                                                                \
	  "link-local or unspecified source: a guest's own chatter (DAD, MLD, RS), not forwarded") \
	X(ETHERTYPE, "ethertype", "neither IPv4 nor IPv6 (nor ARP in l2 mode)")                    \
	X(VLAN, "vlan", "VLAN-tagged frame from a container")                                      \
	X(TRUNCATED, "truncated", "the packet ends before its headers do")                         \
	X(IP_HEADER, "ip-header", "malformed IP header: version, header length or total length")   \
	X(MARTIAN, "martian", "a destination that may never be on a wire: loopback, this network") \
	X(ARP, "arp", "ARP that isn't a question from the endpoint's own address and MAC")         \
	X(ND, "nd", "neighbour advertisement, redirect, malformed solicitation or one for itself") \
	X(RA, "ra", "router advertisement from a container")                                       \
	X(DHCP_SERVER, "dhcp-server", "DHCP or DHCPv6 server message from a container")            \
	X(EXT_HEADERS, "ext-headers", "IPv6 extension header chain too long or malformed")         \
	X(NO_ANSWER, "no-answer",                                                                  \
	  "can't go on (hop limit, size, next hop), and its sender may not or can't be told")      \
	X(NAT_PROTOCOL, "nat-protocol",                                                            \
	  "can't be translated: neither TCP, UDP, SCTP nor ICMP echo, or IPv4 options")            \
	X(NAT_ROUTE, "nat-route",                                                                  \
	  "the way out can't be masqueraded: no address of the host on it, or an encapsulation")   \
	X(NAT_PORTS, "nat-ports", "no port is left for a translated flow to that destination")     \
	X(NAT_FLOWS, "nat-flows", "the flow table is full, or the kernel has no memory for it")    \
	X(NAT_FRAGMENT, "nat-fragment",                                                            \
	  "a later fragment of a packet to be translated, whose first one wasn't seen")            \
	X(NAT_NO_FLOW, "nat-no-flow",                                                              \
	  "belongs to a translated flow that was evicted, until the container's next packet, or "  \
	  "that led to a container that is gone")                                                  \
	X(INGRESS_RATE, "ingress-rate", "more for a container than its limit lets in")             \
	X(EGRESS_RATE, "egress-rate", "more from a container than its limit lets out")             \
	X(METADATA, "metadata", "for the cloud's metadata, which the endpoint is kept away from")

#define X(identifier, name, explanation) NK_DROP_##identifier,
enum nk_drop_reason { NK_DROP_REASONS(X) NK_DROP_REASON_COUNT };
#undef X

/* Entries of the per-CPU counter array: room for reasons that later builds append. */
#define NK_DROP_REASONS_MAX 64

#endif
