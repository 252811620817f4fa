/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls on descriptors, as the tracepoint mode sees them: the file is looked up when they return. */
#ifndef KF_FILE_TRACEPOINT_FD_BPF_H
#define KF_FILE_TRACEPOINT_FD_BPF_H

#include "file/mapped.bpf.h"
#include "file/open_close.bpf.h"
#include "file/operations.bpf.h"
#include "syscalls.bpf.h"

#define KF_O_TRUNC 01000 /* asm-generic/fcntl.h */

/* An open file by its address, and an event on it. Functions that are not static are verified once each,
 * whatever the number of their calls; they take numbers only, which every kernel lets them. */
__noinline int kf_tp_fd__event(u64 file, u32 event)
{
	kf_file__event((struct file *)file, event);
	return 0;
}

/* If another thread has put another file there meanwhile, that one must at least be open for what was
 * done. */
static __always_inline void kf_tp_fd__moved(u64 fd, u32 mode, u32 event)
{
	struct file *file = kf_fd__file(fd);

	if (file && (KF_READ(file, f_mode) & mode))
		kf_tp_fd__event((u64)file, event);
}

static __always_inline void kf_tp_fd__read(u64 fd, long ret)
{
	if (kf_op__succeeded(KF_OP_READ, ret))
		kf_tp_fd__moved(fd, KF_FMODE_READ, kf_op__row(KF_OP_READ)->last);
}

static __always_inline void kf_tp_fd__written(u64 fd, long ret)
{
	if (kf_op__succeeded(KF_OP_WRITE, ret))
		kf_tp_fd__moved(fd, KF_FMODE_WRITE, kf_op__row(KF_OP_WRITE)->last);
}

/* One file was read and the other written. */
static __always_inline void kf_tp_fd__copied(enum kf_op op, u64 in, u64 out, long ret)
{
	if (!kf_op__succeeded(op, ret))
		return;
	kf_tp_fd__moved(in, KF_FMODE_READ, kf_op__row(op)->first);
	kf_tp_fd__moved(out, KF_FMODE_WRITE, kf_op__row(op)->last);
}

static __always_inline void kf_tp_fd__changed(u64 fd, enum kf_op op, long ret)
{
	struct file *file = kf_op__succeeded(op, ret) ? kf_fd__file(fd) : NULL;

	if (file)
		kf_tp_fd__event((u64)file, kf_op__row(op)->last);
}

static __always_inline int kf_tp_fd__opened_by(long fd, u64 flags)
{
	struct file *file;
	u32 mode;

	file = fd < 0 ? NULL : kf_fd__file(fd);
	if (!file)
		return 0;
	mode = KF_READ(file, f_mode);
	if (mode & KF_FMODE_PATH)
		return 0;
	if (flags != (u64)-1 && ((mode & KF_FMODE_CREATED) || (flags & KF_O_TMPFILE)))
		kf_tp_fd__event((u64)file, KF_FILE_CREATE);
	else if (flags != (u64)-1 && (flags & KF_O_TRUNC))
		kf_tp_fd__event((u64)file, kf_op__row(KF_OP_TRUNCATE)->last);
	kf_tp_fd__event((u64)file, KF_FILE_OPEN);
	return 0;
}

/* A new descriptor: an open file, or with flags == -1 a duplicate. */
__noinline int kf_tp_fd__opened(long fd, u64 flags)
{
	return kf_tp_fd__opened_by(fd, flags);
}

/* The same by openat2: struct open_how begins with the flags. */
__noinline int kf_tp_fd__opened_how(long fd, u64 how)
{
	u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), (void *)how);
	return kf_tp_fd__opened_by(fd, flags);
}

__noinline int kf_tp_fd__ioctl(u64 fd, u32 cmd, u64 argument, long ret)
{
	if (kf_ioctl__flags(cmd))
		kf_tp_fd__changed(fd, KF_OP_SETATTR, ret);
	else
		kf_tp_fd__copied(KF_OP_CLONE, argument, fd, ret);
	return 0;
}

/* struct file_clone_range begins with the descriptor that is read. */
__noinline int kf_tp_fd__clone_range(u64 fd, u64 argument, long ret)
{
	u64 from = 0;

	if (bpf_probe_read_user(&from, sizeof(from), (void *)argument) == 0)
		kf_tp_fd__copied(KF_OP_CLONE, from, fd, ret);
	return 0;
}

/* mmap of a file. If another thread has put another file there meanwhile, that one must at least allow it. */
__noinline int kf_tp_fd__mapped(u64 fd)
{
	struct file *file = kf_fd__file(fd);
	u32 both = KF_FMODE_READ | KF_FMODE_WRITE;

	if (file && (KF_READ(file, f_mode) & both) == both && !kf_self())
		kf_mapped__made(file);
	return 0;
}

#endif
