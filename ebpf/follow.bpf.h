/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is followed where a run is for a command: a process that user space puts here, and its descendants. Of
 * files the others are passed by, so that they cost next to nothing. User space looks at each record as
 * well: what passes here too much is left out there.
 */
#ifndef KF_FOLLOW_BPF_H
#define KF_FOLLOW_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"

/* start_boottime by tgid; 0: of the first, whose number nobody else gets while the run lasts. A process that has
 * ended is taken out by the sweep, as it closes its files behind its end. The loader makes it larger. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} kf_followed SEC(".maps");

/* A descendant has found no room: from then on all processes pass. */
u32 kf_follow_all SEC(".bss.follow");

/* A global function: the verifier looks at it once. */
__noinline int kf_followed__has(u32 tgid, u64 start_ns)
{
	u64 *began;

	if (kf_follow_all)
		return 1;
	began = bpf_map_lookup_elem(&kf_followed, &tgid);
	return began && (!*began || *began == start_ns);
}

/* A process has been forked and does not run yet. */
static __always_inline void kf_followed__add(u32 creator, u64 creator_start_ns, u32 tgid,
					     u64 start_ns)
{
	if (!kf_follow || kf_follow_all || !kf_followed__has(creator, creator_start_ns))
		return;
	if (bpf_map_update_elem(&kf_followed, &tgid, &start_ns, BPF_ANY))
		kf_follow_all = 1;
}

#endif
