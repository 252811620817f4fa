/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps that every object shares. The loader makes one of each name and hands it to all objects; and one of each
 * section .bss.NAME, which is for variables that are shared. */
#ifndef KF_MAPS_BPF_H
#define KF_MAPS_BPF_H

#include "record.h"

/* Entries of a map that the loader sizes: a field of src/kflowd/settings/tree.py names the map. */
#define KF_SIZED 1

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, KF_SIZED);
} kf_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KF_COUNTERS);
	__type(key, u32);
	__type(value, u64);
} kf_counters SEC(".maps");

/* Where eight functions call each other already, which is all that the kernel follows. */
static __always_inline void kf_count_inline(u32 which, u64 n)
{
	u64 *value = bpf_map_lookup_elem(&kf_counters, &which);

	/* Per CPU, but a program can be interrupted by another: add atomically. */
	if (value)
		__sync_fetch_and_add(value, n);
}

/* Not inlined: each copy would take stack for its key, and 512 bytes are all there is for a chain of
 * calls. */
static __noinline int kf_count(u32 which, u64 n)
{
	kf_count_inline(which, n);
	return 0;
}

#endif
