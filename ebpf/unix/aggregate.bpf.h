/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * UNIX sockets, the same in every attach mode. One aggregate for each socket; a datagram socket that sends
 * to changing destinations has one for each further destination. The address is the server's: the
 * own name of a listener's child or of a bound receiver, else the peer's.
 */
#ifndef KF_UNIX_AGGREGATE_BPF_H
#define KF_UNIX_AGGREGATE_BPF_H

#include "share.bpf.h"
#include "unix/name.bpf.h"
#include "usage.bpf.h"

#define KF_AF_UNIX 1
#define KF_MSG_PEEK 2

/* UNIX sockets that have carried data, 350 bytes each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_unix_key);
	__type(value, struct kf_unix);
} kf_unix SEC(".maps");

static const struct kf_unix kf_unix_zero;

/* Sockets beyond the share of their process, added up: see socket/fold.bpf.h. 480 bytes each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_fold_key);
	__type(value, struct kf_unix_fold);
} kf_unix_folds SEC(".maps");

static const struct kf_unix_fold kf_unix_fold_zero;

/* One call that moved bytes. */
struct kf_unix_message {
	struct socket *socket; /* NULL: it was closed meanwhile, and its key is all that is known */
	u64 bytes;
	u32 messages;
	bool sent;
	struct kf_unix_name to; /* datagrams: the destination of this one */
};

static __always_inline void kf_unix__key(struct kf_unix_key *key, struct socket *socket)
{
	struct file *file = KF_READ(socket, file);

	key->sock = kf_number(KF_READ(socket, sk));
	key->ino = file ? KF_READ(file, f_inode, i_ino) : 0;
	key->peer_hash = 0;
}

/* As settings/tree.py sizes kf_unix_folds. */
static __always_inline u32 kf_unix_fold__entries(void)
{
	return kf_unix_entries / 16 + 64;
}

static __noinline struct kf_unix_fold *kf_unix_fold__create(const struct kf_fold_key *key,
							    const struct kf_charge *charge)
{
	struct kf_shares *all = kf_shares__all();
	struct kf_unix_fold *fold;

	if (!all || !kf_share__admits_fold(&all->table[KF_SHARE_UNIX_FOLDS], charge, key->scope,
					   kf_unix_fold__entries()))
		return NULL;
	if (bpf_map_update_elem(&kf_unix_folds, key, &kf_unix_fold_zero, BPF_NOEXIST))
		return bpf_map_lookup_elem(&kf_unix_folds, key);
	kf_share__add(&all->table[KF_SHARE_UNIX_FOLDS], charge, 1);
	kf_count(KF_CNT_UNIX_CREATED, 1);
	fold = bpf_map_lookup_elem(&kf_unix_folds, key);
	if (!fold)
		return NULL;
	fold->unix_sock.charge = *charge;
	fold->unix_sock.first_ns = bpf_ktime_get_boot_ns();
	fold->unix_sock.flags = KF_SOCK_FOLDED;
	if (key->scope == KF_SCOPE_PROCESS)
		kf_proc__fill_current(&fold->unix_sock.proc);
	else
		fold->unix_sock.flags |= KF_SOCK_NO_OWNER;
	return fold;
}

/* The fold of the current process, or the next one above for which there is room. */
static __noinline struct kf_unix_fold *kf_unix_fold__climb(const struct kf_charge *charge)
{
	struct kf_fold_key key = { .id = kf_current__start(), .scope = KF_SCOPE_PROCESS };
	struct kf_unix_fold *fold;

	key.of = bpf_get_current_pid_tgid() >> 32;
	fold = bpf_map_lookup_elem(&kf_unix_folds, &key);
	if (!fold)
		fold = kf_unix_fold__create(&key, charge);
	if (fold)
		return fold;
	key.id = 0;
	key.of = kf_current__uid();
	key.scope = KF_SCOPE_USER;
	fold = bpf_map_lookup_elem(&kf_unix_folds, &key);
	if (!fold)
		fold = kf_unix_fold__create(&key, charge);
	if (fold)
		return fold;
	key.of = 0;
	key.scope = KF_SCOPE_ALL;
	fold = bpf_map_lookup_elem(&kf_unix_folds, &key);
	return fold ? fold : kf_unix_fold__create(&key, charge);
}

static __always_inline void kf_unix__lose(void)
{
	kf_count(KF_CNT_UNIX_CREATED, 1);
	kf_count(KF_CNT_UNIX_LOST_MAP, 1);
}

/* A socket for which there is no room; NULL is counted: seen and lost. */
static __always_inline struct kf_unix *kf_unix__fold(const struct kf_unix_key *key,
						     const struct kf_charge *charge)
{
	struct kf_unix_fold *fold = kf_unix_fold__climb(charge);

	if (!fold) {
		kf_unix__lose();
		return NULL;
	}
	/* By the inode, not by the address: an address comes again. */
	kf_share__mark(fold->members, key->ino ^ key->peer_hash);
	return &fold->unix_sock;
}

static __always_inline struct kf_unix *kf_unix__begin(struct kf_unix_key *key,
						      const struct kf_unix_message *message)
{
	struct kf_shares *all = kf_shares__all();
	struct socket *socket = message->socket;
	struct kf_charge charge;
	struct kf_unix *agg;
	long error = -1;

	kf_charge__set(&charge, bpf_get_current_pid_tgid() >> 32, kf_current__uid());
	if (!socket)
		return kf_unix__fold(key, &charge);
	if (all && kf_share__admits(&all->table[KF_SHARE_UNIX], &charge, kf_unix_entries))
		error = bpf_map_update_elem(&kf_unix, key, &kf_unix_zero, BPF_NOEXIST);
	if (error && error != -17) /* EEXIST: another CPU was first */
		return kf_unix__fold(key, &charge);
	agg = bpf_map_lookup_elem(&kf_unix, key);
	if (error || !agg)
		return agg;
	kf_count(KF_CNT_UNIX_CREATED, 1);
	kf_share__add(&all->table[KF_SHARE_UNIX], &charge, 1);
	agg->charge = charge;
	kf_proc__fill_current(&agg->proc);
	agg->first_ns = bpf_ktime_get_boot_ns();
	agg->type = KF_READ(socket, type);
	agg->role = KF_ROLE_CLIENT;
	if (message->to.len) {
		kf_unix_name__put(&message->to, agg);
		agg->flags = KF_SOCK_NAMED_TO;
	} else {
		kf_unix_name__fill(agg, KF_READ(socket, sk), message->sent);
	}
	return agg;
}

#define KF_UNIX_TO_PEER 2 /* no kf_unix_name__hash: those are odd */

/* Which aggregate a message belongs to, if it is not the socket's first: 0, or a further destination. */
static __always_inline u64 kf_unix__destination(const struct kf_unix *first,
						const struct kf_unix_message *message)
{
	if (message->to.len)
		return kf_unix_name__is(&message->to, first) ? 0 : kf_unix_name__hash(&message->to);
	return message->sent && first->flags & KF_SOCK_NAMED_TO ? KF_UNIX_TO_PEER : 0;
}

static __always_inline struct kf_unix *kf_unix__find(struct kf_unix_key *key,
						     const struct kf_unix_message *message)
{
	struct kf_unix *agg = bpf_map_lookup_elem(&kf_unix, key);

	if (agg)
		key->peer_hash = kf_unix__destination(agg, message);
	if (agg && key->peer_hash)
		agg = bpf_map_lookup_elem(&kf_unix, key);
	return agg ? agg : kf_unix__begin(key, message);
}

_Static_assert(sizeof(struct kf_unix_key) == 3 * sizeof(u64), "kf_unix__user_key");

/* The key of a socket's first user. */
static __always_inline void kf_unix__user_key(struct kf_user_key *user,
					      const struct kf_unix_key *key)
{
	__builtin_memcpy(user->socket, key, sizeof(*key));
	user->socket[3] = 0;
	user->table = KF_SHARE_UNIX;
	user->place = 0;
}

/* Global, so that its arguments are numbers: the key, and what was moved. The key of a user begins with
 * that of the socket; there is no stack for both. */
__noinline int kf_unix__used_by_other(u64 sock, u64 ino, u64 peer_hash, u64 bytes, u32 sent)
{
	struct kf_user_key user = { .socket = { sock, ino, peer_hash }, .table = KF_SHARE_UNIX };
	struct kf_unix *agg = bpf_map_lookup_elem(&kf_unix, user.socket);

	if (agg)
		kf_usage__other(&agg->usage, &user, bytes, sent);
	return 0;
}

/* Who moved the bytes; of a fold that is not known. */
static __always_inline void kf_unix__used(struct kf_unix *agg, const struct kf_unix_key *key,
					  const struct kf_unix_message *message)
{
	if (agg->flags & KF_SOCK_FOLDED)
		return;
	if (kf_usage__is_own(&agg->proc))
		kf_usage__own(&agg->usage, message->bytes, message->sent);
	else
		kf_unix__used_by_other(key->sock, key->ino, key->peer_hash, message->bytes,
				       message->sent);
}

/* Adds a message to the socket of a key, which is its destination's then. */
static __always_inline void kf_unix__book(struct kf_unix_key *key,
					  const struct kf_unix_message *message)
{
	struct kf_unix *agg = kf_unix__find(key, message);

	if (!agg)
		return;
	agg->last_ns = bpf_ktime_get_boot_ns();
	kf_unix__used(agg, key, message);
	if (message->sent) {
		__sync_fetch_and_add(&agg->tx_bytes, message->bytes);
		__sync_fetch_and_add(&agg->tx_messages, message->messages);
	} else {
		__sync_fetch_and_add(&agg->rx_bytes, message->bytes);
		__sync_fetch_and_add(&agg->rx_messages, message->messages);
	}
	/* Another thread closes it: the record may have been copied before this was added. */
	if (agg->flags & KF_SOCK_ENDED && !bpf_map_lookup_elem(&kf_unix, key))
		kf_unix__lose();
}

static __always_inline void kf_unix__moved(const struct kf_unix_message *message)
{
	struct kf_unix_key key;

	kf_unix__key(&key, message->socket);
	kf_unix__book(&key, message);
}

static __always_inline void kf_unix__uncount(const struct kf_charge *charge)
{
	struct kf_shares *all = kf_shares__all();

	if (all)
		kf_share__add(&all->table[KF_SHARE_UNIX], charge, -1);
}

/* The longest record of a socket. */
struct kf_unix_used_record {
	struct kf_unix_record rec;
	struct kf_user users[KF_USERS];
};
_Static_assert(sizeof(struct kf_unix_used_record) ==
		       sizeof(struct kf_unix_record) + KF_USERS * sizeof(struct kf_user),
	       "users follow the record without a hole");

/* Fills in the record of a socket that is closed, and takes its entry. */
static __always_inline void kf_unix__finish(struct kf_unix_record *rec, struct kf_unix_key *key,
					    const struct kf_unix *agg)
{
	kf_header__fill(&rec->hdr, KF_KIND_UNIX, sizeof(*rec));
	rec->key = *key;
	__builtin_memcpy(&rec->unix_sock, agg, sizeof(rec->unix_sock));
	rec->unix_sock.flags = (agg->flags | KF_SOCK_FINAL) & ~(KF_SOCK_ENDED | KF_SOCK_MAP_ONLY);
	if (bpf_map_delete_elem(&kf_unix, key) == 0)
		kf_unix__uncount(&rec->unix_sock.charge);
}

static __always_inline bool kf_unix__flush_alone(struct kf_unix_key *key, const struct kf_unix *agg)
{
	struct kf_unix_record *rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);

	if (!rec)
		return false;
	kf_unix__finish(rec, key, agg);
	kf_submit(rec);
	return true;
}

/* The same with those who used it. */
static __always_inline bool kf_unix__flush_used(struct kf_unix_key *key, const struct kf_unix *agg)
{
	struct kf_unix_used_record *used = bpf_ringbuf_reserve(&kf_ring, sizeof(*used), 0);
	struct kf_user_key user;

	if (!used)
		return false;
	kf_unix__user_key(&user, key);
	kf_unix__finish(&used->rec, key, agg);
	used->rec.hdr.size += kf_users__take(used->users, &user) * sizeof(struct kf_user);
	kf_submit(used);
	return true;
}

/* The socket is closed. Aggregates of further destinations end by idle time. */
static __always_inline void kf_unix__released(struct socket *socket)
{
	struct kf_unix_key key;
	struct kf_unix *agg;

	if (!KF_READ(socket, sk))
		return;
	kf_unix__key(&key, socket);
	agg = bpf_map_lookup_elem(&kf_unix, &key);
	if (!agg)
		return;
	agg->flags |= KF_SOCK_ENDED;
	if (!(agg->usage.users ? kf_unix__flush_used(&key, agg) : kf_unix__flush_alone(&key, agg)))
		kf_count(KF_CNT_UNIX_LOST_RING, 1);
}

#endif
