/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What finds no room of its own is added up: peers of a UDP socket in one entry, sockets of a
 * process in one for each protocol and role. Processes for whose folds there is no room are one
 * fold of their user, and users one for all. User space takes folds as it takes idle sockets.
 */
#ifndef KF_SOCKET_FOLD_BPF_H
#define KF_SOCKET_FOLD_BPF_H

#include "socket/direction.bpf.h"

/* 760 bytes each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_fold_key);
	__type(value, struct kf_fold);
} kf_folds SEC(".maps");

static const struct kf_fold kf_fold_zero;

/* As settings/tree.py sizes kf_folds. */
static __always_inline u32 kf_fold__entries(void)
{
	return kf_sock_entries / 16 + 64;
}

static __always_inline u32 kf_fold__lock(const struct kf_sock *fold)
{
	return fold->charge.process & (KF_LOCKS - 1);
}

/* The fold of a process. */
static __always_inline void kf_fold__key(struct kf_fold_key *key, const struct kf_owner *owner,
					 u32 protocol, u32 role)
{
	key->id = owner ? owner->proc.start_ns : 0;
	key->of = owner ? owner->proc.tgid : 0;
	key->scope = KF_SCOPE_PROCESS;
	key->protocol = protocol;
	key->role = role;
	key->pad = 0;
}

static __noinline struct kf_fold *kf_fold__create(const struct kf_fold_key *key,
						  const struct kf_owner *owner)
{
	struct kf_shares *all = kf_shares__all();
	struct kf_charge charge;
	struct kf_fold *fold;

	if (!all)
		return NULL;
	kf_sock__charge(&charge, owner);
	if (!kf_share__admits_fold(&all->table[KF_SHARE_FOLDS], &charge, key->scope,
				   kf_fold__entries()))
		return NULL;
	if (bpf_map_update_elem(&kf_folds, key, &kf_fold_zero, BPF_NOEXIST))
		return bpf_map_lookup_elem(&kf_folds, key); /* another CPU may have been first */
	kf_share__add(&all->table[KF_SHARE_FOLDS], &charge, 1);
	all->table[KF_SHARE_TCP].folding = 1;
	kf_count(KF_CNT_SOCK_CREATED, 1);
	fold = bpf_map_lookup_elem(&kf_folds, key);
	if (!fold)
		return NULL;
	fold->sock.charge = charge;
	fold->sock.first_ns = fold->sock.last_ns = bpf_ktime_get_boot_ns();
	fold->sock.protocol = key->protocol;
	fold->sock.role = key->role;
	fold->sock.flags = KF_SOCK_FOLDED;
	if (key->protocol == KF_IPPROTO_UDP && kf_packet__knows_fragments())
		fold->sock.flags |= KF_SOCK_FRAGS;
	if (key->scope <= KF_SCOPE_PROCESS)
		kf_sock__own(&fold->sock, owner);
	else
		fold->sock.flags |= KF_SOCK_NO_OWNER;
	return fold;
}

/* A fold by its key, or the next one above for which there is room; then the key is that one's. */
static __noinline struct kf_fold *kf_fold__climb(struct kf_fold_key *key,
						 const struct kf_owner *owner)
{
	struct kf_fold *fold = bpf_map_lookup_elem(&kf_folds, key);

	if (!fold)
		fold = kf_fold__create(key, owner);
	if (fold)
		return fold;
	key->scope = KF_SCOPE_USER;
	key->id = 0;
	key->of = owner ? owner->proc.uid : 0;
	fold = bpf_map_lookup_elem(&kf_folds, key);
	if (!fold)
		fold = kf_fold__create(key, owner);
	if (fold)
		return fold;
	key->scope = KF_SCOPE_ALL;
	key->of = 0;
	fold = bpf_map_lookup_elem(&kf_folds, key);
	return fold ? fold : kf_fold__create(key, owner);
}

/* The sums of a fold, one of whose members goes by this hash; NULL is counted: seen and lost. */
static __always_inline struct kf_sock *kf_fold__of(struct kf_fold_key *key,
						   const struct kf_owner *owner, u64 member)
{
	struct kf_fold *fold = kf_fold__climb(key, owner);

	if (!fold) {
		kf_count(KF_CNT_SOCK_CREATED, 1);
		kf_count(KF_CNT_SOCK_LOST_MAP, 1);
		return NULL;
	}
	kf_share__mark(fold->members, member);
	return &fold->sock;
}

static __always_inline struct kf_sock *kf_fold__find(const struct kf_owner *owner, u32 protocol,
						     u32 role, u64 member)
{
	struct kf_fold_key key = {};

	kf_fold__key(&key, owner, protocol, role);
	return kf_fold__of(&key, owner, member);
}

/* The same for a connection that begins. */
static __always_inline struct kf_sock *kf_fold__begin(const struct kf_owner *owner, u32 protocol,
						      u32 role, u64 member)
{
	struct kf_sock *fold = kf_fold__find(owner, protocol, role, member);

	if (!fold)
		return NULL;
	kf_count(KF_CNT_SOCK_CREATED, 1);
	__sync_fetch_and_add(&fold->begun, 1);
	return fold;
}

/* What all members have in common: the rest is 0. A member from elsewhere has none of it. */
static __always_inline void kf_fold__address(struct kf_sock *fold, const struct kf_packet *packet)
{
	const u64 *local = (const u64 *)(packet->received ? packet->to : packet->from);
	u32 port = packet->received ? packet->to_port : packet->from_port;
	u64 *common = (u64 *)fold->local_addr;

	if (!fold->rx.packets && !fold->tx.packets) {
		fold->family = packet->family;
		fold->local_port = port;
		common[0] = local[0];
		common[1] = local[1];
		return;
	}
	if (fold->local_port != port)
		fold->local_port = 0;
	if (fold->family != packet->family)
		fold->family = 0;
	if (common[0] != local[0] || common[1] != local[1])
		common[0] = common[1] = 0;
}

static __always_inline void kf_fold__packet(struct kf_sock *fold, const struct kf_packet *packet)
{
	struct kf_sock_dir *dir = packet->received ? &fold->rx : &fold->tx;

	kf_fold__address(fold, packet);
	fold->last_ns = packet->ts_ns;
	kf_dir__add(dir, packet);
	if (packet->protocol == KF_IPPROTO_TCP && !kf_dir__flags(dir, kf_fold__lock(fold), packet))
		fold->flags |= KF_SOCK_FLAGS_FULL;
}

#endif
