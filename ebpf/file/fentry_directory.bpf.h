/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Directories by fentry and fexit: adapters, as in file/fentry.bpf.c. Loaded with --directories alone. */
#ifndef KF_FILE_FENTRY_DIRECTORY_BPF_H
#define KF_FILE_FENTRY_DIRECTORY_BPF_H

#include "file/directory.bpf.h"

struct dir_context;

SEC("fentry/vfs_mkdir")
int fentry__vfs_mkdir(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_MKDIR))
		return 0;
	kf_pending__enter(KF_OP_MKDIR, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_MKDIR, 1)),
			  KF_FRAME(ctx));
	return 0;
}

/* A file system across the network may return another dentry [6.15], when somebody else has looked the
 * directory up meanwhile: then the one that was given has no inode, and the event is not told. */
SEC("fexit/vfs_mkdir")
int fexit__vfs_mkdir(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_MKDIR))
		return 0;
	kf_pending__exit(KF_OP_MKDIR, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_MKDIR, 1)),
			 kf_mkdir__result(KF_CTX_RESULT_WIDE(ctx, kf_nargs_vfs_mkdir, 3)));
	return 0;
}

SEC("fentry/d_delete")
int BPF_PROG(fentry__d_delete, struct dentry *dentry)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_D_DELETE))
		return 0;
	kf_directory__removed(dentry);
	return 0;
}

/* getdents. */
SEC("fexit/iterate_dir")
int BPF_PROG(fexit__iterate_dir, struct file *file, struct dir_context *where, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_ITERATE_DIR))
		return 0;
	kf_op__on_file(KF_OP_LIST, file, ret);
	return 0;
}

#endif
