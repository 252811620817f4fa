/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arguments whose place moved between kernels, which kf_nargs_FUNCTION tells (compat.bpf.h). Only these
 * are read by their place; all others have a name.
 */
#ifndef KF_FILE_ARGUMENTS_BPF_H
#define KF_FILE_ARGUMENTS_BPF_H

#include "compat.bpf.h"

/* Whether the idmap is there, and what stands behind it has moved by one. */
#define KF_MOVED_NOTIFY_CHANGE (kf_nargs_notify_change > 3)
#define KF_MOVED_VFS_UNLINK (kf_nargs_vfs_unlink > 3)
#define KF_MOVED_VFS_LINK (kf_nargs_vfs_link > 4)
#define KF_MOVED_VFS_SYMLINK (kf_nargs_vfs_symlink > 3)
#define KF_MOVED_VFS_CREATE (kf_nargs_vfs_create > 4)
#define KF_MOVED_VFS_MKDIR (kf_nargs_vfs_mkdir > 3)
#define KF_MOVED_VFS_SETXATTR (kf_nargs_vfs_setxattr > 5)
#define KF_MOVED_VFS_REMOVEXATTR (kf_nargs_vfs_removexattr > 2)

/* Of a fentry or fexit program: argument n of kernels without the idmap. */
#define KF_CTX_MOVED(ctx, moved, n) ((void *)((moved) ? KF_CTX(ctx, (n) + 1) : KF_CTX(ctx, n)))

/* Of a fexit program: the result, an int, which stands behind the last argument. The function has
 * `least` arguments, or up to two more. */
#define KF_CTX_RESULT(ctx, nargs, least) ((int)KF_CTX_RESULT_WIDE(ctx, nargs, least))
#define KF_CTX_RESULT_WIDE(ctx, nargs, least)                \
	((nargs) == (least)	  ? KF_CTX(ctx, least)       \
	 : (nargs) == (least) + 1 ? KF_CTX(ctx, (least) + 1) \
				  : KF_CTX(ctx, (least) + 2))

/*
 * The result of vfs_mkdir as an int, whatever the kernel has: 0 or an error, of which the upper half of the
 * register may be anything, or a dentry or an error in its place. A dentry is neither at the end of memory nor
 * in its first 4 GiB.
 */
static __always_inline int kf_mkdir__result(u64 value)
{
	u64 result = kf_number((void *)value);
	u32 upper = result >> 32;

	return (u32)result >= (u32)-4095 && (!upper || !~upper) ? (int)result : 0;
}

/* Of a kprobe. Both are loaded first, so that no load has a computed offset, which the verifier
 * refuses. */
#define KF_PARM_MOVED(ctx, moved, before, after)        \
	({                                              \
		unsigned long __before = before(ctx);   \
		unsigned long __after = after(ctx);     \
		barrier_var(__before);                  \
		barrier_var(__after);                   \
		(void *)((moved) ? __after : __before); \
	})

#endif
