/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What exec opens and the kernel reads for itself, for the kprobe mode. */
#ifndef KF_FILE_KPROBE_EXEC_BPF_H
#define KF_FILE_KPROBE_EXEC_BPF_H

#include "file/kprobe_call.bpf.h"

static __always_inline void kf_exec_call__opens(void)
{
	struct kf_call *call = kf_call__get();

	if (!call)
		return;
	if (call->due & KF_DUE_OPEN_EXEC)
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	call->due |= KF_DUE_EXEC | KF_DUE_OPEN_EXEC;
}

static __always_inline void kf_exec_call__opened(struct file *file)
{
	struct kf_call *call = kf_call__find();

	if (!call || !(call->due & KF_DUE_OPEN_EXEC))
		return;
	call->due &= ~KF_DUE_OPEN_EXEC;
	if (!kf_open_file__is_err(file))
		kf_call__starts((u64)file);
}

/*
 * What exec has opened it reads next, and it goes on only with what could be read: so each read tells
 * of the returns ahead of it that were not seen.
 */
static __always_inline void kf_exec_call__reads(struct file *file)
{
	struct kf_call *call = kf_call__get();
	u32 due;

	if (!call)
		return;
	due = call->due;
	call->due = (due & ~KF_DUE_OPEN_EXEC) | KF_DUE_KERNEL_READ;
	if ((due & KF_DUE_KERNEL_READ) && (due & KF_DUE_EXEC))
		kf_call__loads((u64)call->kernel);
	else if (due & KF_DUE_KERNEL_READ)
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	call->kernel = file;
	if ((due & KF_DUE_OPEN_EXEC) && (KF_READ(file, f_flags) & KF_FMODE_EXEC))
		kf_call__starts((u64)file);
}

static __always_inline void kf_exec_call__has_read(long ret)
{
	struct kf_call *call = kf_call__find();

	if (!call || !(call->due & KF_DUE_KERNEL_READ))
		return;
	call->due &= ~KF_DUE_KERNEL_READ;
	if (ret > 0)
		kf_call__loads((u64)call->kernel);
}

#endif
