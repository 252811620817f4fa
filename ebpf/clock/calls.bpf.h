/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls that set the wall clock, where neither fentry nor kprobes may be used. They are looked at
 * by a program that is there for others of the host, so that these pay for no other one. What time was
 * set, the call's arguments tell; not those of 32-bit calls.
 */
#ifndef KF_CLOCK_CALLS_BPF_H
#define KF_CLOCK_CALLS_BPF_H

#include "clock/step.bpf.h"
#include "syscalls.bpf.h"

/* Of a case label. */
#define KF_NR_SET_CLOCK         \
__NR_clock_settime:             \
	case __NR_settimeofday: \
	case __NR_adjtimex:     \
	case __NR_clock_adjtime

#define KF_CLOCK_REALTIME 0
#define KF_SECOND_NS 1000000000LL
/* linux/timex.h */
#define KF_ADJ_SETOFFSET 0x100
#define KF_STA_NANO 0x2000
#define KF_MAX_TAI 100000 /* seconds, by which TAI can be ahead */
/* How wrong a difference can be by what passes between the step and the return of the call, which
 * waits for all CPUs. */
#define KF_CLOCK_CALL_NS 100000000

struct kf_user_time {
	s64 seconds;
	s64 rest; /* micro- or nanoseconds */
};

/* The beginning of struct __kernel_timex (linux/timex.h). */
struct kf_user_timex {
	u32 modes;
	u32 pad;
	s64 skipped[4];
	s32 status;
	u32 pad2;
	s64 skipped2[3];
	struct kf_user_time time;
};

static __always_inline bool kf_clock_call__time(u64 address, s64 unit, s64 *wall_ns)
{
	struct kf_user_time time = {};

	if (!address || bpf_probe_read_user(&time, sizeof(time), (void *)address))
		return false;
	*wall_ns = time.seconds * KF_SECOND_NS + time.rest * unit;
	return true;
}

#define KF_TIMEX_TAI 160 /* where tai is, an int */

/* Behind a step the call puts the new time there (since 7.x the old one), and by how much TAI is ahead. */
static __always_inline bool kf_clock_call__timex(u64 address, s64 *wall_ns, s32 *ahead)
{
	struct kf_user_timex timex = {};

	if (!address || bpf_probe_read_user(&timex, sizeof(timex), (void *)address))
		return false;
	if (!(timex.modes & KF_ADJ_SETOFFSET))
		return false;
	bpf_probe_read_user(ahead, sizeof(*ahead), (void *)(address + KF_TIMEX_TAI));
	*wall_ns = timex.time.seconds * KF_SECOND_NS +
		   timex.time.rest * (timex.status & KF_STA_NANO ? 1 : 1000);
	return true;
}

/* Whether a call that has succeeded has set the clock, and to what. */
static __always_inline bool kf_clock_call__set(u64 nr, u64 first, u64 second, s64 *wall_ns,
					       s32 *ahead)
{
	switch (nr) {
	case __NR_settimeofday:
		return kf_clock_call__time(first, 1000, wall_ns);
	case __NR_clock_settime:
		return (u32)first == KF_CLOCK_REALTIME && kf_clock_call__time(second, 1, wall_ns);
	case __NR_adjtimex:
		return kf_clock_call__timex(first, wall_ns, ahead);
	}
	return (u32)first == KF_CLOCK_REALTIME && kf_clock_call__timex(second, wall_ns, ahead);
}

/*
 * TAI is ahead of the wall clock by whole seconds: the call says by how many, or what it has set tells
 * (ahead < 0). The clocks are read between two readings of the other, as the program can be preempted.
 */
static __always_inline void kf_clock_call__by_tai(s64 *offset_ns, u32 *uncertain_ns, s32 ahead)
{
	u64 before_ns = bpf_ktime_get_boot_ns();
	u64 tai_ns = bpf_ktime_get_tai_ns();
	u64 took_ns = bpf_ktime_get_boot_ns() - before_ns;
	s64 more_ns = tai_ns - before_ns - took_ns / 2;
	u64 seconds = ahead;

	if (ahead < 0)
		seconds = (more_ns - *offset_ns + KF_SECOND_NS / 2) / (u64)KF_SECOND_NS;
	if (seconds > KF_MAX_TAI)
		return;
	*offset_ns = more_ns - seconds * KF_SECOND_NS;
	*uncertain_ns = took_ns + 1;
}

static __noinline int kf_clock_call__returned(u64 nr, u64 first, u64 second)
{
	u32 uncertain_ns = KF_CLOCK_CALL_NS;
	u64 now_ns = bpf_ktime_get_boot_ns();
	s64 offset_ns;
	s32 ahead = -1;

	if (!kf_clock_call__set(nr, first, second, &offset_ns, &ahead))
		return 0;
	offset_ns -= now_ns;
	if (kf_has_ktime_get_tai_ns())
		kf_clock_call__by_tai(&offset_ns, &uncertain_ns, ahead);
	return kf_clock__tell(now_ns, offset_ns, uncertain_ns);
}

#endif
