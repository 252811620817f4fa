// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * UNIX sockets by kprobe. Not by kretprobe: each call that waits for data would hold
 * one of the few instances, and without one the return of others is not seen. The socket of a call is
 * kept at its entry, and what it moved is the result of the system call. Calls of io_uring have
 * results of their own, which are not seen here.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "unix/aggregate.bpf.h"
#include "unix/call.bpf.h"
#include "unix/programs.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Where the messages of a call are whose result is their number. */
enum kf_batch { KF_BATCH_NONE, KF_BATCH_64, KF_BATCH_32 };

/* Threads inside a call, those that wait for data included: 16,384, 3 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct kf_unix_message);
} kf_unix_calls SEC(".maps");

/* Overwrites what is there: the messages of one system call are of one socket. */
static __always_inline void kf_unix_kprobe__enter(const struct kf_unix_message *message)
{
	u64 thread = bpf_get_current_task();

	if (bpf_map_update_elem(&kf_unix_calls, &thread, message, BPF_ANY))
		kf_count(KF_CNT_UNIX_LOST_MAP, 1);
}

static __always_inline int kf_unix_kprobe__sends(struct socket *socket, struct msghdr *msg)
{
	struct kf_unix_message message;
	s32 name_len;

	if (kf_self())
		return 0;
	__builtin_memset(&message, 0, sizeof(message)); /* its hole too: it goes into a map */
	message.messages = 1;
	message.sent = true;
	message.socket = socket;
	name_len = KF_READ(msg, msg_namelen);
	if (name_len > KF_UNIX_FAMILY_LEN)
		kf_unix_name__read(&message.to, KF_READ(msg, msg_name), name_len, false);
	kf_unix_kprobe__enter(&message);
	return 0;
}

static __always_inline int kf_unix_kprobe__receives(struct socket *socket, int flags)
{
	struct kf_unix_message message;

	if ((flags & KF_MSG_PEEK) || kf_self())
		return 0;
	__builtin_memset(&message, 0, sizeof(message));
	message.messages = 1;
	message.socket = socket;
	kf_unix_kprobe__enter(&message);
	return 0;
}

/*
 * sendmmsg and recvmmsg of both ABIs: a number of one stands in the other for nothing, or for what moves
 * no bytes over a socket. 417 is recvmmsg_time64.
 */
static __always_inline enum kf_batch kf_unix_kprobe__batch(u64 nr)
{
	switch (nr) {
	case __NR_sendmmsg:
	case __NR_recvmmsg:
		return KF_BATCH_64;
	case 417:
#ifdef __TARGET_ARCH_x86
	case 337:
	case 345:
#else
	case 365:
	case 374:
#endif
		return KF_BATCH_32;
	}
	return KF_BATCH_NONE;
}

static __always_inline u64 kf_unix_kprobe__vector(struct pt_regs *regs, enum kf_batch batch)
{
#ifdef __TARGET_ARCH_x86
	if (batch == KF_BATCH_32)
		return (u32)KF_READ(regs, cx);
#endif
	return KF_ARG1(regs);
}

/* Whether a call of the native ABI returns bytes or messages that it has moved. */
static __always_inline bool kf_unix_kprobe__moves(u64 nr)
{
	switch (nr) {
	case __NR_read:
	case __NR_readv:
	case __NR_preadv2: /* at the position -1 */
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
	case __NR_write:
	case __NR_writev:
	case __NR_pwritev2:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
	case __NR_sendfile:
	case __NR_splice:
		return true;
	}
	return false;
}

/* Whether a descriptor of the call is the socket, or was: another thread may have closed it. */
static __always_inline bool kf_unix_kprobe__is(u64 fd, const struct socket *socket)
{
	struct file *file = kf_fd__file(fd);

	return !file || KF_READ(file, private_data) == socket;
}

/*
 * Whether the call that returns is the one that entered the socket. io_uring, AIO and the kernel itself
 * enter sockets too, inside calls of other kinds or outside of all; their bytes are not known.
 */
static __always_inline bool kf_unix_kprobe__by_call(const struct kf_unix_message *message,
						    struct pt_regs *regs, u64 nr)
{
	if (kf_syscall__compat())
		return nr != __NR_io_uring_enter;
	if (!kf_unix_kprobe__moves(nr))
		return false;
	return kf_unix_kprobe__is(KF_ARG0(regs), message->socket) ||
	       (nr == __NR_splice && kf_unix_kprobe__is(KF_ARG2(regs), message->socket));
}

static __always_inline void kf_unix_kprobe__returns(struct kf_unix_message *message,
						    struct pt_regs *regs, s32 result)
{
	u64 nr = KF_SYSCALL_NR(regs);
	enum kf_batch batch = kf_unix_kprobe__batch(nr);

	if (result <= 0 || !kf_unix_kprobe__by_call(message, regs, nr))
		return;
	message->bytes = result;
	if (batch) {
		message->messages = result;
		message->bytes = kf_unix_call__bytes(kf_unix_kprobe__vector(regs, batch), result,
						     batch == KF_BATCH_32);
	}
	kf_unix__moved(message);
}

SEC("kprobe/unix_stream_sendmsg")
int BPF_KPROBE(kprobe__unix_stream_sendmsg, struct socket *socket, struct msghdr *msg)
{
	return kf_unix_kprobe__sends(socket, msg);
}

SEC("kprobe/unix_dgram_sendmsg")
int BPF_KPROBE(kprobe__unix_dgram_sendmsg, struct socket *socket, struct msghdr *msg)
{
	return kf_unix_kprobe__sends(socket, msg);
}

/* Calls the datagram function, which is entered for the same message again. */
SEC("kprobe/unix_seqpacket_sendmsg")
int BPF_KPROBE(kprobe__unix_seqpacket_sendmsg, struct socket *socket, struct msghdr *msg)
{
	return kf_unix_kprobe__sends(socket, msg);
}

SEC("kprobe/unix_stream_recvmsg")
int BPF_KPROBE(kprobe__unix_stream_recvmsg, struct socket *socket, struct msghdr *msg, size_t size,
	       int flags)
{
	return kf_unix_kprobe__receives(socket, flags);
}

SEC("kprobe/unix_dgram_recvmsg")
int BPF_KPROBE(kprobe__unix_dgram_recvmsg, struct socket *socket, struct msghdr *msg, size_t size,
	       int flags)
{
	return kf_unix_kprobe__receives(socket, flags);
}

SEC("kprobe/unix_seqpacket_recvmsg")
int BPF_KPROBE(kprobe__unix_seqpacket_recvmsg, struct socket *socket, struct msghdr *msg,
	       size_t size, int flags)
{
	return kf_unix_kprobe__receives(socket, flags);
}

static __always_inline void kf_unix_kprobe__leave(struct pt_regs *regs, s32 result)
{
	u64 thread = bpf_get_current_task();
	struct kf_unix_message *message = bpf_map_lookup_elem(&kf_unix_calls, &thread);

	if (!message)
		return;
	kf_unix_kprobe__returns(message, regs, result);
	bpf_map_delete_elem(&kf_unix_calls, &thread);
}

static __always_inline void kf_unix_kprobe__end(void)
{
	u64 thread = bpf_get_current_task();

	bpf_map_delete_elem(&kf_unix_calls, &thread);
}

/* Why: the result of every call that can move bytes over a socket. It runs for each system call of the
 * host, and most of them have entered nothing here. Results are ints, and 32-bit calls of old kernels
 * return them unsigned. */
SEC("tp_btf/sys_exit")
int BPF_PROG(tp__sys_exit_unix, struct pt_regs *regs, long result)
{
	if (!kf_standby__claim(KF_PROG_SYS_EXIT_UNIX))
		return 0;
	kf_unix_kprobe__leave(regs, result);
	return 0;
}

/* Why: what a thread sends behind its last system call, such as a core dump, would stay for ever. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(tp__sched_process_exit_unix)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXIT_UNIX))
		return 0;
	kf_unix_kprobe__end();
	return 0;
}

SEC("kprobe/unix_release")
int BPF_KPROBE(kprobe__unix_release, struct socket *socket)
{
	kf_unix__released(socket);
	return 0;
}
