// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * File events where neither fentry nor kprobes are allowed: the two raw system call tracepoints.
 * What has a descriptor is read through the descriptor table at the return of the call; close, and
 * what closes implicitly, before it, while the file is still there (file/tracepoint_close.bpf.h). What
 * has a path only is in file/tracepoint_named.bpf.h.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "file/programs.bpf.h"
#include "file/tracepoint_exec.bpf.h"
#include "file/tracepoint_syscall.bpf.h"
#include "file/tracepoint_compat.bpf.h"

/* KF_VARIANTS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sys_enter")
int BPF_PROG(tp__sys_enter, struct pt_regs *regs, u64 nr)
{
	if (!kf_standby__claim(KF_PROG_SYS_ENTER))
		return 0;
	if (kf_syscall__compat())
		kf_compat__begins(kf_number(regs), nr);
	else
		kf_tp_syscall__begins(regs, nr);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(tp__sys_exit, struct pt_regs *regs, long ret)
{
	if (!kf_standby__claim(KF_PROG_SYS_EXIT))
		return 0;
	kf_tp__returns(regs, ret);
	return 0;
}

/* exec has succeeded: the program, its script and its loader. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(tp__sched_process_exec_file, struct task_struct *task, pid_t old_pid,
	     struct linux_binprm *bprm)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXEC_FILE))
		return 0;
	kf_exec__done(task, bprm);
	return 0;
}

/* A thread ends, and with it a call on a name whose return was not seen. With the last thread, what is
 * still open is closed now, if nobody else has it. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(tp__sched_process_exit_files, struct task_struct *task)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXIT_FILES))
		return 0;
	kf_named__lose();
	kf_close__exit(task);
	return 0;
}

SEC("tp_btf/exit_mmap")
int BPF_PROG(tp__exit_mmap, struct mm_struct *mm)
{
	if (!kf_standby__claim(KF_PROG_EXIT_MMAP))
		return 0;
	kf_close__mappings(mm);
	return 0;
}

SEC("tp_btf/ext4_unlink_enter")
int BPF_PROG(tp__ext4_unlink_enter, struct inode *parent, struct dentry *dentry)
{
	if (!kf_standby__claim(KF_PROG_EXT4_UNLINK_ENTER))
		return 0;
	kf_named__touch(KF_READ(dentry, d_inode), dentry);
	return 0;
}

SEC("tp_btf/ext4_mark_inode_dirty")
int BPF_PROG(tp__ext4_mark_inode_dirty, struct inode *inode)
{
	if (!kf_standby__claim(KF_PROG_EXT4_MARK_INODE_DIRTY))
		return 0;
	kf_named__touch(inode, NULL);
	return 0;
}

SEC("tp_btf/writeback_mark_inode_dirty")
int BPF_PROG(tp__writeback_mark_inode_dirty, struct inode *inode)
{
	if (!kf_standby__claim(KF_PROG_WRITEBACK_MARK_INODE_DIRTY))
		return 0;
	kf_named__touch(inode, NULL);
	return 0;
}

/* 6.13: a change time is set in one of three ways, each with a tracepoint (fs/inode.c). */
SEC("tp_btf/inode_set_ctime_to_ts")
int BPF_PROG(tp__inode_set_ctime_to_ts, struct inode *inode)
{
	if (!kf_standby__claim(KF_PROG_INODE_SET_CTIME_TO_TS))
		return 0;
	kf_named__touch(inode, NULL);
	return 0;
}

SEC("tp_btf/ctime_ns_xchg")
int BPF_PROG(tp__ctime_ns_xchg, struct inode *inode)
{
	if (!kf_standby__claim(KF_PROG_CTIME_NS_XCHG))
		return 0;
	kf_named__touch(inode, NULL);
	return 0;
}

SEC("tp_btf/ctime_xchg_skip")
int BPF_PROG(tp__ctime_xchg_skip, struct inode *inode)
{
	if (!kf_standby__claim(KF_PROG_CTIME_XCHG_SKIP))
		return 0;
	kf_named__touch(inode, NULL);
	return 0;
}
