/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who used a socket: its owner, others by name as long as there is room for them, and the rest in a
 * sum. Asked in the process that moved the bytes.
 */
#ifndef KF_USAGE_BPF_H
#define KF_USAGE_BPF_H

#include "share.bpf.h"
#include "task.bpf.h"

/* Program images that used sockets of which another is the owner, 130 bytes each. Those of one socket
 * have places from 0 on, so that they are found without a list. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_user_key);
	__type(value, struct kf_used);
} kf_users SEC(".maps");

static const struct kf_used kf_used_zero;

/*
 * An entry for the current process in a place that was free; NULL: there is no room, or another was
 * faster. Filled where it lies, as there is no stack for it: of two threads of one process that begin at once
 * both may have one, and user space adds them up.
 */
static __noinline struct kf_used *kf_users__claim(struct kf_usage *usage,
						  const struct kf_user_key *key)
{
	struct kf_shares *all = kf_shares__all();
	struct kf_charge charge;
	struct kf_used *used;

	if (!all)
		return NULL;
	kf_charge__set(&charge, kf_current__tgid(), kf_current__uid());
	if (!kf_share__admits(&all->table[KF_SHARE_USED], &charge, kf_sock_entries) ||
	    bpf_map_update_elem(&kf_users, key, &kf_used_zero, BPF_NOEXIST))
		return NULL;
	kf_share__add(&all->table[KF_SHARE_USED], &charge, 1);
	__sync_fetch_and_add(&usage->users, 1);
	used = bpf_map_lookup_elem(&kf_users, key);
	if (!used)
		return NULL;
	used->charge = charge;
	kf_proc__fill_current(&used->user.proc);
	return used;
}

/* Whether another took the place of the key first: then it has the next one. Asks nothing when all are taken,
 * and an owner who is at its share pays one lookup. */
static __always_inline bool kf_users__passes(struct kf_user_key *key)
{
	if (key->place + 1 >= KF_USERS || !bpf_map_lookup_elem(&kf_users, key))
		return false;
	key->place++;
	return true;
}

/* What the verifier walks for each place: short. */
static __always_inline bool kf_users__is(const struct kf_used *used, u64 start_ns, u32 execs)
{
	u64 differ = used->user.proc.start_ns ^ start_ns;

	differ |= used->user.proc.execs ^ execs;
	differ |= used->user.proc.tgid ^ kf_current__tgid();
	return !differ;
}

/* The entry of the current process; NULL: the key has the first place that is free, or there is none. */
static __noinline struct kf_used *kf_users__find(struct kf_user_key *key, u64 start_ns, u32 execs)
{
	struct kf_used *used;

	for (u32 place = 0; place < KF_USERS; place++) {
		key->place = place;
		used = bpf_map_lookup_elem(&kf_users, key);
		if (!used || kf_users__is(used, start_ns, execs))
			return used;
	}
	key->place = KF_USERS;
	return NULL;
}

static __always_inline void kf_usage__count(u64 *tx, u64 *rx, u64 bytes, bool sent)
{
	__sync_fetch_and_add(sent ? tx : rx, bytes);
}

/* Whether it is the owner who moves bytes now; what a thread of the kernel moves it does for the owner. */
static __always_inline bool kf_usage__is_own(const struct kf_proc *owner)
{
	return kf_proc__is_current(owner) || kf_current__kthread();
}

static __always_inline void kf_usage__own(struct kf_usage *usage, u64 bytes, bool sent)
{
	kf_usage__count(&usage->own_tx, &usage->own_rx, bytes, sent);
}

/* The entry of the current process, which is not the owner; NULL: see kf_users__find. */
static __always_inline struct kf_used *kf_usage__find(struct kf_usage *usage,
						      struct kf_user_key *key)
{
	struct kf_used *used = kf_users__find(key, kf_current__start(), (u16)kf_current__execs());

	if (used && key->place >= usage->users) /* left over from an entry that went meanwhile */
		usage->users = key->place + 1;
	return used;
}

/* used: who has moved bytes; NULL: one who is not named. */
static __always_inline void kf_usage__add(struct kf_usage *usage, struct kf_used *used, u64 bytes,
					  bool sent)
{
	if (used)
		kf_usage__count(&used->user.tx_bytes, &used->user.rx_bytes, bytes, sent);
	else
		kf_usage__count(&usage->rest_tx, &usage->rest_rx, bytes, sent);
}

/*
 * The current process has moved bytes, and is not the owner. Called by global functions alone, which the
 * verifier walks once and not with each state of a caller. Of images that begin at once each gets a place; who
 * is slower than two others is in the sum for once. A place is only passed by that is taken, so there is no gap.
 */
static __always_inline void kf_usage__other(struct kf_usage *usage, struct kf_user_key *key,
					    u64 bytes, bool sent)
{
	struct kf_used *used = kf_usage__find(usage, key);

	if (!used && key->place < KF_USERS)
		used = kf_users__claim(usage, key);
	if (!used && kf_users__passes(key)) {
		used = kf_users__claim(usage, key);
		if (!used && kf_users__passes(key))
			used = kf_users__claim(usage, key);
	}
	kf_usage__add(usage, used, bytes, sent);
}

/* From here on it is to be told who writes to a TCP connection and who reads. */
static __always_inline void kf_usage__base(struct kf_usage *usage, u32 write_seq, u32 copied_seq)
{
	usage->write_seq = write_seq;
	usage->copied_seq = copied_seq;
	usage->based = 1;
}

/* Takes the users of a socket that ends out of their table. Returns their number. */
static __noinline u32 kf_users__take(struct kf_user *out, struct kf_user_key *key)
{
	struct kf_shares *all = kf_shares__all();
	struct kf_charge charge;
	struct kf_used *used;
	u32 place;

	if (!all)
		return 0;
	for (place = 0; place < KF_USERS; place++) {
		key->place = place;
		used = bpf_map_lookup_elem(&kf_users, key);
		if (!used)
			break;
		out[place] = used->user;
		charge = used->charge;
		if (bpf_map_delete_elem(&kf_users, key) == 0)
			kf_share__add(&all->table[KF_SHARE_USED], &charge, -1);
	}
	return place;
}

#endif
