/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* accept(2) of TCP and MPTCP: the connection belongs to the process that accepted it. */
#ifndef KF_SOCKET_ACCEPT_BPF_H
#define KF_SOCKET_ACCEPT_BPF_H

#include "socket/mptcp.bpf.h"

static __noinline int kf_accept__own(u64 cookie, u32 net_ns)
{
	struct kf_sock *sock = kf_sock__find(cookie);
	struct kf_proc proc;

	if (!sock)
		return 0;
	kf_proc__fill_current(&proc);
	kf_sock__give(sock, &proc, net_ns);
	return 0;
}

#define KF_MPTCP_SUBFLOWS 8 /* of a connection (MPTCP_SUBFLOWS_MAX) */

static __always_inline void kf_accept__own_all(u64 list, u32 net_ns)
{
	struct mptcp_subflow_context *subflow;
	struct sock *sk;
	u64 at = list;

	for (int i = 0; i < KF_MPTCP_SUBFLOWS; i++) {
		at = kf_number(KF_UNTYPED((struct list_head *)at, next));
		if (!at || at == list)
			return;
		subflow = (void *)(at - bpf_core_field_offset(subflow->node));
		sk = KF_UNTYPED(subflow, tcp_sock);
		if (sk)
			kf_accept__own(KF_UNTYPED(sk, __sk_common.skc_cookie.counter), net_ns);
	}
}

/* The owner is there ahead of the walk: a subflow joins the list, and then looks for an owner. */
static __always_inline void kf_accept__mptcp(u64 id, u32 net_ns)
{
	struct mptcp_sock *mptcp = (struct mptcp_sock *)id;
	struct sock *first;

	kf_owner__set(id);
	if (!kf_has_mptcp())
		return;
	first = KF_UNTYPED(mptcp, first);
	if (first) /* may be in no list yet */
		kf_accept__own(KF_UNTYPED(first, __sk_common.skc_cookie.counter), net_ns);
	kf_accept__own_all(id + bpf_core_field_offset(mptcp->conn_list), net_ns);
	kf_accept__own_all(id + bpf_core_field_offset(mptcp->join_list), net_ns);
}

static __always_inline void kf_accept__done(struct sock *sk)
{
	u16 protocol = KF_READ(sk, sk_protocol);
	u32 net_ns = KF_READ(sk, __sk_common.skc_net.net, ns.inum);
	u64 id = kf_number(sk);

	if (kf_self())
		return;
	if (protocol == KF_IPPROTO_TCP)
		kf_accept__own(kf_alias__of(KF_READ(sk, __sk_common.skc_cookie.counter), sk),
			       net_ns);
	else if (protocol == KF_IPPROTO_MPTCP)
		kf_accept__mptcp(id, net_ns);
}

#endif
