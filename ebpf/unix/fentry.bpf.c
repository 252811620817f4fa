// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* UNIX sockets by fentry and fexit. Adapters only; see unix/aggregate.bpf.h. */
#define KF_DIRECT 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "unix/aggregate.bpf.h"
#include "unix/programs.bpf.h"

/* KF_VARIANTS cast: built again for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void kf_unix_fentry__done(struct socket *socket, struct msghdr *msg,
						 s64 bytes, bool sent)
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

/* Why these: below system calls and io_uring; only bytes that were really moved. */
SEC("fexit/unix_stream_sendmsg")
int BPF_PROG(fexit__unix_stream_sendmsg, struct socket *socket, struct msghdr *msg, size_t size,
	     int sent)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_UNIX_STREAM_SENDMSG))
		return 0;
	kf_unix_fentry__done(socket, msg, sent, true);
	return 0;
}

SEC("fexit/unix_dgram_sendmsg")
int BPF_PROG(fexit__unix_dgram_sendmsg, struct socket *socket, struct msghdr *msg, size_t size,
	     int sent)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_UNIX_DGRAM_SENDMSG))
		return 0;
	if (socket->type == KF_UNIX_DGRAM)
		kf_unix_fentry__done(socket, msg, sent, true);
	return 0;
}

/* Calls the datagram function, which the compiler may have made part of it: by type, once each. */
SEC("fexit/unix_seqpacket_sendmsg")
int BPF_PROG(fexit__unix_seqpacket_sendmsg, struct socket *socket, struct msghdr *msg, size_t size,
	     int sent)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_UNIX_SEQPACKET_SENDMSG))
		return 0;
	kf_unix_fentry__done(socket, msg, sent, true);
	return 0;
}

SEC("fexit/unix_stream_recvmsg")
int BPF_PROG(fexit__unix_stream_recvmsg, struct socket *socket, struct msghdr *msg, size_t size,
	     int flags, int received)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_UNIX_STREAM_RECVMSG))
		return 0;
	if (!(flags & KF_MSG_PEEK))
		kf_unix_fentry__done(socket, NULL, received, false);
	return 0;
}

SEC("fexit/unix_dgram_recvmsg")
int BPF_PROG(fexit__unix_dgram_recvmsg, struct socket *socket, struct msghdr *msg, size_t size,
	     int flags, int received)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_UNIX_DGRAM_RECVMSG))
		return 0;
	if (socket->type == KF_UNIX_DGRAM && !(flags & KF_MSG_PEEK))
		kf_unix_fentry__done(socket, NULL, received, false);
	return 0;
}

SEC("fexit/unix_seqpacket_recvmsg")
int BPF_PROG(fexit__unix_seqpacket_recvmsg, struct socket *socket, struct msghdr *msg, size_t size,
	     int flags, int received)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_UNIX_SEQPACKET_RECVMSG))
		return 0;
	if (!(flags & KF_MSG_PEEK))
		kf_unix_fentry__done(socket, NULL, received, false);
	return 0;
}

/* Why: the last close, before the socket loses its sock. */
SEC("fentry/unix_release")
int BPF_PROG(fentry__unix_release, struct socket *socket)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_UNIX_RELEASE))
		return 0;
	kf_unix__released(socket);
	return 0;
}
