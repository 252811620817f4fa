/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The record of a process that ends: its status as wait(2) has it, and what it has used. */
#ifndef KF_PROCESS_EXIT_BPF_H
#define KF_PROCESS_EXIT_BPF_H

#include "compat.bpf.h"
#include "emit.bpf.h"
#include "task.bpf.h"

#define KF_SIGNAL_GROUP_EXIT 4 /* signal_struct.flags (linux/sched/signal.h) */
/* Threads that are gone over of a process with several; where bpf_loop is missing fewer. */
#define KF_THREADS 4096
#define KF_THREADS_NO_LOOP 64
#define KF_THREADS_TRIES 3

/*
 * State of a walk over the threads of a process. It lies in ring memory, in the place of the record's
 * header, for the reason that kf_walk does.
 */
struct kf_threads {
	u64 node; /* thread_node of the next */
	u64 head; /* signal_struct.thread_head, where the list ends */
	u64 ran_ns;
};
_Static_assert(sizeof(struct kf_threads) <= sizeof(struct kf_header), "the header comes later");

/* A callback's context has to be on the stack. */
struct kf_threads_at {
	struct kf_threads *threads;
};

static __noinline long kf_threads__add(u32 round, void *context)
{
	struct kf_threads *threads = ((struct kf_threads_at *)context)->threads;
	u64 node = threads->node;
	struct task_struct *task;

	if (!node || node == threads->head)
		return 1;
	task = (struct task_struct *)(node -
				      bpf_core_field_offset(struct task_struct, thread_node));
	threads->ran_ns += KF_UNTYPED(task, se.sum_exec_runtime);
	threads->node = (u64)KF_UNTYPED((struct list_head *)node, next);
	return 0;
}

/*
 * Time on CPUs of all threads. Those that were released have left theirs in the signal_struct
 * (__exit_signal); others are on the list still, and may go to it while that is walked: then again.
 * The scheduler has counted up to its last look at a running thread, which is a tick ago at most.
 */
static __always_inline u64 kf_exit__cpu_ns(struct kf_threads *threads, struct task_struct *task)
{
	struct kf_threads_at at = { .threads = threads };
	struct signal_struct *signal = task->signal;
	u64 before;

	if (signal->nr_threads == 1)
		return signal->sum_sched_runtime + task->se.sum_exec_runtime;
	for (int tries = 0; tries < KF_THREADS_TRIES; tries++) {
		before = signal->sum_sched_runtime;
		threads->head = kf_number(signal) +
				bpf_core_field_offset(struct signal_struct, thread_head);
		threads->node = (u64)signal->thread_head.next;
		threads->ran_ns = before;
		kf_loop(KF_THREADS, kf_threads__add, &at, KF_THREADS_NO_LOOP);
		if (signal->sum_sched_runtime == before)
			break;
	}
	return threads->ran_ns;
}

/* What wait(2) gives the parent: of the whole process if it was ended as a whole, else of its first
 * thread, which may have exited long before (wait_task_zombie). */
static __always_inline u32 kf_exit__status(struct task_struct *task)
{
	if (task->signal->flags & KF_SIGNAL_GROUP_EXIT)
		return task->signal->group_exit_code;
	return task->group_leader->exit_code;
}

/* Of the last thread of a process; maxrss was set ahead of this (do_exit). */
static __always_inline void kf_exit_record__emit(struct task_struct *task)
{
	struct kf_exit_record *rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);

	if (!rec) {
		kf_count(KF_CNT_PROC_LOST_RING, 1);
		return;
	}
	rec->cpu_ns = kf_exit__cpu_ns((struct kf_threads *)&rec->hdr, task);
	rec->peak_rss = task->signal->maxrss * kf_page_size;
	rec->status = kf_exit__status(task);
	rec->pad = 0;
	kf_proc__fill(&rec->proc, task);
	bpf_get_current_comm(rec->proc.comm, sizeof(rec->proc.comm));
	kf_header__fill(&rec->hdr, KF_KIND_EXIT, sizeof(*rec));
	kf_submit(rec);
}

#endif
