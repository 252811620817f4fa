/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Directories by kprobe and kretprobe: adapters, as in file/kprobe.bpf.c. Loaded with --directories alone. */
#ifndef KF_FILE_KPROBE_DIRECTORY_BPF_H
#define KF_FILE_KPROBE_DIRECTORY_BPF_H

#include "file/directory.bpf.h"

SEC("kprobe/vfs_mkdir")
int kprobe__vfs_mkdir(struct pt_regs *ctx)
{
	kf_call__enter(
		KF_OP_MKDIR,
		KF_ON_NAME(KF_PARM_MOVED(ctx, KF_MOVED_VFS_MKDIR, PT_REGS_PARM2, PT_REGS_PARM3)),
		KF_FRAME(ctx));
	return 0;
}

/* As at fexit__vfs_mkdir. */
SEC("kretprobe/vfs_mkdir")
int BPF_KRETPROBE(kretprobe__vfs_mkdir, u64 result)
{
	kf_pending__exit(KF_OP_MKDIR, KF_ON_KEPT, kf_mkdir__result(result));
	return 0;
}

SEC("kprobe/d_delete")
int BPF_KPROBE(kprobe__d_delete, struct dentry *dentry)
{
	kf_directory__removed(dentry);
	return 0;
}

/* getdents: its result is that of the system call. */
SEC("kprobe/iterate_dir")
int BPF_KPROBE(kprobe__iterate_dir, struct file *file)
{
	kf_call__lists(file);
	return 0;
}

#endif
