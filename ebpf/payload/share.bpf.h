/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How much payload a process and a user may put into the ring in a second: so nobody's flood of the ports
 * that are decoded takes the messages of others. Places are those that the tables of sockets count in.
 */
#ifndef KF_PAYLOAD_SHARE_BPF_H
#define KF_PAYLOAD_SHARE_BPF_H

#include "share.bpf.h"

#define KF_PAYLOAD_SECOND_NS 1000000000ULL

const volatile u32 kf_payload_share = 1 << 16; /* bytes of a user; a process has half of it */

/* What is left of a second. Several CPUs may take at once: then a little more goes. */
struct kf_payload_left {
	u64 since_ns;
	s64 left;
};

/* Places of processes, then those of users. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KF_SHARE_PROCESSES + KF_SHARE_USERS);
	__type(key, u32);
	__type(value, struct kf_payload_left);
} kf_payload_shares SEC(".maps");

static __always_inline bool kf_payload_share__has(u32 place, u32 most, u32 bytes, u64 now_ns)
{
	struct kf_payload_left *it = bpf_map_lookup_elem(&kf_payload_shares, &place);

	if (!it)
		return false;
	if (now_ns - it->since_ns >= KF_PAYLOAD_SECOND_NS) {
		it->since_ns = now_ns;
		it->left = most;
	}
	if (it->left < bytes)
		return false;
	__sync_fetch_and_add(&it->left, -(s64)bytes);
	return true;
}

/* Whether so many bytes may go. Root is many: its processes have shares, and it has none. */
static __always_inline bool kf_payload_share__takes(const struct kf_charge *charge, u32 bytes,
						    u64 now_ns)
{
	u32 user = KF_SHARE_PROCESSES + kf_share__bound(charge->user, KF_SHARE_USER_BITS);
	u32 process = kf_share__bound(charge->process, KF_SHARE_PROCESS_BITS);

	if (!kf_payload_share__has(process, kf_payload_share / 2, bytes, now_ns))
		return false;
	return !charge->user || kf_payload_share__has(user, kf_payload_share, bytes, now_ns);
}

#endif
