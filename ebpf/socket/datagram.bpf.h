/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams where a process takes them out of the queue: with their headers, so that the peer is known
 * whatever the call was told. Who sends is seen with the packet (socket/udp.bpf.h).
 */
#ifndef KF_SOCKET_DATAGRAM_BPF_H
#define KF_SOCKET_DATAGRAM_BPF_H

#include "socket/queued.bpf.h"
#include "socket/use.bpf.h"

/* Where the headers of a datagram lie, offsets from head. */
struct kf_datagram {
	u64 head;
	u16 protocol; /* ETH_P_*, network order */
	u16 transport;
	u16 network;
};

/* A member of struct sk_buff out of the eight bytes from protocol on. */
#define KF_DATAGRAM_AWAY(member)                         \
	(bpf_core_field_offset(struct sk_buff, member) - \
	 bpf_core_field_offset(struct sk_buff, protocol))
#define KF_DATAGRAM_OF(word, member) ((word) >> (8 * KF_DATAGRAM_AWAY(member)))

static __always_inline void kf_datagram__find(struct kf_datagram *it, struct sk_buff *skb)
{
	u64 word;

	it->head = (u64)KF_READ(skb, head);
	if (!KF_ENABLED(KF_DIRECT) && KF_DATAGRAM_AWAY(transport_header) <= 6 &&
	    KF_DATAGRAM_AWAY(network_header) <= 6) { /* one probe read in place of three */
		word = 0;
		bpf_core_read(&word, sizeof(word), &skb->protocol);
		it->protocol = word;
		it->transport = KF_DATAGRAM_OF(word, transport_header);
		it->network = KF_DATAGRAM_OF(word, network_header);
		return;
	}
	it->protocol = KF_READ(skb, protocol);
	it->transport = KF_READ(skb, transport_header);
	it->network = KF_READ(skb, network_header);
}

/* Both headers by one probe read, if nothing is between them. */
struct kf_datagram_ipv4 {
	u32 from;
	u32 to;
	u16 port;
} __attribute__((packed));

struct kf_datagram_ipv6 {
	u8 from[KF_ADDR_LEN];
	u8 to[KF_ADDR_LEN];
	u16 port;
} __attribute__((packed));

static __always_inline bool kf_datagram__at_once(struct kf_sock_key *key,
						 const struct kf_datagram *it)
{
#ifdef KF_CAST
	return false;
#else
	u64 ip = it->head + it->network;
	u16 size = it->transport - it->network;
	struct kf_datagram_ipv6 v6;
	struct kf_datagram_ipv4 v4;

	if (key->family == KF_AF_INET && size == sizeof(struct iphdr)) {
		if (bpf_probe_read_kernel(&v4, sizeof(v4), (void *)(ip + size - 8)))
			return false;
		*(u32 *)key->remote_addr = v4.from;
		key->remote_port = bpf_ntohs(v4.port);
		return true;
	}
	if (key->family == KF_AF_INET || size != sizeof(struct ipv6hdr) ||
	    bpf_probe_read_kernel(&v6, sizeof(v6), (void *)(ip + size - 2 * KF_ADDR_LEN)))
		return false;
	__builtin_memcpy(key->remote_addr, v6.from, KF_ADDR_LEN);
	key->remote_port = bpf_ntohs(v6.port);
	return true;
#endif
}

static __always_inline void kf_datagram__peer(struct kf_sock_key *key, const struct kf_datagram *it)
{
	struct udphdr *udp = (void *)(it->head + it->transport);
	u32 *address = (u32 *)key->remote_addr;

	key->remote_port = bpf_ntohs(KF_UNTYPED(udp, source));
	if (key->family == KF_AF_INET) {
		struct iphdr *ip = (void *)(it->head + it->network);

		address[0] = KF_UNTYPED(ip, saddr);
	} else {
		struct ipv6hdr *ip = (void *)(it->head + it->network);

		for (int i = 0; i < 4; i++)
			address[i] = KF_UNTYPED(ip, saddr.in6_u.u6_addr32[i]);
	}
}

/* By its headers. */
static __always_inline void kf_datagram__by_headers(struct sock *sk, struct sk_buff *skb, u64 bytes)
{
	struct kf_sock_key key = {};
	struct kf_datagram it;

	kf_datagram__find(&it, skb);
	key.cookie = kf_use__cookie(sk);
	key.family = it.protocol == bpf_htons(KF_ETH_P_IP) ? KF_AF_INET : KF_AF_INET6;
	if (!kf_datagram__at_once(&key, &it))
		kf_datagram__peer(&key, &it);
	kf_use__received_from(&key, bytes);
}

/* A datagram was taken out of the queue; bytes is negative if it was only looked at. A socket that is not
 * followed has no peers. */
static __always_inline void kf_datagram__received(struct sock *sk, struct sk_buff *skb, s32 bytes)
{
	struct kf_peer *peer = NULL;
	u64 number;

	if (bytes <= 0)
		return;
	if (kf_queued__find(kf_number(skb), &number)) {
		if (!number)
			return;
		peer = kf_peer__at(number);
	}
	if (peer)
		kf_use__received(peer, number, bytes);
	else
		kf_datagram__by_headers(sk, skb, bytes);
}

#endif
