/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What closes files, as the tracepoint mode sees it: system calls before they run and the end of a
 * process, because afterwards the files are closed. What exec, munmap and the end of an address space
 * close has lost its last reference, but lies in the list of the task's work until the task goes back
 * to user space: there it is found.
 */
#ifndef KF_FILE_TRACEPOINT_CLOSE_BPF_H
#define KF_FILE_TRACEPOINT_CLOSE_BPF_H

#include "file/tracepoint_fd.bpf.h"

#define KF_O_CLOEXEC 02000000
#define KF_CLOSE_RANGE_UNSHARE 2
#define KF_RLIMIT_NOFILE 7
#define KF_RANGE_MAX 65536 /* descriptors looked at when many close at once */
#define KF_RANGE_NO_LOOP 64 /* the same, where bpf_loop is missing */
#define KF_RANGE_SHARED 8 /* regular files with several descriptors among them */

static __always_inline void kf_close__event(struct file *file)
{
	u32 mode = KF_READ(file, f_mode);

	if (!(mode & KF_FMODE_PATH))
		kf_tp_fd__event((u64)file, mode & KF_FMODE_WRITE ? KF_FILE_CLOSE_WRITE
								 : KF_FILE_CLOSE_NOWRITE);
}

/* A descriptor that is about to be closed: only the last reference is a CLOSE. */
static __always_inline void kf_close__fd(u64 fd)
{
	struct file *file = kf_fd__file(fd);

	if (file && kf_file__refs(file) == 1)
		kf_close__event(file);
}

/*
 * Descriptors that close together. One file may have several of them (2>&1): the last of them is the
 * CLOSE if there are no references elsewhere. What was met lies in a map and not on the stack:
 * verifiers took values that a callback of bpf_loop had left on the stack for those of its first round.
 */
struct kf_range {
	u64 first;
	u64 work; /* next of the task's work, a struct callback_head */
	u64 script; /* oldest of the work that exec has opened */
	u32 how; /* KF_WORK_* */
	u32 pad;
	struct {
		u64 file;
		u64 met;
	} shared[KF_RANGE_SHARED];
};

/* One entry a thread that closes a range, while the program looks at it: 1,024 at the same time, 0.2 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct kf_range);
} kf_ranges SEC(".maps");

const struct kf_range kf_range_zero = {};

/* Returns true when all references of a file were met. */
static __always_inline bool kf_close__last(struct kf_range *range, struct file *file)
{
	u64 refs = kf_file__refs(file);

	if (refs == 1)
		return true;
	for (int i = 0; i < KF_RANGE_SHARED; i++) {
		if (range->shared[i].file && range->shared[i].file != (u64)file)
			continue;
		range->shared[i].file = (u64)file;
		range->shared[i].met++;
		return range->shared[i].met == refs;
	}
	return false;
}

static __noinline long kf_close__nth(u32 at, void *context)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_range *range = bpf_map_lookup_elem(&kf_ranges, &id);
	struct file *file;

	if (!range)
		return 1;
	file = kf_fd__file(range->first + at);
	if (file && kf_inode__is_reported(KF_READ(file, f_inode, i_mode)) &&
	    kf_close__last(range, file))
		kf_close__event(file);
	return 0;
}

static __always_inline void kf_close__fds(u64 first, u32 count)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_range *range;

	if (count > KF_RANGE_MAX)
		count = KF_RANGE_MAX;
	bpf_map_update_elem(&kf_ranges, &id, &kf_range_zero, BPF_ANY);
	range = bpf_map_lookup_elem(&kf_ranges, &id);
	if (!range) {
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
		return;
	}
	range->first = first;
	kf_loop(count, kf_close__nth, NULL, KF_RANGE_NO_LOOP);
	bpf_map_delete_elem(&kf_ranges, &id);
}

/* What to do with the files in the list of the task's work. */
#define KF_WORK_CLOSES 1
#define KF_WORK_EXEC_FAILED 2 /* those that exec has opened were opened for nothing */

extern const void ____fput __ksym __weak;

/* A file in the list. */
__noinline int kf_close__dropped(u64 address, u32 how)
{
	struct file *file = (struct file *)address;

	if ((how & KF_WORK_EXEC_FAILED) && (KF_READ(file, f_flags) & KF_FMODE_EXEC))
		kf_file__event(file, KF_FILE_OPEN_EXEC);
	kf_open_file__closed(file);
	return 0;
}

static __noinline long kf_close__nth_work(u32 round, void *context)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_range *range = bpf_map_lookup_elem(&kf_ranges, &id);
	struct callback_head *work;
	struct file *file;

	if (!range || !range->work)
		return 1;
	work = (struct callback_head *)range->work;
	range->work = (u64)KF_READ(work, next);
	if ((u64)KF_READ(work, func) != (u64)&____fput)
		return 0;
	file = kf_file__of_work(work);
	if (range->how)
		kf_close__dropped((u64)file, range->how);
	else if (KF_READ(file, f_flags) & KF_FMODE_EXEC)
		range->script = (u64)file;
	return 0;
}

/* Walks the list, the newest comes first. Returns the oldest that exec has opened, unless it closes. */
static __always_inline struct file *kf_close__works(u32 how)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	u64 id = bpf_get_current_pid_tgid();
	struct kf_range *range;
	u64 script;

	bpf_map_update_elem(&kf_ranges, &id, &kf_range_zero, BPF_ANY);
	range = bpf_map_lookup_elem(&kf_ranges, &id);
	if (!range) {
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
		return NULL;
	}
	range->work = (u64)KF_READ(task, task_works);
	range->how = how;
	kf_loop(KF_RANGE_MAX, kf_close__nth_work, NULL, KF_RANGE_NO_LOOP);
	script = range->script;
	bpf_map_delete_elem(&kf_ranges, &id);
	return (struct file *)script;
}

/* Closes what has lost its last reference since the task was in user space. */
__noinline int kf_close__works_all(u32 how)
{
	kf_close__works(how);
	return 0;
}

static __always_inline u32 kf_close__table_size(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return KF_READ(task, files, fdt, max_fds);
}

/* Whether no other task shares the descriptor table. */
static __always_inline bool kf_close__table_alone(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return KF_READ(task, files, count.counter) == 1;
}

/* dup2 and dup3 close what the new number was, unless they fail (fs/file.c: ksys_dup3). */
static __always_inline void kf_close__dup(u32 from, u32 to, u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (from == to || (flags & ~KF_O_CLOEXEC) || !kf_fd__file(from) ||
	    to >= KF_READ(task, signal, rlim[KF_RLIMIT_NOFILE].rlim_cur))
		return;
	kf_close__fd(to);
}

/* close_range(2): descriptors first to last. */
static __always_inline void kf_close__range(u64 first, u64 last)
{
	u32 max = kf_close__table_size();

	if (last >= max)
		last = max - 1;
	if (max && first <= last)
		kf_close__fds(first, last - first + 1);
}

/*
 * Tasks that end, and whose descriptors are told when their address space ends: 32 KB, by a hash of the task
 * with a salt. An array, because it never refuses, and somebody else may take the address space over
 * (/proc/PID/maps): then nobody takes the entry away. What it stood for is lost then, and counted when
 * the place is needed.
 */
#define KF_WAIT_BITS 12

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KF_WAIT_BITS);
	__type(key, u32);
	__type(value, u64);
} kf_close_waits SEC(".maps");

static __always_inline u64 *kf_wait__place(struct task_struct *task)
{
	u32 place = (kf_number(task) ^ kf_salt) * KF_PRIME >> (64 - KF_WAIT_BITS);

	return bpf_map_lookup_elem(&kf_close_waits, &place);
}

/* Whether the end of the task's address space tells more: then the files that it maps are closed. */
static __always_inline bool kf_close__waits(struct task_struct *task)
{
	u64 *place;

	if (!kf_exits_early() || !KF_READ(task, mm) || KF_READ(task, mm, mm_users.counter) != 1)
		return false;
	place = kf_wait__place(task);
	if (!place)
		return false;
	if (*place)
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	*place = kf_number(task);
	return true;
}

/* Descriptors, when the last thread of a process ends, if the table is not shared. */
static __always_inline void kf_close__table(struct task_struct *task)
{
	u32 max;

	if (KF_READ(task, signal, live.counter) != 0 || KF_READ(task, files, count.counter) != 1)
		return;
	max = kf_close__table_size();
	kf_close__fds(0, max);
}

/* The end of a thread. What is closed last is told first, as the kernel does. */
static __always_inline void kf_close__exit(struct task_struct *task)
{
	bool waits = kf_close__waits(task);

	if (!waits)
		kf_close__table(task);
	if (!waits && KF_READ(task, task_works))
		kf_close__works_all(KF_WORK_CLOSES);
}

/* The end of an address space by the last thread that had it. What it mapped lies in the list, and the
 * program is held by nothing but the address space. */
static __always_inline void kf_close__mappings(struct mm_struct *mm)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *program;
	u64 *place;

	if (!kf_exits_early() || !(KF_READ(task, flags) & KF_PF_EXITING))
		return;
	place = kf_wait__place(task);
	if (place && *place == kf_number(task)) {
		*place = 0;
		kf_close__table(task);
	}
	program = KF_READ(mm, exe_file);
	if (program && kf_file__refs(program) == 1)
		kf_close__dropped((u64)program, KF_WORK_CLOSES);
	kf_close__works_all(KF_WORK_CLOSES);
}

#endif
