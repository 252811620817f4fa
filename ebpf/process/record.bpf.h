/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The record of a process: its identity and context, its exe and its arguments. */
#ifndef KF_PROCESS_RECORD_BPF_H
#define KF_PROCESS_RECORD_BPF_H

#include "emit.bpf.h"
#include "path.bpf.h"
#include "task.bpf.h"

u32 kf_snapshot_lost; /* records of iter/task that the ring refused: user space looks again */

#define KF_PROC_SMALL 256 /* room for most exes; half of it for arguments */
#define KF_PROC_LARGE KF_PATH_MAX /* half of it is KF_ARGS_MAX */

/* Namespace that a pid was made in, the innermost of those in which it has a number; 0 without a pid.
 * setns and unshare change that of children alone, so a process keeps it. */
static __always_inline u32 kf_proc_record__pid_ns(struct task_struct *task)
{
	struct pid *pid = task->thread_pid;
	u64 number;

	if (!pid)
		return 0;
	number = kf_number(pid) + bpf_core_field_offset(struct pid, numbers);
	number += (u64)pid->level * bpf_core_type_size(struct upid);
	return KF_UNTYPED((struct upid *)number, ns, ns.inum);
}

/* Arguments as the process has them in memory; only a process itself can be read (user memory). */
static __always_inline u32 kf_proc_record__args(char *buffer, u32 room, struct mm_struct *mm,
						int *cut)
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

#define KF_SB_KERNMOUNT (1UL << 22) /* super_block.s_flags (linux/fs.h) */

/* What became of an executable by now; the kernel says "(deleted)" of the same in /proc/PID/exe
 * (d_unlinked), and of a memfd. */
static __always_inline u32 kf_exe__flags(struct file *exe)
{
	struct dentry *dentry = KF_UNTYPED(exe, f_path.dentry);

	if (KF_UNTYPED(dentry, d_sb, s_flags) & KF_SB_KERNMOUNT)
		return KF_EXE_FILELESS;
	if (kf_dentry__removed(dentry))
		return KF_EXE_DELETED;
	return 0;
}

/* Completes a record: the room for the exe is followed by half as much for the arguments. Returns
 * -1 if something did not fit. The source is not read back from the record, so that only the program
 * for exec has the code that reads arguments. */
static __always_inline int kf_proc_record__write(struct kf_proc_record *rec, struct mm_struct *mm,
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
		walk->flags = KF_WALK_OPEN;
		cut = kf_path__write(tail, walk, room);
		rec->exe_flags = walk->flags | kf_exe__flags(exe);
		used = walk->used;
	}
	rec->exe_len = used;
	if (source == KF_PROC_EXEC)
		args = kf_proc_record__args(tail + (used & (2 * room - 1)), room / 2, mm, &cut);
	rec->args_len = args;
	kf_header__fill(&rec->hdr, KF_KIND_PROC, sizeof(*rec) + used + args);
	return cut;
}

/* The rest, behind the path: the state of the walk lies here before. */
static __always_inline void kf_proc_record__finish(struct kf_proc_record *rec,
						   struct task_struct *task, struct kf_proc *proc,
						   enum kf_proc_source source)
{
	rec->proc = *proc;
	rec->source = source;
	rec->pid_ns = kf_proc_record__pid_ns(task);
	rec->creator_start_ns = 0;
	rec->creator_tgid = 0;
	rec->pad = 0;
}

static __always_inline void kf_proc_record__emit(struct task_struct *task, struct kf_proc *proc,
						 const enum kf_proc_source source)
{
	struct kf_proc_record *rec;
	struct mm_struct *mm = task->mm;

	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 3 * KF_PROC_SMALL, 0);
	if (!rec)
		goto lost;
	if (kf_proc_record__write(rec, mm, source, KF_PROC_SMALL) == 0) {
		kf_proc_record__finish(rec, task, proc, source);
		kf_submit(rec);
		return;
	}
	bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 3 * KF_PROC_LARGE, 0);
	if (!rec)
		goto lost;
	kf_proc_record__write(rec, mm, source, KF_PROC_LARGE);
	kf_proc_record__finish(rec, task, proc, source);
	kf_submit(rec);
	return;
lost:
	if (source == KF_PROC_SNAPSHOT)
		__sync_fetch_and_add(&kf_snapshot_lost, 1);
	else
		kf_count(KF_CNT_PROC_LOST_RING, 1);
}

/* A child has its parent's exe: the table copies it, no string crosses. */
static __always_inline void kf_proc_record__emit_fork(struct task_struct *child,
						      struct kf_proc *proc)
{
	struct kf_proc_record *rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);

	if (!rec) {
		kf_count(KF_CNT_PROC_LOST_RING, 1);
		return;
	}
	rec->proc = *proc;
	rec->source = KF_PROC_FORK;
	rec->pid_ns = kf_proc_record__pid_ns(child);
	rec->creator_start_ns = kf_current__start();
	rec->creator_tgid = bpf_get_current_pid_tgid() >> 32;
	rec->pad = 0;
	rec->exe_flags = 0;
	rec->exe_len = 0;
	rec->args_len = 0;
	kf_header__fill(&rec->hdr, KF_KIND_PROC, sizeof(*rec));
	kf_submit(rec);
}

#endif
