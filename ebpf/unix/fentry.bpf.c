// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* accept(2) and UNIX sockets by fentry and fexit. Adapters only; see socket/accept.bpf.h, unix.bpf.h. */
#define KF_DIRECT 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#define KF_TURN_FIRST KF_TURN_UNIX
#include "standby.bpf.h"
#include "socket/accept.bpf.h"
#include "unix/aggregate.bpf.h"

/* KF_VARIANTS cast: built again for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define KF_MSG_PEEK 2

static __always_inline void kf_unix__done(struct socket *socket, struct msghdr *msg, s64 bytes,
					  bool sent)
{
	struct kf_unix_message message = {
		.socket = socket, .bytes = bytes, .messages = 1, .sent = sent
	};

	if (bytes <= 0 || kf_self())
		return;
	if (sent && msg->msg_namelen > 0)
		kf_unix_name__read(&message.to, msg->msg_name, msg->msg_namelen, false);
	kf_unix__moved(&message);
}

/*
 * Why: accept(2), by system call or io_uring, when the child joins the caller's socket. Not
 * inet_csk_accept, which can return a child whose handshake another CPU has not finished: here its
 * lock is held.
 */
SEC("fentry/security_sock_graft")
int fentry__security_sock_graft(u64 *ctx)
{
	KF_TURN;
	kf_sock__accepted((void *)KF_CTX(ctx, 0));
	return 0;
}

/* Why these: below system calls and io_uring; only bytes that were really moved. */
SEC("fexit/unix_stream_sendmsg")
int fexit__unix_stream_sendmsg(u64 *ctx)
{
	KF_TURN;
	kf_unix__done((void *)KF_CTX(ctx, 0), (void *)KF_CTX(ctx, 1), (int)KF_CTX(ctx, 3), true);
	return 0;
}

SEC("fexit/unix_dgram_sendmsg")
int fexit__unix_dgram_sendmsg(u64 *ctx)
{
	KF_TURN;
	struct socket *socket = (void *)KF_CTX(ctx, 0);

	if (socket->type == KF_UNIX_DGRAM)
		kf_unix__done(socket, (void *)KF_CTX(ctx, 1), (int)KF_CTX(ctx, 3), true);
	return 0;
}

/* Calls the datagram function, which the compiler may have made part of it: by type, once each. */
SEC("fexit/unix_seqpacket_sendmsg")
int fexit__unix_seqpacket_sendmsg(u64 *ctx)
{
	KF_TURN;
	kf_unix__done((void *)KF_CTX(ctx, 0), (void *)KF_CTX(ctx, 1), (int)KF_CTX(ctx, 3), true);
	return 0;
}

SEC("fexit/unix_stream_recvmsg")
int fexit__unix_stream_recvmsg(u64 *ctx)
{
	KF_TURN;
	if (!(KF_CTX(ctx, 3) & KF_MSG_PEEK))
		kf_unix__done((void *)KF_CTX(ctx, 0), NULL, (int)KF_CTX(ctx, 4), false);
	return 0;
}

SEC("fexit/unix_dgram_recvmsg")
int fexit__unix_dgram_recvmsg(u64 *ctx)
{
	KF_TURN;
	struct socket *socket = (void *)KF_CTX(ctx, 0);

	if (socket->type == KF_UNIX_DGRAM && !(KF_CTX(ctx, 3) & KF_MSG_PEEK))
		kf_unix__done(socket, NULL, (int)KF_CTX(ctx, 4), false);
	return 0;
}

SEC("fexit/unix_seqpacket_recvmsg")
int fexit__unix_seqpacket_recvmsg(u64 *ctx)
{
	KF_TURN;
	if (!(KF_CTX(ctx, 3) & KF_MSG_PEEK))
		kf_unix__done((void *)KF_CTX(ctx, 0), NULL, (int)KF_CTX(ctx, 4), false);
	return 0;
}

/* Why: the last close, before the socket loses its sock. */
SEC("fentry/unix_release")
int fentry__unix_release(u64 *ctx)
{
	KF_TURN;
	kf_unix__released((void *)KF_CTX(ctx, 0));
	return 0;
}
