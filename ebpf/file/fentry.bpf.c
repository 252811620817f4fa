// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * File events by fentry and fexit. Arguments whose place moved between kernels are found by the
 * number of arguments, which the loader takes from the running kernel's BTF; the result of a
 * function stands behind its last argument.
 */
#define KF_DIRECT 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "file/programs.bpf.h"
#include "file/operations.bpf.h"
#include "file/open_close.bpf.h"

/* KF_VARIANTS noloop cast: built again for kernels without bpf_loop and for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool kf_is_err(const void *pointer)
{
	return !pointer || (unsigned long)pointer >= (unsigned long)-4095;
}

/* Created files: the flag is on the struct file before it is opened. */
SEC("fentry/vfs_open")
int fentry__vfs_open(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_OPEN))
		return 0;
	kf_file__created((struct path *)KF_CTX(ctx, 0), (struct file *)KF_CTX(ctx, 1));
	return 0;
}

/* A descriptor for a file: open, dup, a descriptor passed over a socket. */
SEC("fentry/fd_install")
int fentry__fd_install(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_FD_INSTALL))
		return 0;
	kf_file__installed((struct file *)KF_CTX(ctx, 1));
	return 0;
}

/* The program, its interpreter and its loader: each is opened by this function only. */
SEC("fexit/do_open_execat")
int fexit__do_open_execat(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_DO_OPEN_EXECAT))
		return 0;
	struct file *file = (struct file *)KF_CTX(ctx, 3);

	if (!kf_is_err(file))
		kf_file__event(file, KF_FILE_OPEN_EXEC);
	return 0;
}

SEC("fexit/vfs_read")
int fexit__vfs_read(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_READ))
		return 0;
	if ((long)KF_CTX(ctx, 4) > 0)
		kf_file__event((struct file *)KF_CTX(ctx, 0), KF_FILE_ACCESS);
	return 0;
}

SEC("fexit/vfs_readv")
int fexit__vfs_readv(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_READV))
		return 0;
	if ((long)KF_CTX(ctx, 5) > 0)
		kf_file__event((struct file *)KF_CTX(ctx, 0), KF_FILE_ACCESS);
	return 0;
}

/* What exec reads of a program. */
SEC("fexit/__kernel_read")
int fexit____kernel_read(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT___KERNEL_READ))
		return 0;
	if ((long)KF_CTX(ctx, 4) > 0)
		kf_file__event((struct file *)KF_CTX(ctx, 0), KF_FILE_ACCESS);
	return 0;
}

SEC("fexit/vfs_write")
int fexit__vfs_write(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_WRITE))
		return 0;
	if ((long)KF_CTX(ctx, 4) > 0)
		kf_file__event((struct file *)KF_CTX(ctx, 0), KF_FILE_MODIFY);
	return 0;
}

SEC("fexit/vfs_writev")
int fexit__vfs_writev(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_WRITEV))
		return 0;
	if ((long)KF_CTX(ctx, 5) > 0)
		kf_file__event((struct file *)KF_CTX(ctx, 0), KF_FILE_MODIFY);
	return 0;
}

SEC("fexit/vfs_fallocate")
int fexit__vfs_fallocate(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_FALLOCATE))
		return 0;
	if ((long)KF_CTX(ctx, 4) == 0)
		kf_file__event((struct file *)KF_CTX(ctx, 0), KF_FILE_MODIFY);
	return 0;
}

SEC("fentry/vfs_copy_file_range")
int fentry__vfs_copy_file_range(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_COPY_FILE_RANGE))
		return 0;
	kf_copy__enter((struct file *)KF_CTX(ctx, 0), (struct file *)KF_CTX(ctx, 2));
	return 0;
}

SEC("fexit/vfs_copy_file_range")
int fexit__vfs_copy_file_range(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_COPY_FILE_RANGE))
		return 0;
	kf_copy__exit((struct file *)KF_CTX(ctx, 0), (struct file *)KF_CTX(ctx, 2),
		      (long)KF_CTX(ctx, 6));
	return 0;
}

SEC("fentry/do_splice_direct")
int fentry__do_splice_direct(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_DO_SPLICE_DIRECT))
		return 0;
	kf_copy__enter((struct file *)KF_CTX(ctx, 0), (struct file *)KF_CTX(ctx, 2));
	return 0;
}

SEC("fexit/do_splice_direct")
int fexit__do_splice_direct(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_DO_SPLICE_DIRECT))
		return 0;
	kf_copy__exit((struct file *)KF_CTX(ctx, 0), (struct file *)KF_CTX(ctx, 2),
		      (long)KF_CTX(ctx, 6));
	return 0;
}

/* The last reference is gone: of descriptors and of mappings. */
SEC("fentry/__fput")
int fentry____fput(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY___FPUT))
		return 0;
	kf_file__closed((struct file *)KF_CTX(ctx, 0));
	return 0;
}

SEC("fentry/notify_change")
int fentry__notify_change(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_NOTIFY_CHANGE))
		return 0;
	if (kf_nargs_notify_change == 3)
		kf_setattr__enter((struct dentry *)KF_CTX(ctx, 0), (struct iattr *)KF_CTX(ctx, 1));
	else
		kf_setattr__enter((struct dentry *)KF_CTX(ctx, 1), (struct iattr *)KF_CTX(ctx, 2));
	return 0;
}

SEC("fexit/notify_change")
int fexit__notify_change(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_NOTIFY_CHANGE))
		return 0;
	if (kf_nargs_notify_change == 3)
		kf_setattr__exit((struct dentry *)KF_CTX(ctx, 0), (int)KF_CTX(ctx, 3));
	else
		kf_setattr__exit((struct dentry *)KF_CTX(ctx, 1), (int)KF_CTX(ctx, 4));
	return 0;
}

SEC("fentry/vfs_unlink")
int fentry__vfs_unlink(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_UNLINK))
		return 0;
	if (kf_nargs_vfs_unlink == 3)
		kf_unlink__enter((struct dentry *)KF_CTX(ctx, 1));
	else
		kf_unlink__enter((struct dentry *)KF_CTX(ctx, 2));
	return 0;
}

SEC("fexit/vfs_unlink")
int fexit__vfs_unlink(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_UNLINK))
		return 0;
	if (kf_nargs_vfs_unlink == 3)
		kf_unlink__exit((int)KF_CTX(ctx, 3));
	else
		kf_unlink__exit((int)KF_CTX(ctx, 4));
	return 0;
}

SEC("fentry/vfs_rename")
int fentry__vfs_rename(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_RENAME))
		return 0;
	kf_rename__enter(((struct renamedata *)KF_CTX(ctx, 0))->old_dentry);
	return 0;
}

SEC("fexit/vfs_rename")
int fexit__vfs_rename(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_RENAME))
		return 0;
	kf_rename__exit(((struct renamedata *)KF_CTX(ctx, 0))->old_dentry, (int)KF_CTX(ctx, 1));
	return 0;
}

SEC("fentry/vfs_link")
int fentry__vfs_link(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_LINK))
		return 0;
	if (kf_nargs_vfs_link == 4)
		kf_pending__begin(KF_OP_LINK, (struct dentry *)KF_CTX(ctx, 2));
	else
		kf_pending__begin(KF_OP_LINK, (struct dentry *)KF_CTX(ctx, 3));
	return 0;
}

SEC("fexit/vfs_link")
int fexit__vfs_link(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_LINK))
		return 0;
	if (kf_nargs_vfs_link == 4)
		kf_create__exit(KF_OP_LINK, (struct dentry *)KF_CTX(ctx, 2), (int)KF_CTX(ctx, 4));
	else
		kf_create__exit(KF_OP_LINK, (struct dentry *)KF_CTX(ctx, 3), (int)KF_CTX(ctx, 5));
	return 0;
}

SEC("fentry/vfs_symlink")
int fentry__vfs_symlink(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_SYMLINK))
		return 0;
	if (kf_nargs_vfs_symlink == 3)
		kf_pending__begin(KF_OP_SYMLINK, (struct dentry *)KF_CTX(ctx, 1));
	else
		kf_pending__begin(KF_OP_SYMLINK, (struct dentry *)KF_CTX(ctx, 2));
	return 0;
}

SEC("fexit/vfs_symlink")
int fexit__vfs_symlink(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_SYMLINK))
		return 0;
	if (kf_nargs_vfs_symlink == 3)
		kf_create__exit(KF_OP_SYMLINK, (struct dentry *)KF_CTX(ctx, 1),
				(int)KF_CTX(ctx, 3));
	else if (kf_nargs_vfs_symlink == 4)
		kf_create__exit(KF_OP_SYMLINK, (struct dentry *)KF_CTX(ctx, 2),
				(int)KF_CTX(ctx, 4));
	else
		kf_create__exit(KF_OP_SYMLINK, (struct dentry *)KF_CTX(ctx, 2),
				(int)KF_CTX(ctx, 5));
	return 0;
}
