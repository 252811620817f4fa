/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Second copies of tracing programs, where the kernel can be preempted. The kernel runs such a
 * program once a CPU at a time and skips it otherwise (__bpf_trace_run, __bpf_prog_enter_recur): a
 * task that is preempted inside it keeps it from all others on that CPU until the task runs again.
 * There each program is loaded twice: as a primary, and as a standby that runs after it. The primary
 * claims the event of this thread; the standby handles an event that has no claim, and takes a claim
 * that it finds away. An event is lost only if both are skipped, or the standby for this event and
 * the primary for the thread's next one.
 *
 * For programs that run on behalf of the current thread only: one that interrupts itself in a
 * softirq would find the claim of the thread it has interrupted.
 */
#ifndef KF_STANDBY_BPF_H
#define KF_STANDBY_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"

#define KF_COPIES 2 /* primary and standby */

/* Programs that are loaded together have different numbers: each room has a span of its own, and
 * names its programs in programs.bpf.h. */
enum kf_program_span {
	KF_PROG_FILE = 0,
	KF_PROG_UNIX = 80,
	KF_PROG_PROCESS = 96,
	KF_PROG_CLOCK = 104,
	KF_PROG_SOCKET = 112,
	KF_PROG_MAX = 128,
};

#define KF_PROG_BITS 7
_Static_assert(KF_PROG_MAX == 1 << KF_PROG_BITS, "KF_PROG_BITS");

/*
 * Claims, by a hash of thread and program: 0.5 MB, one entry where there are no standbys. A claim
 * lives from the primary to the standby, so that two threads with one place hardly ever clash; with a
 * salt, so that nobody chooses a thread number that does. An array, because it never refuses: storage with the task does, while a preempted task is inside its
 * allocator.
 */
#define KF_CLAIMS_BITS 16

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KF_CLAIMS_BITS);
	__type(key, u32);
	__type(value, u64);
} kf_claims SEC(".maps");

/* Not inlined: some programs have no stack to spare. */
static __noinline int kf_standby__decide(u32 program)
{
	u32 thread = bpf_get_current_pid_tgid();
	u32 salted = (thread ^ kf_salt) << KF_PROG_BITS ^ program;
	u32 place = salted * 0x9e3779b1U >> (32 - KF_CLAIMS_BITS);
	u64 mine = (u64)thread << 32 | (program + 1);
	u64 *claim = bpf_map_lookup_elem(&kf_claims, &place);

	if (!claim)
		return !kf_is_standby;
	if (!kf_is_standby) {
		*claim = mine;
		return true;
	}
	if (*claim == mine) {
		*claim = 0;
		return false;
	}
	kf_count(KF_STANDBY_RUNS, 1);
	return true;
}

/*
 * Whether this copy of a tp_btf, fentry or fexit program handles the event. Asked first, ahead of what
 * filters: the standby handles a skipped run that had nothing to do as well, or it would be counted
 * as missed.
 */
static __always_inline bool kf_standby__claim(u32 program)
{
	return !kf_has_standby || kf_standby__decide(program);
}

#endif
