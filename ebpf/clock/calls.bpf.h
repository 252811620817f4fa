/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls that set the wall clock, where neither fentry nor kprobes may be used. They are looked at by a program
 * that is there for others of the host, so that these pay for no other one.
 */
#ifndef KF_CLOCK_CALLS_BPF_H
#define KF_CLOCK_CALLS_BPF_H

#include "clock/offset.bpf.h"
#include "syscalls.bpf.h"

/* Of a case label. */
#define KF_NR_SET_CLOCK         \
__NR_clock_settime:             \
	case __NR_settimeofday: \
	case __NR_adjtimex:     \
	case __NR_clock_adjtime

/* Has it set the clock? The kernel's timers tell: some of these calls only ask, or slew it. */
static __noinline int kf_clock_call__returned(void)
{
	kf_clock_offset__begins();
	kf_clock_offset__ends();
	return 0;
}

#endif
