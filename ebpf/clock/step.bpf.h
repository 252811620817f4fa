/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Steps of the wall clock. Records have CLOCK_BOOTTIME, and user space makes wall time of it by the
 * difference of both clocks that held at the moment: here it learns when that became another one. Nothing but
 * a step changes it: what slews the wall clock (adjtime, NTP) slews CLOCK_BOOTTIME alike, and a suspend moves both.
 */
#ifndef KF_CLOCK_STEP_BPF_H
#define KF_CLOCK_STEP_BPF_H

#include "emit.bpf.h"

/*
 * Says that the clock was set. Without room in the ring it says nothing, and user space finds the step by itself, a
 * little later. Returns 0 if it was said.
 */
static __always_inline long kf_clock__tell(u64 since_ns, s64 offset_ns)
{
	struct kf_clock_record rec = {};

	kf_header__fill(&rec.hdr, KF_KIND_CLOCK, sizeof(rec));
	rec.since_ns = since_ns;
	rec.realtime_offset_ns = offset_ns;
	return bpf_ringbuf_output(&kf_ring, &rec, sizeof(rec), kf_wakeup_flags());
}

#endif
