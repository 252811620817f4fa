/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * UDP: one aggregate for each remote peer of a socket, from its first packet on. It ends with the
 * socket, or by user space when idle. A socket with one peer is flushed here; for one with more,
 * user space is told and sweeps them. Peers beyond the share of their socket are one fold of it.
 */
#ifndef KF_SOCKET_UDP_BPF_H
#define KF_SOCKET_UDP_BPF_H

#include "socket/fold.bpf.h"
#include "socket/use.bpf.h"

/* The peer whose datagram came in last on this CPU: it is queued or dropped in this same softirq. */
struct kf_udp_last {
	struct kf_sock_key key;
	struct kf_fold_key fold; /* scope not 0: it has no entry */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_udp_last);
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
	struct kf_udp_last *last = bpf_map_lookup_elem(&kf_udp_last, &zero);

	if (!last)
		return;
	last->key = *key;
	last->fold.scope = KF_SCOPE_NONE;
}

static __always_inline u64 kf_udp__hash(const struct kf_sock_key *key)
{
	const u64 *address = (const u64 *)key->remote_addr;

	return ((address[0] * 31 ^ address[1]) * 31) ^ key->remote_port ^ (u64)key->family << 16;
}

/* Where a socket's peers are counted. */
static __always_inline u32 kf_udp__place(u64 cookie)
{
	return (cookie ^ kf_salt) * KF_SHARE_HASH >> 7 & (KF_SHARE_SOCKETS - 1);
}

/* Whether a socket has as many peers as it may: a quarter of the table. Sockets that meet in one place
 * share it only once they have begun as many themselves. */
static __always_inline bool kf_udp__full(const struct kf_owner *owner, u64 cookie)
{
	struct kf_shares *all = kf_shares__all();
	u32 place = kf_share__bound(kf_udp__place(cookie), KF_SHARE_SOCKET_BITS);

	if (owner && owner->flows < kf_sock_entries / 4)
		return false;
	return all && all->peers[place] >= (s32)(kf_sock_entries / 4);
}

static __always_inline void kf_udp__began(struct kf_sock *sock, struct kf_sock_key *key,
					  const struct kf_packet *packet, struct kf_owner *owner)
{
	struct kf_shares *all = kf_shares__all();

	kf_packet__address(packet, sock);
	sock->role = packet->received ? KF_ROLE_SERVER : KF_ROLE_CLIENT;
	sock->state = KF_UDP_ESTABLISHED;
	if (kf_packet__knows_fragments())
		sock->flags |= KF_SOCK_FRAGS;
	sock->share_socket = kf_udp__place(key->cookie);
	if (all)
		__sync_fetch_and_add(
			&all->peers[kf_share__bound(sock->share_socket, KF_SHARE_SOCKET_BITS)], 1);
	if (owner) {
		if (!owner->flows)
			owner->flow = *key;
		__sync_fetch_and_add(&owner->flows, 1);
	}
}

/* A datagram of a peer for which there is no room. */
static __noinline int kf_udp__fold(const struct kf_owner *owner, struct kf_sock_key *key,
				   const struct kf_packet *packet, u32 scope)
{
	struct kf_fold_key fold_key = {};
	struct kf_udp_last *last;
	struct kf_sock *fold;
	u32 zero = 0;

	kf_fold__key(&fold_key, owner, KF_IPPROTO_UDP, KF_ROLE_NONE);
	if (scope == KF_SCOPE_SOCKET) {
		fold_key.scope = KF_SCOPE_SOCKET;
		fold_key.id = key->cookie;
	}
	fold = kf_fold__of(&fold_key, owner,
			   scope == KF_SCOPE_SOCKET ? kf_udp__hash(key) : key->cookie);
	if (!fold)
		return 0;
	if (scope == KF_SCOPE_SOCKET && !fold->role)
		fold->role = packet->received ? KF_ROLE_SERVER : KF_ROLE_CLIENT;
	kf_fold__packet(fold, packet);
	last = bpf_map_lookup_elem(&kf_udp_last, &zero);
	if (!last || !packet->received)
		return 0;
	last->key = *key;
	last->fold = fold_key;
	return 0;
}

static __always_inline struct kf_sock *kf_udp__begin(struct kf_sock_key *key,
						     const struct kf_packet *packet)
{
	struct kf_owner *owner = kf_owner__find(key->cookie);
	struct kf_sock *sock = NULL;
	enum kf_begin began = KF_REFUSED;
	u32 scope = KF_SCOPE_SOCKET;

	if (kf_owner__is_self(owner))
		return NULL;
	if (!kf_udp__full(owner, key->cookie)) {
		scope = KF_SCOPE_PROCESS;
		sock = kf_sock__begin(&kf_udp, KF_SHARE_UDP, key, owner, &began);
	}
	if (sock)
		kf_udp__began(sock, key, packet, owner);
	else if (began == KF_REFUSED)
		kf_udp__fold(owner, key, packet, scope);
	else /* another CPU was first */
		sock = bpf_map_lookup_elem(&kf_udp, key);
	return sock;
}

static __always_inline void kf_udp__packet(u64 cookie, struct bpf_sock *sk,
					   const struct kf_packet *packet)
{
	struct kf_sock_key key = { .cookie = cookie };
	struct kf_sock *sock;

	kf_udp__key(&key, packet);
	sock = kf_sock__seek(&kf_udp, &key, sk);
	if (!sock)
		sock = kf_udp__begin(&key, packet);
	if (!sock)
		return;
	sock->last_ns = packet->ts_ns;
	kf_dir__add(packet->received ? &sock->rx : &sock->tx, packet);
	if (packet->received)
		kf_udp__remember(&key);
	else if (packet->payload)
		kf_use__udp(sock, &key, packet->payload, true);
}

/* The aggregate of the datagram that this CPU is delivering to the socket, or NULL. */
static __always_inline struct kf_sock *kf_udp__current(struct sock *sk)
{
	u32 zero = 0;
	struct kf_udp_last *last = bpf_map_lookup_elem(&kf_udp_last, &zero);
	struct kf_fold *fold;

	if (!last || last->key.cookie != kf_alias__of(sk->__sk_common.skc_cookie.counter, sk))
		return NULL;
	if (!last->fold.scope)
		return bpf_map_lookup_elem(&kf_udp, &last->key);
	fold = bpf_map_lookup_elem(&kf_folds, &last->fold);
	return fold ? &fold->sock : NULL;
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
		struct kf_sock *sock = bpf_map_lookup_elem(&kf_udp, &key);

		if (sock)
			kf_sock__flush(&kf_udp, KF_SHARE_UDP, &key, sock);
		return;
	}
	/* If the ring is full the peers end by idle time; no aggregate is lost. */
	kf_header__fill(&closed.hdr, KF_KIND_SOCK_CLOSED, sizeof(closed));
	kf_emit(&closed, sizeof(closed), KF_CNT_SOCK_LOST_RING);
}

#endif
