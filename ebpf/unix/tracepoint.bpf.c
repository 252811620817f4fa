// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * UNIX sockets where neither fentry nor kprobes may be used: by the result of system
 * calls. Not seen here: io_uring, splice, sendfile, and closes other than close(2) (user space
 * sweeps those with the process).
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "unix/aggregate.bpf.h"
#include "unix/call.bpf.h"
#include "unix/programs.bpf.h"

/* KF_VARIANTS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool kf_unix_tracepoint__is(struct socket *socket)
{
	return socket && KF_READ(socket, sk, __sk_common.skc_family) == KF_AF_UNIX;
}

/* A datagram socket's messages may have a destination each. */
static __noinline bool kf_unix_tracepoint__sent_many(struct pt_regs *regs, s64 result)
{
	struct socket *socket = kf_fd__socket(KF_ARG0(regs));
	struct kf_unix_key key;

	if (!kf_unix_tracepoint__is(socket))
		return true;
	if (KF_READ(socket, type) != KF_UNIX_DGRAM)
		return false;
	kf_unix__key(&key, socket);
	kf_unix_call__messages((u64)socket, key.sock, key.ino, KF_ARG1(regs), result);
	return true;
}

static __always_inline void kf_unix_tracepoint__to(struct kf_unix_message *message,
						   struct kf_user_msghdr *user)
{
	struct kf_user_msghdr hdr = {};

	bpf_probe_read_user(&hdr, sizeof(hdr), user);
	if (hdr.name && hdr.name_len > 0)
		kf_unix_name__read(&message->to, hdr.name, hdr.name_len, true);
}

/* Fills in what the call says of the destination. */
static __always_inline void kf_unix_tracepoint__name(struct kf_unix_message *message,
						     struct pt_regs *regs, u64 nr)
{
	if (nr == __NR_sendto && KF_ARG4(regs) && (s32)KF_ARG5(regs) > 0)
		kf_unix_name__read(&message->to, (void *)KF_ARG4(regs), KF_ARG5(regs), true);
	else if (nr == __NR_sendmsg)
		kf_unix_tracepoint__to(message, (void *)KF_ARG1(regs));
}

/* Whether a call that receives only looks at what there is. */
static __always_inline bool kf_unix_tracepoint__peeks(struct pt_regs *regs, u64 nr)
{
	u64 flags = 0;

	if (nr == __NR_recvfrom || nr == __NR_recvmmsg)
		flags = KF_ARG3(regs);
	else if (nr == __NR_recvmsg)
		flags = KF_ARG2(regs);
	return flags & KF_MSG_PEEK;
}

static __noinline int kf_unix_tracepoint__moved(struct pt_regs *regs, u64 nr, s64 result, u32 sent)
{
	struct kf_unix_message message = { .bytes = result, .messages = 1, .sent = sent };

	if (!sent && kf_unix_tracepoint__peeks(regs, nr))
		return 0;
	message.socket = kf_fd__socket(KF_ARG0(regs));
	if (!kf_unix_tracepoint__is(message.socket))
		return 0;
	if (nr == __NR_sendmmsg || nr == __NR_recvmmsg) {
		message.messages = result;
		message.bytes = kf_unix_call__bytes(KF_ARG1(regs), result, false);
	}
	kf_unix_tracepoint__name(&message, regs, nr);
	kf_unix__moved(&message);
	return 0;
}

static __always_inline bool kf_unix_tracepoint__sends(u64 nr)
{
	return nr == __NR_write || nr == __NR_writev || nr == __NR_sendto || nr == __NR_sendmsg ||
	       nr == __NR_sendmmsg;
}

static __always_inline bool kf_unix_tracepoint__receives(u64 nr)
{
	return nr == __NR_read || nr == __NR_readv || nr == __NR_recvfrom || nr == __NR_recvmsg ||
	       nr == __NR_recvmmsg;
}

static __always_inline bool kf_unix_tracepoint__moves(u64 nr)
{
	return kf_unix_tracepoint__sends(nr) || kf_unix_tracepoint__receives(nr);
}

static __always_inline void kf_unix_tracepoint__done(struct pt_regs *regs, u64 nr, s64 result)
{
	if (kf_self() || kf_syscall__compat())
		return;
	if (nr == __NR_sendmmsg && kf_unix_tracepoint__sent_many(regs, result))
		return;
	kf_unix_tracepoint__moved(regs, nr, result, kf_unix_tracepoint__sends(nr));
}

static __always_inline void kf_unix_tracepoint__closes(u64 fd)
{
	struct file *file = kf_fd__file(fd);
	struct socket *socket;

	if (kf_syscall__compat() || !file || kf_file__refs(file) != 1)
		return;
	socket = kf_fd__socket(fd);
	if (kf_unix_tracepoint__is(socket))
		kf_unix__released(socket);
}

static __always_inline void kf_unix_tracepoint__returns(struct pt_regs *regs, s64 result)
{
	u64 nr = KF_SYSCALL_NR(regs);

	if (result > 0 && kf_unix_tracepoint__moves(nr))
		kf_unix_tracepoint__done(regs, nr, result);
}

/* Why: the result of every call that can move bytes over a socket. */
SEC("tp_btf/sys_exit")
int BPF_PROG(tp__sys_exit_unix_call, struct pt_regs *regs, long result)
{
	if (!kf_standby__claim(KF_PROG_SYS_EXIT_UNIX_CALL))
		return 0;
	kf_unix_tracepoint__returns(regs, result);
	return 0;
}

/* Why: before close(2) drops the last reference; after it the socket cannot be found. */
SEC("tp_btf/sys_enter")
int BPF_PROG(tp__sys_enter_unix_call, struct pt_regs *regs, long nr)
{
	if (!kf_standby__claim(KF_PROG_SYS_ENTER_UNIX_CALL))
		return 0;
	if (nr == __NR_close)
		kf_unix_tracepoint__closes(KF_ARG0(regs));
	return 0;
}
