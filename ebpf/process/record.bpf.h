/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The record of a process: its identity and context, its exe and its arguments. */
#ifndef KF_PROCESS_RECORD_BPF_H
#define KF_PROCESS_RECORD_BPF_H

#include "emit.bpf.h"
#include "filter.bpf.h"
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

/* How long what follows a record can be: two paths, and half as much as one for arguments. */
#define KF_PROC_PATH(room) ((room) + KF_NAME_LEN)
#define KF_PROC_TAIL(room) (2 * KF_PROC_PATH(room) + (room) / 2)
/* A child has its parent's exe: the table copies it, and no string of it crosses. */
#define KF_PROC_TAIL_OF(source, room) \
	((source) == KF_PROC_FORK ? KF_PROC_PATH(room) : KF_PROC_TAIL(room))

/* The executable, ahead of all else. Returns -1 if it did not fit. */
static __always_inline int kf_proc_record__exe(struct kf_proc_record *rec, struct mm_struct *mm,
					       const u32 room)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	struct file *exe = mm ? KF_UNTYPED(mm, exe_file) : NULL;
	int cut;

	rec->exe_flags = 0;
	rec->exe_len = 0;
	if (!exe)
		return 0;
	walk->dentry = KF_UNTYPED(exe, f_path.dentry);
	walk->mnt = kf_mount__of(KF_UNTYPED(exe, f_path.mnt));
	walk->used = 0;
	walk->flags = KF_WALK_OPEN;
	cut = kf_path__write((char *)(rec + 1), walk, room);
	rec->exe_flags = walk->flags | kf_exe__flags(exe);
	rec->exe_len = walk->used;
	return cut;
}

/*
 * The working directory, behind the executable. No lock is held: who shares it, or a task of the
 * snapshot, may leave it meanwhile; then it is not complete. Returns -1 if it is not.
 */
static __always_inline int kf_proc_record__workdir(struct kf_proc_record *rec,
						   struct task_struct *task, u32 at, const u32 room)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	struct fs_struct *fs = task->fs;
	struct dentry *dentry = fs->pwd.dentry;
	struct vfsmount *mnt = fs->pwd.mnt;
	char *buffer = (char *)(rec + 1);
	int cut;

	rec->workdir_flags = 0;
	rec->workdir_len = 0;
	barrier_var(at); /* the check below must be on the very register of the sum */
	if (!dentry || at >= KF_PROC_PATH(room))
		return 0;
	buffer += at;
	walk->dentry = dentry;
	walk->mnt = kf_mount__of(mnt);
	walk->used = 0;
	walk->flags = KF_WALK_OPEN;
	cut = kf_path__write(buffer, walk, room);
	if (!cut && !walk->used) { /* of the root no component is left */
		buffer[0] = '/';
		buffer[1] = 0;
		walk->used = 2;
	}
	barrier();
	if (fs->pwd.dentry != dentry || fs->pwd.mnt != mnt) {
		walk->flags |= KF_AGG_PATH_TRUNCATED;
		cut = -1;
	}
	rec->workdir_flags = walk->flags;
	rec->workdir_len = walk->used;
	return cut;
}

/* The controlling terminal; one that is taken away meanwhile is none. */
static __always_inline void kf_proc_record__tty(struct kf_proc_record *rec,
						struct task_struct *task)
{
	struct tty_struct *tty = task->signal->tty;
	u64 name = kf_number(tty) + bpf_core_field_offset(struct tty_struct, name);

	__builtin_memset(rec->tty, 0, sizeof(rec->tty));
	if (!tty)
		return;
	kf_string__copy(rec->tty, (void *)name, sizeof(rec->tty));
	barrier();
	if (task->signal->tty != tty)
		rec->tty[0] = 0;
}

/* What follows a record. Returns -1 if something did not fit. The source is not read back from the
 * record, so that only the program for exec has the code that reads arguments. */
static __always_inline int kf_proc_record__write(struct kf_proc_record *rec,
						 struct task_struct *task,
						 const enum kf_proc_source source, const u32 room)
{
	const bool forked = source == KF_PROC_FORK;
	struct mm_struct *mm = forked ? NULL : task->mm;
	int cut = kf_proc_record__exe(rec, mm, room);
	u32 used, args = 0;

	cut |= kf_proc_record__workdir(rec, task, forked ? 0 : rec->exe_len, room);
	used = rec->exe_len + rec->workdir_len;
	barrier_var(used); /* as above */
	if (source == KF_PROC_EXEC && used < 2 * KF_PROC_PATH(room))
		args = kf_proc_record__args((char *)(rec + 1) + used, room / 2, mm, &cut);
	rec->args_len = args;
	kf_header__fill(&rec->hdr, KF_KIND_PROC, sizeof(*rec) + used + args);
	return cut;
}

/* The rest, behind the paths: the state of the walks lies here before. */
static __always_inline void kf_proc_record__finish(struct kf_proc_record *rec,
						   struct task_struct *task, struct kf_proc *proc,
						   const enum kf_proc_source source)
{
	const bool forked = source == KF_PROC_FORK;

	if (forked)
		kf_hidden__fork(bpf_get_current_pid_tgid() >> 32, proc);
	else
		kf_hidden__note(proc, rec + 1, rec->exe_len, rec->exe_flags);
	rec->proc = *proc;
	rec->source = source;
	rec->pid_ns = kf_proc_record__pid_ns(task);
	rec->creator_start_ns = forked ? kf_current__start() : 0;
	rec->creator_tgid = forked ? bpf_get_current_pid_tgid() >> 32 : 0;
	rec->pad = 0;
	rec->pad2 = 0;
	kf_proc_record__tty(rec, task);
}

static __always_inline void kf_proc_record__emit(struct task_struct *task, struct kf_proc *proc,
						 const enum kf_proc_source source)
{
	struct kf_proc_record *rec;

	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PROC_TAIL_OF(source, KF_PROC_SMALL),
				  0);
	if (!rec)
		goto lost;
	if (kf_proc_record__write(rec, task, source, KF_PROC_SMALL) == 0) {
		kf_proc_record__finish(rec, task, proc, source);
		kf_submit(rec);
		return;
	}
	kf_discard(rec);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PROC_TAIL_OF(source, KF_PROC_LARGE),
				  0);
	if (!rec)
		goto lost;
	kf_proc_record__write(rec, task, source, KF_PROC_LARGE);
	kf_proc_record__finish(rec, task, proc, source);
	kf_submit(rec);
	return;
lost:
	if (source == KF_PROC_SNAPSHOT)
		__sync_fetch_and_add(&kf_snapshot_lost, 1);
	else
		kf_count(KF_CNT_PROC_LOST_RING, 1);
}

#endif
