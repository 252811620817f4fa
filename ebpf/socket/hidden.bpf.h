/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which sockets --include and --exclude hide. Not in filter.bpf.h, which reads paths: programs of sockets are
 * for kernels too that let them read no memory.
 */
#ifndef KF_SOCKET_HIDDEN_BPF_H
#define KF_SOCKET_HIDDEN_BPF_H

#include "filter.h"

const volatile struct kf_filter kf_filter = {};
const volatile u8 kf_filters_socket = 0; /* the verifier drops the code where there are no rules */

/* A global function: the verifier looks at it once. ports: the local one in the upper half. */
__noinline int kf_hidden_sock__has_ends(u64 first, u64 second, u32 ports, u32 ipv)
{
	return kf_filter_sock__hides(&kf_filter, ports >> 16, ports & 0xffff, first, second, ipv);
}

static __always_inline bool kf_hidden_sock__is(const struct kf_sock *sock)
{
	const u64 *remote = (const u64 *)sock->remote_addr;

	if (!kf_filters_socket || !kf_filter_sock__is_sure(sock))
		return false;
	return kf_hidden_sock__has_ends(remote[0], remote[1],
					(u32)sock->local_port << 16 | sock->remote_port,
					kf_filter_sock__ipv(sock));
}

#endif
