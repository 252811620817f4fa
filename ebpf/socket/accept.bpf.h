/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* accept(2) of TCP: the connection belongs to the process that accepted it. */
#ifndef KF_SOCKET_ACCEPT_BPF_H
#define KF_SOCKET_ACCEPT_BPF_H

#include "socket/aggregate.bpf.h"

static __always_inline void kf_accept__done(struct sock *sk)
{
	struct kf_sock *sock;

	if (KF_READ(sk, sk_protocol) != KF_IPPROTO_TCP || kf_self())
		return;
	sock = kf_sock__find(kf_alias__of(KF_READ(sk, __sk_common.skc_cookie.counter), sk));
	if (!sock)
		return;
	kf_proc__fill_current(&sock->proc);
	sock->flags &= ~KF_SOCK_NO_OWNER;
}

#endif
