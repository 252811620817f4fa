/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams where a process sends and receives them: with their headers, so that the peer is known
 * whatever the call was told.
 */
#ifndef KF_SOCKET_DATAGRAM_BPF_H
#define KF_SOCKET_DATAGRAM_BPF_H

#include "socket/use.bpf.h"

static __always_inline void kf_datagram__peer(struct kf_sock_key *key, struct sk_buff *skb,
					      u16 family)
{
	u64 head = (u64)KF_READ(skb, head);
	struct udphdr *udp = (void *)(head + KF_READ(skb, transport_header));
	u32 *address = (u32 *)key->remote_addr;

	key->family = family;
	key->remote_port = bpf_ntohs(KF_UNTYPED(udp, source));
	if (family == KF_AF_INET) {
		struct iphdr *ip = (void *)(head + KF_READ(skb, network_header));

		address[0] = KF_UNTYPED(ip, saddr);
	} else {
		struct ipv6hdr *ip = (void *)(head + KF_READ(skb, network_header));
		struct in6_addr *from = &ip->saddr;

		for (int i = 0; i < 4; i++)
			address[i] = KF_UNTYPED(from, in6_u.u6_addr32[i]);
	}
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
	kf_datagram__peer(&key, skb, ethernet == bpf_htons(KF_ETH_P_IP) ? KF_AF_INET : KF_AF_INET6);
	kf_use__received(&key, bytes);
}

#endif
