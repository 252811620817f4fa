/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Identity of processes. */
#ifndef KF_TASK_BPF_H
#define KF_TASK_BPF_H

#include "compat.bpf.h"
#include "config.bpf.h"
#include "follow.bpf.h"

/* task.flags (linux/sched.h) */
#define KF_PF_EXITING 0x00000004
#define KF_PF_KTHREAD 0x00200000
#define KF_PF_IO_WORKER 0x00000010 /* a thread of io_uring, of the process [5.12] */
#define KF_PF_DUMPCORE 0x00000200

/* To read from; a helper wants what bpf_get_current_task_btf gives. */
static __always_inline struct task_struct *kf_current__task(void)
{
	return KF_UNTRUSTED(bpf_get_current_task_btf());
}

/* A member of the current task. Its pointer is typed if there is a helper that gives such a one. */
#define KF_CURRENT(...)                                          \
	(kf_task_btf ? KF_TYPED(kf_current__task(), __VA_ARGS__) \
		     : KF_UNTYPED((struct task_struct *)bpf_get_current_task(), __VA_ARGS__))

/* Of packets no helper says whose they are, only which task is current. */
static __always_inline u32 kf_current__tgid(void)
{
	return KF_ENABLED(KF_PACKETS) ? KF_CURRENT(tgid) : bpf_get_current_pid_tgid() >> 32;
}

/*
 * Who acts, and in which state: all of it read at one moment, where an aggregate begins or a socket gets
 * its owner, as each of it can change without an exec (setuid, setns, a move to another control group, a
 * write to loginuid), and threads differ. The ids are those of real_cred, as in /proc: cred can be those
 * that a file system borrows.
 */
static __always_inline void kf_proc__read(struct kf_proc *out, struct task_struct *task,
					  const bool typed)
{
	struct task_struct *leader = KF_READ_AS(typed, task, group_leader);
	struct task_struct *parent = KF_READ_AS(typed, task, real_parent);
	const struct cred *cred = KF_READ_AS(typed, task, real_cred);
	struct nsproxy *nsproxy = KF_READ_AS(typed, task, nsproxy);

	out->start_ns = KF_READ_AS(typed, leader, start_boottime);
	out->parent_start_ns = KF_READ_AS(typed, parent, group_leader, start_boottime);
	out->tgid = KF_READ_AS(typed, task, tgid);
	out->tid = KF_READ_AS(typed, task, pid);
	out->ppid = KF_READ_AS(typed, parent, tgid);
	out->uid = KF_READ_AS(typed, cred, uid.val);
	out->gid = KF_READ_AS(typed, cred, gid.val);
	out->euid = KF_READ_AS(typed, cred, euid.val);
	out->egid = KF_READ_AS(typed, cred, egid.val);
	out->cgroup_id = KF_READ_AS(typed, task, cgroups, dfl_cgrp, kn, id);
	out->login_uid = KF_READ_AS(typed, task, loginuid.val);
	out->session_id = KF_READ_AS(typed, task, sessionid);
	out->mnt_ns = KF_READ_AS(typed, nsproxy, mnt_ns, ns.inum);
	out->net_ns = KF_READ_AS(typed, nsproxy, net_ns, ns.inum);
	out->flags = KF_READ_AS(typed, task, flags) & KF_PF_KTHREAD ? KF_PROC_KTHREAD : 0;
	out->execs = KF_READ_AS(typed, task, self_exec_id);
}

/* A task given to a tp_btf or iterator program, without its comm. */
static __always_inline void kf_proc__fill(struct kf_proc *out, struct task_struct *task)
{
	kf_proc__read(out, KF_UNTRUSTED(task), true);
}

/* comm of such a task; of the current one a helper gives it. */
static __always_inline void kf_proc__fill_comm(struct kf_proc *out, struct task_struct *task)
{
	for (int i = 0; i < KF_COMM_LEN; i++)
		out->comm[i] = task->comm[i];
}

static __always_inline void kf_current__comm(struct kf_proc *out)
{
#ifndef KF_PACKETS
	bpf_get_current_comm(out->comm, sizeof(out->comm));
#else
	if (kf_task_btf)
		kf_proc__fill_comm(out, kf_current__task());
#ifndef KF_CAST
	else
		bpf_core_read(out->comm, sizeof(out->comm),
			      &((struct task_struct *)bpf_get_current_task())->comm);
#endif
#endif
}

static __always_inline void kf_proc__fill_current(struct kf_proc *out)
{
	if (kf_task_btf)
		kf_proc__read(out, kf_current__task(), true);
	else
		kf_proc__read(out, (struct task_struct *)bpf_get_current_task(), false);
	kf_current__comm(out);
}

/* start_boottime of the current process: with the tgid its identity. */
static __always_inline u64 kf_current__start(void)
{
	return KF_CURRENT(group_leader, start_boottime);
}

/* A global function: the verifier looks at it once. */
__noinline int kf_left_out__has(u32 tgid, u64 start_ns)
{
	for (int i = 0; i < KF_LEFT_OUT_MOST; i++)
		if (kf_left_out.tgid[i] == tgid &&
		    start_ns - kf_left_out.from_ns[i] < kf_left_out.tick_ns)
			return 1;
	return 0;
}

static __always_inline bool kf_left_out__may_have(u32 tgid)
{
	return kf_left_out.bits >> tgid % 64 & 1;
}

/* kflowd itself, and who reads its output: their own work must not feed it. */
static __always_inline bool kf_self_is(u32 tgid, u64 start_ns)
{
	return kf_self_tgid && (tgid == kf_self_tgid ||
				(kf_left_out__may_have(tgid) && kf_left_out__has(tgid, start_ns)));
}

/* Whether a run is for others than this process. */
static __always_inline bool kf_passed_by(u32 tgid, u64 start_ns)
{
	return kf_follow && !kf_followed__has(tgid, start_ns);
}

/* Whether the current process is one of those, or one that nobody is to follow. */
static __always_inline bool kf_self(void)
{
	u32 tgid = kf_self_tgid ? kf_current__tgid() : 0;

	if (!tgid)
		return false;
	if (kf_follow && !kf_followed__has(tgid, kf_current__start()))
		return true;
	return tgid == kf_self_tgid ||
	       (kf_left_out__may_have(tgid) && kf_left_out__has(tgid, kf_current__start()));
}

/* Another number for each program that the current process runs; the lowest 16 bits are kept. */
static __always_inline u32 kf_current__execs(void)
{
	return KF_CURRENT(self_exec_id);
}

/* The program image that the current thread runs. */
struct kf_image_of {
	u64 start_ns; /* start_boottime of the process: with the tgid its identity */
	u32 tgid;
	u16 execs;
};

static __always_inline void kf_current__image(struct kf_image_of *out)
{
	struct task_struct *task;

	if (kf_task_btf) { /* asked for once */
		task = kf_current__task();
		out->start_ns = KF_TYPED(task, group_leader, start_boottime);
		out->tgid = KF_TYPED(task, tgid);
		out->execs = KF_TYPED(task, self_exec_id);
		return;
	}
	out->start_ns = kf_current__start();
	out->tgid = kf_current__tgid();
	out->execs = kf_current__execs();
}

static __always_inline bool kf_current__exiting(void)
{
	return KF_CURRENT(flags) & KF_PF_EXITING;
}

/* Whether a process, as it was read once, is what the current one runs now. */
static __always_inline bool kf_proc__is_current(const struct kf_proc *proc)
{
	return proc->tgid == kf_current__tgid() && proc->start_ns == kf_current__start() &&
	       proc->execs == (u16)kf_current__execs();
}

/* User of the current thread, as kf_proc has it: not the one whose rights a file system borrows. */
static __always_inline u32 kf_current__uid(void)
{
	return KF_CURRENT(real_cred, uid.val);
}

/* Network namespace of the current thread; 0 once it is past exit_task_namespaces. */
static __always_inline u32 kf_current__net_ns(void)
{
	return KF_CURRENT(nsproxy, net_ns, ns.inum);
}

/* The mount namespace of the current thread, if its members can be read without a call; else NULL. */
static __always_inline struct mnt_namespace *kf_current__mnt_ns(void)
{
	if (!kf_task_btf)
		return NULL;
	return KF_TYPED(kf_current__task(), nsproxy, mnt_ns);
}

static __always_inline bool kf_current__kthread(void)
{
	return KF_CURRENT(flags) & KF_PF_KTHREAD;
}

/*
 * Whether a stacked file system acts inside the call of a process, with the rights of who mounted it:
 * overlayfs makes or copies a file in its upper layer while the process opens one. Others that borrow
 * rights act for themselves: kernel threads, core dumps, and io_uring with a personality.
 */
static __always_inline bool kf_current__stands_in(void)
{
	if ((u64)KF_CURRENT(cred) == (u64)KF_CURRENT(real_cred))
		return false;
	if (KF_CURRENT(flags) & (KF_PF_KTHREAD | KF_PF_DUMPCORE | KF_PF_IO_WORKER))
		return false;
	return !kf_has_io_uring() || !KF_CURRENT(io_uring);
}

#endif
