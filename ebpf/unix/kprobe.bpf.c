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
#include "due.bpf.h"
#include "unix/aggregate.bpf.h"
#include "unix/call.bpf.h"
#include "unix/programs.bpf.h"

/* KF_VARIANTS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Where the messages of a call are whose result is their number. */
enum kf_batch { KF_BATCH_NONE, KF_BATCH_64, KF_BATCH_32 };

/* What is kept of a call from its entry on. The socket may be closed by another thread, and its address
 * be that of another, before the call returns: the key tells. */
struct kf_unix_call {
	struct kf_unix_key key;
	struct kf_unix_message message;
	struct kf_charge charge;
	u32 dgram;
};

#define KF_UNIX_CALLS 16384

/* Threads inside a call, those that wait for data included: 4 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_UNIX_CALLS);
	__type(key, u64);
	__type(value, struct kf_unix_call);
} kf_unix_calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KF_DUE_PLACES);
	__type(key, u32);
	__type(value, u32);
} kf_unix_calls_due SEC(".maps");

/* How many of them each process and user has. No sweep heals it: whatever ends an entry counts. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_share);
} kf_unix_call_share SEC(".maps");

static __always_inline struct kf_share *kf_unix_kprobe__share(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&kf_unix_call_share, &zero);
}

/* Whether the call found room. */
static __always_inline bool kf_unix_kprobe__keep(u64 thread, struct kf_unix_call *call)
{
	struct kf_share *share = kf_unix_kprobe__share();

	kf_charge__set(&call->charge, bpf_get_current_pid_tgid() >> 32, kf_current__uid());
	if (!share || !kf_share__admits(share, &call->charge, KF_UNIX_CALLS))
		return false;
	if (bpf_map_update_elem(&kf_unix_calls, &thread, call, BPF_NOEXIST))
		return false;
	kf_due__add(&kf_unix_calls_due, thread, 1);
	kf_share__add(share, &call->charge, 1);
	return true;
}

static __always_inline void kf_unix_kprobe__enter(struct kf_unix_call *call)
{
	u64 thread = bpf_get_current_task();
	struct kf_unix_call *earlier = bpf_map_lookup_elem(&kf_unix_calls, &thread);

	if (earlier) { /* the messages of one system call are of one socket */
		call->charge = earlier->charge;
		*earlier = *call;
	} else if (!kf_unix_kprobe__keep(thread, call)) {
		kf_unix__lose();
	}
}

static __always_inline int kf_unix_kprobe__sends(struct socket *socket, struct msghdr *msg)
{
	struct kf_unix_call call;
	s32 name_len;

	if (kf_self())
		return 0;
	__builtin_memset(&call, 0, sizeof(call)); /* its holes too: it goes into a map */
	kf_unix__key(&call.key, socket);
	call.dgram = KF_READ(socket, type) == KF_UNIX_DGRAM;
	call.message.messages = 1;
	call.message.sent = true;
	call.message.socket = socket;
	name_len = KF_READ(msg, msg_namelen);
	if (call.dgram && name_len > KF_UNIX_FAMILY_LEN)
		kf_unix_name__read(&call.message.to, KF_READ(msg, msg_name), name_len, false);
	kf_unix_kprobe__enter(&call);
	return 0;
}

static __always_inline int kf_unix_kprobe__receives(struct socket *socket, int flags)
{
	struct kf_unix_call call;

	if ((flags & KF_MSG_PEEK) || kf_self())
		return 0;
	__builtin_memset(&call, 0, sizeof(call));
	kf_unix__key(&call.key, socket);
	call.message.messages = 1;
	call.message.socket = socket;
	kf_unix_kprobe__enter(&call);
	return 0;
}

#ifdef __TARGET_ARCH_x86
/* Of the 32-bit ABI: (which, arguments). Natively the number is getuid's. */
#define KF_SOCKETCALL 102
#define KF_SOCKETCALL_RECVMMSG 19
#define KF_SOCKETCALL_SENDMMSG 20
#endif

/*
 * sendmmsg and recvmmsg of both ABIs: a number of one stands in the other for nothing, or for what moves
 * no bytes over a socket. 417 is recvmmsg_time64.
 */
static __always_inline enum kf_batch kf_unix_kprobe__batch(struct pt_regs *regs, u64 nr)
{
#ifdef __TARGET_ARCH_x86
	u32 which = KF_READ(regs, bx);

	if (nr == KF_SOCKETCALL &&
	    (which == KF_SOCKETCALL_RECVMMSG || which == KF_SOCKETCALL_SENDMMSG))
		return KF_BATCH_32;
#endif
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

static __always_inline u64 kf_unix_kprobe__vector(struct pt_regs *regs, u64 nr, enum kf_batch batch)
{
#ifdef __TARGET_ARCH_x86
	u32 at = KF_READ(regs, cx);

	if (nr == KF_SOCKETCALL && bpf_probe_read_user(&at, sizeof(at), (void *)(u64)at + 4))
		kf_count(KF_CNT_READ_FAILED, 1);
	if (batch == KF_BATCH_32)
		return at;
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

/* Not inlined: what it needs of the stack is free again when it returns. */
static __noinline bool kf_unix_kprobe__is_open(u64 fd, const struct socket *socket)
{
	struct file *file = kf_fd__file(fd);

	return !file || KF_READ(file, private_data) == socket;
}

/*
 * Whether a descriptor of the call is the socket, or was: another thread may have closed it, and opened
 * something else. Then no file holds the socket any more. If one does, the call may be on something
 * that the kernel serves over a socket, as nbd does, or on the socket: nobody knows, so it is lost.
 */
static __always_inline bool kf_unix_kprobe__is(const struct kf_unix_call *call,
					       struct pt_regs *regs, u64 nr)
{
	struct socket *socket = call->message.socket;
	struct file *file;

	if (!socket || kf_unix_kprobe__is_open(KF_ARG0(regs), socket) ||
	    (nr == __NR_splice && kf_unix_kprobe__is_open(KF_ARG2(regs), socket)))
		return true;
	file = KF_READ(socket, file);
	if (!file)
		return false; /* of the kernel itself */
	if (kf_file__refs(file) <= 0)
		return true;
	kf_unix__lose();
	return false;
}

/*
 * Whether the call that returns is the one that entered the socket. io_uring, AIO and the kernel itself
 * enter sockets too, inside calls of other kinds or outside of all; their bytes are not known.
 */
static __always_inline bool kf_unix_kprobe__by_call(const struct kf_unix_call *call,
						    struct pt_regs *regs, u64 nr)
{
	if (kf_syscall__compat())
		return nr != __NR_io_uring_enter;
	return kf_unix_kprobe__moves(nr) && kf_unix_kprobe__is(call, regs, nr);
}

/* Forgets a socket that another thread has closed since the entry. */
static __always_inline void kf_unix_kprobe__recheck(struct kf_unix_call *call)
{
	struct kf_unix_key now;

	kf_unix__key(&now, call->message.socket);
	if (now.sock != call->key.sock || now.ino != call->key.ino)
		call->message.socket = NULL;
}

/* Not inlined: the batch needs the stack. */
static __noinline int kf_unix_kprobe__book(struct kf_unix_call *call)
{
	struct kf_unix_key key = call->key;

	kf_unix__book(&key, &call->message);
	return 0;
}

static __always_inline void kf_unix_kprobe__batch_returns(struct kf_unix_call *call,
							  struct pt_regs *regs, u64 nr,
							  enum kf_batch batch, s32 result)
{
	u64 vector = kf_unix_kprobe__vector(regs, nr, batch);
	u32 compat = batch == KF_BATCH_32 ? KF_BATCH_COMPAT : 0;

	if (call->message.sent && call->dgram) {
		kf_unix_call__messages((u64)call->message.socket, call->key.sock, call->key.ino,
				       vector, result | compat);
		return;
	}
	call->message.messages = result;
	call->message.bytes = kf_unix_call__bytes(vector, result, compat);
	kf_unix_kprobe__book(call);
}

static __always_inline void kf_unix_kprobe__returns(struct kf_unix_call *call, struct pt_regs *regs,
						    s32 result)
{
	u64 nr = KF_SYSCALL_NR(regs);
	enum kf_batch batch = kf_unix_kprobe__batch(regs, nr);

	if (result <= 0)
		return;
	kf_unix_kprobe__recheck(call);
	if (!kf_unix_kprobe__by_call(call, regs, nr))
		return;
	if (batch) {
		kf_unix_kprobe__batch_returns(call, regs, nr, batch, result);
		return;
	}
	call->message.bytes = result;
	kf_unix_kprobe__book(call);
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

static __always_inline void kf_unix_kprobe__end(u64 thread, const struct kf_unix_call *call)
{
	struct kf_share *share = kf_unix_kprobe__share();
	struct kf_charge charge = call->charge;

	if (bpf_map_delete_elem(&kf_unix_calls, &thread))
		return;
	kf_due__add(&kf_unix_calls_due, thread, -1);
	if (share)
		kf_share__add(share, &charge, -1);
}

static __always_inline void kf_unix_kprobe__leave(struct pt_regs *regs, s32 result)
{
	u64 thread = bpf_get_current_task();
	struct kf_unix_call *call;

	if (!kf_due__is(&kf_unix_calls_due, thread))
		return;
	call = bpf_map_lookup_elem(&kf_unix_calls, &thread);
	if (!call)
		return;
	kf_unix_kprobe__returns(call, regs, result);
	kf_unix_kprobe__end(thread, call);
}

static __always_inline void kf_unix_kprobe__exits(void)
{
	u64 thread = bpf_get_current_task();
	struct kf_unix_call *call = bpf_map_lookup_elem(&kf_unix_calls, &thread);

	if (call)
		kf_unix_kprobe__end(thread, call);
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
	kf_unix_kprobe__exits();
	return 0;
}

SEC("kprobe/unix_release")
int BPF_KPROBE(kprobe__unix_release, struct socket *socket)
{
	kf_unix__released(socket);
	return 0;
}
