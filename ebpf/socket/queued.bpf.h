/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Of which peer a datagram in a receive queue is, so that where it is taken out its headers are not read again.
 * By the address of its sk_buff: the one that ingress has seen is the one that is queued, and another datagram
 * that gets the address later passes ingress, too.
 */
#ifndef KF_SOCKET_QUEUED_BPF_H
#define KF_SOCKET_QUEUED_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"

#define KF_QUEUED_BITS 12 /* 64 KiB; what meets in one place has its headers read */

struct kf_queued {
	u64 skb;
	u64 number; /* of its peer, xor skb: half of another's is a number that nobody has */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KF_QUEUED_BITS);
	__type(key, u32);
	__type(value, struct kf_queued);
} kf_queued SEC(".maps");

static __always_inline struct kf_queued *kf_queued__at(u64 skb)
{
	u32 place = skb * KF_PRIME >> (64 - KF_QUEUED_BITS);

	return bpf_map_lookup_elem(&kf_queued, &place);
}

/* A datagram comes in. number 0: it has no peer of its own. */
static __always_inline void kf_queued__set(u64 skb, u64 number)
{
	struct kf_queued *queued;

	if (!kf_takes_datagrams)
		return;
	queued = kf_queued__at(skb);
	if (!queued)
		return;
	queued->skb = skb;
	queued->number = number ^ skb;
}

/* Whether it is known; number 0: it has no peer of its own. */
static __always_inline bool kf_queued__find(u64 skb, u64 *number)
{
	struct kf_queued *queued = kf_queued__at(skb);

	if (!queued || queued->skb != skb)
		return false;
	*number = queued->number ^ skb;
	return true;
}

#endif
