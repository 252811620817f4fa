// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who accepts a TCP connection and who uses sockets, by fentry; see accept, use and datagram.bpf.h. */
#define KF_DIRECT 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "socket/accept.bpf.h"
#include "socket/datagram.bpf.h"
#include "socket/programs.bpf.h"

/* KF_VARIANTS cast: built again for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Why: accept(2), by system call or io_uring, when the child joins the caller's socket. Not
 * inet_csk_accept, which can return a child whose handshake another CPU has not finished: here its
 * lock is held.
 */
SEC("fentry/security_sock_graft")
int BPF_PROG(fentry__security_sock_graft, struct sock *sk)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_SECURITY_SOCK_GRAFT))
		return 0;
	kf_accept__done(sk);
	return 0;
}

static __always_inline void kf_socket_fentry__released(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (tp)
		kf_use__tcp(sk, tp);
}

/* Why: each call that writes or reads holds the connection's lock and lets go of it here. */
SEC("fentry/release_sock")
int BPF_PROG(fentry__release_sock, struct sock *sk)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_RELEASE_SOCK))
		return 0;
	kf_socket_fentry__released(sk);
	return 0;
}

/* Why: who takes a datagram out of the queue, and how much of it. */
SEC("fentry/skb_consume_udp")
int BPF_PROG(fentry__skb_consume_udp, struct sock *sk, struct sk_buff *skb, int bytes)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_SKB_CONSUME_UDP))
		return 0;
	kf_datagram__received(sk, skb, bytes);
	return 0;
}
