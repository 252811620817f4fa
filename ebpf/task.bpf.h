/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Identity of processes. */
#ifndef KF_TASK_BPF_H
#define KF_TASK_BPF_H

#include "compat.bpf.h"

#define KF_PF_KTHREAD 0x00200000

/* kflowd itself: its own work must not feed it. */
static __always_inline bool kf_self(void)
{
	return kf_self_tgid && (bpf_get_current_pid_tgid() >> 32) == kf_self_tgid;
}

/*
 * How a task is read depends on how its pointer was come by: typed (argument of a tp_btf program,
 * bpf_get_current_task_btf), or the plain number of bpf_get_current_task. The body is the same.
 */
#define KF_TYPED(p, ...) \
	KF_PICK(__VA_ARGS__, KF_ARROW_4, KF_ARROW_3, KF_ARROW_2, KF_ARROW_1)(p, __VA_ARGS__)
#define KF_PROBED(p, ...) BPF_CORE_READ(p, __VA_ARGS__)

#define KF_PROC_FILL(out, task, READ)                                                   \
	do {                                                                            \
		struct task_struct *__leader = READ(task, group_leader);                \
		struct task_struct *__parent = READ(task, real_parent);                 \
		(out)->start_ns = READ(__leader, start_boottime);                       \
		(out)->parent_start_ns = READ(__parent, group_leader, start_boottime);  \
		(out)->tgid = READ(task, tgid);                                         \
		(out)->tid = READ(task, pid);                                           \
		(out)->ppid = READ(__parent, tgid);                                     \
		(out)->uid = READ(task, real_cred, uid.val);                            \
		(out)->gid = READ(task, real_cred, gid.val);                            \
		(out)->flags = READ(task, flags) & KF_PF_KTHREAD ? KF_PROC_KTHREAD : 0; \
	} while (0)

/* A task given to a tp_btf or iterator program. comm is filled by the caller. */
static __always_inline void kf_proc__fill(struct kf_proc *out, struct task_struct *task)
{
	KF_PROC_FILL(out, task, KF_TYPED);
}

static __always_inline void kf_proc__fill_current(struct kf_proc *out)
{
	if (kf_task_btf) {
		struct task_struct *task = bpf_get_current_task_btf();

		KF_PROC_FILL(out, task, KF_TYPED);
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();

		KF_PROC_FILL(out, task, KF_PROBED);
	}
	bpf_get_current_comm(out->comm, sizeof(out->comm));
}

/* start_boottime of the current process: with the tgid its identity. */
static __always_inline u64 kf_current__start(void)
{
	if (kf_task_btf) {
		struct task_struct *task = bpf_get_current_task_btf();

		return task->group_leader->start_boottime;
	}
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), group_leader,
			     start_boottime);
}

static __always_inline u32 kf_current__mnt_ns(void)
{
	if (kf_task_btf) {
		struct task_struct *task = bpf_get_current_task_btf();
		struct nsproxy *nsproxy = task->nsproxy;

		/* Gone when the process is past exit_task_namespaces. */
		return nsproxy ? nsproxy->mnt_ns->ns.inum : 0;
	}
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), nsproxy, mnt_ns,
			     ns.inum);
}

static __always_inline bool kf_current__kthread(void)
{
	if (kf_task_btf)
		return ((struct task_struct *)bpf_get_current_task_btf())->flags & KF_PF_KTHREAD;
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), flags) & KF_PF_KTHREAD;
}

#endif
