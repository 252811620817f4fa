/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shares of tables that others can fill: who may begin an entry. What may not is folded. */
#ifndef KF_SHARE_BPF_H
#define KF_SHARE_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"
#include "share.h"
#include "task.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_shares);
} kf_shares SEC(".maps");

/* Kept as they are by the compiler, so that the verifier sees the bounds of a place. */
static __always_inline u32 kf_share__bound(u32 place, const u32 bits)
{
	asm volatile("" : "+r"(place));
	return place & ((1U << bits) - 1);
}

static __always_inline struct kf_shares *kf_shares__all(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&kf_shares, &zero);
}

static __always_inline void kf_charge__set(struct kf_charge *charge, u32 tgid, u32 uid)
{
	kf_share_place__set(charge, tgid, uid, kf_salt);
}

/* Where the user of the current thread is counted. */
static __always_inline u32 kf_charge__user(void)
{
	struct kf_charge charge;

	kf_charge__set(&charge, 0, kf_current__uid());
	return charge.user;
}

static __always_inline s32 *kf_share__process(struct kf_share *share,
					      const struct kf_charge *charge)
{
	return &share->process[kf_share__bound(charge->process, KF_SHARE_PROCESS_BITS)];
}

static __always_inline s32 *kf_share__user(struct kf_share *share, const struct kf_charge *charge)
{
	return &share->user[kf_share__bound(charge->user, KF_SHARE_USER_BITS)];
}

/* Whether a user has less than this. Root always has: who floods its services is somebody else, and who
 * is root need not flood. */
static __always_inline bool kf_share__user_has_less(struct kf_share *share,
						    const struct kf_charge *charge, u32 limit)
{
	return !charge->user || *kf_share__user(share, charge) < (s32)limit;
}

/*
 * Whether there is room in a table for one more of this process: it may have half of the entries,
 * its user a bit more, and the last quarter is for processes that have few.
 */
static __always_inline bool kf_share__admits(struct kf_share *share, const struct kf_charge *charge,
					     u32 entries)
{
	s32 mine = *kf_share__process(share, charge);

	if (mine >= (s32)(entries / 2) ||
	    !kf_share__user_has_less(share, charge, entries / 2 + entries / 8))
		return false;
	return share->used < (s32)(entries - entries / 4) || mine <= (s32)(entries / 64);
}

static __always_inline void kf_share__add(struct kf_share *share, const struct kf_charge *charge,
					  s32 n)
{
	__sync_fetch_and_add(&share->used, n);
	__sync_fetch_and_add(kf_share__process(share, charge), n);
	__sync_fetch_and_add(kf_share__user(share, charge), n);
}

/* Takes room for one more thread of a user, who may have half of the entries; false: it has. */
static __always_inline bool kf_share__take(s32 *users, u32 user, u32 entries)
{
	s32 *mine = &users[kf_share__bound(user, KF_SHARE_USER_BITS)];

	if (*mine >= (s32)(entries / 2))
		return false;
	__sync_fetch_and_add(mine, 1);
	return true;
}

static __always_inline void kf_share__give(s32 *users, u32 user)
{
	__sync_fetch_and_add(&users[kf_share__bound(user, KF_SHARE_USER_BITS)], -1);
}

/* A bit for each member of a fold; a lost race costs a bit of a lower bound. Numbers of peers grow by even steps
 * from port to port: folded once they do not. */
static __always_inline void kf_share__mark(u64 *members, u64 hash)
{
	u32 bit = kf_share__bound((hash ^ hash >> 32) * KF_PRIME >> 53, 11);
	u64 mask = 1ULL << (bit & 63);

	if (!(members[bit >> 6] & mask))
		members[bit >> 6] |= mask;
}
_Static_assert(KF_FOLD_WORDS * 64 == 1 << 11, "kf_share__mark");

/*
 * Whether another fold may begin: half of them are for processes and sockets, of which one user has a
 * half (root all), then come those of users, and what is left is never needed by more than it holds.
 */
static __always_inline bool kf_share__admits_fold(struct kf_share *share,
						  const struct kf_charge *charge, u32 scope,
						  u32 entries)
{
	if (scope == KF_SCOPE_ALL)
		return true;
	if (scope == KF_SCOPE_USER)
		return share->used < (s32)(entries - entries / 8);
	return share->used < (s32)(entries / 2) &&
	       kf_share__user_has_less(share, charge, entries / 4);
}

#endif
