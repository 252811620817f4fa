// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Steps of the wall clock by kprobe and kretprobe; see clock/fentry.bpf.c. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "clock/offset.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("kprobe/clock_was_set")
int BPF_KPROBE(kprobe__clock_was_set)
{
	kf_clock_offset__begins();
	return 0;
}

SEC("kretprobe/clock_was_set")
int BPF_KRETPROBE(kretprobe__clock_was_set)
{
	kf_clock_offset__ends();
	return 0;
}
