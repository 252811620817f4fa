// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * TCP and UDP in every attach mode: cgroup programs on the root of cgroup2 and typed tracepoints, which
 * also load where fentry, kprobes and memory reads are forbidden. Adapters only; see the headers beside it.
 */
#define KF_DIRECT 1
#define KF_PACKETS 1
#define KF_NO_CAST 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "net.h"
#include "record.h"
#include "config.bpf.h"
#include "emit.bpf.h"
#include "task.bpf.h"
#include "socket/iter.bpf.h"
#include "socket/mptcp.bpf.h"
#include "socket/tcp.bpf.h"
#include "socket/udp.bpf.h"
#include "payload/capture.bpf.h"

/* KF_VARIANTS cast: built again for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Why cgroup_skb: full packets, once each, at the socket; in softirq, so no process here. */
static __always_inline void kf_socket__packet(struct __sk_buff *skb, bool received)
{
	struct kf_packet packet = {};
	struct bpf_sock *sk = skb->sk;
	struct kf_sock *sock = NULL;
	u64 number;

	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return;
	if (!kf_packet__parse(skb, &packet)) {
		if (received)
			kf_queued__set(kf_number(skb), 0);
		return;
	}
	packet.received = received;
	packet.ifindex = received ? skb->ingress_ifindex : skb->ifindex;
	if (sk->protocol != packet.protocol)
		return;
	number = bpf_get_socket_cookie(skb);
	/* A raw socket gets copies of other sockets' packets. */
	if (packet.protocol == KF_IPPROTO_TCP && sk->type == KF_SOCK_STREAM) {
		sock = kf_tcp__packet(&number, sk, &packet);
	} else if (packet.protocol == KF_IPPROTO_UDP && sk->type == KF_SOCK_DGRAM) {
		packet.frag = received && kf_packet__fragmented(skb, packet.family);
		sock = kf_udp__packet(&number, sk, kf_number(skb), &packet);
	}
	if (sock && kf_payload__is_wanted(&packet) && !kf_hidden_sock__is(sock))
		kf_payload__capture(skb, sock, number, &packet);
}

SEC("cgroup_skb/ingress")
int cgroup__skb_ingress(struct __sk_buff *skb)
{
	kf_socket__packet(skb, true);
	return 1;
}

SEC("cgroup_skb/egress")
int cgroup__skb_egress(struct __sk_buff *skb)
{
	kf_socket__packet(skb, false);
	return 1;
}

static __always_inline bool kf_socket__wanted(u32 protocol)
{
	return protocol == KF_IPPROTO_TCP || protocol == KF_IPPROTO_UDP;
}

/* Why: the creator, in its own context; makes the cookie that tracing programs read. */
SEC("cgroup/sock_create")
int cgroup__sock_create(struct bpf_sock *ctx)
{
	kf_alias__forget(ctx); /* its socket ended in another cgroup, unseen */
	if (kf_socket__wanted(ctx->protocol))
		kf_owner__set(bpf_get_socket_cookie(ctx));
	else if (ctx->protocol == KF_IPPROTO_MPTCP)
		kf_owner__set(kf_number(ctx));
	return 1;
}

/* Why: the last close of a socket, still with its cookie. */
SEC("cgroup/sock_release")
int cgroup__sock_release(struct bpf_sock *ctx)
{
	u64 cookie = kf_alias__of(bpf_get_socket_cookie(ctx), ctx);

	if (ctx->protocol == KF_IPPROTO_MPTCP)
		kf_owner__forget(kf_number(ctx));
	if (ctx->protocol == KF_IPPROTO_UDP)
		kf_udp__released(cookie);
	if (ctx->protocol == KF_IPPROTO_TCP && ctx->type == KF_SOCK_STREAM) { /* has its own end */
		if (!kf_tcp__lingers(cookie))
			kf_owner__forget(cookie);
		return 1;
	}
	kf_owner__forget(cookie);
	kf_alias__forget(ctx);
	return 1;
}

/* Why: a cookie, and an owner, for a socket that was created before kflowd and connects now. */
SEC("cgroup/connect4")
int cgroup__connect4(struct bpf_sock_addr *ctx)
{
	if (kf_socket__wanted(ctx->protocol))
		kf_owner__set(kf_alias__of(bpf_get_socket_cookie(ctx), ctx->sk));
	return 1;
}

SEC("cgroup/connect6")
int cgroup__connect6(struct bpf_sock_addr *ctx)
{
	if (kf_socket__wanted(ctx->protocol))
		kf_owner__set(kf_alias__of(bpf_get_socket_cookie(ctx), ctx->sk));
	return 1;
}

static __always_inline void kf_socket__follow(struct bpf_sock_ops *ctx)
{
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline u64 kf_socket__goes_by(struct bpf_sock_ops *ctx)
{
	return kf_alias__of(bpf_get_socket_cookie(ctx), ctx->sk);
}

/* Why: the only hook that has the new child of a listener and may make its cookie. */
SEC("sockops")
int cgroup__sockops(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		kf_socket__follow(ctx);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		kf_socket__follow(ctx);
		kf_handshake__complete(bpf_get_socket_cookie(ctx), ctx);
		kf_tcp__established(kf_socket__goes_by(ctx), ctx);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		kf_tcp__established(kf_socket__goes_by(ctx), ctx);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (ctx->args[1] == KF_TCP_CLOSE)
			kf_tcp__ended(ctx, kf_socket__goes_by(ctx));
		break;
	default:
		return 1;
	}
	kf_mptcp__changed(ctx, bpf_get_socket_cookie(ctx));
	return 1;
}

/* Why: each change of a connection's state; connect and listen in the caller's context. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tp__inet_sock_set_state, struct sock *sk, int before, int state)
{
	if (sk->sk_protocol == KF_IPPROTO_TCP)
		kf_tcp__changed(sk, state);
	return 0;
}

/* Why: nothing more is sent or received by this socket. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tp__tcp_destroy_sock, struct sock *sk)
{
	kf_tcp__destroyed(sk);
	return 0;
}

/* Why: a datagram that found no room in the socket (IPv6: from 6.5 on). */
SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(tp__udp_fail_queue_rcv_skb, int error, struct sock *sk)
{
	kf_udp__dropped(sk);
	return 0;
}

/* Why: the length of the queue behind a datagram that was received [6.3]. */
SEC("tp_btf/sk_data_ready")
int BPF_PROG(tp__sk_data_ready, struct sock *sk)
{
	if (sk->sk_protocol == KF_IPPROTO_UDP)
		kf_udp__queued(sk);
	return 0;
}

/* Refreshes live connections and finds those that are older than kflowd. */
SEC("iter/tcp")
int BPF_PROG(iter__tcp, struct bpf_iter_meta *meta, struct sock_common *common)
{
	struct tcp_sock *tp = common ? bpf_skc_to_tcp_sock(common) : NULL;

	if (tp)
		kf_iter__tcp(tp);
	return 0;
}

/* Owners of sockets that are older than kflowd; run before iter/tcp. */
SEC("iter/task_file")
int BPF_PROG(iter__task_file, struct bpf_iter_meta *meta, struct task_struct *task, u32 fd,
	     struct file *file)
{
	if (task && file)
		kf_iter__file(task, file);
	return 0;
}
