/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * MPTCP: its connection is several TCP connections of the kernel, its subflows, and no file has those.
 * They belong to whom the MPTCP socket belongs to: who created it, or accepted it. It goes by its
 * address, a number that no cookie and no alias has; what is accepted has no cookie that all attach
 * modes could ask for.
 */
#ifndef KF_SOCKET_MPTCP_BPF_H
#define KF_SOCKET_MPTCP_BPF_H

#include "socket/aggregate.bpf.h"

#define KF_IPPROTO_MPTCP 262

/* The MPTCP socket of a subflow, or NULL. Only programs whose sockets are no kernel types may ask: those
 * of cgroups. */
static __always_inline struct mptcp_sock *kf_mptcp__of(struct bpf_sock *sk)
{
	return kf_has_skc_to_mptcp_sock() ? bpf_skc_to_mptcp_sock(sk) : NULL;
}

/* Gives a subflow the owner that its MPTCP socket has, if that is known. */
static __always_inline bool kf_mptcp__own(struct kf_sock *sock, struct bpf_sock *sk)
{
	struct mptcp_sock *mptcp = kf_mptcp__of(sk);
	struct kf_owner *owner = mptcp ? kf_owner__find(kf_number(mptcp)) : NULL;

	if (!owner)
		return false;
	kf_sock__give(sock, &owner->proc, owner->net_ns);
	return true;
}

/*
 * A subflow connects. The first does so in the process whose connection it is; one that joins in a
 * thread of the kernel, or in whoever has added an address.
 */
static __always_inline void kf_mptcp__connects(struct kf_sock *sock, struct bpf_sock *sk)
{
	struct mptcp_sock *mptcp = kf_mptcp__of(sk);
	struct kf_owner *owner;

	if (!mptcp)
		return;
	if (kf_number(KF_TYPED(mptcp, first)) != kf_number(sk)) {
		if (!kf_mptcp__own(sock, sk))
			sock->flags |= KF_SOCK_NO_OWNER;
		return;
	}
	owner = kf_owner__find(kf_number(mptcp));
	if (owner)
		owner->proc = sock->proc;
}

/* A connection that begins, or whose state has changed. */
static __always_inline void kf_mptcp__changed(struct bpf_sock_ops *ctx, u64 cookie)
{
	struct bpf_sock *sk = ctx->sk;
	struct kf_sock *sock;

	if (!sk || !kf_mptcp__of(sk)) /* asked first: hardly any connection is one */
		return;
	sock = kf_sock__find(cookie);
	if (!sock)
		return;
	if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		kf_mptcp__connects(sock, sk);
	else
		kf_mptcp__own(sock, sk);
}

#endif
