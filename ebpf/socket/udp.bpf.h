/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * UDP: one aggregate for each remote peer of a socket, from its first packet on. It ends with the
 * socket, or by user space when idle. A socket with one peer is flushed here; for one with more,
 * user space is told and sweeps them. Peers beyond the share of their socket are one fold of it.
 */
#ifndef KF_SOCKET_UDP_BPF_H
#define KF_SOCKET_UDP_BPF_H

#include "socket/fold.bpf.h"
#include "socket/peer.bpf.h"
#include "socket/queued.bpf.h"
#include "socket/sender.bpf.h"

/* The peer whose datagram came in last on this CPU: it is queued or dropped in this same softirq. */
struct kf_udp_last {
	u64 cookie;
	u64 number;
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

static __always_inline void kf_udp__remember(u64 cookie, u64 number)
{
	u32 zero = 0;
	struct kf_udp_last *last = bpf_map_lookup_elem(&kf_udp_last, &zero);

	if (!last)
		return;
	last->cookie = cookie;
	last->number = number;
	last->fold.scope = KF_SCOPE_NONE;
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

/* The owner sends for the first time: it is as it is now, and not as it was when it made the socket. */
static __noinline int kf_udp__acts(struct kf_sock *sock)
{
	if (kf_proc__is_current(&sock->proc))
		kf_proc__fill_current(&sock->proc);
	return 0;
}

static __always_inline void kf_udp__began(struct kf_peer *peer, const struct kf_sock_key *key,
					  u64 number, const struct kf_packet *packet,
					  struct kf_owner *owner)
{
	struct kf_shares *all = kf_shares__all();
	struct kf_sock *sock = &peer->sock;

	__builtin_memcpy(peer->key.remote_addr, key->remote_addr,
			 sizeof(*key) - __builtin_offsetof(struct kf_sock_key, remote_addr));
	barrier();
	*(volatile u64 *)&peer->key.cookie = key->cookie; /* last: see kf_peer__is */
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
			owner->flow = number;
		__sync_fetch_and_add(&owner->flows, 1);
	}
}

/* A datagram of a peer for which there is no room. */
static __noinline int kf_udp__fold(const struct kf_owner *owner, u64 cookie, u64 number,
				   const struct kf_packet *packet, u32 scope)
{
	struct kf_fold_key fold_key = {};
	struct kf_udp_last *last;
	struct kf_sock *fold;
	u32 zero = 0;

	kf_fold__key(&fold_key, owner, KF_IPPROTO_UDP, KF_ROLE_NONE);
	if (scope == KF_SCOPE_SOCKET) {
		fold_key.scope = KF_SCOPE_SOCKET;
		fold_key.id = cookie;
	}
	fold = kf_fold__of(&fold_key, owner, scope == KF_SCOPE_SOCKET ? number : cookie);
	if (!fold)
		return 0;
	if (scope == KF_SCOPE_SOCKET && !fold->role)
		fold->role = packet->received ? KF_ROLE_SERVER : KF_ROLE_CLIENT;
	kf_fold__packet(fold, packet);
	last = bpf_map_lookup_elem(&kf_udp_last, &zero);
	if (!last || !packet->received)
		return 0;
	last->cookie = cookie;
	last->fold = fold_key;
	return 0;
}

static __always_inline struct kf_peer *kf_udp__begin(const struct kf_sock_key *key, u64 number,
						     const struct kf_packet *packet)
{
	struct kf_owner *owner = kf_owner__find(key->cookie);
	struct kf_peer *peer = NULL;
	enum kf_begin began = KF_REFUSED;
	u32 scope = KF_SCOPE_SOCKET;

	if (kf_owner__is_self(owner))
		return NULL;
	if (!kf_udp__full(owner, key->cookie)) {
		scope = KF_SCOPE_PROCESS;
		peer = (void *)kf_sock__begin(&kf_udp, KF_SHARE_UDP, &number, owner, &began);
	}
	if (peer)
		kf_udp__began(peer, key, number, packet, owner);
	else if (began == KF_BEGUN_ELSEWHERE)
		peer = kf_peer__find(key, number);
	if (!peer)
		kf_udp__fold(owner, key->cookie, number, packet, scope);
	return peer;
}

/* As kf_sock__seek: after a miss the key has what the socket goes by. */
static __always_inline struct kf_peer *kf_udp__seek(struct kf_sock_key *key, u64 *number,
						    const void *sk)
{
	struct kf_peer *peer;
	u64 alias;

	*number = kf_peer__number(key);
	peer = kf_peer__find(key, *number);
	if (peer || kf_nargs_bpf_get_socket_ptr_cookie)
		return peer;
	alias = kf_alias__of(key->cookie, sk);
	if (alias == key->cookie)
		return NULL;
	key->cookie = alias;
	*number = kf_peer__number(key);
	return kf_peer__find(key, *number);
}

/* Global, so that its arguments are numbers. Another than the owner is current; sock: the socket's address. */
__noinline int kf_udp__sent_by_other(u64 number, u64 bytes, u64 sock)
{
	struct kf_peer *peer = kf_peer__at(number);
	struct kf_used *used;
	struct kf_user_key key;

	if (!peer)
		return 0;
	kf_sock__user_key(&key, KF_SHARE_UDP, number);
	used = kf_usage__find(&peer->sock.usage, &key);
	if (!used && key.place < KF_USERS && kf_sender__is_current(sock))
		used = kf_users__claim(&peer->sock.usage, &key);
	kf_usage__add(&peer->sock.usage, used, bytes, true);
	return 0;
}

/* A datagram leaves in the call of the process that sends it. */
static __always_inline void kf_udp__sent(struct kf_peer *peer, u64 number, u64 bytes, u64 sock)
{
	if (kf_usage__is_own(&peer->sock.proc))
		kf_usage__own(&peer->sock.usage, bytes, true);
	else
		kf_udp__sent_by_other(number, bytes, sock);
}

/* skb: its address; number: the cookie, then that of the peer. Returns what has counted it, NULL: nothing. */
static __always_inline struct kf_sock *kf_udp__packet(u64 *number, struct bpf_sock *sk, u64 skb,
						      const struct kf_packet *packet)
{
	struct kf_sock_key key = { .cookie = *number };
	struct kf_peer *peer;
	struct kf_sock *sock;

	kf_udp__key(&key, packet);
	peer = kf_udp__seek(&key, number, sk);
	if (!peer)
		peer = kf_udp__begin(&key, *number, packet);
	if (packet->received)
		kf_queued__set(skb, peer ? *number : 0);
	if (!peer)
		return NULL;
	sock = &peer->sock;
	if (!packet->received && !sock->tx.packets)
		kf_udp__acts(sock);
	sock->last_ns = packet->ts_ns;
	kf_dir__add(packet->received ? &sock->rx : &sock->tx, packet);
	if (packet->received)
		kf_udp__remember(key.cookie, *number);
	else if (packet->payload)
		kf_udp__sent(peer, *number, packet->payload, kf_number(sk));
	return sock;
}

/* The aggregate of the datagram that this CPU is delivering to the socket, or NULL. */
static __always_inline struct kf_sock *kf_udp__current(struct sock *sk)
{
	u32 zero = 0;
	struct kf_udp_last *last = bpf_map_lookup_elem(&kf_udp_last, &zero);
	struct kf_fold *fold;

	if (!last || last->cookie != kf_alias__of(sk->__sk_common.skc_cookie.counter, sk))
		return NULL;
	if (!last->fold.scope)
		return (void *)kf_peer__at(last->number);
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
		struct kf_peer *peer = kf_peer__at(owner->flow);

		if (peer)
			kf_sock__flush(&kf_udp, KF_SHARE_UDP, owner->flow, &peer->sock);
		return;
	}
	/* If the ring is full the peers end by idle time; no aggregate is lost. */
	kf_header__fill(&closed.hdr, KF_KIND_SOCK_CLOSED, sizeof(closed));
	kf_emit(&closed, sizeof(closed), KF_CNT_SOCK_LOST_RING);
}

#endif
