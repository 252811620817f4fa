/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who sends and receives over TCP and UDP, asked in the process that does. Of TCP not what calls return:
 * how far a connection was written and read stands in it, so it does not matter by which of many calls,
 * and what goes on is the current process's. What is folded has no users.
 */
#ifndef KF_SOCKET_USE_BPF_H
#define KF_SOCKET_USE_BPF_H

#include <bpf/bpf_endian.h>
#include "socket/peer.bpf.h"

#define KF_SK_DONE 2 /* skc_flags: bit SOCK_DONE, a FIN came in */

static __always_inline u64 kf_use__cookie(struct sock *sk)
{
	return kf_alias__of(KF_READ(sk, __sk_common.skc_cookie.counter), sk);
}

/* What is read of each socket that somebody lets go of. */
struct kf_use_sock {
	u64 cookie;
	u64 flags;
};

/* The two stand side by side, and are read at once. */
static __always_inline void kf_use__read(struct kf_use_sock *out, struct sock *sk)
{
	const struct sock_common *common = &sk->__sk_common;
	u32 cookie = bpf_core_field_offset(common->skc_cookie);

	if (!KF_ENABLED(KF_DIRECT) && bpf_core_field_offset(common->skc_flags) == cookie + 8) {
		bpf_probe_read_kernel(out, sizeof(*out), (void *)common + cookie);
		return;
	}
	out->cookie = KF_READ(sk, __sk_common.skc_cookie.counter);
	out->flags = KF_READ(sk, __sk_common.skc_flags);
}

/* ---- TCP ---- */

/* How far a connection is used; sequence numbers. */
struct kf_use_tcp {
	u32 written;
	u32 read; /* without a FIN */
};

/* Side by side in tcp_sock, and read at once. */
struct kf_use_received {
	u32 rcv_nxt;
	u32 copied_seq;
};

static __always_inline void kf_use__read_received(struct kf_use_received *out, struct tcp_sock *tp)
{
	u32 next = bpf_core_field_offset(tp->rcv_nxt);

	if (!KF_ENABLED(KF_DIRECT) && bpf_core_field_offset(tp->copied_seq) == next + 4) {
		bpf_probe_read_kernel(out, sizeof(*out), (void *)tp + next);
		return;
	}
	out->copied_seq = KF_READ(tp, copied_seq);
	out->rcv_nxt = KF_READ(tp, rcv_nxt);
}

static __always_inline void kf_use__progress(struct kf_use_tcp *at, u64 flags, struct tcp_sock *tp)
{
	struct kf_use_received received = {};

	at->written = KF_READ(tp, write_seq);
	kf_use__read_received(&received, tp);
	at->read = received.copied_seq;
	if (flags & KF_SK_DONE && at->read == received.rcv_nxt)
		at->read--;
}

/* Where a connection whose beginning was seen began to be used. Of a client bytes_acked counts the SYN. */
static __always_inline void kf_use__from_start(struct kf_sock *sock, struct tcp_sock *tp)
{
	u32 written = KF_READ(tp, snd_una) - (u32)KF_READ(tp, bytes_acked);
	u32 read = KF_READ(tp, rcv_nxt) - (u32)KF_READ(tp, bytes_received);

	kf_usage__base(&sock->usage, written + (sock->role == KF_ROLE_CLIENT), read);
}

/* In these states data may be written; later write_seq counts the FIN. */
static __always_inline bool kf_use__writable(u32 state)
{
	return state == KF_TCP_ESTABLISHED || state == KF_TCP_CLOSE_WAIT ||
	       state == KF_TCP_SYN_RECV;
}

/* Not of a subflow of MPTCP: softirqs move what it has received, and any process what is sent. */
static __always_inline bool kf_use__based(struct kf_sock *sock, struct tcp_sock *tp,
					  const struct kf_use_tcp *at)
{
	if (sock->usage.based)
		return true;
	if (kf_is_subflow(tp))
		return false;
	if (sock->flags & KF_SOCK_SNAPSHOT) {
		kf_usage__base(&sock->usage, at->written, at->read);
		return false;
	}
	kf_use__from_start(sock, tp);
	return true;
}

/* Global, so that its arguments are numbers. */
__noinline int kf_use__tcp_by_other(u64 cookie, u64 bytes, u32 sent)
{
	struct kf_sock *sock = kf_sock__find(cookie);
	struct kf_user_key user;

	if (!sock)
		return 0;
	kf_sock__user_key(&user, KF_SHARE_TCP, cookie);
	kf_usage__other(&sock->usage, &user, bytes, sent);
	return 0;
}

static __always_inline void kf_use__stream(struct kf_sock *sock, u64 cookie, u64 bytes, bool sent)
{
	if (kf_usage__is_own(&sock->proc))
		kf_usage__own(&sock->usage, bytes, sent);
	else
		kf_use__tcp_by_other(cookie, bytes, sent);
}

/* Whether it can be told who moves bytes. connect(2) to no address takes all that is known of how far a
 * connection was read. */
static __always_inline bool kf_use__tells(struct sock *sk, u32 state)
{
	if (state == KF_TCP_LISTEN || state == KF_TCP_SYN_SENT || kf_self())
		return false;
	return state != KF_TCP_CLOSE || KF_READ(sk, __sk_common.skc_dport);
}

/* Somebody who holds a connection, or has held it, may have moved bytes. A socket that is none of TCP has no
 * entry: the protocol need not be read. */
static __always_inline void kf_use__tcp(struct sock *sk, struct tcp_sock *tp)
{
	struct kf_use_sock used;
	struct kf_use_tcp at;
	struct kf_sock *sock;
	s32 sent = 0, received;
	u64 cookie;
	u32 state;

	kf_use__read(&used, sk);
	cookie = kf_alias__of(used.cookie, sk);
	sock = kf_sock__find(cookie);
	if (!sock)
		return;
	state = KF_READ(sk, __sk_common.skc_state);
	if (!kf_use__tells(sk, state))
		return;
	kf_use__progress(&at, used.flags, tp);
	if (!kf_use__based(sock, tp, &at))
		return;
	if (kf_use__writable(state))
		sent = at.written - sock->usage.write_seq;
	received = at.read - sock->usage.copied_seq;
	if (sent > 0) {
		sock->usage.write_seq = at.written;
		kf_use__stream(sock, cookie, sent, true);
	}
	if (received > 0) {
		sock->usage.copied_seq = at.read;
		kf_use__stream(sock, cookie, received, false);
	}
}

/* ---- UDP ---- */

/* Global, so that its arguments are numbers. */
__noinline int kf_use__received_by_other(u64 number, u64 bytes)
{
	struct kf_peer *peer = kf_peer__at(number);
	struct kf_user_key user;

	if (!peer)
		return 0;
	kf_sock__user_key(&user, KF_SHARE_UDP, number);
	kf_usage__other(&peer->sock.usage, &user, bytes, false);
	return 0;
}

/* The current process took a datagram of this peer out of the queue. */
static __always_inline void kf_use__received(struct kf_peer *peer, u64 number, u64 bytes)
{
	if (kf_usage__is_own(&peer->sock.proc))
		kf_usage__own(&peer->sock.usage, bytes, false);
	else
		kf_use__received_by_other(number, bytes);
}

/* The same of a peer that may have no entry. */
static __always_inline void kf_use__received_from(const struct kf_sock_key *key, u64 bytes)
{
	u64 number = kf_peer__number(key);
	struct kf_peer *peer = kf_peer__find(key, number);

	if (peer)
		kf_use__received(peer, number, bytes);
}

#endif
