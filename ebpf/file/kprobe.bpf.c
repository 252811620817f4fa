// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * File events by kprobe and kretprobe, where there is no fentry. Adapters only: what the events mean
 * is in file/operations.bpf.h and file/open_close.bpf.h. A kretprobe has only the result, and may not
 * be run at all, see file/kprobe_call.bpf.h; reads and writes, which can wait for ever, have none.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "file/programs.bpf.h"
#include "file/arguments.bpf.h"
#include "file/kprobe_call.bpf.h"
#include "file/kprobe_exec.bpf.h"

/* KF_VARIANTS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What a function calls has its own frame further down. */
#define KF_FRAME(ctx) ((u64)PT_REGS_SP(ctx))
#include "file/kprobe_directory.bpf.h"

SEC("kprobe/vfs_open")
int BPF_KPROBE(kprobe__vfs_open, struct path *path, struct file *file)
{
	kf_open_file__created(path, file);
	return 0;
}

SEC("kprobe/fd_install")
int BPF_KPROBE(kprobe__fd_install, unsigned int fd, struct file *file)
{
	kf_open_file__installed(file);
	return 0;
}

SEC("kprobe/io_fixed_fd_install")
int BPF_KPROBE(kprobe__io_fixed_fd_install, struct io_kiocb *req, unsigned int issue_flags,
	       struct file *file)
{
	kf_open_file__installed(file);
	return 0;
}

SEC("kprobe/do_open_execat")
int BPF_KPROBE(kprobe__do_open_execat)
{
	kf_exec_call__opens();
	return 0;
}

SEC("kretprobe/do_open_execat")
int BPF_KRETPROBE(kretprobe__do_open_execat, struct file *file)
{
	kf_exec_call__opened(file);
	return 0;
}

SEC("kprobe/__kernel_read")
int BPF_KPROBE(kprobe____kernel_read, struct file *file)
{
	kf_exec_call__reads(file);
	return 0;
}

SEC("kretprobe/__kernel_read")
int BPF_KRETPROBE(kretprobe____kernel_read, long ret)
{
	kf_exec_call__has_read(ret);
	return 0;
}

SEC("kprobe/vfs_read")
int BPF_KPROBE(kprobe__vfs_read, struct file *file)
{
	kf_call__moves(KF_OP_READ, file);
	return 0;
}

SEC("kprobe/vfs_readv")
int BPF_KPROBE(kprobe__vfs_readv, struct file *file)
{
	kf_call__moves(KF_OP_READ, file);
	return 0;
}

SEC("kprobe/vfs_write")
int BPF_KPROBE(kprobe__vfs_write, struct file *file)
{
	kf_call__moves(KF_OP_WRITE, file);
	return 0;
}

SEC("kprobe/vfs_writev")
int BPF_KPROBE(kprobe__vfs_writev, struct file *file)
{
	kf_call__moves(KF_OP_WRITE, file);
	return 0;
}

SEC("kprobe/vfs_fallocate")
int BPF_KPROBE(kprobe__vfs_fallocate, struct file *file)
{
	kf_call__enter(KF_OP_ALLOCATE, KF_ON_FILES(NULL, file), KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_fallocate")
int BPF_KRETPROBE(kretprobe__vfs_fallocate, int ret)
{
	kf_pending__exit(KF_OP_ALLOCATE, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_copy_file_range")
int BPF_KPROBE(kprobe__vfs_copy_file_range, struct file *in, loff_t pos_in, struct file *out)
{
	kf_call__enter(KF_OP_COPY, KF_ON_FILES(in, out), KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_copy_file_range")
int BPF_KRETPROBE(kretprobe__vfs_copy_file_range, long ret)
{
	kf_pending__exit(KF_OP_COPY, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/do_splice_direct")
int BPF_KPROBE(kprobe__do_splice_direct, struct file *in, loff_t *ppos, struct file *out)
{
	kf_call__enter(KF_OP_COPY, KF_ON_FILES(in, out), KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/do_splice_direct")
int BPF_KRETPROBE(kretprobe__do_splice_direct, long ret)
{
	kf_pending__exit(KF_OP_COPY, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/__fput")
int BPF_KPROBE(kprobe____fput, struct file *file)
{
	kf_open_file__closed(file);
	return 0;
}

/* Why: what follows on this thread is an operation on a name, whose functions know no mount. */
SEC("kprobe/mnt_want_write")
int BPF_KPROBE(kprobe__mnt_want_write, struct vfsmount *mnt)
{
	kf_last_mount__put(mnt);
	return 0;
}

SEC("kprobe/mnt_want_write_file")
int BPF_KPROBE(kprobe__mnt_want_write_file, struct file *file)
{
	kf_last_mount__put(KF_READ(file, f_path.mnt));
	return 0;
}

SEC("kprobe/notify_change")
int kprobe__notify_change(struct pt_regs *ctx)
{
	kf_call__enter_setattr(
		KF_PARM_MOVED(ctx, KF_MOVED_NOTIFY_CHANGE, PT_REGS_PARM1, PT_REGS_PARM2),
		KF_PARM_MOVED(ctx, KF_MOVED_NOTIFY_CHANGE, PT_REGS_PARM2, PT_REGS_PARM3),
		KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/notify_change")
int BPF_KRETPROBE(kretprobe__notify_change, int ret)
{
	kf_pending__exit_setattr(KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_create")
int kprobe__vfs_create(struct pt_regs *ctx)
{
	kf_call__enter(
		KF_OP_MKNOD,
		KF_ON_NAME(KF_PARM_MOVED(ctx, KF_MOVED_VFS_CREATE, PT_REGS_PARM2, PT_REGS_PARM3)),
		KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_create")
int BPF_KRETPROBE(kretprobe__vfs_create, int ret)
{
	kf_pending__exit(KF_OP_MKNOD, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/finish_open")
int BPF_KPROBE(kprobe__finish_open, struct file *file)
{
	if (kf_open_file__is_nameless(file))
		kf_call__enter(KF_OP_TMPFILE, KF_ON_FILES(NULL, file), KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/finish_open")
int BPF_KRETPROBE(kretprobe__finish_open, int ret)
{
	kf_pending__exit(KF_OP_TMPFILE, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_clone_file_range")
int BPF_KPROBE(kprobe__vfs_clone_file_range, struct file *in, loff_t pos_in, struct file *out)
{
	kf_call__enter(KF_OP_CLONE, KF_ON_FILES(in, out), KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_clone_file_range")
int BPF_KRETPROBE(kretprobe__vfs_clone_file_range, long ret)
{
	kf_pending__exit(KF_OP_CLONE, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_setxattr")
int kprobe__vfs_setxattr(struct pt_regs *ctx)
{
	kf_call__enter(
		KF_OP_SETATTR,
		KF_ON_NAME(KF_PARM_MOVED(ctx, KF_MOVED_VFS_SETXATTR, PT_REGS_PARM1, PT_REGS_PARM2)),
		KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_setxattr")
int BPF_KRETPROBE(kretprobe__vfs_setxattr, int ret)
{
	kf_pending__exit(KF_OP_SETATTR, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_removexattr")
int kprobe__vfs_removexattr(struct pt_regs *ctx)
{
	kf_call__enter(KF_OP_SETATTR,
		       KF_ON_NAME(KF_PARM_MOVED(ctx, KF_MOVED_VFS_REMOVEXATTR, PT_REGS_PARM1,
						PT_REGS_PARM2)),
		       KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_removexattr")
int BPF_KRETPROBE(kretprobe__vfs_removexattr, int ret)
{
	kf_pending__exit(KF_OP_SETATTR, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_set_acl")
int BPF_KPROBE(kprobe__vfs_set_acl, void *idmap, struct dentry *dentry)
{
	kf_call__enter(KF_OP_SETATTR, KF_ON_NAME(dentry), KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_set_acl")
int BPF_KRETPROBE(kretprobe__vfs_set_acl, int ret)
{
	kf_pending__exit(KF_OP_SETATTR, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_remove_acl")
int BPF_KPROBE(kprobe__vfs_remove_acl, void *idmap, struct dentry *dentry)
{
	kf_call__enter(KF_OP_SETATTR, KF_ON_NAME(dentry), KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_remove_acl")
int BPF_KRETPROBE(kretprobe__vfs_remove_acl, int ret)
{
	kf_pending__exit(KF_OP_SETATTR, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_fileattr_set")
int BPF_KPROBE(kprobe__vfs_fileattr_set, void *idmap, struct dentry *dentry)
{
	kf_call__enter(KF_OP_SETATTR, KF_ON_NAME(dentry), KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_fileattr_set")
int BPF_KRETPROBE(kretprobe__vfs_fileattr_set, int ret)
{
	kf_pending__exit(KF_OP_SETATTR, KF_ON_KEPT, ret);
	return 0;
}

/* Before vfs_fileattr_set each file system has an ioctl of its own: its result is that of the call. */
SEC("kprobe/security_file_ioctl")
int BPF_KPROBE(kprobe__security_file_ioctl, struct file *file, unsigned int cmd)
{
	if (kf_ioctl__flags(cmd))
		kf_call__changes(file);
	return 0;
}

SEC("kprobe/security_file_ioctl_compat")
int BPF_KPROBE(kprobe__security_file_ioctl_compat, struct file *file, unsigned int cmd)
{
	if (kf_ioctl__flags(cmd))
		kf_call__changes(file);
	return 0;
}

SEC("kprobe/vfs_unlink")
int kprobe__vfs_unlink(struct pt_regs *ctx)
{
	kf_call__enter(
		KF_OP_UNLINK,
		KF_ON_NAME(KF_PARM_MOVED(ctx, KF_MOVED_VFS_UNLINK, PT_REGS_PARM2, PT_REGS_PARM3)),
		KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_unlink")
int BPF_KRETPROBE(kretprobe__vfs_unlink, int ret)
{
	kf_pending__exit(KF_OP_UNLINK, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_rename")
int BPF_KPROBE(kprobe__vfs_rename, struct renamedata *data)
{
	kf_call__enter_rename(KF_READ(data, old_dentry), KF_READ(data, new_dentry),
			      KF_READ(data, flags), KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_rename")
int BPF_KRETPROBE(kretprobe__vfs_rename, int ret)
{
	kf_pending__exit(KF_OP_RENAME, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_link")
int kprobe__vfs_link(struct pt_regs *ctx)
{
	kf_call__enter(
		KF_OP_LINK,
		KF_ON_NAME(KF_PARM_MOVED(ctx, KF_MOVED_VFS_LINK, PT_REGS_PARM3, PT_REGS_PARM4)),
		KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_link")
int BPF_KRETPROBE(kretprobe__vfs_link, int ret)
{
	kf_pending__exit(KF_OP_LINK, KF_ON_KEPT, ret);
	return 0;
}

SEC("kprobe/vfs_symlink")
int kprobe__vfs_symlink(struct pt_regs *ctx)
{
	kf_call__enter(
		KF_OP_SYMLINK,
		KF_ON_NAME(KF_PARM_MOVED(ctx, KF_MOVED_VFS_SYMLINK, PT_REGS_PARM2, PT_REGS_PARM3)),
		KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/vfs_symlink")
int BPF_KRETPROBE(kretprobe__vfs_symlink, int ret)
{
	kf_pending__exit(KF_OP_SYMLINK, KF_ON_KEPT, ret);
	return 0;
}

/* Why: results of reads and writes, and of operations whose own return was not seen. */
SEC("tp_btf/sys_exit")
int BPF_PROG(tp__sys_exit_file, struct pt_regs *regs, long ret)
{
	if (!kf_standby__claim(KF_PROG_SYS_EXIT_FILE))
		return 0;
	kf_call__returns(regs, ret);
	return 0;
}

/* Why: what a thread has begun behind its last system call, such as a core dump, is due for ever. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(tp__sched_process_exit_file)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXIT_FILE))
		return 0;
	kf_call__ends();
	return 0;
}

#include "file/kprobe_mapped.bpf.h"
#include "file/kprobe_moves.bpf.h"
