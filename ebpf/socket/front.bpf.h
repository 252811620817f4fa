/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Peers of UDP that are found without the price of a hash: a datagram is looked up three times until it
 * is received. An array, in which a peer may have the one place that the high bits of its number
 * say; if that is taken when the peer begins, it stands in kf_udp as ever. The numbers have a secret in
 * them, so nobody chooses whom he meets.
 *
 * A place is claimed and ended by additions alone, because 5.10 has no other atomic operation: who adds
 * one and reads one is alone. Of two that claim at once both may read two; then neither has it.
 */
#ifndef KF_SOCKET_FRONT_BPF_H
#define KF_SOCKET_FRONT_BPF_H

#include "maps.bpf.h"
#include "read.bpf.h"

_Static_assert(KF_FRONT_PLACES == 1 << KF_FRONT_BITS, "the places of a number");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, KF_FRONT_PLACES);
	__type(key, u32);
	__type(value, struct kf_front);
} kf_front SEC(".maps");

static __always_inline struct kf_front *kf_front__of(u64 number)
{
	u32 place = number >> (64 - KF_FRONT_BITS);

	return bpf_map_lookup_elem(&kf_front, &place);
}

/* Whether the place is this peer's. */
static __always_inline bool kf_front__is(const struct kf_front *front, u64 number)
{
	return front && *(volatile u64 *)&front->number == number;
}

/* Takes a turn; false: another has it, or was there at the same time. */
static __always_inline bool kf_front__turn(u32 *turns)
{
	__sync_fetch_and_add(turns, 1);
	barrier();
	if (*(volatile u32 *)turns == 1)
		return true;
	__sync_fetch_and_add(turns, -1);
	return false;
}

/* Gives a peer that begins its place; false: it is taken. */
static __always_inline bool kf_front__begin(u64 number)
{
	struct kf_front *front = kf_front__of(number);

	if (!front || *(volatile u32 *)&front->claims || !kf_front__turn(&front->claims))
		return false;
	__builtin_memset(&front->peer, 0, sizeof(front->peer));
	barrier();
	*(volatile u64 *)&front->number = number;
	return true;
}

/* Takes a peer out of its place; false: it is in none, or another takes it out. */
static __always_inline bool kf_front__end(u64 number)
{
	struct kf_front *front = kf_front__of(number);
	bool mine;

	if (!kf_front__is(front, number) || !kf_front__turn(&front->ends))
		return false;
	mine = kf_front__is(front, number);
	if (mine)
		*(volatile u64 *)&front->number = 0;
	barrier();
	__sync_fetch_and_add(&front->ends, -1);
	if (mine)
		__sync_fetch_and_add(&front->claims, -1);
	return mine;
}

#endif
