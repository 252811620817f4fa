/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel knows of its clocks when clock_was_set has returned, which ends each step. */
#ifndef KF_CLOCK_OFFSET_BPF_H
#define KF_CLOCK_OFFSET_BPF_H

#include "clock/step.bpf.h"
#include "task.bpf.h"

/* Indices of hrtimer_cpu_base.clock_base (enum hrtimer_base_type), the same on all kernels. */
#define KF_HRTIMER_REALTIME 1
#define KF_HRTIMER_BOOTTIME 2

/*
 * The kernel's timers know by how much each clock is ahead of CLOCK_MONOTONIC, and clock_was_set brings that up to
 * date on each CPU before it returns (hrtimer_update_base). Without high resolution timers it does not: then the
 * difference is the same as before, and user space finds the step. A timer that each process has leads to those of
 * the CPU where it was used last: not all kernels tell programs of variables (hrtimer_bases).
 */
#define KF_CURRENT_BASE(member) KF_CURRENT(signal, real_timer.base, cpu_base, member)

/* When clock_was_set was entered last. Of two that set the clock at once both have the later moment. */
u64 kf_clock_since;
s64 kf_clock_told; /* the difference that was sent last */
u32 kf_clock_steps; /* how many steps had passed where it was read */

static __always_inline void kf_clock_offset__begins(void)
{
	kf_clock_since = bpf_ktime_get_boot_ns();
}

/* A CPU that is offline knows of no step since; then what was told last holds, and user space finds the step. */
static __always_inline s64 kf_clock_offset__read(void)
{
	u32 steps;

	if (!kf_has_process_timer())
		return kf_clock_told;
	steps = KF_CURRENT_BASE(clock_was_set_seq);
	if ((s32)(steps - kf_clock_steps) <= 0)
		return kf_clock_told;
	kf_clock_steps = steps;
	return KF_CURRENT_BASE(clock_base[KF_HRTIMER_REALTIME].offset) -
	       KF_CURRENT_BASE(clock_base[KF_HRTIMER_BOOTTIME].offset);
}

static __always_inline void kf_clock_offset__ends(void)
{
	s64 offset_ns = kf_clock_offset__read();

	if (offset_ns != kf_clock_told && kf_clock__tell(kf_clock_since, offset_ns) == 0)
		kf_clock_told = offset_ns;
}

#endif
