/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which system calls are which operations, and which of their arguments say on what. */
#ifndef KF_FILE_TRACEPOINT_SYSCALL_BPF_H
#define KF_FILE_TRACEPOINT_SYSCALL_BPF_H

#include "clock/calls.bpf.h"
#include "file/path_calls.bpf.h"
#include "file/tracepoint_close.bpf.h"
#include "file/tracepoint_fd.bpf.h"
#include "file/tracepoint_named.bpf.h"

/* fcntl commands (asm-generic/fcntl.h) */
#define KF_F_DUPFD 0
#define KF_F_DUPFD_CLOEXEC 1030

#define KF_NO_CALL ((u64)-1)

/*
 * Calls that close. They are seen before they run, because afterwards the file is closed: so what
 * makes them fail has to be known here.
 */
static __always_inline bool kf_tp_syscall__closes(struct pt_regs *regs, u64 nr)
{
	switch (nr) {
	case __NR_close:
		kf_close__fd(KF_ARG0(regs));
		return true;
#ifdef __NR_dup2
	case __NR_dup2:
		kf_close__dup(KF_ARG0(regs), KF_ARG1(regs), 0);
		return true;
#endif
	case __NR_dup3:
		kf_close__dup(KF_ARG0(regs), KF_ARG1(regs), KF_ARG2(regs));
		return true;
	case __NR_close_range:
		if (KF_ARG2(regs) == 0 ||
		    (KF_ARG2(regs) == KF_CLOSE_RANGE_UNSHARE && kf_close__table_alone()))
			kf_close__range(KF_ARG0(regs), KF_ARG1(regs));
		return true;
	}
	return false;
}

/* Calls that return a new descriptor. Returns false for other calls. */
static __always_inline bool kf_tp_syscall__opens(struct pt_regs *regs, u64 nr, long ret)
{
	switch (nr) {
#ifdef __NR_open
	case __NR_open:
		kf_tp_fd__opened(ret, KF_ARG1(regs));
		return true;
	case __NR_creat:
		kf_tp_fd__opened(ret, KF_O_TRUNC);
		return true;
#endif
	case __NR_openat:
	case __NR_open_by_handle_at:
		kf_tp_fd__opened(ret, KF_ARG2(regs));
		return true;
	case __NR_openat2:
		kf_tp_fd__opened_how(ret, KF_ARG2(regs));
		return true;
	case __NR_dup:
	case __NR_memfd_create:
		kf_tp_fd__opened(ret, -1);
		return true;
	case __NR_fcntl:
		if (KF_ARG1(regs) == KF_F_DUPFD || KF_ARG1(regs) == KF_F_DUPFD_CLOEXEC)
			kf_tp_fd__opened(ret, -1);
		return true;
	}
	return false;
}

static __always_inline void kf_tp_syscall__ioctl(struct pt_regs *regs, u32 cmd, long ret)
{
	if (cmd == KF_FICLONERANGE)
		kf_tp_fd__clone_range(KF_ARG0(regs), KF_ARG2(regs), ret);
	else if (cmd == KF_FICLONE || kf_ioctl__flags(cmd))
		kf_tp_fd__ioctl(KF_ARG0(regs), cmd, KF_ARG2(regs), ret);
}

/* Calls on a descriptor. */
static __always_inline bool kf_tp_syscall__uses(struct pt_regs *regs, u64 nr, long ret)
{
	switch (nr) {
	case __NR_read:
	case __NR_pread64:
	case __NR_readv:
	case __NR_preadv:
	case __NR_preadv2:
		kf_tp_fd__read(KF_ARG0(regs), ret);
		return true;
	case __NR_write:
	case __NR_pwrite64:
	case __NR_writev:
	case __NR_pwritev:
	case __NR_pwritev2:
		kf_tp_fd__written(KF_ARG0(regs), ret);
		return true;
	case __NR_sendfile:
		kf_tp_fd__copied(KF_OP_COPY, KF_ARG1(regs), KF_ARG0(regs), ret);
		return true;
	case __NR_copy_file_range:
	case __NR_splice:
		kf_tp_fd__copied(KF_OP_COPY, KF_ARG0(regs), KF_ARG2(regs), ret);
		return true;
	case __NR_fallocate:
		kf_tp_fd__changed(KF_ARG0(regs), KF_OP_ALLOCATE, ret);
		return true;
	case __NR_ftruncate:
		kf_tp_fd__changed(KF_ARG0(regs), KF_OP_TRUNCATE, ret);
		return true;
	case __NR_fchmod:
	case __NR_fchown:
	case __NR_fsetxattr:
	case __NR_fremovexattr:
		kf_tp_fd__changed(KF_ARG0(regs), KF_OP_SETATTR, ret);
		return true;
	case __NR_mmap:
		if (kf_mapped__asks(KF_ARG2(regs), KF_ARG3(regs)) && kf_mapped__succeeded(ret))
			kf_tp_fd__mapped(KF_ARG4(regs));
		return true;
	case KF_NR_SET_CLOCK:
		if (kf_watches_clock && ret >= 0)
			kf_clock_call__returned();
		return true;
	case __NR_ioctl:
		kf_tp_syscall__ioctl(regs, KF_ARG1(regs), ret);
		return true;
#ifdef __NR_getdents
	case __NR_getdents:
#endif
	case __NR_getdents64:
		if (kf_directories)
			kf_tp_fd__changed(KF_ARG0(regs), KF_OP_LIST, ret);
		return true;
	}
	return false;
}

static __always_inline void kf_tp_syscall__begins(struct pt_regs *regs, u64 nr)
{
	enum kf_op op;

	if (kf_tp_syscall__closes(regs, nr))
		return;
	op = kf_path_call__directory_op(regs, nr);
	if (op == KF_OP_NONE && !kf_path_call__unwanted(regs, nr))
		op = kf_path_call__op(nr);
	if (op != KF_OP_NONE)
		kf_named__begin(op);
}

/*
 * What was closed by this call and not by its name: by exec, munmap, or with the last reference of
 * something else. Calls that close by their name have been seen before they ran; io_uring_enter has seen
 * some of the work done itself.
 */
static __always_inline void kf_tp_syscall__closed(u64 nr, long ret)
{
	switch (nr) {
	case __NR_close:
#ifdef __NR_dup2
	case __NR_dup2:
#endif
	case __NR_dup3:
	case __NR_close_range:
	case __NR_io_uring_enter:
		return;
	}
	kf_close__works_all((nr == __NR_execve || nr == __NR_execveat) && ret < 0
				    ? KF_WORK_CLOSES | KF_WORK_EXEC_FAILED
				    : KF_WORK_CLOSES);
}

/* Calls on a name. */
static __always_inline int kf_tp_syscall__names(struct pt_regs *regs, u64 nr, long ret)
{
	struct kf_where where;

	if (!kf_path_call__where(regs, nr, &where))
		return 0;
	if (where.path && kf_named__end(where.dfd, where.path, where.old, ret) != 1)
		return 0;
	if (!where.path && !kf_named__forget(ret)) /* futimens */
		return 0;
	kf_tp_fd__changed(where.dfd, KF_OP_SETATTR, ret);
	return 0;
}

/* Not inlined: a chain of calls has 512 bytes of stack, and that of other calls is longer. */
static __noinline int kf_tp_syscall__named(struct pt_regs *regs, u64 nr, long ret)
{
	return kf_tp_syscall__names(regs, nr, ret);
}

static __always_inline void kf_tp_syscall__returns(struct pt_regs *regs, u64 nr, long ret)
{
	if (!kf_tp_syscall__opens(regs, nr, ret) && !kf_tp_syscall__uses(regs, nr, ret))
		kf_tp_syscall__named(regs, nr, ret);
}

#endif
