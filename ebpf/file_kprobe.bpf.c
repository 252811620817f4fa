// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * File events by kprobe and kretprobe, where there is no fentry. A kretprobe has only the result:
 * what it needs of the arguments is kept at the entry, reads and writes in a table of their own.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "file_name.bpf.h"
#include "file_open.bpf.h"

/* KF_FLAVOURS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* 5.12 put the user namespace, 6.3 the idmap of the mount in front. */
const volatile u8 kf_nargs_notify_change = 4; /* ([idmap,] dentry, attr, delegated) */
const volatile u8 kf_nargs_vfs_unlink = 4; /* ([idmap,] dir, dentry, delegated) */
const volatile u8 kf_nargs_vfs_link = 5; /* (old, [idmap,] dir, new, delegated) */
const volatile u8 kf_nargs_vfs_symlink = 4; /* ([idmap,] dir, dentry, name[, delegated]) */

/* Functions whose return needs what their entry saw. */
enum kf_function {
	KF_VFS_OPEN,
	KF_VFS_READ,
	KF_VFS_READV,
	KF_KERNEL_READ,
	KF_VFS_WRITE,
	KF_VFS_WRITEV,
	KF_VFS_FALLOCATE,
};

struct kf_call {
	struct file *file;
	u64 function; /* enum kf_function */
};

/* File of a read, write or open that a thread is inside of: 4,096 at the same time. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct kf_call);
} kf_calls SEC(".maps");

/* Overwrites what is there: a return that the kernel did not deliver (kretprobes are few before 6.x,
 * and calls that block hold them) must not leave its file to the next call. */
static __always_inline int kf_call__enter(unsigned long file, enum kf_function function)
{
	struct kf_call call = { .file = (struct file *)file, .function = function };
	u64 id = bpf_get_current_pid_tgid();

	if (bpf_map_update_elem(&kf_calls, &id, &call, BPF_ANY))
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	return 0;
}

static __always_inline struct file *kf_call__exit(enum kf_function function)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_call *call = bpf_map_lookup_elem(&kf_calls, &id);
	struct file *file;

	if (!call || call->function != function)
		return NULL;
	file = call->file;
	bpf_map_delete_elem(&kf_calls, &id);
	return file;
}

static __always_inline int kf_call__done(enum kf_function function, long ret,
					 enum kf_file_event event)
{
	struct file *file = kf_call__exit(function);

	if (file && ret > 0)
		kf_file__event(file, event);
	return 0;
}

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
	return kf_call__enter(PT_REGS_PARM2(ctx), KF_VFS_OPEN);
}

SEC("kretprobe/vfs_open")
int kretprobe__vfs_open(struct pt_regs *ctx)
{
	struct file *file = kf_call__exit(KF_VFS_OPEN);

	if (file && (int)PT_REGS_RC(ctx) == 0)
		kf_file__opened(file);
	return 0;
}

SEC("kprobe/fd_install")
int kprobe__fd_install(struct pt_regs *ctx)
{
	kf_file__installed((struct file *)PT_REGS_PARM2(ctx));
	return 0;
}

SEC("kretprobe/do_open_execat")
int kretprobe__do_open_execat(struct pt_regs *ctx)
{
	unsigned long file = PT_REGS_RC(ctx);

	if (file && file < (unsigned long)-4095)
		kf_file__event((struct file *)file, KF_FILE_OPEN_EXEC);
	return 0;
}

SEC("kprobe/vfs_read")
int kprobe__vfs_read(struct pt_regs *ctx)
{
	return kf_call__enter(PT_REGS_PARM1(ctx), KF_VFS_READ);
}

SEC("kretprobe/vfs_read")
int kretprobe__vfs_read(struct pt_regs *ctx)
{
	return kf_call__done(KF_VFS_READ, (long)PT_REGS_RC(ctx), KF_FILE_ACCESS);
}

SEC("kprobe/vfs_readv")
int kprobe__vfs_readv(struct pt_regs *ctx)
{
	return kf_call__enter(PT_REGS_PARM1(ctx), KF_VFS_READV);
}

SEC("kretprobe/vfs_readv")
int kretprobe__vfs_readv(struct pt_regs *ctx)
{
	return kf_call__done(KF_VFS_READV, (long)PT_REGS_RC(ctx), KF_FILE_ACCESS);
}

SEC("kprobe/__kernel_read")
int kprobe____kernel_read(struct pt_regs *ctx)
{
	return kf_call__enter(PT_REGS_PARM1(ctx), KF_KERNEL_READ);
}

SEC("kretprobe/__kernel_read")
int kretprobe____kernel_read(struct pt_regs *ctx)
{
	return kf_call__done(KF_KERNEL_READ, (long)PT_REGS_RC(ctx), KF_FILE_ACCESS);
}

SEC("kprobe/vfs_write")
int kprobe__vfs_write(struct pt_regs *ctx)
{
	return kf_call__enter(PT_REGS_PARM1(ctx), KF_VFS_WRITE);
}

SEC("kretprobe/vfs_write")
int kretprobe__vfs_write(struct pt_regs *ctx)
{
	return kf_call__done(KF_VFS_WRITE, (long)PT_REGS_RC(ctx), KF_FILE_MODIFY);
}

SEC("kprobe/vfs_writev")
int kprobe__vfs_writev(struct pt_regs *ctx)
{
	return kf_call__enter(PT_REGS_PARM1(ctx), KF_VFS_WRITEV);
}

SEC("kretprobe/vfs_writev")
int kretprobe__vfs_writev(struct pt_regs *ctx)
{
	return kf_call__done(KF_VFS_WRITEV, (long)PT_REGS_RC(ctx), KF_FILE_MODIFY);
}

SEC("kprobe/vfs_fallocate")
int kprobe__vfs_fallocate(struct pt_regs *ctx)
{
	return kf_call__enter(PT_REGS_PARM1(ctx), KF_VFS_FALLOCATE);
}

SEC("kretprobe/vfs_fallocate")
int kretprobe__vfs_fallocate(struct pt_regs *ctx)
{
	return kf_call__done(KF_VFS_FALLOCATE, (int)PT_REGS_RC(ctx) == 0, KF_FILE_MODIFY);
}

SEC("kprobe/vfs_copy_file_range")
int kprobe__vfs_copy_file_range(struct pt_regs *ctx)
{
	kf_copy__enter((struct file *)PT_REGS_PARM1(ctx), (struct file *)PT_REGS_PARM3(ctx));
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
	kf_copy__enter((struct file *)PT_REGS_PARM1(ctx), (struct file *)PT_REGS_PARM3(ctx));
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

	kf_setattr__enter((struct dentry *)KF_SHIFTED(ctx, shifted, PT_REGS_PARM1, PT_REGS_PARM2),
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
	kf_unlink__enter((struct dentry *)KF_SHIFTED(ctx, kf_nargs_vfs_unlink != 3, PT_REGS_PARM2,
						     PT_REGS_PARM3));
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
	kf_pending__begin(KF_OP_LINK, (struct dentry *)KF_SHIFTED(ctx, kf_nargs_vfs_link != 4,
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
	kf_pending__begin(KF_OP_SYMLINK, (struct dentry *)KF_SHIFTED(ctx, kf_nargs_vfs_symlink != 3,
								     PT_REGS_PARM2, PT_REGS_PARM3));
	return 0;
}

SEC("kretprobe/vfs_symlink")
int kretprobe__vfs_symlink(struct pt_regs *ctx)
{
	kf_create__exit(KF_OP_SYMLINK, NULL, (int)PT_REGS_RC(ctx));
	return 0;
}
