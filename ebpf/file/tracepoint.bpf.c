// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * File events where neither fentry nor kprobes are allowed: the two raw system call tracepoints.
 * What has a descriptor is read through the descriptor table at the return of the call; close, and
 * what closes implicitly, before it, while the file is still there. What has a path only is in
 * file/tracepoint_path.bpf.h.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "file/programs.bpf.h"
#include "file/tracepoint_path.bpf.h"
#include "file/tracepoint_close.bpf.h"
#include "file/open_close.bpf.h"

/* KF_VARIANTS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* open flags and fcntl commands (asm-generic/fcntl.h); AT_REMOVEDIR (linux/fcntl.h) */
#define KF_O_TRUNC 01000
#define KF_F_DUPFD 0
#define KF_F_DUPFD_CLOEXEC 1030
#define KF_AT_REMOVEDIR 0x200

/* The descriptor is looked up after the call: if another thread has put another file there meanwhile,
 * that one must at least be open for what was done. */
static __always_inline void kf_fd__did(u64 fd, long ret, u32 mode, enum kf_file_event event)
{
	struct file *file = ret > 0 ? kf_fd__file(fd) : NULL;

	if (file && (BPF_CORE_READ(file, f_mode) & mode))
		kf_fd__event(fd, event);
}

static __always_inline void kf_fd__read(u64 fd, long ret)
{
	kf_fd__did(fd, ret, KF_FMODE_READ, KF_FILE_ACCESS);
}

static __always_inline void kf_fd__written(u64 fd, long ret)
{
	kf_fd__did(fd, ret, KF_FMODE_WRITE, KF_FILE_MODIFY);
}

static __always_inline void kf_fd__changed(u64 fd, long ret, enum kf_file_event event)
{
	if (ret == 0)
		kf_fd__event(fd, event);
}

/* A new descriptor: an open file, or with flags == -1 a duplicate. */
__noinline int kf_fd__opened(long fd, u64 flags)
{
	struct file *file;
	u32 mode;

	file = fd < 0 ? NULL : kf_fd__file(fd);
	if (!file)
		return 0;
	mode = BPF_CORE_READ(file, f_mode);
	if (mode & KF_FMODE_PATH)
		return 0;
	if (flags != (u64)-1 && (mode & KF_FMODE_CREATED))
		kf_fd__event(fd, KF_FILE_CREATE);
	else if (flags != (u64)-1 && (flags & KF_O_TRUNC))
		kf_fd__event(fd, KF_FILE_MODIFY);
	kf_fd__event(fd, KF_FILE_OPEN);
	return 0;
}

static __always_inline enum kf_op kf_syscall__op(u64 nr)
{
	switch (nr) {
#ifdef __NR_unlink
	case __NR_unlink:
#endif
	case __NR_unlinkat:
		return KF_OP_UNLINK;
#ifdef __NR_rename
	case __NR_rename:
#endif
#ifdef __NR_renameat
	case __NR_renameat:
#endif
	case __NR_renameat2:
		return KF_OP_RENAME;
#ifdef __NR_link
	case __NR_link:
#endif
	case __NR_linkat:
		return KF_OP_LINK;
#ifdef __NR_symlink
	case __NR_symlink:
#endif
	case __NR_symlinkat:
		return KF_OP_SYMLINK;
	case __NR_truncate:
		return KF_OP_TRUNCATE;
#ifdef __NR_chmod
	case __NR_chmod:
	case __NR_chown:
	case __NR_lchown:
	case __NR_utime:
	case __NR_utimes:
	case __NR_futimesat:
#endif
	case __NR_fchmodat:
	case __NR_fchmodat2:
	case __NR_fchownat:
	case __NR_utimensat:
		return KF_OP_SETATTR;
	}
	return KF_OP_NONE;
}

SEC("tp_btf/sys_enter")
int tp__sys_enter(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_SYS_ENTER))
		return 0;
	struct pt_regs *regs = (void *)KF_CTX(ctx, 0);
	u64 nr = KF_CTX(ctx, 1);
	enum kf_op op;

	if (kf_syscall__compat())
		return 0;
	if (kf_enter__closes(regs, nr))
		return 0;
	op = kf_syscall__op(nr);
	if (op == KF_OP_UNLINK && nr == __NR_unlinkat && (KF_ARG2(regs) & KF_AT_REMOVEDIR))
		return 0;
	if (op != KF_OP_NONE)
		kf_named__begin(op);
	return 0;
}

/* Calls that return a new descriptor. Returns false for other calls. */
static __always_inline bool kf_exit__opens(struct pt_regs *regs, u64 nr, long ret)
{
	u64 flags = 0;

	switch (nr) {
#ifdef __NR_open
	case __NR_open:
		kf_fd__opened(ret, KF_ARG1(regs));
		return true;
	case __NR_creat:
		kf_fd__opened(ret, KF_O_TRUNC);
		return true;
#endif
	case __NR_openat:
	case __NR_open_by_handle_at:
		kf_fd__opened(ret, KF_ARG2(regs));
		return true;
	case __NR_openat2: /* struct open_how begins with the flags */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)KF_ARG2(regs));
		kf_fd__opened(ret, flags);
		return true;
	case __NR_dup:
	case __NR_memfd_create:
		kf_fd__opened(ret, -1);
		return true;
	case __NR_fcntl:
		if (KF_ARG1(regs) == KF_F_DUPFD || KF_ARG1(regs) == KF_F_DUPFD_CLOEXEC)
			kf_fd__opened(ret, -1);
		return true;
	}
	return false;
}

/* Calls on a descriptor. */
static __always_inline bool kf_exit__uses(struct pt_regs *regs, u64 nr, long ret)
{
	switch (nr) {
	case __NR_read:
	case __NR_pread64:
	case __NR_readv:
	case __NR_preadv:
	case __NR_preadv2:
		kf_fd__read(KF_ARG0(regs), ret);
		return true;
	case __NR_write:
	case __NR_pwrite64:
	case __NR_writev:
	case __NR_pwritev:
	case __NR_pwritev2:
		kf_fd__written(KF_ARG0(regs), ret);
		return true;
	case __NR_sendfile:
		kf_fd__read(KF_ARG1(regs), ret);
		kf_fd__written(KF_ARG0(regs), ret);
		return true;
	case __NR_copy_file_range:
	case __NR_splice:
		kf_fd__read(KF_ARG0(regs), ret);
		kf_fd__written(KF_ARG2(regs), ret);
		return true;
	case __NR_ftruncate:
	case __NR_fallocate:
		kf_fd__changed(KF_ARG0(regs), ret, KF_FILE_MODIFY);
		return true;
	case __NR_fchmod:
	case __NR_fchown:
		kf_fd__changed(KF_ARG0(regs), ret, KF_FILE_ATTRIB);
		return true;
	}
	return false;
}

/* Where the path of a call on a name is. Returns false for other calls. */
static __always_inline bool kf_exit__where(struct pt_regs *regs, u64 nr, struct kf_where *where)
{
	where->dfd = KF_AT_FDCWD;
	where->old = 0;
	switch (nr) {
#ifdef __NR_rename
	case __NR_rename:
		where->path = KF_ARG1(regs);
		where->old = KF_ARG0(regs);
		return true;
	case __NR_link:
	case __NR_symlink:
		where->path = KF_ARG1(regs);
		return true;
	case __NR_unlink:
	case __NR_chmod:
	case __NR_chown:
	case __NR_lchown:
	case __NR_utime:
	case __NR_utimes:
#endif
	case __NR_truncate:
		where->path = KF_ARG0(regs);
		return true;
#ifdef __NR_renameat
	case __NR_renameat:
#endif
	case __NR_renameat2:
		where->old = KF_ARG1(regs);
		where->dfd = KF_ARG2(regs);
		where->path = KF_ARG3(regs);
		return true;
	case __NR_linkat:
		where->dfd = KF_ARG2(regs);
		where->path = KF_ARG3(regs);
		return true;
	case __NR_symlinkat:
		where->dfd = KF_ARG1(regs);
		where->path = KF_ARG2(regs);
		return true;
	}
	where->dfd = KF_ARG0(regs);
	where->path = KF_ARG1(regs);
	return kf_syscall__op(nr) != KF_OP_NONE;
}

SEC("tp_btf/sys_exit")
int tp__sys_exit(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_SYS_EXIT))
		return 0;
	struct pt_regs *regs = (void *)KF_CTX(ctx, 0);
	long ret = (long)KF_CTX(ctx, 1);
	u64 nr = KF_SYSCALL_NR(regs);
	struct kf_where where;

	if (kf_syscall__compat())
		return 0;
	if (kf_exit__opens(regs, nr, ret) || kf_exit__uses(regs, nr, ret))
		return 0;
	if (!kf_exit__where(regs, nr, &where))
		return 0;
	if (where.path && kf_named__end(where.dfd, where.path, where.old, ret) != 1)
		return 0;
	if (!where.path && !kf_named__forget(ret)) /* futimens */
		return 0;
	kf_fd__event(where.dfd, KF_FILE_ATTRIB);
	return 0;
}

/* exec: the program itself. Its interpreter and loader cannot be seen in this attach mode. */
SEC("tp_btf/sched_process_exec")
int tp__sched_process_exec_file(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXEC_FILE))
		return 0;
	struct linux_binprm *bprm = (void *)KF_CTX(ctx, 2);
	struct file *file = BPF_CORE_READ(bprm, file);

	if (file)
		kf_file__event(file, KF_FILE_OPEN_EXEC);
	return 0;
}

/* The last thread ends: what is still open is closed now, if nobody else has it. */
SEC("tp_btf/sched_process_exit")
int tp__sched_process_exit_files(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXIT_FILES))
		return 0;
	struct task_struct *task = (void *)KF_CTX(ctx, 0);
	u32 max;

	if (BPF_CORE_READ(task, signal, live.counter) != 0 ||
	    BPF_CORE_READ(task, files, count.counter) != 1)
		return 0;
	max = kf_fds__max();
	kf_fds__closing(0, max);
	return 0;
}

SEC("tp_btf/ext4_unlink_enter")
int tp__ext4_unlink_enter(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_EXT4_UNLINK_ENTER))
		return 0;
	struct dentry *dentry = (void *)KF_CTX(ctx, 1);

	kf_named__touch(BPF_CORE_READ(dentry, d_inode), dentry);
	return 0;
}

SEC("tp_btf/ext4_mark_inode_dirty")
int tp__ext4_mark_inode_dirty(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_EXT4_MARK_INODE_DIRTY))
		return 0;
	kf_named__touch((struct inode *)KF_CTX(ctx, 0), NULL);
	return 0;
}

SEC("tp_btf/writeback_mark_inode_dirty")
int tp__writeback_mark_inode_dirty(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_WRITEBACK_MARK_INODE_DIRTY))
		return 0;
	kf_named__touch((struct inode *)KF_CTX(ctx, 0), NULL);
	return 0;
}

/* 6.13: a change time is set in one of three ways, each with a tracepoint (fs/inode.c). */
SEC("tp_btf/inode_set_ctime_to_ts")
int tp__inode_set_ctime_to_ts(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_INODE_SET_CTIME_TO_TS))
		return 0;
	kf_named__touch((struct inode *)KF_CTX(ctx, 0), NULL);
	return 0;
}

SEC("tp_btf/ctime_ns_xchg")
int tp__ctime_ns_xchg(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_CTIME_NS_XCHG))
		return 0;
	kf_named__touch((struct inode *)KF_CTX(ctx, 0), NULL);
	return 0;
}

SEC("tp_btf/ctime_xchg_skip")
int tp__ctime_xchg_skip(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_CTIME_XCHG_SKIP))
		return 0;
	kf_named__touch((struct inode *)KF_CTX(ctx, 0), NULL);
	return 0;
}
