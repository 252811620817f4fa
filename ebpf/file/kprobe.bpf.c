// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * File events by kprobe and kretprobe, where there is no fentry. A kretprobe has only the result:
 * what it needs of the arguments is kept at the entry. It may not be run at all, see file/kprobe_return.bpf.h;
 * reads and writes, which can wait for ever, have none.
 */
#define KF_RETURNS_LOST 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "file/programs.bpf.h"
#include "file/kprobe_return.bpf.h"
#include "file/open_close.bpf.h"

/* KF_VARIANTS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* An argument that stands one further on newer kernels. Both are loaded first, so that no load has a
 * computed offset, which the verifier refuses. */
#define KF_SHIFTED(ctx, shifted, before, after)  \
	({                                       \
		unsigned long __a = before(ctx); \
		unsigned long __b = after(ctx);  \
		barrier_var(__a);                \
		barrier_var(__b);                \
		(shifted) ? __b : __a;           \
	})

SEC("kprobe/vfs_open")
int kprobe__vfs_open(struct pt_regs *ctx)
{
	kf_file__created((struct path *)PT_REGS_PARM1(ctx), (struct file *)PT_REGS_PARM2(ctx));
	return 0;
}

SEC("kprobe/fd_install")
int kprobe__fd_install(struct pt_regs *ctx)
{
	kf_file__installed((struct file *)PT_REGS_PARM2(ctx));
	return 0;
}

SEC("kprobe/do_open_execat")
int kprobe__do_open_execat(struct pt_regs *ctx)
{
	kf_call__opens_exec();
	return 0;
}

SEC("kretprobe/do_open_execat")
int kretprobe__do_open_execat(struct pt_regs *ctx)
{
	kf_call__opened_exec(PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/__kernel_read")
int kprobe____kernel_read(struct pt_regs *ctx)
{
	kf_call__kernel_reads((struct file *)PT_REGS_PARM1(ctx));
	return 0;
}

SEC("kretprobe/__kernel_read")
int kretprobe____kernel_read(struct pt_regs *ctx)
{
	kf_call__kernel_has_read((long)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/vfs_read")
int kprobe__vfs_read(struct pt_regs *ctx)
{
	kf_call__moves((struct file *)PT_REGS_PARM1(ctx), KF_FILE_ACCESS);
	return 0;
}

SEC("kprobe/vfs_readv")
int kprobe__vfs_readv(struct pt_regs *ctx)
{
	kf_call__moves((struct file *)PT_REGS_PARM1(ctx), KF_FILE_ACCESS);
	return 0;
}

SEC("kprobe/vfs_write")
int kprobe__vfs_write(struct pt_regs *ctx)
{
	kf_call__moves((struct file *)PT_REGS_PARM1(ctx), KF_FILE_MODIFY);
	return 0;
}

SEC("kprobe/vfs_writev")
int kprobe__vfs_writev(struct pt_regs *ctx)
{
	kf_call__moves((struct file *)PT_REGS_PARM1(ctx), KF_FILE_MODIFY);
	return 0;
}

SEC("kprobe/vfs_fallocate")
int kprobe__vfs_fallocate(struct pt_regs *ctx)
{
	if (kf_call__operates(PT_REGS_SP(ctx)))
		kf_copy__enter(NULL, (struct file *)PT_REGS_PARM1(ctx));
	return 0;
}

SEC("kretprobe/vfs_fallocate")
int kretprobe__vfs_fallocate(struct pt_regs *ctx)
{
	kf_copy__exit(NULL, NULL, (int)PT_REGS_RC(ctx) == 0);
	return 0;
}

SEC("kprobe/vfs_copy_file_range")
int kprobe__vfs_copy_file_range(struct pt_regs *ctx)
{
	if (kf_call__operates(PT_REGS_SP(ctx)))
		kf_copy__enter((struct file *)PT_REGS_PARM1(ctx),
			       (struct file *)PT_REGS_PARM3(ctx));
	return 0;
}

SEC("kretprobe/vfs_copy_file_range")
int kretprobe__vfs_copy_file_range(struct pt_regs *ctx)
{
	kf_copy__exit(NULL, NULL, (long)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/do_splice_direct")
int kprobe__do_splice_direct(struct pt_regs *ctx)
{
	if (kf_call__operates(PT_REGS_SP(ctx)))
		kf_copy__enter((struct file *)PT_REGS_PARM1(ctx),
			       (struct file *)PT_REGS_PARM3(ctx));
	return 0;
}

SEC("kretprobe/do_splice_direct")
int kretprobe__do_splice_direct(struct pt_regs *ctx)
{
	kf_copy__exit(NULL, NULL, (long)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/__fput")
int kprobe____fput(struct pt_regs *ctx)
{
	kf_file__closed((struct file *)PT_REGS_PARM1(ctx));
	return 0;
}

SEC("kprobe/notify_change")
int kprobe__notify_change(struct pt_regs *ctx)
{
	bool shifted = kf_nargs_notify_change != 3;

	if (kf_call__operates(PT_REGS_SP(ctx)))
		kf_setattr__enter(
			(struct dentry *)KF_SHIFTED(ctx, shifted, PT_REGS_PARM1, PT_REGS_PARM2),
			(struct iattr *)KF_SHIFTED(ctx, shifted, PT_REGS_PARM2, PT_REGS_PARM3));
	return 0;
}

SEC("kretprobe/notify_change")
int kretprobe__notify_change(struct pt_regs *ctx)
{
	kf_setattr__exit(NULL, (int)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/vfs_unlink")
int kprobe__vfs_unlink(struct pt_regs *ctx)
{
	if (kf_call__operates(PT_REGS_SP(ctx)))
		kf_unlink__enter((struct dentry *)KF_SHIFTED(ctx, kf_nargs_vfs_unlink != 3,
							     PT_REGS_PARM2, PT_REGS_PARM3));
	return 0;
}

SEC("kretprobe/vfs_unlink")
int kretprobe__vfs_unlink(struct pt_regs *ctx)
{
	kf_unlink__exit((int)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/vfs_rename")
int kprobe__vfs_rename(struct pt_regs *ctx)
{
	struct renamedata *data = (struct renamedata *)PT_REGS_PARM1(ctx);

	if (kf_call__operates(PT_REGS_SP(ctx)))
		kf_rename__enter(BPF_CORE_READ(data, old_dentry));
	return 0;
}

SEC("kretprobe/vfs_rename")
int kretprobe__vfs_rename(struct pt_regs *ctx)
{
	kf_rename__exit(NULL, (int)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/vfs_link")
int kprobe__vfs_link(struct pt_regs *ctx)
{
	if (kf_call__operates(PT_REGS_SP(ctx)))
		kf_pending__begin(KF_OP_LINK,
				  (struct dentry *)KF_SHIFTED(ctx, kf_nargs_vfs_link != 4,
							      PT_REGS_PARM3, PT_REGS_PARM4));
	return 0;
}

SEC("kretprobe/vfs_link")
int kretprobe__vfs_link(struct pt_regs *ctx)
{
	kf_create__exit(KF_OP_LINK, NULL, (int)PT_REGS_RC(ctx));
	return 0;
}

SEC("kprobe/vfs_symlink")
int kprobe__vfs_symlink(struct pt_regs *ctx)
{
	if (kf_call__operates(PT_REGS_SP(ctx)))
		kf_pending__begin(KF_OP_SYMLINK,
				  (struct dentry *)KF_SHIFTED(ctx, kf_nargs_vfs_symlink != 3,
							      PT_REGS_PARM2, PT_REGS_PARM3));
	return 0;
}

SEC("kretprobe/vfs_symlink")
int kretprobe__vfs_symlink(struct pt_regs *ctx)
{
	kf_create__exit(KF_OP_SYMLINK, NULL, (int)PT_REGS_RC(ctx));
	return 0;
}

/* Why: results of reads and writes, and of operations whose own return was not seen. */
SEC("tp_btf/sys_exit")
int tp__sys_exit_file(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_SYS_EXIT_FILE))
		return 0;
	kf_call__returns((struct pt_regs *)KF_CTX(ctx, 0), KF_CTX(ctx, 1));
	return 0;
}

/* Why: what a thread has begun behind its last system call, such as a core dump, is due for ever. */
SEC("tp_btf/sched_process_exit")
int tp__sched_process_exit_file(u64 *ctx)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXIT_FILE))
		return 0;
	kf_call__ends();
	return 0;
}
