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
#include "emit.bpf.h"
#include "path.bpf.h"
#include "process/programs.bpf.h"
#include "task.bpf.h"

/* KF_VARIANTS noloop cast: built again for kernels without bpf_loop and for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define KF_PROC_SMALL 256 /* room for most exes; half of it for arguments */
#define KF_PROC_LARGE KF_PATH_MAX /* half of it is KF_ARGS_MAX */

/* Kernel time in jiffies at a known moment; two of them give HZ, the unit of icsk_rto. */
u64 kf_jiffies;
u64 kf_jiffies_ns;

static __always_inline void kf_proc__context(struct kf_proc_record *rec, struct task_struct *task)
{
	struct nsproxy *nsproxy = task->nsproxy;
	struct pid *pid = task->thread_pid;

	rec->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	rec->login_uid = task->loginuid.val;
	rec->session_id = task->sessionid;
	rec->mnt_ns = nsproxy ? nsproxy->mnt_ns->ns.inum : 0;
	rec->net_ns = nsproxy ? nsproxy->net_ns->ns.inum : 0;
	/* Namespace of the pid: level 0 is the initial one; nested ones are looked up by index. */
	rec->pid_ns = 0;
	if (pid && pid->level == 0)
		rec->pid_ns = pid->numbers[0].ns->ns.inum;
}

/* Arguments as the process has them in memory; only a process itself can be read (user memory). */
static __always_inline u32 kf_proc__args(char *buffer, u32 room, struct mm_struct *mm, int *cut)
{
	u64 start, end;
	u32 length;

	if (!mm)
		return 0;
	start = KF_UNTYPED(mm, arg_start);
	end = KF_UNTYPED(mm, arg_end);
	length = end - start;
	if (length > room) {
		length = room;
		*cut = -1;
	}
	barrier_var(length); /* the check below must be on the very register of the call */
	if (length > room)
		return 0;
	return bpf_probe_read_user(buffer, length, (void *)start) ? 0 : length;
}

/* Completes a record: the room for the exe is followed by half as much for the arguments. Returns
 * -1 if something did not fit. The source is not read back from the record, so that only the program
 * for exec has the code that reads arguments. */
static __always_inline int kf_proc__write(struct kf_proc_record *rec, struct mm_struct *mm,
					  const enum kf_proc_source source, const u32 room)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	char *tail = (char *)(rec + 1);
	u32 used = 0, args = 0;
	struct file *exe;
	int cut = 0;

	exe = mm ? KF_UNTYPED(mm, exe_file) : NULL;
	rec->exe_flags = 0;
	if (exe) {
		walk->dentry = KF_UNTYPED(exe, f_path.dentry);
		walk->mnt = kf_mount__of(KF_UNTYPED(exe, f_path.mnt));
		walk->used = 0;
		cut = kf_path__write(tail, walk, room);
		rec->exe_flags = walk->flags;
		used = walk->used;
	}
	rec->exe_len = used;
	if (source == KF_PROC_EXEC)
		args = kf_proc__args(tail + (used & (2 * room - 1)), room / 2, mm, &cut);
	rec->args_len = args;
	kf_header__fill(&rec->hdr, KF_KIND_PROC, sizeof(*rec) + used + args);
	return cut;
}

static __always_inline void kf_proc__start(struct kf_proc_record *rec, struct task_struct *task,
					   struct kf_proc *proc, enum kf_proc_source source)
{
	rec->proc = *proc;
	rec->source = source;
	kf_proc__context(rec, task);
}

static __always_inline void kf_proc__emit_full(struct task_struct *task, struct kf_proc *proc,
					       enum kf_proc_source source)
{
	struct kf_proc_record *rec;
	struct mm_struct *mm = task->mm;

	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 3 * KF_PROC_SMALL, 0);
	if (!rec)
		goto lost;
	kf_proc__start(rec, task, proc, source);
	if (kf_proc__write(rec, mm, source, KF_PROC_SMALL) == 0) {
		kf_submit(rec);
		return;
	}
	bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 3 * KF_PROC_LARGE, 0);
	if (!rec)
		goto lost;
	kf_proc__start(rec, task, proc, source);
	kf_proc__write(rec, mm, source, KF_PROC_LARGE);
	kf_submit(rec);
	return;
lost:
	kf_count(KF_CNT_PROC_LOST_RING, 1);
}

/* A child has its parent's exe: the table copies it, no string crosses. */
static __always_inline void kf_proc__emit_fork(struct task_struct *child, struct kf_proc *proc)
{
	struct kf_proc_record *rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);

	if (!rec) {
		kf_count(KF_CNT_PROC_LOST_RING, 1);
		return;
	}
	rec->proc = *proc;
	rec->source = KF_PROC_FORK;
	kf_proc__context(rec, child);
	rec->exe_flags = 0;
	rec->exe_len = 0;
	rec->args_len = 0;
	kf_header__fill(&rec->hdr, KF_KIND_PROC, sizeof(*rec));
	kf_submit(rec);
}

static __always_inline void kf_proc__exec(struct task_struct *task)
{
	struct kf_proc proc = {};

	kf_count(KF_CNT_PROC_EVENTS, 1);
	kf_proc__fill(&proc, task);
	bpf_get_current_comm(proc.comm, sizeof(proc.comm));
	kf_proc__emit_full(task, &proc, KF_PROC_EXEC);
}

static __always_inline void kf_proc__fork(struct task_struct *child)
{
	struct kf_proc proc = {};

	if (child->pid != child->tgid)
		return; /* a thread */
	kf_count(KF_CNT_PROC_EVENTS, 1);
	kf_proc__fill(&proc, child);
	bpf_get_current_comm(proc.comm, sizeof(proc.comm)); /* the child's is its parent's */
	kf_proc__emit_fork(child, &proc);
}

static __always_inline void kf_proc__exit(struct task_struct *task)
{
	struct kf_exit_record rec = {};

	if (task->signal->live.counter != 0)
		return; /* other threads go on */
	kf_count(KF_CNT_PROC_EVENTS, 1);
	kf_proc__fill(&rec.proc, task);
	bpf_get_current_comm(rec.proc.comm, sizeof(rec.proc.comm));
	rec.exit_code = task->exit_code;
	kf_header__fill(&rec.hdr, KF_KIND_EXIT, sizeof(rec));
	kf_emit(&rec, sizeof(rec), KF_CNT_PROC_LOST_RING);
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
	kf_proc__exec(task);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(tp__sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_FORK))
		return 0;
	kf_proc__fork(child);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(tp__sched_process_exit, struct task_struct *task)
{
	if (!kf_standby__claim(KF_PROG_SCHED_PROCESS_EXIT))
		return 0;
	kf_proc__exit(task);
	return 0;
}

/* Processes that ran before the hooks were attached. */
SEC("iter/task")
int iter__task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct kf_proc proc = {};

	if (ctx->meta->seq_num == 0) {
		kf_jiffies = bpf_jiffies64();
		kf_jiffies_ns = bpf_ktime_get_ns();
	}
	if (!task || task->pid != task->tgid)
		return 0;
	kf_proc__fill(&proc, task);
	kf_proc__fill_comm(&proc, task);
	kf_proc__emit_full(task, &proc, KF_PROC_SNAPSHOT);
	return 0;
}
