// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * File events by fentry and fexit. Adapters only: what the events mean is in file/operations.bpf.h
 * and file/open_close.bpf.h.
 */
#define KF_DIRECT 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "file/programs.bpf.h"
#include "file/arguments.bpf.h"
#include "file/rename.bpf.h"
#include "file/open_close.bpf.h"

/* KF_VARIANTS noloop cast: built again for kernels without bpf_loop and for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct filename;
struct iovec;

/* The context lies in the frame of the function: on the stack, above that of what it calls. */
#define KF_FRAME(ctx) ((u64)(ctx))
#include "file/fentry_directory.bpf.h"

/* Created files: the flag is on the struct file before it is opened. */
SEC("fentry/vfs_open")
int BPF_PROG(fentry__vfs_open, struct path *path, struct file *file)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_OPEN))
		return 0;
	kf_open_file__created(path, file);
	return 0;
}

/* A descriptor for a file: open, dup, a descriptor passed over a socket. */
SEC("fentry/fd_install")
int BPF_PROG(fentry__fd_install, unsigned int fd, struct file *file)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_FD_INSTALL))
		return 0;
	kf_open_file__installed(file);
	return 0;
}

/* The same in the table of a ring of io_uring: a direct descriptor. */
SEC("fentry/io_fixed_fd_install")
int BPF_PROG(fentry__io_fixed_fd_install, struct io_kiocb *req, unsigned int issue_flags,
	     struct file *file)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_IO_FIXED_FD_INSTALL))
		return 0;
	kf_open_file__installed(file);
	return 0;
}

/* The program, its interpreter and its loader: each is opened by this function only. */
SEC("fexit/do_open_execat")
int BPF_PROG(fexit__do_open_execat, int fd, struct filename *name, int flags, struct file *file)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_DO_OPEN_EXECAT))
		return 0;
	if (!kf_open_file__is_err(file))
		kf_file__event_of(file, KF_FILE_OPEN_EXEC, kf_image__starts);
	return 0;
}

SEC("fexit/vfs_read")
int BPF_PROG(fexit__vfs_read, struct file *file, char *buf, size_t count, loff_t *pos, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_READ))
		return 0;
	kf_op__on_file(KF_OP_READ, file, ret);
	return 0;
}

SEC("fexit/vfs_readv")
int BPF_PROG(fexit__vfs_readv, struct file *file, const struct iovec *vec, unsigned long vlen,
	     loff_t *pos, int flags, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_READV))
		return 0;
	kf_op__on_file(KF_OP_READ, file, ret);
	return 0;
}

/* What exec reads of a program. */
SEC("fexit/__kernel_read")
int BPF_PROG(fexit____kernel_read, struct file *file, void *buf, size_t count, loff_t *pos,
	     long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT___KERNEL_READ))
		return 0;
	if (kf_op__succeeded(KF_OP_READ, ret))
		kf_file__event_of(file, KF_FILE_ACCESS, kf_image__loads);
	return 0;
}

SEC("fexit/vfs_write")
int BPF_PROG(fexit__vfs_write, struct file *file, const char *buf, size_t count, loff_t *pos,
	     long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_WRITE))
		return 0;
	kf_op__on_file(KF_OP_WRITE, file, ret);
	return 0;
}

SEC("fexit/vfs_writev")
int BPF_PROG(fexit__vfs_writev, struct file *file, const struct iovec *vec, unsigned long vlen,
	     loff_t *pos, int flags, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_WRITEV))
		return 0;
	kf_op__on_file(KF_OP_WRITE, file, ret);
	return 0;
}

SEC("fexit/vfs_fallocate")
int BPF_PROG(fexit__vfs_fallocate, struct file *file, int mode, loff_t offset, loff_t len, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_FALLOCATE))
		return 0;
	kf_op__on_file(KF_OP_ALLOCATE, file, ret);
	return 0;
}

SEC("fentry/vfs_copy_file_range")
int BPF_PROG(fentry__vfs_copy_file_range, struct file *in, loff_t pos_in, struct file *out)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_COPY_FILE_RANGE))
		return 0;
	kf_pending__enter(KF_OP_COPY, KF_ON_FILES(in, out), KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_copy_file_range")
int BPF_PROG(fexit__vfs_copy_file_range, struct file *in, loff_t pos_in, struct file *out,
	     loff_t pos_out, size_t len, unsigned int flags, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_COPY_FILE_RANGE))
		return 0;
	kf_pending__exit(KF_OP_COPY, KF_ON_FILES(in, out), ret);
	return 0;
}

/* sendfile; it may run inside vfs_copy_file_range. */
SEC("fentry/do_splice_direct")
int BPF_PROG(fentry__do_splice_direct, struct file *in, loff_t *ppos, struct file *out)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_DO_SPLICE_DIRECT))
		return 0;
	kf_pending__enter(KF_OP_COPY, KF_ON_FILES(in, out), KF_FRAME(ctx));
	return 0;
}

SEC("fexit/do_splice_direct")
int BPF_PROG(fexit__do_splice_direct, struct file *in, loff_t *ppos, struct file *out, loff_t *opos,
	     size_t len, unsigned int flags, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_DO_SPLICE_DIRECT))
		return 0;
	kf_pending__exit(KF_OP_COPY, KF_ON_FILES(in, out), ret);
	return 0;
}

/* The last reference is dropped: of descriptors and of mappings. */
SEC("fentry/__fput")
int BPF_PROG(fentry____fput, struct file *file)
{
	if (!kf_standby__claim(KF_PROG_FENTRY___FPUT))
		return 0;
	kf_open_file__closed(file);
	return 0;
}

/* Why: what follows on this thread is an operation on a name, whose functions know no mount. */
SEC("fentry/mnt_want_write")
int BPF_PROG(fentry__mnt_want_write, struct vfsmount *mnt)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_MNT_WANT_WRITE))
		return 0;
	kf_last_mount__put(mnt);
	return 0;
}

SEC("fentry/mnt_want_write_file")
int BPF_PROG(fentry__mnt_want_write_file, struct file *file)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_MNT_WANT_WRITE_FILE))
		return 0;
	kf_last_mount__put(KF_READ(file, f_path.mnt));
	return 0;
}

/* mknod of a regular file. open(2) does not come here, but what overlayfs does inside of one. */
SEC("fentry/vfs_create")
int fentry__vfs_create(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_CREATE))
		return 0;
	kf_pending__enter(KF_OP_MKNOD, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_CREATE, 1)),
			  KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_create")
int fexit__vfs_create(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_CREATE))
		return 0;
	kf_pending__exit(KF_OP_MKNOD, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_CREATE, 1)),
			 KF_CTX_RESULT(ctx, kf_nargs_vfs_create, 4));
	return 0;
}

/* O_TMPFILE: vfs_open is not on its way. vfs_tmpfile has no open file on older kernels. */
SEC("fexit/finish_open")
int BPF_PROG(fexit__finish_open, struct file *file, struct dentry *dentry, void *open, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_FINISH_OPEN))
		return 0;
	if (kf_open_file__is_nameless(file))
		kf_op__on_file(KF_OP_TMPFILE, file, ret);
	return 0;
}

/* FICLONE and FICLONERANGE. A dedupe changes nothing and is no event. */
SEC("fentry/vfs_clone_file_range")
int BPF_PROG(fentry__vfs_clone_file_range, struct file *in, loff_t pos_in, struct file *out)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_CLONE_FILE_RANGE))
		return 0;
	kf_pending__enter(KF_OP_CLONE, KF_ON_FILES(in, out), KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_clone_file_range")
int BPF_PROG(fexit__vfs_clone_file_range, struct file *in, loff_t pos_in, struct file *out,
	     loff_t pos_out, loff_t len, unsigned int flags, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_CLONE_FILE_RANGE))
		return 0;
	kf_pending__exit(KF_OP_CLONE, KF_ON_FILES(in, out), ret);
	return 0;
}

SEC("fentry/vfs_unlink")
int fentry__vfs_unlink(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_UNLINK))
		return 0;
	kf_pending__enter(KF_OP_UNLINK, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_UNLINK, 1)),
			  KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_unlink")
int fexit__vfs_unlink(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_UNLINK))
		return 0;
	kf_pending__exit(KF_OP_UNLINK, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_UNLINK, 1)),
			 KF_CTX_RESULT(ctx, kf_nargs_vfs_unlink, 3));
	return 0;
}

SEC("fentry/vfs_rename")
int BPF_PROG(fentry__vfs_rename, struct renamedata *data)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_RENAME))
		return 0;
	kf_rename__enter(data->old_dentry, data->new_dentry, data->flags, KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_rename")
int BPF_PROG(fexit__vfs_rename, struct renamedata *data, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_RENAME))
		return 0;
	kf_pending__exit(KF_OP_RENAME, KF_ON_NAMES(data->old_dentry, data->new_dentry), ret);
	return 0;
}

SEC("fentry/vfs_link")
int fentry__vfs_link(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_LINK))
		return 0;
	kf_pending__enter(KF_OP_LINK, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_LINK, 2)),
			  KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_link")
int fexit__vfs_link(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_LINK))
		return 0;
	kf_pending__exit(KF_OP_LINK, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_LINK, 2)),
			 KF_CTX_RESULT(ctx, kf_nargs_vfs_link, 4));
	return 0;
}

SEC("fentry/vfs_symlink")
int fentry__vfs_symlink(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_VFS_SYMLINK))
		return 0;
	kf_pending__enter(KF_OP_SYMLINK, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_SYMLINK, 1)),
			  KF_FRAME(ctx));
	return 0;
}

SEC("fexit/vfs_symlink")
int fexit__vfs_symlink(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VFS_SYMLINK))
		return 0;
	kf_pending__exit(KF_OP_SYMLINK, KF_ON_NAME(KF_CTX_MOVED(ctx, KF_MOVED_VFS_SYMLINK, 1)),
			 KF_CTX_RESULT(ctx, kf_nargs_vfs_symlink, 3));
	return 0;
}

/* Why: an operation whose return was not seen, the kernel skipped the program, is due for ever. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(tp__sched_process_exit_pending)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXIT_PENDING))
		return 0;
	kf_pending__lose();
	return 0;
}

#include "file/fentry_attributes.bpf.h"
#include "file/fentry_mapped.bpf.h"
#include "file/fentry_moves.bpf.h"
