/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* System calls on names: which operation each is, and which of its arguments say on what. */
#ifndef KF_FILE_PATH_CALLS_BPF_H
#define KF_FILE_PATH_CALLS_BPF_H

#include "file/operations.bpf.h"
#include "syscalls.bpf.h"

#define KF_AT_FDCWD ((u32)-100)
#define KF_AT_REMOVEDIR 0x200 /* linux/fcntl.h */

/* Where a call's path is: relative to dfd. */
struct kf_where {
	u64 dfd;
	u64 path;
	u64 old; /* RENAME: the path before */
};

/* Calls on a name. */
static __always_inline enum kf_op kf_path_call__op(u64 nr)
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
#ifdef __NR_mknod
	case __NR_mknod:
#endif
	case __NR_mknodat:
		return KF_OP_MKNOD;
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
	case __NR_setxattr:
	case __NR_lsetxattr:
	case __NR_removexattr:
	case __NR_lremovexattr:
	case __NR_setxattrat:
	case __NR_removexattrat:
	case __NR_file_setattr:
		return KF_OP_SETATTR;
	}
	return KF_OP_NONE;
}

/* Calls on the name of a directory, if those are reported. */
static __always_inline enum kf_op kf_path_call__directory_op(struct pt_regs *regs, u64 nr)
{
	if (!kf_directories)
		return KF_OP_NONE;
	switch (nr) {
#ifdef __NR_mkdir
	case __NR_mkdir:
#endif
	case __NR_mkdirat:
		return KF_OP_MKDIR;
#ifdef __NR_rmdir
	case __NR_rmdir:
		return KF_OP_RMDIR;
#endif
	case __NR_unlinkat:
		return KF_ARG2(regs) & KF_AT_REMOVEDIR ? KF_OP_RMDIR : KF_OP_NONE;
	}
	return KF_OP_NONE;
}

/* Where the path of a call on a name is. Returns false for other calls. */
static __always_inline bool kf_path_call__where(struct pt_regs *regs, u64 nr,
						struct kf_where *where)
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
	case __NR_mkdir:
	case __NR_rmdir:
	case __NR_mknod:
	case __NR_chmod:
	case __NR_chown:
	case __NR_lchown:
	case __NR_utime:
	case __NR_utimes:
#endif
	case __NR_truncate:
	case __NR_setxattr:
	case __NR_lsetxattr:
	case __NR_removexattr:
	case __NR_lremovexattr:
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
	return kf_path_call__op(nr) != KF_OP_NONE || nr == __NR_mkdirat;
}

/* Whether a call on a name is about what has no record, by its arguments. */
static __always_inline bool kf_path_call__unwanted(struct pt_regs *regs, u64 nr)
{
	u32 type;

	switch (nr) {
	case __NR_unlinkat:
		return KF_ARG2(regs) & KF_AT_REMOVEDIR;
#ifdef __NR_mknod
	case __NR_mknod:
		type = KF_ARG1(regs) & KF_S_IFMT;
		return type && type != KF_S_IFREG;
#endif
	case __NR_mknodat:
		type = KF_ARG2(regs) & KF_S_IFMT;
		return type && type != KF_S_IFREG;
	}
	return false;
}

/* What a path that begins with a slash, or none, is relative to. A descriptor that is none: nothing. */
static __always_inline void kf_path_call__base(struct kf_walk *walk, bool absolute, u64 dfd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *dir;

	walk->flags = 0;
	walk->dentry = NULL;
	walk->mnt = NULL;
	if (absolute) { /* the process's root: nothing, or where chroot went */
		walk->dentry = KF_READ(task, fs, root.dentry);
		walk->mnt = kf_mount__of(KF_READ(task, fs, root.mnt));
	} else if ((u32)dfd == KF_AT_FDCWD) {
		walk->dentry = KF_READ(task, fs, pwd.dentry);
		walk->mnt = kf_mount__of(KF_READ(task, fs, pwd.mnt));
	} else {
		dir = kf_fd__file(dfd);
		if (!dir)
			return;
		walk->dentry = KF_READ(dir, f_path.dentry);
		walk->mnt = kf_mount__of(KF_READ(dir, f_path.mnt));
	}
}

#endif
