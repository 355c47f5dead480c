// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The host's own way to published ports: sockets that speak to one get the container instead.
 *
 * Theory of operation: packets between the host and itself never pass a device of ours. So it is
 * the socket that is translated, once a connection: on connect(2) its destination becomes the
 * container's address, and the packets then need nothing. A datagram without a connection is
 * translated when it is sent, and the sender's address when one is received. The application is
 * told what it knows: getpeername(2) and recvmsg(2) give the published port back. The programs sit
 * on the root cgroup, so that they see every process, and look only at sockets of the host's
 * network namespace.
 *
 * A published port is the host's only where the destination is: else a remote host's service of the
 * same number would be hijacked, or, of a port that is published at one address, the service of
 * whoever has got that address from this host. No helper tells a program here what a
 * local address is. Binding the socket to the destination (bpf_bind()) nearly does, but also
 * succeeds on sockets with IP_FREEBIND and where ip_nonlocal_bind is set (__inet_bind() in
 * net/ipv4/af_inet.c), ties a datagram socket to that source for good, and isn't there for sendmsg.
 * So the host's addresses are in a map: host_addresses.
 *
 * Left alone: a socket that is bound to a device; and what comes from a loopback address, by the
 * socket's binding or by the datagram's own word, since no packet to a container may (RFC 1122,
 * section 3.2.1.3; __mkroute_output() in net/ipv4/route.c refuses it with EINVAL). They find no
 * listener, as if nothing were published.
 *
 * An object of its own, since only a node that publishes ports needs it, and since the datapath
 * must load where this can't.
 */
#include "endpoint_maps.h"
#include "host_addresses.h"
#include "port.h"
#include <nkctl/sockets.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Which network namespace is the host (SO_NETNS_COOKIE). */
const volatile __u64 host_netns_cookie = 0;

/* What a program of these hooks returns for the system call to go on. */
#define NK_PROCEED 1

#define NK_LOOPBACK4      bpf_htonl(0x7f000001)
#define NK_LOOPBACK4_NET  bpf_htonl(0x7f000000)
#define NK_LOOPBACK4_MASK bpf_htonl(0xff000000)

/* Goes with the socket; what its owner says is under the socket's lock
 * (BPF_CGROUP_RUN_SA_PROG_LOCK). */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct nk_socket_peers);
} socket_peers SEC(".maps");

/* Addresses ------------------------------------------------------------------------------------ */

static __always_inline bool ip_is_loopback(const struct nk_ip *ip)
{
	if (ip_is_v4(ip))
		return (ip->words[3] & NK_LOOPBACK4_MASK) == NK_LOOPBACK4_NET;
	return !(ip->words[0] | ip->words[1] | ip->words[2]) && ip->words[3] == bpf_htonl(1);
}

static __always_inline bool socket_addr_equal(const struct nk_socket_addr *a,
					      const struct nk_socket_addr *b)
{
	return a->addr.words[0] == b->addr.words[0] && a->addr.words[1] == b->addr.words[1] &&
	       a->addr.words[2] == b->addr.words[2] && a->addr.words[3] == b->addr.words[3] &&
	       a->port == b->port;
}

/* The address that the system call is about. @family: constant, that of the hook. */
static __always_inline struct nk_socket_addr addr_read(const struct bpf_sock_addr *ctx, int family)
{
	struct nk_socket_addr addr = { .port = (__be16)ctx->user_port };

	if (family == AF_INET) {
		addr.addr = ip_from_v4(ctx->user_ip4);
	} else {
		addr.addr.words[0] = ctx->user_ip6[0];
		addr.addr.words[1] = ctx->user_ip6[1];
		addr.addr.words[2] = ctx->user_ip6[2];
		addr.addr.words[3] = ctx->user_ip6[3];
	}
	return addr;
}

static __always_inline void addr_write(struct bpf_sock_addr *ctx, int family,
				       const struct nk_socket_addr *addr)
{
	ctx->user_port = addr->port;
	if (family == AF_INET) {
		ctx->user_ip4 = addr->addr.words[3];
	} else {
		ctx->user_ip6[0] = addr->addr.words[0];
		ctx->user_ip6[1] = addr->addr.words[1];
		ctx->user_ip6[2] = addr->addr.words[2];
		ctx->user_ip6[3] = addr->addr.words[3];
	}
}

/* What the socket is bound to; of a hook of IPv4 also a socket of IPv6 that speaks IPv4. */
static __always_inline struct nk_ip bound_read(const struct bpf_sock *sk, int family)
{
	struct nk_ip bound;

	if (family == AF_INET)
		return ip_from_v4(sk->src_ip4);
	bound.words[0] = sk->src_ip6[0];
	bound.words[1] = sk->src_ip6[1];
	bound.words[2] = sk->src_ip6[2];
	bound.words[3] = sk->src_ip6[3];
	return bound;
}

/*
 * What a datagram names as its source (IP_PKTINFO, IPV6_PKTINFO), else what its socket is bound to:
 * udp_sendmsg() and udpv6_sendmsg() put them together before the hooks of sendmsg.
 */
static __always_inline struct nk_ip named_read(const struct bpf_sock_addr *ctx, int family)
{
	struct nk_ip named;

	if (family == AF_INET)
		return ip_from_v4(ctx->msg_src_ip4);
	named.words[0] = ctx->msg_src_ip6[0];
	named.words[1] = ctx->msg_src_ip6[1];
	named.words[2] = ctx->msg_src_ip6[2];
	named.words[3] = ctx->msg_src_ip6[3];
	return named;
}

/*
 * A destination of zeros is the host itself: the source, if there is one, else loopback
 * (ip_route_output_key_hash_rcu() in net/ipv4/route.c; tcp_v6_connect(), udpv6_sendmsg()).
 */
static __always_inline void destination_resolve(struct nk_ip *dst, const struct nk_ip *source)
{
	if (!ip_is_any(dst))
		return;
	if (!ip_is_any(source) && ip_is_v4(dst)) {
		*dst = *source;
	} else if (ip_is_v4(dst) || ip_is_v4(source)) {
		*dst = ip_from_v4(NK_LOOPBACK4);
	} else {
		dst->words[3] = bpf_htonl(1);
	}
}

/* What is published --------------------------------------------------------------------------- */

static __always_inline bool address_is_own(const struct nk_ip *ip)
{
	return ip_is_loopback(ip) || address_is_hosts(ip);
}

static __always_inline const struct nk_published *published_find(const struct nk_socket_addr *dst,
								 __u8 protocol)
{
	struct nk_port key = { .addr = dst->addr, .port = dst->port, .protocol = protocol };
	const struct nk_published *to = published_lookup(&key);

	if (!to || !address_is_own(&dst->addr))
		return NULL;
	return published_endpoint(to) ? to : NULL;
}

/* What sockets remember ------------------------------------------------------------------------ */

static __always_inline struct nk_socket_peer *peer_find(struct nk_socket_peers *peers,
							const struct nk_socket_addr *real)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < NK_SOCKET_PEERS; i++)
		if (socket_addr_equal(&peers->peers[i].real, real))
			return &peers->peers[i];
	return NULL;
}

/* Return: false where the kernel has no memory for it. */
static __always_inline bool peer_remember(struct bpf_sock *sk, const struct nk_socket_addr *used,
					  const struct nk_socket_addr *real)
{
	struct nk_socket_peers *peers =
		bpf_sk_storage_get(&socket_peers, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	struct nk_socket_peer *peer;

	if (!peers)
		return false;
	peer = peer_find(peers, real);
	if (!peer)
		peer = &peers->peers[peers->next++ % NK_SOCKET_PEERS];
	peer->used = *used;
	peer->real = *real;
	return true;
}

/*
 * The socket speaks to that address itself, and is to be told so. Not what a socket of IPv6 sends
 * that is connected to an IPv4 address: udpv6_sendmsg() hands each datagram to udp_sendmsg() with
 * the peer's address, as if the application had named it.
 */
static __always_inline void peer_forget(struct bpf_sock *sk, const struct nk_socket_addr *real,
					bool is_connect)
{
	struct nk_socket_peers *peers = bpf_sk_storage_get(&socket_peers, sk, NULL, 0);
	struct nk_socket_peer *peer = peers ? peer_find(peers, real) : NULL;

	if (peer && (is_connect || sk->state != BPF_TCP_ESTABLISHED))
		__builtin_memset(peer, 0, sizeof(*peer));
}

/* The hooks ------------------------------------------------------------------------------------ */

static __always_inline bool socket_is_hosts(struct bpf_sock_addr *ctx)
{
	return bpf_get_netns_cookie(ctx) == host_netns_cookie;
}

static __always_inline bool socket_translate(struct bpf_sock_addr *ctx, int family,
					     const struct nk_socket_addr *dst,
					     const struct nk_ip *source)
{
	struct nk_socket_addr used = *dst, real = { 0 };
	const struct nk_published *to;

	/* Most sockets speak to other ports: they are told apart by one bit. */
	if (!nat_port_is_watched(dst->port) || ip_is_loopback(source) || ctx->sk->bound_dev_if)
		return false;
	destination_resolve(&used.addr, source);
	to = published_find(&used, (__u8)ctx->protocol);
	if (!to)
		return false;
	real.addr = to->addr;
	real.port = to->port;
	if (!peer_remember(ctx->sk, &used, &real))
		return false;
	addr_write(ctx, family, &real);
	return true;
}

/* connect(2), and sendmsg(2) with an address. */
static __always_inline int socket_send(struct bpf_sock_addr *ctx, int family, bool is_connect)
{
	struct nk_socket_addr dst = addr_read(ctx, family);
	struct nk_ip source = is_connect ? bound_read(ctx->sk, family) : named_read(ctx, family);

	if (socket_is_hosts(ctx) && !socket_translate(ctx, family, &dst, &source))
		peer_forget(ctx->sk, &dst, is_connect);
	return NK_PROCEED;
}

/* getpeername(2), and recvmsg(2) with room for an address. */
static __always_inline int socket_tell(struct bpf_sock_addr *ctx, int family)
{
	struct nk_socket_peers *peers = bpf_sk_storage_get(&socket_peers, ctx->sk, NULL, 0);
	struct nk_socket_addr real;
	const struct nk_socket_peer *peer;

	if (!peers)
		return NK_PROCEED;
	real = addr_read(ctx, family);
	peer = peer_find(peers, &real);
	if (peer)
		addr_write(ctx, family, &peer->used);
	return NK_PROCEED;
}

SEC("cgroup/connect4")
int nk_connect4(struct bpf_sock_addr *ctx)
{
	return socket_send(ctx, AF_INET, true);
}

SEC("cgroup/connect6")
int nk_connect6(struct bpf_sock_addr *ctx)
{
	return socket_send(ctx, AF_INET6, true);
}

SEC("cgroup/sendmsg4")
int nk_sendmsg4(struct bpf_sock_addr *ctx)
{
	return socket_send(ctx, AF_INET, false);
}

SEC("cgroup/sendmsg6")
int nk_sendmsg6(struct bpf_sock_addr *ctx)
{
	return socket_send(ctx, AF_INET6, false);
}

SEC("cgroup/recvmsg4")
int nk_recvmsg4(struct bpf_sock_addr *ctx)
{
	return socket_tell(ctx, AF_INET);
}

SEC("cgroup/recvmsg6")
int nk_recvmsg6(struct bpf_sock_addr *ctx)
{
	return socket_tell(ctx, AF_INET6);
}

SEC("cgroup/getpeername4")
int nk_getpeername4(struct bpf_sock_addr *ctx)
{
	return socket_tell(ctx, AF_INET);
}

SEC("cgroup/getpeername6")
int nk_getpeername6(struct bpf_sock_addr *ctx)
{
	return socket_tell(ctx, AF_INET6);
}
