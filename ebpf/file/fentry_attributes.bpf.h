/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes of attributes by fentry and fexit: adapters, as in file/fentry.bpf.c. */
#ifndef KF_FILE_FENTRY_ATTRIBUTES_BPF_H
#define KF_FILE_FENTRY_ATTRIBUTES_BPF_H

#include "file/arguments.bpf.h"
#include "file/programs.bpf.h"
#include "file/rename.bpf.h"

struct posix_acl;

SEC("fentry/notify_change")
int fentry__notify_change(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_NOTIFY_CHANGE))
		return 0;
	kf_pending__enter_setattr(KF_CTX_MOVED(ctx, KF_MOVED_NOTIFY_CHANGE, 0),
				  KF_CTX_MOVED(ctx, KF_MOVED_NOTIFY_CHANGE, 1), KF_FRAME(ctx));
	return 0;
}

SEC("fexit/notify_change")
int fexit__notify_change(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_NOTIFY_CHANGE))
		return 0;
	kf_pending__exit_setattr(KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_NOTIFY_CHANGE, 0)),
				 KF_CTX_RESULT(ctx, kf_nargs_notify_change, 3));
	return 0;
}

SEC("fentry/vfs_setxattr")
int fentry__vfs_setxattr(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_SETXATTR))
		return 0;
	kf_pending__enter(KF_OP_SETATTR, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_SETXATTR, 0)),
			  KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_setxattr")
int fexit__vfs_setxattr(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_SETXATTR))
		return 0;
	kf_pending__exit(KF_OP_SETATTR, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_SETXATTR, 0)),
			 KF_CTX_RESULT(ctx, kf_nargs_vfs_setxattr, 5));
	return 0;
}

SEC("fentry/vfs_removexattr")
int fentry__vfs_removexattr(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_REMOVEXATTR))
		return 0;
	kf_pending__enter(KF_OP_SETATTR, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_REMOVEXATTR, 0)),
			  KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_removexattr")
int fexit__vfs_removexattr(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_REMOVEXATTR))
		return 0;
	kf_pending__exit(KF_OP_SETATTR, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_REMOVEXATTR, 0)),
			 KF_CTX_RESULT(ctx, kf_nargs_vfs_removexattr, 2));
	return 0;
}

/* [6.2] ACLs are no extended attributes there any more. */
SEC("fentry/vfs_set_acl")
int BPF_PROG(fentry__vfs_set_acl, void *idmap, struct dentry *dentry)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_SET_ACL))
		return 0;
	kf_pending__enter(KF_OP_SETATTR, KF_ON_NAME(dentry), KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_set_acl")
int BPF_PROG(fexit__vfs_set_acl, void *idmap, struct dentry *dentry, const char *name,
	     struct posix_acl *acl, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_SET_ACL))
		return 0;
	kf_pending__exit(KF_OP_SETATTR, KF_ON_NAME(dentry), ret);
	return 0;
}

SEC("fentry/vfs_remove_acl")
int BPF_PROG(fentry__vfs_remove_acl, void *idmap, struct dentry *dentry)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_REMOVE_ACL))
		return 0;
	kf_pending__enter(KF_OP_SETATTR, KF_ON_NAME(dentry), KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_remove_acl")
int BPF_PROG(fexit__vfs_remove_acl, void *idmap, struct dentry *dentry, const char *name, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_REMOVE_ACL))
		return 0;
	kf_pending__exit(KF_OP_SETATTR, KF_ON_NAME(dentry), ret);
	return 0;
}

/* [5.13] chattr: flags, project, extent size hints; by ioctl, and by file_setattr(2). */
SEC("fentry/vfs_fileattr_set")
int BPF_PROG(fentry__vfs_fileattr_set, void *idmap, struct dentry *dentry)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_FILEATTR_SET))
		return 0;
	kf_pending__enter(KF_OP_SETATTR, KF_ON_NAME(dentry), KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_fileattr_set")
int BPF_PROG(fexit__vfs_fileattr_set, void *idmap, struct dentry *dentry, void *fa, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_FILEATTR_SET))
		return 0;
	kf_pending__exit(KF_OP_SETATTR, KF_ON_NAME(dentry), ret);
	return 0;
}

#endif
