// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Steps of the wall clock by fentry and fexit. clock_was_set runs behind each of them: settimeofday,
 * clock_settime, the steps of adjtimex and clock_adjtime, leap seconds; as soon as the new time holds.
 */
#define KF_DIRECT 1
#define KF_NO_CAST 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "clock/programs.bpf.h"
#include "clock/offset.bpf.h"

/* KF_VARIANTS cast: built again for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("fentry/clock_was_set")
int BPF_PROG(fentry__clock_was_set)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_CLOCK_WAS_SET))
		return 0;
	kf_clock_offset__begins();
	return 0;
}

/* Why the return, too: the difference of the clocks is known here; see clock/step.bpf.h. */
SEC("fexit/clock_was_set")
int BPF_PROG(fexit__clock_was_set)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_CLOCK_WAS_SET))
		return 0;
	kf_clock_offset__ends();
	return 0;
}
