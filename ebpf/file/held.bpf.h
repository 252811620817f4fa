/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who holds how much of a table that anybody can fill. A process may hold half of the files that are
 * followed, a user three quarters, and half of the operations that are followed from their entry to
 * their return: the rest is for others. What exceeds a share leaves event by event, or is counted.
 *
 * Counted before an entry is there, and taken back if it finds no room: who takes the entry out on
 * another CPU gives back what was counted. The user is that of records, whatever it acts as meanwhile
 * (overlayfs works with the rights of who mounted it).
 */
#ifndef KF_FILE_HELD_BPF_H
#define KF_FILE_HELD_BPF_H

#include "share.bpf.h"

const volatile u32 kf_file_share_process = 8192; /* entries of kf_files */
const volatile u32 kf_file_share_user = 12288;

#define KF_CALLS 2048 /* entries of kf_pending and of kf_named: no attach mode fills both */

/* Takes room for a file of a process; false: it has its share, or its user has. */
static __always_inline bool kf_file_share__take_of(u32 tgid, u32 uid)
{
	struct kf_shares *all = kf_shares__all();
	struct kf_charge charge;
	struct kf_share *share;

	if (!all)
		return false;
	share = &all->table[KF_SHARE_FILES];
	kf_charge__set(&charge, tgid, uid);
	if (*kf_share__process(share, &charge) >= (s32)kf_file_share_process ||
	    *kf_share__user(share, &charge) >= (s32)kf_file_share_user)
		return false;
	kf_share__add(share, &charge, 1);
	return true;
}

/* The same for the current process. */
static __always_inline bool kf_file_share__take(u32 tgid)
{
	return kf_file_share__take_of(tgid, kf_current__uid());
}

/* A file has left, or found no room in the table. */
static __always_inline void kf_file_share__give(u32 tgid, u32 uid)
{
	struct kf_shares *all = kf_shares__all();
	struct kf_charge charge;

	if (!all)
		return;
	kf_charge__set(&charge, tgid, uid);
	kf_share__add(&all->table[KF_SHARE_FILES], &charge, -1);
}

/* Takes room for an operation of a user. */
static __always_inline bool kf_file_share__take_operation(u32 user)
{
	struct kf_shares *all = kf_shares__all();

	return all && kf_share__take(all->operations, user, KF_CALLS);
}

static __always_inline void kf_file_share__give_operation(u32 user)
{
	struct kf_shares *all = kf_shares__all();

	if (all)
		kf_share__give(all->operations, user);
}

#endif
