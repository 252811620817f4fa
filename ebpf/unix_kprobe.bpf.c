// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* accept(2) and UNIX sockets by kprobe and kretprobe; a call's arguments wait for its result. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "accept.bpf.h"
#include "unix.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define KF_MSG_PEEK 2

struct kf_unix_call {
	struct socket *socket;
	struct msghdr *msg; /* NULL: receiving */
};

/* Threads inside a call, those that wait for data included: 16,384, 2 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct kf_unix_call);
} kf_unix_calls SEC(".maps");

static __always_inline void kf_unix__enter(struct socket *socket, struct msghdr *msg)
{
	struct kf_unix_call call = { .socket = socket, .msg = msg };
	u64 thread = bpf_get_current_pid_tgid();

	if (kf_self())
		return;
	if (bpf_map_update_elem(&kf_unix_calls, &thread, &call, BPF_ANY))
		kf_count(KF_CNT_UNIX_LOST_MAP, 1);
}

static __always_inline void kf_unix__leave(s64 bytes)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct kf_unix_call *call = bpf_map_lookup_elem(&kf_unix_calls, &thread);
	struct kf_unix_message message = { .bytes = bytes, .messages = 1 };
	struct msghdr *msg;
	s32 name_len;

	if (!call)
		return;
	msg = call->msg;
	message.socket = call->socket;
	message.sent = msg;
	name_len = msg ? BPF_CORE_READ(msg, msg_namelen) : 0;
	if (bytes > 0 && name_len > 0)
		kf_unix_name__read(&message.to, BPF_CORE_READ(msg, msg_name), name_len, false);
	bpf_map_delete_elem(&kf_unix_calls, &thread);
	if (bytes > 0)
		kf_unix__moved(&message);
}

/*
 * Not a kretprobe of the accepting function: each blocked call would hold one of the few return
 * slots that old kernels have.
 */
SEC("kprobe/security_sock_graft")
int kprobe__security_sock_graft(struct pt_regs *ctx)
{
	kf_sock__accepted((void *)PT_REGS_PARM1(ctx));
	return 0;
}

SEC("kprobe/unix_stream_sendmsg")
int kprobe__unix_stream_sendmsg(struct pt_regs *ctx)
{
	kf_unix__enter((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx));
	return 0;
}

SEC("kretprobe/unix_stream_sendmsg")
int kretprobe__unix_stream_sendmsg(struct pt_regs *ctx)
{
	kf_unix__leave((int)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/unix_dgram_sendmsg")
int kprobe__unix_dgram_sendmsg(struct pt_regs *ctx)
{
	kf_unix__enter((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx));
	return 0;
}

SEC("kretprobe/unix_dgram_sendmsg")
int kretprobe__unix_dgram_sendmsg(struct pt_regs *ctx)
{
	kf_unix__leave((int)PT_REGS_RC(ctx));
	return 0;
}

/*
 * Calls the datagram function, which the compiler may have made part of it. If not, the inner
 * return counts the message and forgets the call, and the outer return finds nothing.
 */
SEC("kprobe/unix_seqpacket_sendmsg")
int kprobe__unix_seqpacket_sendmsg(struct pt_regs *ctx)
{
	kf_unix__enter((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx));
	return 0;
}

SEC("kretprobe/unix_seqpacket_sendmsg")
int kretprobe__unix_seqpacket_sendmsg(struct pt_regs *ctx)
{
	kf_unix__leave((int)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/unix_stream_recvmsg")
int kprobe__unix_stream_recvmsg(struct pt_regs *ctx)
{
	if (!(PT_REGS_PARM4(ctx) & KF_MSG_PEEK))
		kf_unix__enter((void *)PT_REGS_PARM1(ctx), NULL);
	return 0;
}

SEC("kretprobe/unix_stream_recvmsg")
int kretprobe__unix_stream_recvmsg(struct pt_regs *ctx)
{
	kf_unix__leave((int)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/unix_dgram_recvmsg")
int kprobe__unix_dgram_recvmsg(struct pt_regs *ctx)
{
	if (!(PT_REGS_PARM4(ctx) & KF_MSG_PEEK))
		kf_unix__enter((void *)PT_REGS_PARM1(ctx), NULL);
	return 0;
}

SEC("kretprobe/unix_dgram_recvmsg")
int kretprobe__unix_dgram_recvmsg(struct pt_regs *ctx)
{
	kf_unix__leave((int)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/unix_seqpacket_recvmsg")
int kprobe__unix_seqpacket_recvmsg(struct pt_regs *ctx)
{
	if (!(PT_REGS_PARM4(ctx) & KF_MSG_PEEK))
		kf_unix__enter((void *)PT_REGS_PARM1(ctx), NULL);
	return 0;
}

SEC("kretprobe/unix_seqpacket_recvmsg")
int kretprobe__unix_seqpacket_recvmsg(struct pt_regs *ctx)
{
	kf_unix__leave((int)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/unix_release")
int kprobe__unix_release(struct pt_regs *ctx)
{
	kf_unix__released((void *)PT_REGS_PARM1(ctx));
	return 0;
}
