/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who uses TCP sockets, and who receives by UDP ones, by the results of system calls, of what their
 * descriptor is then. The peer of a datagram is the one that the call names; without a name the one that the
 * socket is connected to, or the only one that it has.
 */
#ifndef KF_SOCKET_CALL_BPF_H
#define KF_SOCKET_CALL_BPF_H

#include "socket/use.bpf.h"
#include "syscalls.bpf.h"

#define KF_MSG_OOB 1
#define KF_MSG_PEEK 2
#define KF_MSG_ERRQUEUE 0x2000
#define KF_BATCH_MAX 1024 /* messages of one call (UIO_MAXIOV) */
#define KF_BATCH_BOUND 32 /* of them, without bpf_loop */

/* The beginnings of sockaddr_in and sockaddr_in6. */
struct kf_sockaddr {
	u16 family;
	u16 port;
	u32 ipv4;
	u32 ipv6[4];
};

struct kf_socket_call {
	struct sock *sk;
	u64 cookie;
	u64 bytes;
	u64 name; /* of the peer, in the memory of the process; 0: none */
	u64 vector; /* of messages */
	s32 name_len;
	u16 protocol;
	bool sent;
};

/* An address as packets have it: IPv4 behind ::ffff:0:0/96 is IPv4. */
static __always_inline void kf_socket_call__address(struct kf_sock_key *key, u16 family, u32 ipv4,
						    const u32 *ipv6)
{
	u32 *address = (u32 *)key->remote_addr;

	key->family = family;
	if (family == KF_AF_INET6 && !ipv6[0] && !ipv6[1] && ipv6[2] == bpf_htonl(0xffff)) {
		key->family = KF_AF_INET;
		ipv4 = ipv6[3];
	}
	address[0] = key->family == KF_AF_INET ? ipv4 : ipv6[0];
	for (int i = 1; i < 4; i++)
		address[i] = key->family == KF_AF_INET ? 0 : ipv6[i];
}

/* The peer that a call has filled in. */
static __always_inline bool kf_socket_call__named(struct kf_sock_key *key,
						  const struct kf_socket_call *call)
{
	struct kf_sockaddr to = {};

	if (!call->name || call->name_len < 8)
		return false;
	if (bpf_probe_read_user(&to, call->name_len < (s32)sizeof(to) ? 8 : sizeof(to),
				(void *)call->name))
		return false;
	if (to.family != KF_AF_INET && to.family != KF_AF_INET6)
		return false;
	key->remote_port = bpf_ntohs(to.port);
	kf_socket_call__address(key, to.family, to.ipv4, to.ipv6);
	return true;
}

/* The peer that the socket is connected to. */
static __always_inline bool kf_socket_call__connected(struct kf_sock_key *key, struct sock *sk)
{
	struct in6_addr ipv6;

	key->remote_port = bpf_ntohs(KF_READ(sk, __sk_common.skc_dport));
	if (!key->remote_port)
		return false;
	ipv6 = KF_READ(sk, __sk_common.skc_v6_daddr);
	kf_socket_call__address(key, KF_READ(sk, __sk_common.skc_family),
				KF_READ(sk, __sk_common.skc_daddr), ipv6.in6_u.u6_addr32);
	return true;
}

/* By the only peer that the socket has. */
static __always_inline void kf_socket_call__by_only(const struct kf_socket_call *call)
{
	struct kf_owner *owner = kf_owner__find(call->cookie);
	struct kf_peer *peer;

	if (!owner || owner->flows != 1)
		return;
	peer = kf_peer__at(owner->flow);
	if (peer)
		kf_use__received(peer, owner->flow, call->bytes);
}

static __noinline int kf_socket_call__datagram(const struct kf_socket_call *call)
{
	struct kf_sock_key key = { .cookie = call->cookie };

	if (kf_socket_call__named(&key, call) || kf_socket_call__connected(&key, call->sk))
		kf_use__received_from(&key, call->bytes);
	else
		kf_socket_call__by_only(call);
	return 0;
}

static __always_inline void kf_socket_call__stream(const struct kf_socket_call *call)
{
	struct kf_sock *sock = kf_sock__find(call->cookie);

	if (sock)
		kf_use__stream(sock, call->cookie, call->bytes, call->sent);
}

static __noinline int kf_socket_call__moved(const struct kf_socket_call *call)
{
	struct sock *sk = call->sk;

	if (!call->bytes)
		return 0;
	if (call->protocol != KF_IPPROTO_UDP)
		kf_socket_call__stream(call);
	else if (KF_READ(sk, sk_type) == KF_SOCK_DGRAM)
		kf_socket_call__datagram(call);
	return 0;
}

static long kf_socket_call__message(u32 round, void *context)
{
	struct kf_socket_call *call = context;
	struct kf_user_mmsghdr message = {};

	if (bpf_probe_read_user(&message, sizeof(message),
				(void *)(call->vector + round * sizeof(message))))
		return 1;
	call->name = (u64)message.hdr.name;
	call->name_len = message.hdr.name_len;
	call->bytes = message.len;
	kf_socket_call__moved(call);
	return 0;
}

static __always_inline void kf_socket_call__header(struct kf_socket_call *call, u64 at)
{
	struct kf_user_msghdr header = {};

	bpf_probe_read_user(&header, sizeof(header), (void *)at);
	call->name = (u64)header.name;
	call->name_len = header.name_len;
}

/* Fills in what the call says of who has sent a datagram. */
static __always_inline void kf_socket_call__name(struct kf_socket_call *call, struct pt_regs *regs,
						 u64 nr)
{
	if (nr == __NR_recvmsg) {
		kf_socket_call__header(call, KF_ARG1(regs));
	} else if (nr == __NR_recvfrom) {
		call->name = KF_ARG4(regs);
		if (call->name)
			bpf_probe_read_user(&call->name_len, sizeof(call->name_len),
					    (void *)KF_ARG5(regs));
	}
}

static __always_inline void kf_socket_call__moves(struct kf_socket_call *call, struct pt_regs *regs,
						  u64 nr)
{
	u32 messages = call->bytes < KF_BATCH_MAX ? call->bytes : KF_BATCH_MAX;

	if (nr == __NR_sendmmsg || nr == __NR_recvmmsg) {
		call->vector = KF_ARG1(regs);
		kf_loop(messages, kf_socket_call__message, call, KF_BATCH_BOUND);
		return;
	}
	kf_socket_call__name(call, regs, nr);
	kf_socket_call__moved(call);
}

/* Of a splice one end is a pipe, so at most one is a socket. */
static __always_inline struct socket *kf_socket_call__socket(struct kf_socket_call *call,
							     struct pt_regs *regs, u64 nr)
{
	struct socket *socket = kf_fd__socket(KF_ARG0(regs));

	if (socket || nr != __NR_splice)
		return socket;
	call->sent = true;
	return kf_fd__socket(KF_ARG2(regs));
}

static __always_inline void kf_socket_call__done(struct pt_regs *regs, u64 nr, s64 result,
						 bool sent)
{
	struct kf_socket_call call = { .bytes = result, .sent = sent };
	struct socket *socket = kf_socket_call__socket(&call, regs, nr);
	struct sock *sk = socket ? KF_READ(socket, sk) : NULL;
	u32 protocol = sk ? KF_READ(sk, sk_protocol) : 0;

	if (protocol != KF_IPPROTO_TCP && (protocol != KF_IPPROTO_UDP || call.sent))
		return;
	call.sk = sk;
	call.protocol = protocol;
	call.cookie = kf_use__cookie(sk);
	kf_socket_call__moves(&call, regs, nr);
}

static __always_inline bool kf_socket_call__sends(u64 nr)
{
	return nr == __NR_write || nr == __NR_writev || nr == __NR_sendto || nr == __NR_sendmsg ||
	       nr == __NR_sendmmsg || nr == __NR_sendfile || nr == __NR_pwritev2;
}

/* Calls that receive, and take it out of the queue. */
static __always_inline bool kf_socket_call__receives(struct pt_regs *regs, u64 nr)
{
	u64 flags = 0;

	if (nr == __NR_recvfrom || nr == __NR_recvmmsg)
		flags = KF_ARG3(regs);
	else if (nr == __NR_recvmsg)
		flags = KF_ARG2(regs);
	else if (nr != __NR_read && nr != __NR_readv && nr != __NR_preadv2)
		return false;
	return !(flags & (KF_MSG_OOB | KF_MSG_PEEK | KF_MSG_ERRQUEUE));
}

static __always_inline void kf_socket_call__returns(struct pt_regs *regs, u64 nr, s64 result)
{
	bool sends = kf_socket_call__sends(nr);

	if (result <= 0)
		return;
	if (nr != __NR_splice && !sends && !kf_socket_call__receives(regs, nr))
		return;
	if (kf_self() || kf_syscall__compat())
		return;
	kf_socket_call__done(regs, nr, result, sends);
}

#endif
