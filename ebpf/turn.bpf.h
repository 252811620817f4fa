/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tracing programs where the kernel can be preempted. The kernel runs such a program once a CPU at a
 * time and skips it otherwise (__bpf_trace_run, __bpf_prog_enter_recur): a task that is preempted
 * inside it takes it from all others on that CPU, until it has its turn again. There each program
 * is loaded twice. The first copy notes with the task that it has the event; the second, which
 * runs after it, handles what has no such note, and takes the note away. An event is lost only if
 * both are skipped, or the second for this event and the first for the task's next one.
 *
 * For programs that run on behalf of the current task only: one that interrupts itself in a softirq
 * would find the note of the task it has interrupted.
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

/* By program: 1 if its first copy has had the event. */
struct kf_turns {
	u8 had[KF_TURN_PROGRAMS];
};

/* Not made where programs have no copies: kernels before 5.11 do not know the type. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct kf_turns);
} kf_turns SEC(".maps");

/* Whether this copy is to handle the event. Not inlined: some programs have no stack to spare. */
static __noinline int kf_turn__take(u32 program)
{
	struct kf_turns *turns = bpf_task_storage_get(&kf_turns, bpf_get_current_task_btf(), 0,
						      BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!turns || program >= KF_TURN_PROGRAMS)
		return kf_copy == 0;
	if (kf_copy == 0) {
		turns->had[program] = 1;
		return true;
	}
	if (turns->had[program]) {
		turns->had[program] = 0;
		return false;
	}
	kf_count(KF_CNT_TAKEN_OVER, 1);
	return true;
}

/* First in a program of tp_btf, fentry or fexit. */
#define KF_TURN                                                                         \
	enum { kf_turn_program = KF_TURN_FIRST + __COUNTER__ };                         \
	_Static_assert(kf_turn_program < KF_TURN_FIRST + KF_TURN_SPAN, "KF_TURN_SPAN"); \
	if (kf_copies > 1 && !kf_turn__take(kf_turn_program))                           \
	return 0

#endif
