/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of TCP and UDP sockets. The key is the socket's cookie or alias. */
#ifndef KF_SOCKET_AGGREGATE_BPF_H
#define KF_SOCKET_AGGREGATE_BPF_H

#include "net.h"
#include "emit.bpf.h"
#include "socket/alias.bpf.h"
#include "socket/front.bpf.h"
#include "socket/hidden.bpf.h"
#include "socket/owner.bpf.h"
#include "usage.bpf.h"

#define KF_AF_INET6 10
#define KF_ETH_P_IP 0x0800
#define KF_ETH_P_IPV6 0x86dd
#define KF_IPPROTO_TCP 6
#define KF_IPPROTO_UDP 17
#define KF_SOCK_STREAM 1
#define KF_SOCK_DGRAM 2

#define KF_TCP_ESTABLISHED 1
#define KF_TCP_SYN_SENT 2
#define KF_TCP_SYN_RECV 3
#define KF_TCP_FIN_WAIT1 4
#define KF_TCP_FIN_WAIT2 5
#define KF_TCP_CLOSE 7
#define KF_TCP_CLOSE_WAIT 8
#define KF_TCP_LAST_ACK 9
#define KF_TCP_LISTEN 10
#define KF_TCP_CLOSING 11
#define KF_UDP_ESTABLISHED 1

/* TCP connections, 570 bytes each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_tcp_key);
	__type(value, struct kf_sock);
} kf_tcp SEC(".maps");
_Static_assert(__builtin_offsetof(struct kf_sock_key, cookie) == 0, "a key of kf_tcp");

/* UDP peers, 600 bytes each: what strangers send takes no room from connections. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_udp_key);
	__type(value, struct kf_peer);
} kf_udp SEC(".maps");
_Static_assert(__builtin_offsetof(struct kf_peer, sock) == 0, "a value of both tables");

/* New entries of both begin as this, are found again and filled in place: too big for the stack. */
static const struct kf_peer kf_peer_zero;

/* What becomes of a connection or a peer that has no entry. */
enum kf_begin {
	KF_BEGUN, /* it has one now */
	KF_BEGUN_ELSEWHERE, /* another CPU was first */
	KF_REFUSED, /* its process is at its share, or there is no room: fold it */
};

static __always_inline struct kf_sock *kf_sock__find(u64 cookie)
{
	return bpf_map_lookup_elem(&kf_tcp, &cookie);
}

/* The entry of a packet's socket. Few sockets have an alias, so the cookie is tried first; after a
 * miss the key has what the socket goes by. */
static __always_inline struct kf_sock *kf_sock__seek(struct kf_sock_key *key, const void *sk)
{
	struct kf_sock *sock = kf_sock__find(key->cookie);
	u64 alias;

	if (sock || kf_nargs_bpf_get_socket_ptr_cookie)
		return sock;
	alias = kf_alias__of(key->cookie, sk);
	if (alias == key->cookie)
		return NULL;
	key->cookie = alias;
	return kf_sock__find(alias);
}

static __always_inline void *kf_sock__at(void *table, const enum kf_share_table which,
					 const void *key)
{
	struct kf_front *front;

	if (which == KF_SHARE_UDP) {
		front = kf_front__of(*(const u64 *)key);
		if (kf_front__is(front, *(const u64 *)key))
			return &front->peer;
	}
	return bpf_map_lookup_elem(table, key);
}

static __always_inline long kf_sock__insert(void *table, const enum kf_share_table which,
					    const void *key, const struct kf_sock *value)
{
	if (which == KF_SHARE_UDP) {
		if (kf_front__is(kf_front__of(*(const u64 *)key), *(const u64 *)key))
			return -17; /* EEXIST */
		if (kf_front__begin(*(const u64 *)key))
			return 0;
	}
	return bpf_map_update_elem(table, key, value, BPF_NOEXIST);
}

static __always_inline bool kf_sock__remove(void *table, const enum kf_share_table which,
					    u64 number)
{
	if (which == KF_SHARE_UDP && kf_front__end(number))
		return true;
	return bpf_map_delete_elem(table, &number) == 0;
}

/* Puts an entry, which says whom it counts against. It counts as seen if it finds room; what is refused
 * is counted where it is folded. */
static __always_inline enum kf_begin kf_sock__put(void *table, const enum kf_share_table which,
						  const void *key, const struct kf_sock *value,
						  const struct kf_charge *charge)
{
	struct kf_shares *all = kf_shares__all();
	long error;

	if (!all)
		return KF_REFUSED;
	error = -1;
	if (kf_share__admits(&all->table[which], charge, kf_sock_entries))
		error = kf_sock__insert(table, which, key, value);
	if (error == -17) /* EEXIST */
		return KF_BEGUN_ELSEWHERE;
	if (error)
		return KF_REFUSED;
	kf_count(KF_CNT_SOCK_CREATED, 1);
	kf_share__add(&all->table[which], charge, 1);
	return KF_BEGUN;
}

/* What counted an entry that is gone. */
static __always_inline void kf_sock__uncount(const enum kf_share_table which,
					     const struct kf_charge *charge, u32 share_socket)
{
	struct kf_shares *all = kf_shares__all();

	if (!all)
		return;
	kf_share__add(&all->table[which], charge, -1);
	if (which == KF_SHARE_UDP)
		__sync_fetch_and_add(
			&all->peers[kf_share__bound(share_socket, KF_SHARE_SOCKET_BITS)], -1);
}

/* The longest record of a socket. */
struct kf_sock_used_record {
	struct kf_sock_record rec;
	struct kf_user users[KF_USERS];
};
_Static_assert(sizeof(struct kf_sock_used_record) ==
		       sizeof(struct kf_sock_record) + KF_USERS * sizeof(struct kf_user),
	       "users follow the record without a hole");

/* The key of a socket's first user; number is the socket's key in its table. */
static __always_inline void kf_sock__user_key(struct kf_user_key *user,
					      const enum kf_share_table which, u64 number)
{
	__builtin_memset(user, 0, sizeof(*user));
	user->socket[0] = number;
	user->table = which;
}

/* Fills in the record of an aggregate that is at its end, and takes its entry. */
static __always_inline void kf_sock__finish(struct kf_sock_record *rec, void *table,
					    const enum kf_share_table which, u64 number,
					    const struct kf_sock *sock)
{
	kf_header__fill(&rec->hdr, KF_KIND_SOCK, sizeof(*rec));
	if (which == KF_SHARE_UDP)
		rec->key = ((const struct kf_peer *)sock)->key;
	else
		rec->key = (struct kf_sock_key){ .cookie = number };
	__builtin_memcpy(&rec->sock, sock, sizeof(rec->sock));
	rec->sock.flags = (sock->flags | KF_SOCK_FINAL) & ~(KF_SOCK_ENDED | KF_SOCK_MAP_ONLY);
	if (kf_sock__remove(table, which, number))
		kf_sock__uncount(which, &rec->sock.charge, rec->sock.share_socket);
}

/* Sends the record of an aggregate that is gone, unless rules hide it. */
static __always_inline void kf_sock__submit(void *reserved, const struct kf_sock *sock)
{
	if (kf_hidden_sock__is(sock)) {
		kf_count(KF_CNT_SOCK_HIDDEN, 1);
		kf_discard(reserved);
		return;
	}
	kf_submit(reserved);
}

static __always_inline bool kf_sock__flush_alone(void *table, const enum kf_share_table which,
						 u64 number, const struct kf_sock *sock)
{
	struct kf_sock_record *rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);

	if (!rec)
		return false;
	kf_sock__finish(rec, table, which, number, sock);
	kf_sock__submit(rec, &rec->sock);
	return true;
}

/* The same with those who used it. */
static __always_inline bool kf_sock__flush_used(void *table, const enum kf_share_table which,
						u64 number, const struct kf_sock *sock)
{
	struct kf_sock_used_record *used = bpf_ringbuf_reserve(&kf_ring, sizeof(*used), 0);
	struct kf_user_key user;

	if (!used)
		return false;
	kf_sock__user_key(&user, which, number);
	kf_sock__finish(&used->rec, table, which, number, sock);
	used->rec.hdr.size += kf_users__take(used->users, &user) * sizeof(struct kf_user);
	kf_sock__submit(used, &used->rec.sock);
	return true;
}

/*
 * Final record of an aggregate, whose key in its table is number; the entry goes. When the ring is full it
 * stays, marked for the sweep.
 */
static __always_inline void kf_sock__flush(void *table, const enum kf_share_table which, u64 number,
					   struct kf_sock *sock)
{
	bool out;

	sock->flags |= KF_SOCK_ENDED;
	sock->state = KF_TCP_CLOSE;
	if (sock->usage.users)
		out = kf_sock__flush_used(table, which, number, sock);
	else
		out = kf_sock__flush_alone(table, which, number, sock);
	if (out)
		return;
	sock->flags &= ~KF_SOCK_COUNTED; /* the socket is gone: the sweep need not wait */
	kf_count(KF_CNT_SOCK_LOST_RING, 1);
}

static __always_inline void kf_sock__own(struct kf_sock *sock, const struct kf_owner *owner)
{
	if (!owner) {
		sock->flags |= KF_SOCK_NO_OWNER;
		return;
	}
	sock->proc = owner->proc;
	sock->net_ns = owner->net_ns;
}

/* The owner of a connection is known only now, or is another one. */
static __always_inline void kf_sock__give(struct kf_sock *sock, const struct kf_proc *proc,
					  u32 net_ns)
{
	sock->proc = *proc;
	if (!sock->net_ns)
		sock->net_ns = net_ns;
	sock->flags &= ~KF_SOCK_NO_OWNER;
}

/* Whom a socket counts against. Those without an owner share the place of process 0. */
static __always_inline void kf_sock__charge(struct kf_charge *charge, const struct kf_owner *owner)
{
	kf_charge__set(charge, owner ? owner->proc.tgid : 0, owner ? owner->proc.uid : 0);
}

/* The entry of a socket that had none; NULL: see began. The caller says what else is known of it. */
static __always_inline struct kf_sock *kf_sock__begin(void *table, const enum kf_share_table which,
						      const void *key, const struct kf_owner *owner,
						      enum kf_begin *began)
{
	struct kf_charge charge;
	struct kf_sock *sock;

	kf_sock__charge(&charge, owner);
	*began = kf_sock__put(table, which, key, &kf_peer_zero.sock, &charge);
	if (*began != KF_BEGUN)
		return NULL;
	sock = kf_sock__at(table, which, key);
	if (!sock)
		return NULL;
	sock->first_ns = sock->last_ns = bpf_ktime_get_boot_ns();
	sock->charge = charge;
	kf_sock__own(sock, owner);
	return sock;
}

#endif
