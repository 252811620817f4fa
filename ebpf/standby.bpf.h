/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tracing programs where the kernel can be preempted. The kernel runs such a program once a CPU at a
 * time and skips it otherwise (__bpf_trace_run, __bpf_prog_enter_recur): a task that is preempted
 * inside it takes it from all others on that CPU, until it has its turn again. There each program
 * is loaded twice. The first copy leaves a note that it has the event of this thread; the second,
 * which runs after it, handles what has no such note, and takes the note away. An event is lost only
 * if both are skipped, or the second for this event and the first for the thread's next one.
 *
 * For programs that run on behalf of the current thread only: one that interrupts itself in a
 * softirq would find the note of the thread it has interrupted.
 */
#ifndef KF_TURN_BPF_H
#define KF_TURN_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"

#define KF_COPIES_MAX 2
/* Objects that are loaded together number their programs apart: each defines KF_TURN_FIRST. */
#define KF_TURN_SPAN 32
#define KF_TURN_FILE 0
#define KF_TURN_UNIX 32
#define KF_TURN_PROCESS 64
#define KF_TURN_PROGRAMS 96

/*
 * Notes, by a hash of thread and program: 0.5 MB, one entry where there are no copies. A note lives
 * from one copy to the next, so that two threads with one place hardly ever meet. An array, because
 * it never refuses: storage with the task does, while a preempted task is inside its allocator.
 */
#define KF_NOTES_BITS 16

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KF_NOTES_BITS);
	__type(key, u32);
	__type(value, u64);
} kf_notes SEC(".maps");

/* Whether this copy is to handle the event. Not inlined: some programs have no stack to spare. */
static __noinline int kf_turn__take(u32 program)
{
	u64 mine = bpf_get_current_pid_tgid() << 32 | (program + 1);
	u32 place = ((u32)(mine >> 25) ^ program) * 0x9e3779b1U >> (32 - KF_NOTES_BITS);
	u64 *note = bpf_map_lookup_elem(&kf_notes, &place);

	if (!note)
		return kf_copy == 0;
	if (kf_copy == 0) {
		*note = mine;
		return true;
	}
	if (*note == mine) {
		*note = 0;
		return false;
	}
	kf_count(KF_CNT_TAKEN_OVER, 1);
	return true;
}

/* First in a program of tp_btf, fentry or fexit, ahead of what filters: a run that was skipped and had
 * nothing to do is taken over too, or it would be counted as missed. */
#define KF_TURN                                                                         \
	enum { kf_turn_program = KF_TURN_FIRST + __COUNTER__ };                         \
	_Static_assert(kf_turn_program < KF_TURN_FIRST + KF_TURN_SPAN, "KF_TURN_SPAN"); \
	if (kf_copies > 1 && !kf_turn__take(kf_turn_program))                           \
	return 0

#endif
