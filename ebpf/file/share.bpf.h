/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who holds how much of a table that anybody can fill. A process may hold half of the files that are
 * followed, a user three quarters, and half of the operations that are followed from their entry to
 * their return: the rest is for others. What exceeds a share leaves event by event, or is counted.
 */
#ifndef KF_FILE_SHARE_BPF_H
#define KF_FILE_SHARE_BPF_H

#include "maps.bpf.h"

const volatile u32 kf_file_share_process = 8192; /* entries of kf_files */
const volatile u32 kf_file_share_user = 12288;

#define KF_CALLS 2048 /* entries of kf_pending and of kf_named: no attach mode fills both */

/* Counted by a hash: two that share a place have one share between them. User space takes off what it
 * sweeps, so the counts lie in memory that it has mapped: 96 KiB. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, KF_FILE_SHARES);
	__type(key, u32);
	__type(value, u64);
} kf_file_shares SEC(".maps");

/* Where a process or user is counted; the sweep has the same (glue_sweep.c). */
static __always_inline u32 kf_file_share__place(enum kf_file_share kind, u32 id)
{
	return kind << KF_FILE_SHARE_BITS | id * 0x9e3779b1U >> (32 - KF_FILE_SHARE_BITS);
}

static __always_inline u64 kf_file_share__held(u32 place)
{
	u64 *count = bpf_map_lookup_elem(&kf_file_shares, &place);

	return count ? *count : 0;
}

static __always_inline void kf_file_share__add(u32 place, s64 entries)
{
	u64 *count = bpf_map_lookup_elem(&kf_file_shares, &place);

	if (count)
		__sync_fetch_and_add(count, entries);
}

/* Whether the current process may have another file followed. */
static __always_inline bool kf_file_share__has_room(u32 tgid)
{
	u32 uid = bpf_get_current_uid_gid();

	return kf_file_share__held(kf_file_share__place(KF_FILE_SHARE_PROCESS, tgid)) <
		       kf_file_share_process &&
	       kf_file_share__held(kf_file_share__place(KF_FILE_SHARE_USER, uid)) <
		       kf_file_share_user;
}

/* An aggregate comes into the table or leaves it. */
static __always_inline void kf_file_share__count(u32 tgid, u32 uid, s64 entries)
{
	kf_file_share__add(kf_file_share__place(KF_FILE_SHARE_PROCESS, tgid), entries);
	kf_file_share__add(kf_file_share__place(KF_FILE_SHARE_USER, uid), entries);
}

/* Where an operation of the current user is counted; 0 if the user's share is used up. */
static __always_inline u32 kf_file_share__call(void)
{
	u32 place = kf_file_share__place(KF_FILE_SHARE_CALLS, bpf_get_current_uid_gid());

	return kf_file_share__held(place) < KF_CALLS / 2 ? place : 0;
}

#endif
