/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One packet as the cgroup hooks see it: from the network header on, before fragmentation (tx) and
 * after reassembly (rx). Lengths come from skb->len, never from a header. */
#ifndef KF_SOCKET_PACKET_BPF_H
#define KF_SOCKET_PACKET_BPF_H

#include <bpf/bpf_endian.h>
#include "socket/aggregate.bpf.h"

#define KF_IPV6_EXTENSIONS 6 /* extension headers that are skipped */

struct kf_packet {
	u64 ts_ns;
	u8 from[KF_ADDR_LEN];
	u8 to[KF_ADDR_LEN];
	u16 from_port;
	u16 to_port;
	u16 family;
	u8 protocol;
	u8 ttl;
	u32 payload; /* bytes, over all segments */
	u32 segments; /* on the wire */
	u32 ifindex;
	u32 seq; /* TCP */
	u8 tcp_flags;
	u8 frag; /* came in IP fragments */
	u8 received;
	u8 pad[5];
};

struct kf_ipv4 {
	u8 version_ihl;
	u8 tos;
	u16 length;
	u16 id;
	u16 frag;
	u8 ttl;
	u8 protocol;
	u16 check;
	u32 from;
	u32 to;
};

struct kf_ipv6 {
	u32 flow;
	u16 length;
	u8 next;
	u8 hop_limit;
	u8 from[KF_ADDR_LEN];
	u8 to[KF_ADDR_LEN];
};

struct kf_tcp_header {
	u16 from_port;
	u16 to_port;
	u32 seq;
	u32 ack;
	u8 offset;
	u8 flags;
};

/* Part of a packet: in place where it lies in one piece, else copied. NULL: it is not that long. */
static __always_inline const void *kf_packet__at(struct __sk_buff *skb, u32 offset, void *copy,
						 u32 size)
{
	const void *at = (void *)(long)skb->data + offset;

	if (at + size <= (void *)(long)skb->data_end)
		return at;
	return bpf_skb_load_bytes(skb, offset, copy, size) ? NULL : copy;
}

/* Each returns the offset of the transport header, or 0. */
static __always_inline u32 kf_packet__ipv4(struct __sk_buff *skb, struct kf_packet *packet)
{
	struct kf_ipv4 copy;
	const struct kf_ipv4 *ip = kf_packet__at(skb, 0, &copy, sizeof(copy));

	if (!ip)
		return 0;
	packet->family = KF_AF_INET;
	packet->protocol = ip->protocol;
	packet->ttl = ip->ttl;
	*(u32 *)packet->from = ip->from;
	*(u32 *)packet->to = ip->to;
	return (ip->version_ihl & 15) * 4;
}

static __always_inline u32 kf_packet__ipv6(struct __sk_buff *skb, struct kf_packet *packet)
{
	struct kf_ipv6 copy;
	const struct kf_ipv6 *ip = kf_packet__at(skb, 0, &copy, sizeof(copy));
	u8 extension[2]; /* next header, length */
	u32 offset = sizeof(copy);

	if (!ip)
		return 0;
	packet->family = KF_AF_INET6;
	packet->ttl = ip->hop_limit;
	__builtin_memcpy(packet->from, ip->from, KF_ADDR_LEN);
	__builtin_memcpy(packet->to, ip->to, KF_ADDR_LEN);
	packet->protocol = ip->next;
	for (int i = 0; i < KF_IPV6_EXTENSIONS; i++) {
		/* Hop-by-hop, routing, destination options. */
		if (packet->protocol != 0 && packet->protocol != 43 && packet->protocol != 60)
			break;
		if (bpf_skb_load_bytes(skb, offset, extension, sizeof(extension)))
			return 0;
		packet->protocol = extension[0];
		offset += extension[1] * 8 + 8;
	}
	return offset;
}

static __always_inline bool kf_packet__tcp(struct __sk_buff *skb, struct kf_packet *packet,
					   u32 offset)
{
	struct kf_tcp_header copy;
	const struct kf_tcp_header *tcp = kf_packet__at(skb, offset, &copy, sizeof(copy));

	if (!tcp)
		return false;
	packet->from_port = bpf_ntohs(tcp->from_port);
	packet->to_port = bpf_ntohs(tcp->to_port);
	packet->tcp_flags = tcp->flags & 63;
	packet->seq = bpf_ntohl(tcp->seq);
	offset += (tcp->offset >> 4) * 4;
	packet->payload = skb->len > offset ? skb->len - offset : 0;
	return true;
}

static __always_inline bool kf_packet__udp(struct __sk_buff *skb, struct kf_packet *packet,
					   u32 offset)
{
	u16 copy[2];
	const u16 *ports = kf_packet__at(skb, offset, copy, sizeof(copy));

	if (!ports)
		return false;
	packet->from_port = bpf_ntohs(ports[0]);
	packet->to_port = bpf_ntohs(ports[1]);
	offset += 8;
	packet->payload = skb->len > offset ? skb->len - offset : 0;
	return true;
}

/* Not known in builds with KF_CAST: the type that the address would need costs this object kernels that
 * have lockdown, but not yet bpf_rdonly_cast. */
static __always_inline bool kf_packet__knows_fragments(void)
{
	return !KF_ENABLED(KF_CAST);
}

/*
 * Whether a packet that was received came in IP fragments. This program sees it reassembled, and its
 * headers do not tell; but IP keeps the size of the largest fragment with the packet, and clears that
 * when a packet comes in (ip_frag_reasm, ip6_frag_reasm; ip_rcv_core, ip6_rcv_core).
 */
static __always_inline bool kf_packet__fragmented(struct __sk_buff *skb, u16 family)
{
	void *cb = (void *)kf_number(skb) + bpf_core_field_offset(struct sk_buff, cb);

	if (!kf_packet__knows_fragments())
		return false;
	if (family == KF_AF_INET)
		return KF_UNTYPED((struct inet_skb_parm *)cb, frag_max_size);
	return KF_UNTYPED((struct inet6_skb_parm *)cb, frag_max_size);
}

/* Segments on the wire. A guest's driver may leave gso_segs 0: then by size. */
static __always_inline u32 kf_packet__segments(struct __sk_buff *skb, u32 payload)
{
	u32 segments = skb->gso_segs;
	u32 size = skb->gso_size;

	if (segments == 0 && size != 0)
		segments = (payload + size - 1) / size;
	return segments ? segments : 1;
}

/* Returns false for what is neither TCP nor UDP, or has no complete header. */
static __always_inline bool kf_packet__parse(struct __sk_buff *skb, struct kf_packet *packet)
{
	u32 offset = 0;

	if (skb->protocol == bpf_htons(KF_ETH_P_IP))
		offset = kf_packet__ipv4(skb, packet);
	else if (skb->protocol == bpf_htons(KF_ETH_P_IPV6))
		offset = kf_packet__ipv6(skb, packet);
	if (!offset)
		return false;
	if (packet->protocol == KF_IPPROTO_TCP) {
		if (!kf_packet__tcp(skb, packet, offset))
			return false;
	} else if (packet->protocol == KF_IPPROTO_UDP) {
		if (!kf_packet__udp(skb, packet, offset))
			return false;
	} else {
		return false;
	}
	packet->ts_ns = bpf_ktime_get_boot_ns();
	packet->segments = kf_packet__segments(skb, packet->payload);
	return true;
}

/* Addresses as a packet has them: what the wire saw, known sooner than the socket's own. */
static __always_inline void kf_packet__address(const struct kf_packet *packet, struct kf_sock *sock)
{
	bool received = packet->received;

	__builtin_memcpy(sock->local_addr, received ? packet->to : packet->from, KF_ADDR_LEN);
	__builtin_memcpy(sock->remote_addr, received ? packet->from : packet->to, KF_ADDR_LEN);
	sock->local_port = received ? packet->to_port : packet->from_port;
	sock->remote_port = received ? packet->from_port : packet->to_port;
	sock->family = packet->family;
	sock->protocol = packet->protocol;
}

#endif
