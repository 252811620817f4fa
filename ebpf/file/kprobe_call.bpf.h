/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a thread has begun inside its system call, for the kprobe mode. A kretprobe has few instances
 * (one for each processor on 5.10, at least ten on 6.1): each call that waits holds one, and when none
 * is free the program at the return is not run, and nobody is told. So reads and writes, which can
 * wait for ever, have no kretprobe: their result is that of the system call. Where there is one, the
 * return of the system call finishes what is still there, and what cannot be finished is counted.
 */
#ifndef KF_FILE_KPROBE_CALL_BPF_H
#define KF_FILE_KPROBE_CALL_BPF_H

#include "due.bpf.h"
#include "file/aio.bpf.h"
#include "file/mapped.bpf.h"
#include "file/open_close.bpf.h"
#include "file/rename.bpf.h"
#include "syscalls.bpf.h"

enum kf_due {
	KF_DUE_EXEC = 1, /* inside exec */
	KF_DUE_OPEN_EXEC = 2, /* return of do_open_execat */
	KF_DUE_KERNEL_READ = 4, /* return of __kernel_read */
	KF_DUE_OPERATION = 8, /* return of what is in kf_pending, if it is still there */
	KF_DUE_AIO = 16, /* whether the last request of AIO was taken */
	KF_DUE_MAPPING = 32, /* return of the call that maps file, or makes its mapping writable */
};

struct kf_call {
	struct file *file; /* read or written by the call, NULL: none */
	union {
		struct inode *inode; /* of that file */
		u64 kiocb; /* AIO: the last request, if it was for a file */
	};
	struct file *kernel; /* what the kernel reads for itself */
	u32 event; /* of file: what it means if the call has succeeded */
	u32 due; /* enum kf_due */
	u32 user; /* where it is counted */
	/* of file: the least result of a success, 1 for bytes that were moved; AIO: the most requests of a call */
	s32 least;
};

#define KF_CALL_THREADS 16384

/* Threads inside calls on regular files, at the same time: 1.5 MB, and half of them for one user. By task
 * and not by thread number: a thread that execs takes over the number of another. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_CALL_THREADS);
	__type(key, u64);
	__type(value, struct kf_call);
} kf_calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KF_DUE_PLACES);
	__type(key, u32);
	__type(value, u32);
} kf_calls_due SEC(".maps");

/* Global: the verifier looks at it once and not from each of its callers. */
__noinline int kf_call__event(u64 file, u32 event)
{
	kf_file__event((struct file *)file, event);
	return 0;
}

/* What exec opens, and what the kernel reads for itself. */
__noinline int kf_call__starts(u64 file)
{
	kf_file__event_of((struct file *)file, KF_FILE_OPEN_EXEC, kf_image__starts);
	return 0;
}

__noinline int kf_call__loads(u64 file)
{
	kf_file__event_of((struct file *)file, KF_FILE_ACCESS, kf_image__loads);
	return 0;
}

/* What a call has mapped. */
__noinline int kf_call__maps(u64 file)
{
	kf_mapped__made((struct file *)file);
	return 0;
}

static __always_inline struct kf_call *kf_call__find(void)
{
	u64 thread = bpf_get_current_task();

	return bpf_map_lookup_elem(&kf_calls, &thread);
}

/* A new entry. Fails if there is one, if there is no room, or the user's share is used up. */
static __always_inline long kf_call__put(struct kf_call *call)
{
	struct kf_shares *all = kf_shares__all();
	u64 thread = bpf_get_current_task();
	long error;

	call->user = kf_charge__user();
	if (!all || !kf_share__take(all->calls, call->user, KF_CALL_THREADS))
		return -1;
	error = bpf_map_update_elem(&kf_calls, &thread, call, BPF_NOEXIST);
	if (error)
		kf_share__give(all->calls, call->user);
	else
		kf_due__add(&kf_calls_due, thread, 1);
	return error;
}

static __always_inline void kf_call__forget(u32 user)
{
	struct kf_shares *all = kf_shares__all();
	u64 thread = bpf_get_current_task();

	if (bpf_map_delete_elem(&kf_calls, &thread))
		return;
	kf_due__add(&kf_calls_due, thread, -1);
	if (all)
		kf_share__give(all->calls, user);
}

static __always_inline struct kf_call *kf_call__get(void)
{
	struct kf_call *call = kf_call__find();
	struct kf_call begun = {};

	if (call || kf_self())
		return call;
	kf_call__put(&begun);
	call = kf_call__find();
	if (!call)
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	return call;
}

static __always_inline bool kf_call__wanted(struct file *file)
{
	struct inode *inode = KF_READ(file, f_inode);
	u32 magic;

	return inode && kf_inode__wanted(inode, &magic);
}

/* Overwrites what is there: nothing comes before it in its call. */
static __always_inline void kf_call__keep(struct kf_call *call)
{
	struct kf_call *before;

	if (kf_call__put(call) == 0)
		return;
	before = kf_call__find();
	if (!before) {
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
		return;
	}
	call->user = before->user;
	*before = *call;
}

/*
 * A call on a file begins. Pipes, terminals and sockets are left out here: however many threads wait
 * for them, the table has room.
 */
static __always_inline void kf_call__begins(enum kf_op op, struct file *file, s32 least)
{
	struct kf_call call = { .file = file, .event = kf_op__row(op)->last, .least = least };

	if (kf_self() || !kf_call__wanted(file))
		return;
	call.inode = KF_READ(file, f_inode);
	kf_call__keep(&call);
}

static __always_inline void kf_call__moves(enum kf_op op, struct file *file)
{
	kf_call__begins(op, file, 1);
}

static __always_inline void kf_call__changes(struct file *file)
{
	kf_call__begins(KF_OP_SETATTR, file, 0);
}

/* A stacked file system lists further directories inside of the one that was asked for. */
static __always_inline void kf_call__lists(struct file *file)
{
	struct kf_call *call = kf_call__find();

	if (!call || !call->file)
		kf_call__begins(KF_OP_LIST, file, 0);
}

/* The file may have been closed by another thread behind the read: then it is nobody's or another. */
static __always_inline void kf_call__moved(const struct kf_call *call)
{
	struct file *file = call->file;

	if (KF_READ(file, f_inode) != call->inode)
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	else if (call->due & KF_DUE_MAPPING)
		kf_call__maps((u64)file);
	else
		kf_call__event((u64)file, call->event);
}

/* Whether the call has done to its file what it was to do. */
static __always_inline bool kf_call__succeeded(const struct kf_call *call, s32 ret)
{
	return call->due & KF_DUE_MAPPING ? kf_mapped__succeeded(ret) : ret >= call->least;
}

/* Returns false if the operation that begins cannot be followed. */
static __always_inline bool kf_call__operates(void)
{
	struct kf_call *call = kf_call__get();

	if (!call)
		return false;
	call->due |= KF_DUE_OPERATION;
	return true;
}

/* When a return is not seen nobody holds the dentry for us any more: its name will tell. */
static __always_inline void kf_call__keep_name(struct kf_pending *pending)
{
	struct dentry *dentry = pending ? pending->on.dentry : NULL;

	if (dentry)
		pending->name = KF_READ(dentry, d_name.hash_len);
}

static __always_inline void kf_call__enter(enum kf_op op, const struct kf_operands *on, u64 frame)
{
	if (kf_call__operates())
		kf_call__keep_name(kf_pending__enter(op, on, frame));
}

/* Between a pipe and a file. Where neither end is a file, nothing is kept, however long that waits. */
static __always_inline void kf_call__splices(struct file *in, struct file *out, u64 frame)
{
	if (kf_call__wanted(in) || kf_call__wanted(out))
		kf_call__enter(KF_OP_COPY, KF_ON_FILES(in, out), frame);
}

static __always_inline void kf_call__enter_setattr(struct dentry *dentry, struct iattr *attr,
						   u64 frame)
{
	if (kf_call__operates())
		kf_call__keep_name(kf_pending__enter_setattr(dentry, attr, frame));
}

static __always_inline void kf_call__enter_rename(struct dentry *old, struct dentry *new, u32 flags,
						  u64 frame)
{
	if (kf_call__operates())
		kf_call__keep_name(kf_rename__enter(old, new, flags, frame));
}

/* The same of a rename, by the inodes. What was replaced is told by the name of the other. */
static __always_inline bool kf_call__holds_both(const struct kf_pending *pending)
{
	const struct kf_displaced *displaced = &pending->displaced;
	struct dentry *dentry = pending->on.dentry, *other = pending->on.other;

	if (pending->wanted && KF_READ(dentry, d_inode, i_ino) != pending->key.ino)
		return false;
	if (!displaced->wanted)
		return true;
	return displaced->exchanged ? KF_READ(other, d_inode, i_ino) == displaced->key.ino
				    : pending->wanted;
}

/* Whether the dentry is still that of the operation. */
static __always_inline bool kf_call__holds(const struct kf_pending *pending)
{
	const u32 rules = kf_op__row(pending->op)->rules;
	struct dentry *dentry = pending->on.dentry;

	if (rules & KF_OP_FILES)
		return true;
	if (rules & KF_OP_KEEPS_NAME)
		return kf_call__holds_both(pending);
	return KF_READ(dentry, d_name.hash_len) == pending->name;
}

static __always_inline void kf_call__file_event(struct file *file, enum kf_file_event event)
{
	kf_call__event((u64)file, event);
}

/* Folds what is pending, an operation on one name. Global, as kf_call__event. */
__noinline int kf_call__fold(u32 op)
{
	struct kf_pending *pending = kf_pending__find();

	if (pending)
		kf_pending__fold(op, pending, pending->on.dentry);
	return 0;
}

/* Ends the operation whose return was not seen with the result of the system call. */
static __always_inline void kf_call__recover(s32 ret)
{
	struct kf_pending *pending = kf_pending__find();
	u32 op;

	if (!pending)
		return;
	if (ret >= 0 && !kf_call__holds(pending)) {
		kf_pending__lose();
		return;
	}
	op = pending->op;
	if (kf_op__row(op)->rules & KF_OP_FILES)
		kf_op__on_files(op, pending->on.in, pending->on.out, ret, kf_call__file_event);
	else if (op == KF_OP_RENAME && kf_op__succeeded(op, ret))
		kf_pending__renamed(pending,
				    &pending->on); /* not by kf_call__fold: the stack ends */
	else if (kf_op__succeeded(op, ret))
		kf_call__fold(op);
	kf_pending__forget();
}

/*
 * The system call returns. Its result is that of an operation too, unless it is one of many (io_uring, AIO)
 * or was a step of a write that failed.
 */
static __always_inline void kf_call__settle(const struct kf_call *call, struct pt_regs *regs,
					    s32 ret)
{
	if (call->file && kf_call__succeeded(call, ret))
		kf_call__moved(call);
	if (call->due & KF_DUE_KERNEL_READ) {
		if (ret >= 0 && (call->due & KF_DUE_EXEC))
			kf_call__loads((u64)call->kernel);
		else
			kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	}
	if (!(call->due & KF_DUE_OPERATION))
		return;
	if ((call->file && ret < 0) || (call->due & KF_DUE_AIO) ||
	    KF_SYSCALL_NR(regs) == __NR_io_uring_enter)
		kf_pending__lose();
	else
		kf_call__recover(ret);
}

/* Runs for every system call of the host, and most of them have begun nothing. All results are ints,
 * and 32-bit calls of old kernels return them unsigned. */
static __always_inline void kf_call__returns(struct pt_regs *regs, u64 ret)
{
	struct kf_call *found;
	struct kf_call call;

	if (!kf_due__is(&kf_calls_due, bpf_get_current_task()))
		return;
	found = kf_call__find();
	if (!found)
		return;
	call = *found;
	kf_call__forget(call.user);
	if (call.due & KF_DUE_AIO)
		kf_aio__submitted(call.kiocb, call.least, KF_ARG1(regs), KF_COMPAT_ARG1(regs), ret);
	kf_call__settle(&call, regs, (s32)ret);
}

static __always_inline void kf_call__ends(void)
{
	struct kf_call *call = kf_call__find();

	kf_pending__lose();
	if (!call)
		return;
	if (call->due & KF_DUE_KERNEL_READ)
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	kf_call__forget(call->user);
}

#endif
