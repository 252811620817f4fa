/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * UDP: one aggregate for each remote peer of a socket, from its first packet on. It ends with the
 * socket, or by user space when idle. A socket with one peer is flushed here; for one with more,
 * user space is told and sweeps them.
 */
#ifndef KF_SOCKET_UDP_BPF_H
#define KF_SOCKET_UDP_BPF_H

#include "socket/direction.bpf.h"

/* The peer whose datagram came in last on this CPU: it is queued or dropped in this same softirq. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_sock_key);
} kf_udp_last SEC(".maps");

static __always_inline void kf_udp__key(struct kf_sock_key *key, const struct kf_packet *packet)
{
	__builtin_memcpy(key->remote_addr, packet->received ? packet->from : packet->to,
			 KF_ADDR_LEN);
	key->remote_port = packet->received ? packet->from_port : packet->to_port;
	key->family = packet->family;
}

static __always_inline void kf_udp__remember(const struct kf_sock_key *key)
{
	u32 zero = 0;
	struct kf_sock_key *last = bpf_map_lookup_elem(&kf_udp_last, &zero);

	if (last)
		*last = *key;
}

static __always_inline struct kf_sock *kf_udp__begin(struct kf_sock_key *key,
						     const struct kf_packet *packet)
{
	struct kf_owner *owner = kf_owner__find(key->cookie);
	struct kf_sock *sock = kf_sock__begin(key, owner);

	if (!sock) /* another CPU may have been first */
		return bpf_map_lookup_elem(&kf_socks, key);
	kf_packet__address(packet, sock);
	sock->role = packet->received ? KF_ROLE_SERVER : KF_ROLE_CLIENT;
	sock->state = KF_UDP_ESTABLISHED;
	if (owner) {
		if (!owner->flows)
			owner->flow = *key;
		__sync_fetch_and_add(&owner->flows, 1);
	}
	return sock;
}

static __always_inline void kf_udp__packet(u64 cookie, struct bpf_sock *sk,
					   const struct kf_packet *packet)
{
	struct kf_sock_key key = { .cookie = cookie };
	struct kf_sock *sock;

	kf_udp__key(&key, packet);
	sock = kf_sock__seek(&key, sk);
	if (!sock)
		sock = kf_udp__begin(&key, packet);
	if (!sock)
		return;
	sock->last_ns = packet->ts_ns;
	kf_dir__add(packet->received ? &sock->rx : &sock->tx, packet);
	if (packet->received)
		kf_udp__remember(&key);
}

/* The aggregate of the datagram that this CPU is delivering to the socket, or NULL. */
static __always_inline struct kf_sock *kf_udp__current(struct sock *sk)
{
	u32 zero = 0;
	struct kf_sock_key *last = bpf_map_lookup_elem(&kf_udp_last, &zero);

	if (!last || last->cookie != kf_alias__of(sk->__sk_common.skc_cookie.counter, sk))
		return NULL;
	return bpf_map_lookup_elem(&kf_socks, last);
}

static __always_inline void kf_udp__queued(struct sock *sk)
{
	struct kf_sock *sock = kf_udp__current(sk);

	if (sock)
		sock->queued = sk->sk_receive_queue.qlen;
}

static __always_inline void kf_udp__dropped(struct sock *sk)
{
	struct kf_sock *sock = kf_udp__current(sk);

	if (!sock)
		return;
	sock->queued = sk->sk_receive_queue.qlen;
	__sync_fetch_and_add(&sock->drops, 1);
}

/* close(2) of a UDP socket. */
static __always_inline void kf_udp__released(u64 cookie)
{
	struct kf_owner *owner = kf_owner__find(cookie);
	struct kf_closed_record closed = { .cookie = cookie };

	if (kf_owner__is_self(owner) || (owner && owner->flows == 0))
		return;
	if (owner && owner->flows == 1) {
		struct kf_sock_key key = owner->flow;
		struct kf_sock *sock = bpf_map_lookup_elem(&kf_socks, &key);

		if (sock)
			kf_sock__flush(&key, sock);
		return;
	}
	/* If the ring is full the peers end by idle time; no aggregate is lost. */
	kf_header__fill(&closed.hdr, KF_KIND_SOCK_CLOSED, sizeof(closed));
	kf_emit(&closed, sizeof(closed), KF_CNT_SOCK_LOST_RING);
}

#endif
