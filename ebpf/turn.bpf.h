/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tracing programs where the kernel can be preempted. The kernel runs such a program once a CPU at a
 * time and skips it otherwise (__bpf_trace_run, __bpf_prog_enter_recur): a task that is preempted
 * inside it takes it from all others on that CPU, until it has its turn again. There each program
 * is loaded several times, as copies: one of them handles an event if all copies before it are
 * taken, in the order in which they run. An event is lost only if the last one is taken too, and
 * then the kernel counts it.
 */
#ifndef KF_TURN_BPF_H
#define KF_TURN_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"

#define KF_COPIES_MAX 3
/* Objects that are loaded together number their programs apart: each defines KF_TURN_FIRST. */
#define KF_TURN_SPAN 32
#define KF_TURN_FILE 0
#define KF_TURN_UNIX 32
#define KF_TURN_SOCKET 64
#define KF_TURN_PROCESS 96
#define KF_TURN_PROGRAMS 128

/* By program and copy: 1 while it runs on this CPU. */
struct kf_turns {
	u8 taken[KF_TURN_PROGRAMS][KF_COPIES_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_turns);
} kf_turns SEC(".maps");

/* Returns where this copy is marked as taken, or NULL: a copy before it has the event. */
static __always_inline volatile u8 *kf_turn__take(const u32 program)
{
	u32 zero = 0;
	struct kf_turns *turns = bpf_map_lookup_elem(&kf_turns, &zero);
	volatile u8 *taken;

	if (!turns || kf_copy >= KF_COPIES_MAX)
		return NULL;
	taken = turns->taken[program];
	for (u32 i = 0; i < KF_COPIES_MAX; i++)
		if (i < kf_copy && !taken[i])
			return NULL;
	if (kf_copy)
		kf_count(KF_CNT_TAKEN_OVER, 1);
	taken += kf_copy;
	*taken = 1;
	return taken;
}

static __always_inline void kf_turn__end(volatile u8 **taken)
{
	if (kf_copies > 1 && *taken)
		**taken = 0;
}

/* First in a program of tp_btf, fentry or fexit. */
#define KF_TURN                                                                         \
	enum { kf_turn_program = KF_TURN_FIRST + __COUNTER__ };                         \
	_Static_assert(kf_turn_program < KF_TURN_FIRST + KF_TURN_SPAN, "KF_TURN_SPAN"); \
	volatile u8 *kf_turn __attribute__((cleanup(kf_turn__end))) =                   \
		kf_copies > 1 ? kf_turn__take(kf_turn_program) : NULL;                  \
	if (kf_copies > 1 && !kf_turn)                                                  \
	return 0

#endif
