/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a thread may have something in a table, before the table is asked: the return of most system
 * calls of the host is due to nobody, and an array says so at a tenth of the price. Each place counts
 * the entries of all threads that meet in it, so 0 is none for sure.
 */
#ifndef KF_DUE_BPF_H
#define KF_DUE_BPF_H

#include "compat.bpf.h"

#define KF_DUE_BITS 12
#define KF_DUE_PLACES (1 << KF_DUE_BITS)

/* By the address of the task, as the tables: a thread that execs takes over the number of another. */
static __always_inline u32 *kf_due__at(void *places, u64 task)
{
	u32 place = task * KF_PRIME >> (64 - KF_DUE_BITS);

	return bpf_map_lookup_elem(places, &place);
}

static __always_inline void kf_due__add(void *places, u64 task, s32 n)
{
	u32 *entries = kf_due__at(places, task);

	if (entries)
		__sync_fetch_and_add(entries, n);
}

static __always_inline bool kf_due__is(void *places, u64 task)
{
	u32 *entries = kf_due__at(places, task);

	return entries && *(volatile u32 *)entries;
}

#endif
