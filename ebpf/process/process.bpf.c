// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The process table's source, in every attach mode: typed tracepoints need neither fentry nor kprobes.
 * fork is taken at sched_process_fork, where the child is complete and does not run yet; exec at
 * sched_process_exec, past the point of no return, where comm and exe are the new ones; exit at
 * sched_process_exit of the last thread.
 */
#define KF_DIRECT 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "process/exit.bpf.h"
#include "process/programs.bpf.h"
#include "process/record.bpf.h"

/* KF_VARIANTS noloop cast: built again for kernels without bpf_loop and for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Kernel time in jiffies at a known moment; two of them give HZ, the unit of icsk_rto. */
u64 kf_jiffies;
u64 kf_jiffies_ns;

static __always_inline void kf_process__exec(struct task_struct *task)
{
	struct kf_proc proc = {};

	kf_count(KF_CNT_PROC_EVENTS, 1);
	kf_proc__fill(&proc, task);
	bpf_get_current_comm(proc.comm, sizeof(proc.comm));
	kf_proc_record__emit(task, &proc, KF_PROC_EXEC);
}

static __always_inline void kf_process__fork(struct task_struct *child)
{
	struct kf_proc proc = {};

	if (child->pid != child->tgid)
		return; /* a thread */
	kf_count(KF_CNT_PROC_EVENTS, 1);
	kf_proc__fill(&proc, child);
	bpf_get_current_comm(proc.comm, sizeof(proc.comm)); /* the child's is its parent's */
	kf_followed__add(bpf_get_current_pid_tgid() >> 32, kf_current__start(), proc.tgid,
			 proc.start_ns);
	kf_proc_record__emit(child, &proc, KF_PROC_FORK);
}

static __always_inline void kf_process__exit(struct task_struct *task)
{
	if (task->signal->live.counter != 0)
		return; /* other threads go on */
	kf_count(KF_CNT_PROC_EVENTS, 1);
	kf_exit_record__emit(task);
}

/* Under lockdown libbpf has to be kept from spoiling reads of user memory, see glue_reads.c. */
#ifdef KF_CAST
SEC("tp_btf_user/sched_process_exec")
#else
SEC("tp_btf/sched_process_exec")
#endif
int BPF_PROG(tp__sched_process_exec, struct task_struct *task)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXEC))
		return 0;
	kf_process__exec(task);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(tp__sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_FORK))
		return 0;
	kf_process__fork(child);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(tp__sched_process_exit, struct task_struct *task)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXIT))
		return 0;
	kf_process__exit(task);
	return 0;
}

/*
 * Processes that ran before the hooks were attached, and again when records of processes were lost. A
 * byte for each is written where the iterator is read: a short read ends after as many of them, and
 * user space empties the ring before the next.
 */
SEC("iter/task")
int BPF_PROG(iter__task, struct bpf_iter_meta *meta, struct task_struct *task)
{
	struct kf_proc proc = {};

	if (meta->seq_num == 0) {
		kf_jiffies = bpf_jiffies64();
		kf_jiffies_ns = bpf_ktime_get_ns();
	}
	if (!task || task->pid != task->tgid)
		return 0;
	bpf_seq_write(meta->seq, "", 1);
	kf_proc__fill(&proc, task);
	kf_proc__fill_comm(&proc, task);
	kf_proc_record__emit(task, &proc, KF_PROC_SNAPSHOT);
	return 0;
}
