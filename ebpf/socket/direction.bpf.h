/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting one direction of a socket. Several CPUs may count at once: numbers are added atomically,
 * and a new slot of the flag histogram is given out under a lock.
 */
#ifndef KF_SOCKET_DIRECTION_BPF_H
#define KF_SOCKET_DIRECTION_BPF_H

#include "socket/packet.bpf.h"

#define KF_TCP_FIN 1
#define KF_TCP_SYN 2
#define KF_TCP_RST 4
#define KF_TCP_PSH 8
#define KF_TCP_ACK 16
#define KF_LOCKS 64 /* sockets share these; taken only for a slot's first packet */

struct kf_lock {
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KF_LOCKS);
	__type(key, u32);
	__type(value, struct kf_lock);
} kf_sock_locks SEC(".maps");

/* Under the lock: no calls here. */
static __always_inline bool kf_dir__take_slot(struct kf_sock_dir *dir, u8 bits, u32 n)
{
	for (int i = 0; i < KF_FLAG_SLOTS; i++) {
		if (dir->flag_counts[i] == 0) {
			dir->flag_bits[i] = bits;
			dir->flag_counts[i] = n;
			return true;
		}
		if (dir->flag_bits[i] == bits) {
			__sync_fetch_and_add(&dir->flag_counts[i], n);
			return true;
		}
	}
	return false;
}

static __noinline bool kf_dir__add_flags(struct kf_sock_dir *dir, u32 lock_key, u32 bits, u32 n)
{
	struct kf_lock *lock;
	bool found;

	for (int i = 0; i < KF_FLAG_SLOTS; i++) {
		if (dir->flag_counts[i] && dir->flag_bits[i] == bits) {
			__sync_fetch_and_add(&dir->flag_counts[i], n);
			return true;
		}
	}
	lock = bpf_map_lookup_elem(&kf_sock_locks, &lock_key);
	if (!lock)
		return false;
	bpf_spin_lock(&lock->lock);
	found = kf_dir__take_slot(dir, bits, n);
	bpf_spin_unlock(&lock->lock);
	return found;
}

/* Of the segments of one GSO packet only the last carries FIN and PSH. */
static __always_inline bool kf_dir__flags(struct kf_sock_dir *dir, u32 lock_key,
					  const struct kf_packet *packet)
{
	u32 bits = packet->tcp_flags;
	bool listed = true;

	if (packet->segments > 1)
		listed = kf_dir__add_flags(dir, lock_key, bits & ~(KF_TCP_FIN | KF_TCP_PSH),
					   packet->segments - 1);
	return kf_dir__add_flags(dir, lock_key, bits, 1) && listed;
}

static __always_inline void kf_dir__add(struct kf_sock_dir *dir, const struct kf_packet *packet)
{
	if (!dir->first_ns)
		dir->first_ns = packet->ts_ns;
	if (!dir->ifindex)
		dir->ifindex = packet->ifindex;
	dir->last_ns = packet->ts_ns;
	__sync_fetch_and_add(&dir->packets, packet->segments);
	__sync_fetch_and_add(&dir->packets_seen, packet->segments);
	__sync_fetch_and_add(&dir->ttl_sum, (u64)packet->ttl * packet->segments);
	if (packet->frag)
		__sync_fetch_and_add(&dir->frags, packet->segments);
	if (!packet->payload)
		return;
	__sync_fetch_and_add(&dir->bytes, packet->payload);
	__sync_fetch_and_add(&dir->data_packets, packet->segments);
}

static __always_inline bool kf_dir__ended(const struct kf_sock_dir *dir)
{
	for (int i = 0; i < KF_FLAG_SLOTS; i++)
		if (dir->flag_bits[i] & KF_TCP_FIN)
			return true;
	return false;
}

#endif
