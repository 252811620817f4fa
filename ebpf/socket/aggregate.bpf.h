/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of TCP and UDP sockets. The key is the socket's cookie or alias. */
#ifndef KF_SOCKET_AGGREGATE_BPF_H
#define KF_SOCKET_AGGREGATE_BPF_H

#include "net.h"
#include "emit.bpf.h"
#include "socket/alias.bpf.h"
#include "socket/owner.bpf.h"

#define KF_AF_INET 2
#define KF_AF_INET6 10
#define KF_IPPROTO_TCP 6
#define KF_IPPROTO_UDP 17
#define KF_SOCK_STREAM 1
#define KF_SOCK_DGRAM 2

#define KF_TCP_ESTABLISHED 1
#define KF_TCP_SYN_SENT 2
#define KF_TCP_SYN_RECV 3
#define KF_TCP_CLOSE 7
#define KF_TCP_CLOSE_WAIT 8
#define KF_TCP_LISTEN 10
#define KF_UDP_ESTABLISHED 1

/* 16,384 connections and UDP peers at a time, 480 bytes each, 8 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct kf_sock_key);
	__type(value, struct kf_sock);
} kf_socks SEC(".maps");

/* New entries begin as this, are found again and filled in place: too big for the stack. */
static const struct kf_sock kf_sock_zero;

static __always_inline struct kf_sock *kf_sock__find(u64 cookie)
{
	struct kf_sock_key key = { .cookie = cookie };

	return bpf_map_lookup_elem(&kf_socks, &key);
}

/* The entry of a packet's socket. Few sockets have an alias, so the cookie is tried first; after a
 * miss the key has what the socket goes by. */
static __always_inline struct kf_sock *kf_sock__seek(struct kf_sock_key *key, const void *sk)
{
	struct kf_sock *sock = bpf_map_lookup_elem(&kf_socks, key);
	u64 alias;

	if (sock || kf_nargs_bpf_get_socket_ptr_cookie)
		return sock;
	alias = kf_alias__of(key->cookie, sk);
	if (alias == key->cookie)
		return NULL;
	key->cookie = alias;
	return bpf_map_lookup_elem(&kf_socks, key);
}

/* A new, empty entry, or NULL: another CPU was first, or the map is full (counted). */
static __always_inline struct kf_sock *kf_sock__create(struct kf_sock_key *key)
{
	long error = bpf_map_update_elem(&kf_socks, key, &kf_sock_zero, BPF_NOEXIST);
	struct kf_sock *sock;

	if (error) {
		if (error != -17) /* EEXIST */
			kf_count(KF_CNT_SOCK_LOST_MAP, 1);
		return NULL;
	}
	kf_count(KF_CNT_SOCK_CREATED, 1);
	sock = bpf_map_lookup_elem(&kf_socks, key);
	if (sock)
		sock->first_ns = sock->last_ns = bpf_ktime_get_boot_ns();
	return sock;
}

/*
 * Final record of an aggregate; the entry goes. When the ring is full it stays, marked for the
 * sweep.
 */
static __always_inline void kf_sock__flush(struct kf_sock_key *key, struct kf_sock *sock)
{
	struct kf_sock_record *rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);

	sock->flags |= KF_SOCK_ENDED;
	sock->state = KF_TCP_CLOSE;
	if (!rec) {
		kf_count(KF_CNT_SOCK_LOST_RING, 1);
		return;
	}
	kf_header__fill(&rec->hdr, KF_KIND_SOCK, sizeof(*rec));
	rec->key = *key;
	__builtin_memcpy(&rec->sock, sock, sizeof(rec->sock));
	rec->sock.flags = (sock->flags | KF_SOCK_FINAL) & ~(KF_SOCK_ENDED | KF_SOCK_MAP_ONLY);
	bpf_map_delete_elem(&kf_socks, key);
	kf_submit(rec);
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

/* The entry of a socket that had none; NULL if kflowd owns it, another CPU was first or there is no
 * room. The caller says what else is known of it. */
static __always_inline struct kf_sock *kf_sock__begin(struct kf_sock_key *key,
						      const struct kf_owner *owner)
{
	struct kf_sock *sock;

	if (kf_owner__is_self(owner))
		return NULL;
	sock = kf_sock__create(key);
	if (sock)
		kf_sock__own(sock, owner);
	return sock;
}

#endif
