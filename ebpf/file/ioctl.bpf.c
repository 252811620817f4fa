// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Flags of inodes where the kernel has no vfs_fileattr_set [5.13]: each file system has an ioctl of its
 * own, in a module as a rule, so the system call is seen; it has the descriptor and the result. By
 * fentry alone, and so on x86 alone: other processors have no fentry on these kernels.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "file/programs.bpf.h"
#include "file/operations.bpf.h"
#include "syscalls.bpf.h"

/* KF_VARIANTS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void kf_chattr__returns(u64 fd, u32 cmd, long ret)
{
	struct file *file = kf_ioctl__flags(cmd) ? kf_fd__file(fd) : NULL;

	if (file)
		kf_op__on_file(KF_OP_SETATTR, file, ret);
}

SEC("fexit/__x64_sys_ioctl")
int BPF_PROG(fexit____x64_sys_ioctl, const struct pt_regs *regs, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT___X64_SYS_IOCTL))
		return 0;
	kf_chattr__returns(KF_ARG0(regs), KF_ARG1(regs), ret);
	return 0;
}

SEC("fexit/__ia32_compat_sys_ioctl")
int BPF_PROG(fexit____ia32_compat_sys_ioctl, const struct pt_regs *regs, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT___IA32_COMPAT_SYS_IOCTL))
		return 0;
	kf_chattr__returns(KF_COMPAT_ARG0(regs), KF_COMPAT_ARG1(regs), ret);
	return 0;
}
