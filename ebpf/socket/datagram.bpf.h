/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams where a process sends and receives them: with their headers, so that the peer is known
 * whatever the call was told.
 */
#ifndef KF_SOCKET_DATAGRAM_BPF_H
#define KF_SOCKET_DATAGRAM_BPF_H

#include "socket/use.bpf.h"

#define KF_UDP_HEADER 8

#define KF_DATAGRAM_BITS 12

/* The first datagram to a peer: the entry of both begins while it is sent. */
struct kf_datagram {
	u64 thread; /* 0: nothing */
	u64 bytes;
	struct kf_sock_key key;
};

/* By a hash of the thread, from the beginning of the send to its end. An array, so that nothing can fill it:
 * of two threads that meet in one place at once, one has sent for the entry of sums. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KF_DATAGRAM_BITS);
	__type(key, u32);
	__type(value, struct kf_datagram);
} kf_datagrams SEC(".maps");

static __always_inline u32 kf_datagram__place(void)
{
	u32 thread = bpf_get_current_pid_tgid();

	return ((thread ^ kf_salt) * KF_SHARE_HASH) >> (32 - KF_DATAGRAM_BITS);
}

static __always_inline void kf_datagram__peer(struct kf_sock_key *key, struct sk_buff *skb,
					      u16 family, bool sent)
{
	u64 head = (u64)KF_READ(skb, head);
	struct udphdr *udp = (void *)(head + KF_READ(skb, transport_header));
	u32 *address = (u32 *)key->remote_addr;

	key->family = family;
	key->remote_port = bpf_ntohs(sent ? KF_UNTYPED(udp, dest) : KF_UNTYPED(udp, source));
	if (family == KF_AF_INET) {
		struct iphdr *ip = (void *)(head + KF_READ(skb, network_header));

		address[0] = sent ? KF_UNTYPED(ip, daddr) : KF_UNTYPED(ip, saddr);
	} else {
		struct ipv6hdr *ip = (void *)(head + KF_READ(skb, network_header));
		struct in6_addr *from = sent ? &ip->daddr : &ip->saddr;

		for (int i = 0; i < 4; i++)
			address[i] = KF_UNTYPED(from, in6_u.u6_addr32[i]);
	}
}

/* Asked before a program says that it handles an event: softirqs send by the same function, but no UDP. */
static __always_inline bool kf_datagram__is(struct sk_buff *skb)
{
	struct sock *sk = KF_READ(skb, sk);

	return sk && kf_use__is_udp(sk) && !kf_self();
}

/* Before it leaves; the transport header is inside of len. */
static __always_inline void kf_datagram__sends(struct sk_buff *skb, u16 family)
{
	struct kf_datagram it = {};
	u32 place;

	it.key.cookie = kf_use__cookie(KF_READ(skb, sk));
	kf_datagram__peer(&it.key, skb, family, true);
	it.bytes = KF_READ(skb, len) - KF_UDP_HEADER -
		   (u16)(KF_READ(skb, transport_header) - KF_READ(skb, network_header));
	if (!it.bytes || kf_use__udp(&it.key, it.bytes, true))
		return;
	it.thread = bpf_get_current_task();
	place = kf_datagram__place();
	bpf_map_update_elem(&kf_datagrams, &place, &it, BPF_ANY);
}

/* It has left, or did not: then there is no entry still. */
static __always_inline void kf_datagram__sent(void)
{
	u32 place = kf_datagram__place();
	struct kf_datagram *it = bpf_map_lookup_elem(&kf_datagrams, &place);

	if (!it || it->thread != bpf_get_current_task())
		return;
	it->thread = 0;
	kf_use__udp(&it->key, it->bytes, true);
}

/* A datagram was taken out of the queue; bytes is negative if it was only looked
 * at. */
static __always_inline void kf_datagram__received(struct sock *sk, struct sk_buff *skb, s32 bytes)
{
	u16 ethernet = KF_READ(skb, protocol);
	struct kf_sock_key key = {};

	if (bytes <= 0 || !kf_use__is_udp(sk) || kf_self())
		return;
	key.cookie = kf_use__cookie(sk);
	kf_datagram__peer(&key, skb, ethernet == bpf_htons(KF_ETH_P_IP) ? KF_AF_INET : KF_AF_INET6,
			  false);
	kf_use__udp(&key, bytes, false);
}

#endif
