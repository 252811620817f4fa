/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who owns a TCP or UDP socket. The key is the socket's cookie or alias. */
#ifndef KF_SOCKET_OWNER_BPF_H
#define KF_SOCKET_OWNER_BPF_H

#include "maps.bpf.h"
#include "task.bpf.h"

#define KF_OWNER_SELF 1 /* a socket of kflowd: not followed */

/* The process that created, connected, listened on or accepted a socket. */
struct kf_owner {
	struct kf_proc proc;
	u32 net_ns;
	u32 flags; /* KF_OWNER_* */
	u32 flows; /* UDP aggregates begun */
	u32 pad;
	struct kf_sock_key flow; /* the first of them */
};

/* Every open inet socket has an owner, listeners and idle ones too: twice kf_socks, 4 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, u64);
	__type(value, struct kf_owner);
} kf_owners SEC(".maps");

static __always_inline struct kf_owner *kf_owner__find(u64 cookie)
{
	return bpf_map_lookup_elem(&kf_owners, &cookie);
}

static __always_inline bool kf_owner__is_self(const struct kf_owner *owner)
{
	return owner && owner->flags & KF_OWNER_SELF;
}

/* The current process becomes the owner. */
static __always_inline void kf_owner__set(u64 cookie)
{
	struct kf_owner owner = {};
	struct kf_owner *old;

	if (!cookie || kf_current__kthread())
		return;
	kf_proc__fill_current(&owner.proc);
	old = bpf_map_lookup_elem(&kf_owners, &cookie);
	if (old) {
		old->proc = owner.proc;
		return;
	}
	owner.net_ns = kf_current__net_ns();
	owner.flags = kf_self() ? KF_OWNER_SELF : 0;
	bpf_map_update_elem(&kf_owners, &cookie, &owner, BPF_ANY);
}

#endif
