// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Theory of operation
 *
 * A limit is a qdisc and a program, at the transmit of the end that packets leave: the host's end
 * for what goes into the container, the container's end for what comes out of it. On the way out a
 * second program, at the host's hook, has an eye on what the container could have tampered with:
 * see bpf/pace.bpf.c. All of it hangs on the pair and dies with it; nothing is pinned, and what a
 * limit is can be read in the program that keeps it.
 */
#include "ops/bandwidth.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

#include "bpf/pace.h"
#include "core/expedite.h"
#include "core/log.h"
#include "core/netns.h"
#include "nkctl/drop_reason.h"
#include "nl/qdisc.h"

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000ULL

/*
 * How far ahead packets may wait. On the way out the sockets stop before that, each at the size of
 * its send buffer. On the way in nobody is stopped: TCP wants its losses early, but not before it
 * has sent what keeps the way busy for a round trip; at low rates that is some packets.
 */
#define EGRESS_HORIZON_NS    (2 * NS_PER_S)
#define INGRESS_HORIZON_NS   (50 * NS_PER_MS)
#define INGRESS_HORIZON_BITS (8ULL * 32768)

/* Packets that fq may hold, at least. */
#define FQ_LIMIT_MIN 65536

/* The smallest frame of Ethernet, without its checksum (ETH_ZLEN). */
#define FRAME_MIN 60

/* The largest packet that a device is given without being asked (GSO_LEGACY_MAX_SIZE). */
#define PACKET_MAX 65536

enum direction { INGRESS, EGRESS };

uint32_t bandwidth_flags(const struct bandwidth *bandwidth)
{
	return (bandwidth->ingress.rate_bps ? NK_ENDPOINT_PACED : 0) |
	       (bandwidth->egress.rate_bps ? NK_ENDPOINT_POLICED : 0);
}

static enum pace_program police_program(bool netkit)
{
	return netkit ? PACE_POLICE : PACE_POLICE_VETH;
}

static uint64_t bits_ns(uint64_t bits, uint64_t rate_bps)
{
	return (uint64_t)((unsigned __int128)bits * NS_PER_S / rate_bps);
}

static uint64_t horizon_ns(enum direction direction, uint64_t rate_bps)
{
	uint64_t packets_ns = bits_ns(INGRESS_HORIZON_BITS, rate_bps);

	if (direction == EGRESS)
		return EGRESS_HORIZON_NS;
	return packets_ns > INGRESS_HORIZON_NS ? packets_ns : INGRESS_HORIZON_NS;
}

static struct nk_pace pace_of(const struct bandwidth_limit *limit, enum direction direction)
{
	return (struct nk_pace){
		.rate_bps = limit->rate_bps,
		.burst_bits = limit->burst_bits,
		.burst_ns = bits_ns(limit->burst_bits, limit->rate_bps),
		.horizon_ns = horizon_ns(direction, limit->rate_bps),
		.drop_reason = direction == INGRESS ? NK_DROP_INGRESS_RATE : NK_DROP_EGRESS_RATE,
	};
}

/* Qdiscs --------------------------------------------------------------------------------------- */

/* The bucket takes a packet of any size that isn't segmented; the queue all of a horizon. */
static struct tbf_spec tbf_of(const struct nk_pace *pace, uint32_t mtu)
{
	uint64_t packet = mtu + ETH_HLEN, burst = pace->burst_bits / 8, limit;
	struct tbf_spec spec = { .rate_byte_ps = pace->rate_bps / 8 };

	if (burst < packet)
		burst = packet;
	limit = (uint64_t)((unsigned __int128)spec.rate_byte_ps * pace->horizon_ns / NS_PER_S) +
		burst + PACKET_MAX;
	spec.burst = (uint32_t)burst;
	spec.limit = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
	return spec;
}

/* No fewer packets than a horizon has: that is what decides. */
static uint32_t fq_limit_of(const struct nk_pace *pace)
{
	uint64_t limit = (uint64_t)((unsigned __int128)pace->rate_bps * pace->horizon_ns /
				    NS_PER_S / 8 / FRAME_MIN);

	if (limit < FQ_LIMIT_MIN)
		return FQ_LIMIT_MIN;
	return limit < INT32_MAX ? (uint32_t)limit : INT32_MAX;
}

static int qdisc_set(struct nlsock *nl, int ifindex, const struct nk_pace *pace, uint32_t mtu,
		     struct error *err)
{
	struct tbf_spec spec = tbf_of(pace, mtu);
	int ret = qdisc_set_fq(nl, ifindex, fq_limit_of(pace), err);

	if (ret == -ENOENT)
		ret = qdisc_set_tbf(nl, ifindex, &spec, err);
	if (ret == -ENOENT)
		return error_set(err, EOPNOTSUPP,
				 "this kernel has neither of the qdiscs fq and tbf, one of which a "
				 "limit needs: `modprobe sch_fq`, or a kernel with "
				 "CONFIG_NET_SCH_FQ");
	return ret ? error_prefix(err, "set the qdisc of device %d", ifindex) : 0;
}

static int qdisc_verify(struct nlsock *nl, int ifindex, const struct nk_pace *pace, const char *end,
			struct error *err)
{
	struct qdisc qdisc;
	int ret = qdisc_get(nl, ifindex, &qdisc, err);

	if (ret)
		return ret;
	if (!strcmp(qdisc.kind, "fq"))
		return 0;
	if (strcmp(qdisc.kind, "tbf") != 0)
		return error_set(err, ESTALE, "the qdisc that keeps the limit at the %s is gone",
				 end);
	if (qdisc.rate_byte_ps != pace->rate_bps / 8)
		return error_set(err, ESTALE, "the qdisc at the %s has another rate", end);
	return 0;
}

/* The programs on the container's end ---------------------------------------------------------- */

/* struct peer_call - what is done inside the container's namespace. */
struct peer_call {
	const struct pace_programs *programs;
	int ifindex;
	uint32_t id;
	struct nk_pace pace;
};

static int peer_attach(void *data, struct error *err)
{
	const struct peer_call *call = data;

	return pace_attach(call->programs, PACE_EGRESS, call->ifindex, err);
}

static int peer_find(void *data, struct error *err)
{
	struct peer_call *call = data;

	return pace_find(PACE_EGRESS, call->ifindex, &call->id, &call->pace, err);
}

static int peer_replace(void *data, struct error *err)
{
	const struct peer_call *call = data;

	return pace_replace(call->programs, PACE_EGRESS, call->ifindex, call->id, err);
}

/* Set up --------------------------------------------------------------------------------------- */

static int ingress_apply(struct node *node, const struct bandwidth_pair *pair,
			 const struct bandwidth_limit *limit, struct error *err)
{
	_cleanup_pace_ struct pace_programs programs = PACE_PROGRAMS_NONE;
	struct nk_pace pace = pace_of(limit, INGRESS);
	int ret = pace_load(&node->datapath.pins, &pace, 1U << PACE_EGRESS, &programs, err);

	if (!ret)
		ret = pace_attach(&programs, PACE_EGRESS, pair->ifindex, err);
	return ret ? ret : qdisc_set(node->nl, pair->ifindex, &pace, pair->mtu, err);
}

static int egress_apply(struct node *node, const struct bandwidth_pair *pair,
			const struct bandwidth_limit *limit, struct error *err)
{
	const enum pace_program police = police_program(pair->netkit);
	_cleanup_pace_ struct pace_programs programs = PACE_PROGRAMS_NONE;
	struct peer_call call = { .programs = &programs, .ifindex = pair->peer_ifindex };
	struct nk_pace pace = pace_of(limit, EGRESS);
	int ret = pace_load(&node->datapath.pins, &pace, 1U << PACE_EGRESS | 1U << police,
			    &programs, err);

	if (!ret)
		ret = pace_attach(&programs, police, pair->ifindex, err);
	if (!ret)
		ret = netns_run(pair->netns_fd, peer_attach, &call, err);
	return ret ? ret : qdisc_set(pair->container, pair->peer_ifindex, &pace, pair->mtu, err);
}

int bandwidth_apply(struct node *node, const struct bandwidth_pair *pair,
		    const struct bandwidth *bandwidth, struct error *err)
{
	int expedite_fd, ret = 0;

	if (bandwidth->ingress.rate_bps && !node->datapath.config.paces)
		return error_set(err, EOPNOTSUPP,
				 "an earlier build loaded the programs in the kernel, which don't "
				 "know of limits: `nkctl upgrade`");
	expedite_fd = pins_expedite(&node->datapath.pins);
	if (bandwidth->ingress.rate_bps)
		ret = ingress_apply(node, pair, &bandwidth->ingress, err);
	if (!ret && bandwidth->egress.rate_bps)
		ret = egress_apply(node, pair, &bandwidth->egress, err);
	expedite_end(&expedite_fd);
	log_step("bandwidth_apply");
	return ret ? error_prefix(err, "limit its bandwidth") : 0;
}

/* Looked at ------------------------------------------------------------------------------------ */

static int limit_read(enum pace_program program, int ifindex, struct bandwidth_limit *ret_limit,
		      struct error *err)
{
	struct nk_pace pace;
	uint32_t id;
	int ret = pace_find(program, ifindex, &id, &pace, err);

	if (!ret)
		*ret_limit = (struct bandwidth_limit){ pace.rate_bps, pace.burst_bits };
	return ret;
}

int bandwidth_read(int ifindex, bool netkit, uint32_t flags, struct bandwidth *ret_bandwidth,
		   struct error *err)
{
	struct bandwidth bandwidth = { 0 };
	int ret = 0;

	if (flags & NK_ENDPOINT_PACED)
		ret = limit_read(PACE_EGRESS, ifindex, &bandwidth.ingress, err);
	if (!ret && flags & NK_ENDPOINT_POLICED)
		ret = limit_read(police_program(netkit), ifindex, &bandwidth.egress, err);
	if (!ret)
		*ret_bandwidth = bandwidth;
	return ret;
}

static int pace_verify(uint32_t id, const struct nk_pace *found, const struct nk_pace *expected,
		       const char *end, struct error *err)
{
	if (!id)
		return error_set(err, ESTALE,
				 "the program that keeps the limit at the %s was taken off", end);
	if (found->rate_bps != expected->rate_bps || found->burst_bits != expected->burst_bits)
		return error_set(err, ESTALE,
				 "the limit at the %s is %s bits per second instead of %s", end,
				 bandwidth_format(found->rate_bps).text,
				 bandwidth_format(expected->rate_bps).text);
	return 0;
}

static int primary_verify(const struct bandwidth_pair *pair, enum pace_program program,
			  const struct nk_pace *expected, struct error *err)
{
	struct nk_pace found;
	uint32_t id;
	int ret = pace_find(program, pair->ifindex, &id, &found, err);

	return ret ? ret : pace_verify(id, &found, expected, "host's end", err);
}

static int ingress_verify(struct node *node, const struct bandwidth_pair *pair, uint32_t flags,
			  const struct bandwidth_limit *limit, struct error *err)
{
	struct nk_pace pace = pace_of(limit, INGRESS);
	int ret;

	if (!(flags & NK_ENDPOINT_PACED))
		return error_set(err, ESTALE, "the endpoint map doesn't tell of the limit");
	ret = primary_verify(pair, PACE_EGRESS, &pace, err);
	return ret ? ret : qdisc_verify(node->nl, pair->ifindex, &pace, "host's end", err);
}

/* Whatever bears our program's name there may be of the making of the container's root. */
static int peer_program_verify(const struct bandwidth_pair *pair, const struct nk_pace *pace,
			       uint32_t *ret_id, struct error *err)
{
	struct peer_call call = { .ifindex = pair->peer_ifindex };
	int ret = netns_run(pair->netns_fd, peer_find, &call, err);

	*ret_id = call.id;
	if (ret == -EPROTO)
		return error_set(err, ESTALE,
				 "another program is in the place of that which "
				 "keeps the limit at the container's end");
	return ret ? ret : pace_verify(call.id, &call.pace, pace, "container's end", err);
}

static int egress_verify(const struct bandwidth_pair *pair, const struct bandwidth_limit *limit,
			 struct error *err)
{
	struct nk_pace pace = pace_of(limit, EGRESS);
	int ret = primary_verify(pair, police_program(pair->netkit), &pace, err);
	uint32_t id;

	if (ret || !pair->container)
		return ret;
	ret = peer_program_verify(pair, &pace, &id, err);
	return ret ? ret
		   : qdisc_verify(pair->container, pair->peer_ifindex, &pace, "container's end",
				  err);
}

int bandwidth_verify(struct node *node, const struct bandwidth_pair *pair, uint32_t flags,
		     const struct bandwidth *bandwidth, struct error *err)
{
	int ret = 0;

	if (bandwidth->ingress.rate_bps)
		ret = ingress_verify(node, pair, flags, &bandwidth->ingress, err);
	if (!ret && bandwidth->egress.rate_bps)
		ret = egress_verify(pair, &bandwidth->egress, err);
	return ret;
}

int bandwidth_is_kept(struct nlsock *nl, int ifindex, uint32_t flags,
		      const struct bandwidth *bandwidth, bool *ret_kept, struct error *err)
{
	struct nk_pace pace;
	int ret;

	*ret_kept = bandwidth_flags(bandwidth) == (flags & BANDWIDTH_FLAGS);
	if (!bandwidth->ingress.rate_bps)
		return 0;
	pace = pace_of(&bandwidth->ingress, INGRESS);
	ret = qdisc_verify(nl, ifindex, &pace, "host's end", err);
	if (ret == -ESTALE)
		*ret_kept = false;
	return ret == -ESTALE ? 0 : ret;
}

/* Mended --------------------------------------------------------------------------------------- */

static int qdisc_mend(struct nlsock *nl, int ifindex, const struct nk_pace *pace, uint32_t mtu,
		      struct error *err)
{
	int ret = qdisc_verify(nl, ifindex, pace, "device", err);

	if (ret != -ESTALE)
		return ret;
	/* Nothing replaces one of another kind that has our handle. */
	ret = qdisc_delete(nl, ifindex, err);
	return ret ? ret : qdisc_set(nl, ifindex, pace, mtu, err);
}

static int peer_program_mend(struct node *node, const struct bandwidth_pair *pair,
			     const struct nk_pace *pace, struct error *err)
{
	_cleanup_pace_ struct pace_programs programs = PACE_PROGRAMS_NONE;
	struct peer_call call = { .programs = &programs, .ifindex = pair->peer_ifindex };
	int ret = peer_program_verify(pair, pace, &call.id, err);

	if (ret != -ESTALE)
		return ret;
	ret = pace_load(&node->datapath.pins, pace, 1U << PACE_EGRESS, &programs, err);
	if (ret)
		return ret;
	return netns_run(pair->netns_fd, call.id ? peer_replace : peer_attach, &call, err);
}

int bandwidth_mend(struct node *node, const struct bandwidth_pair *pair,
		   const struct bandwidth *bandwidth, struct error *err)
{
	struct nk_pace pace;
	int ret = 0;

	if (bandwidth->ingress.rate_bps) {
		pace = pace_of(&bandwidth->ingress, INGRESS);
		ret = qdisc_mend(node->nl, pair->ifindex, &pace, pair->mtu, err);
	}
	if (ret || !bandwidth->egress.rate_bps || !pair->container)
		return ret;
	pace = pace_of(&bandwidth->egress, EGRESS);
	ret = peer_program_mend(node, pair, &pace, err);
	return ret ? ret : qdisc_mend(pair->container, pair->peer_ifindex, &pace, pair->mtu, err);
}

/* Upgrade -------------------------------------------------------------------------------------- */

/* @ret_pace: of the program that was there; all zero where there was none */
static int program_upgrade(struct node *node, enum pace_program program, int ifindex,
			   struct nk_pace *ret_pace, struct error *err)
{
	_cleanup_pace_ struct pace_programs programs = PACE_PROGRAMS_NONE;
	uint32_t id;
	int ret = pace_find(program, ifindex, &id, ret_pace, err);

	if (ret || !id)
		return ret; /* it has no limit there, or somebody took it off: `list` tells */
	ret = pace_load(&node->datapath.pins, ret_pace, 1U << program, &programs, err);
	return ret ? ret : pace_replace(&programs, program, ifindex, id, err);
}

static int peer_upgrade(struct node *node, const struct bandwidth_pair *pair,
			const struct nk_pace *pace, struct error *err)
{
	_cleanup_pace_ struct pace_programs programs = PACE_PROGRAMS_NONE;
	struct peer_call call = { .programs = &programs, .ifindex = pair->peer_ifindex };
	int ret = netns_run(pair->netns_fd, peer_find, &call, err);

	if (!call.id || (ret && ret != -EPROTO)) /* that is no program of ours: it is now */
		return ret;
	ret = pace_load(&node->datapath.pins, pace, 1U << PACE_EGRESS, &programs, err);
	return ret ? ret : netns_run(pair->netns_fd, peer_replace, &call, err);
}

int bandwidth_upgrade(struct node *node, const struct bandwidth_pair *pair, struct error *err)
{
	struct error peer_err = { 0 };
	struct nk_pace pace;
	int ret = program_upgrade(node, PACE_EGRESS, pair->ifindex, &pace, err);

	if (!ret)
		ret = program_upgrade(node, police_program(pair->netkit), pair->ifindex, &pace,
				      err);
	/* What the container's root does to its own end keeps no node from its upgrade. */
	if (!ret && pace.rate_bps && pair->netns_fd >= 0 &&
	    peer_upgrade(node, pair, &pace, &peer_err))
		log_warning("the container's end of device %d keeps the program that it has: %s",
			    pair->ifindex, peer_err.message);
	return ret;
}
