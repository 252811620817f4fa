/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who owns a TCP or UDP socket. The key is the socket's cookie or alias. */
#ifndef KF_SOCKET_OWNER_BPF_H
#define KF_SOCKET_OWNER_BPF_H

#include "share.bpf.h"
#include "task.bpf.h"

#define KF_OWNER_SELF 1 /* a socket of kflowd: not followed */
#define KF_OWNER_FOLDED 2 /* TCP: the connection has no entry of its own, it is part of a fold */
#define KF_OWNER_CHILD 4 /* with FOLDED: of a listener */

/* The process that created, connected, listened on or accepted a socket. */
struct kf_owner {
	struct kf_charge charge; /* first: the sweep counts them */
	u32 net_ns;
	struct kf_proc proc;
	u32 flags; /* KF_OWNER_* */
	u32 flows; /* UDP aggregates begun */
	u64 flow; /* the first of them: its key in kf_udp */
};
_Static_assert(__builtin_offsetof(struct kf_owner, charge) == 0, "see sweep__owner");

/* Every open inet socket has an owner, listeners and idle ones too: twice kf_tcp. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, u64);
	__type(value, struct kf_owner);
} kf_owners SEC(".maps");

/* Owners beyond their share, and those of a listener's children that are folded. Asked only where
 * kf_owners has nothing and this is not empty. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, u64);
	__type(value, struct kf_owner);
} kf_spill SEC(".maps");

static __always_inline bool kf_owner__spilled(void)
{
	struct kf_shares *all = kf_shares__all();

	return all && all->table[KF_SHARE_SPILL].used > 0;
}

static __always_inline struct kf_owner *kf_owner__find(u64 cookie)
{
	struct kf_owner *owner = bpf_map_lookup_elem(&kf_owners, &cookie);

	if (owner || !kf_owner__spilled())
		return owner;
	return bpf_map_lookup_elem(&kf_spill, &cookie);
}

static __always_inline bool kf_owner__is_self(const struct kf_owner *owner)
{
	return owner && owner->flags & KF_OWNER_SELF;
}

static __always_inline bool kf_owner__is_folded(const struct kf_owner *owner)
{
	return owner && owner->flags & KF_OWNER_FOLDED;
}

/*
 * A copy of an owner of a socket that has none in this table. Of the spill one process has half, root's
 * too: the children of one flooded listener are not all it holds. A user but root has three quarters.
 * What finds no room here either has no owner: its records say so.
 */
static __always_inline int kf_owner__spill(struct kf_shares *all, u64 cookie,
					   const struct kf_owner *owner)
{
	struct kf_share *share = &all->table[KF_SHARE_SPILL];
	u32 entries = 2 * kf_sock_entries;

	if (*kf_share__process(share, &owner->charge) >= (s32)(entries / 2) ||
	    !kf_share__user_has_less(share, &owner->charge, entries - entries / 4))
		return -1;
	if (bpf_map_update_elem(&kf_spill, &cookie, owner, BPF_NOEXIST))
		return -1;
	kf_share__add(share, &owner->charge, 1);
	return 0;
}

/* An owner for a socket that has none. Nothing is counted when one goes: a sweep is soon enough. */
static __always_inline int kf_owner__put(u64 cookie, struct kf_owner *owner)
{
	struct kf_shares *all = kf_shares__all();
	struct kf_share *share;
	long error;

	if (!all)
		return -1;
	share = &all->table[KF_SHARE_OWNERS];
	kf_charge__set(&owner->charge, owner->proc.tgid, owner->proc.uid);
	if (!kf_share__admits(share, &owner->charge, 2 * kf_sock_entries))
		return kf_owner__spill(all, cookie, owner);
	error = bpf_map_update_elem(&kf_owners, &cookie, owner, BPF_NOEXIST);
	if (error == -17) /* EEXIST */
		return -1;
	if (error) /* many processes with few sockets each have filled it */
		return kf_owner__spill(all, cookie, owner);
	kf_share__add(share, &owner->charge, 1);
	return 0;
}

/* The current process becomes the owner. */
static __always_inline void kf_owner__set(u64 cookie)
{
	struct kf_owner owner = {};
	struct kf_owner *old;

	if (!cookie || kf_current__kthread())
		return;
	kf_proc__fill_current(&owner.proc);
	old = kf_owner__find(cookie);
	if (old) {
		old->proc = owner.proc;
		return;
	}
	owner.net_ns = kf_current__net_ns();
	owner.flags = kf_self() ? KF_OWNER_SELF : 0;
	kf_owner__put(cookie, &owner);
}

/* The socket is gone. */
static __always_inline void kf_owner__forget(u64 cookie)
{
	if (bpf_map_delete_elem(&kf_owners, &cookie) && kf_owner__spilled())
		bpf_map_delete_elem(&kf_spill, &cookie);
}

#endif
