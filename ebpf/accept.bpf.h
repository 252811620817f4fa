/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* accept(2) of TCP: the connection belongs to the process that accepted it. */
#ifndef KF_ACCEPT_BPF_H
#define KF_ACCEPT_BPF_H

#include "socket_maps.bpf.h"

static __always_inline void kf_sock__accepted(struct sock *sk)
{
	u64 cookie = KF_READ(sk, __sk_common.skc_cookie.counter);
	struct kf_sock *sock = kf_sock__find(cookie);

	if (!sock)
		return;
	kf_proc__fill_current(&sock->proc);
	sock->flags &= ~KF_SOCK_NO_OWNER;
}

static __always_inline void kf_socket__accepted(struct socket *socket)
{
	struct sock *sk = KF_READ(socket, sk);

	if (sk && KF_READ(sk, sk_protocol) == KF_IPPROTO_TCP)
		kf_sock__accepted(sk);
}

#endif
