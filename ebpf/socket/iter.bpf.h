/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets that exist already: their owners by iter/task_file, TCP connections by iter/tcp. The
 * latter also refreshes the tcp_sock counters of live entries, before user space copies them.
 */
#ifndef KF_SOCKET_ITER_BPF_H
#define KF_SOCKET_ITER_BPF_H

#include "inode.bpf.h"
#include "socket/tcp.bpf.h"

/* Ports with a listener, so that a connection that is adopted later has a role: 4096 are plenty. Who
 * fills it leaves connections from before without a role, none with a wrong one. */
struct kf_listen_key {
	u32 net_ns;
	u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct kf_listen_key);
	__type(value, u8);
} kf_listeners SEC(".maps");

static volatile u32 kf_listeners_missing; /* there was no room for one */

/* A record of the values at the start: the base of user space's deltas. It ends nothing. */
static __always_inline void kf_iter__base(struct kf_sock_key *key, struct kf_sock *sock)
{
	struct kf_sock_record *rec;

	if (kf_hidden_sock__is(sock)) {
		sock->flags &= ~KF_SOCK_NO_BASE; /* nor will there be another record */
		return;
	}
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);
	if (!rec)
		return; /* NO_BASE stays: the next run of the iterator tries again */
	sock->flags &= ~KF_SOCK_NO_BASE;
	kf_header__fill(&rec->hdr, KF_KIND_SOCK, sizeof(*rec));
	rec->key = *key;
	__builtin_memcpy(&rec->sock, sock, sizeof(rec->sock));
	rec->sock.flags &= ~KF_SOCK_MAP_ONLY;
	kf_submit(rec);
}

/* A connection that has no entry yet. */
static __always_inline struct kf_sock *kf_iter__adopt(struct kf_sock_key *key, struct sock *sk)
{
	struct kf_owner *owner = kf_owner__find(key->cookie);
	enum kf_begin began;
	struct kf_sock *sock;

	if (kf_owner__is_self(owner) || kf_owner__is_folded(owner))
		return NULL;
	sock = kf_sock__begin(&kf_tcp, KF_SHARE_TCP, key, owner, &began);
	if (!sock) /* one for which there is no room is folded at its next packet */
		return NULL;
	kf_tcp__addresses(sock, sk);
	sock->protocol = KF_IPPROTO_TCP;
	sock->flags |= KF_SOCK_SNAPSHOT | KF_SOCK_NO_BASE;
	return sock;
}

static __always_inline void kf_iter__complete(struct kf_sock *sock, struct sock *sk)
{
	struct kf_listen_key listen = {};

	sock->state = sk->__sk_common.skc_state;
	sock->net_ns = sk->__sk_common.skc_net.net->ns.inum;
	if (sock->role != KF_ROLE_NONE)
		return;
	listen.net_ns = sock->net_ns;
	listen.port = sock->local_port;
	if (bpf_map_lookup_elem(&kf_listeners, &listen))
		sock->role = KF_ROLE_SERVER;
	else if (!kf_listeners_missing)
		sock->role = KF_ROLE_CLIENT;
}

static __always_inline void kf_iter__listening(struct sock *sk)
{
	struct kf_listen_key listen = {};
	u8 yes = 1;

	listen.net_ns = sk->__sk_common.skc_net.net->ns.inum;
	listen.port = sk->__sk_common.skc_num;
	if (bpf_map_update_elem(&kf_listeners, &listen, &yes, BPF_ANY))
		kf_listeners_missing = 1;
}

static __always_inline void kf_iter__tcp(struct tcp_sock *tp)
{
	struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	u8 state = sk->__sk_common.skc_state;
	struct kf_sock_key key = {};
	struct kf_sock *sock;

	if (state == KF_TCP_LISTEN) {
		kf_iter__listening(sk);
		return;
	}
	key.cookie = kf_alias__cookie(sk);
	if (kf_tcp__adoptable(state))
		key.cookie = kf_alias__assign(key.cookie, sk);
	if (!key.cookie)
		return;
	sock = bpf_map_lookup_elem(&kf_tcp, &key);
	if (!sock && kf_tcp__adoptable(state))
		sock = kf_iter__adopt(&key, sk);
	if (!sock || sock->flags & KF_SOCK_ENDED)
		return;
	kf_iter__complete(sock, sk);
	kf_tcp__snapshot(sock, sk, tp);
	if (sock->flags & KF_SOCK_SNAPSHOT && !sock->usage.based && !kf_is_subflow(tp))
		kf_usage__base(&sock->usage, tp->write_seq, tp->copied_seq);
	if (sock->flags & KF_SOCK_NO_BASE)
		kf_iter__base(&key, sock);
}

/* What is to be known of a socket that is older than kflowd. */
struct kf_older {
	u64 cookie;
	u32 net_ns;
	u16 family;
	u16 protocol;
};

static __always_inline bool kf_iter__inet(u16 family)
{
	return family == KF_AF_INET || family == KF_AF_INET6;
}

static __always_inline void kf_iter__describe(struct kf_older *older, struct sock *sk,
					      const bool typed)
{
	u64 cookie;

	if (!sk)
		return;
	older->family = KF_READ_AS(typed, sk, __sk_common.skc_family);
	if (!kf_iter__inet(older->family))
		return;
	older->protocol = KF_READ_AS(typed, sk, sk_protocol);
	older->net_ns = KF_READ_AS(typed, sk, __sk_common.skc_net.net, ns.inum);
	if (older->protocol == KF_IPPROTO_MPTCP) {
		older->cookie = kf_number(sk);
		return;
	}
	cookie = typed ? kf_alias__cookie(sk) : KF_UNTYPED(sk, __sk_common.skc_cookie.counter);
	older->cookie = kf_alias__assign(cookie, sk);
}

/* The socket of a file: a helper gives a typed pointer; before it, private_data of a socket's file. */
static __always_inline void kf_iter__socket(struct kf_older *older, struct file *file)
{
	struct socket *socket;

	if (kf_has_sock_from_file()) {
		socket = bpf_sock_from_file(file);
		kf_iter__describe(older, socket ? socket->sk : NULL, true);
	} else if (kf_can_probe && file->f_inode &&
		   (file->f_inode->i_mode & KF_S_IFMT) == KF_S_IFSOCK) {
		socket = file->private_data;
		kf_iter__describe(older, KF_UNTYPED(socket, sk), false);
	}
}

/* A connection that was found before its owner was. */
static __always_inline void kf_iter__own(u64 cookie, const struct kf_owner *owner)
{
	struct kf_sock *sock = kf_sock__find(cookie);

	if (!sock || !(sock->flags & KF_SOCK_NO_OWNER))
		return;
	kf_sock__give(sock, &owner->proc, owner->net_ns);
}

/* A socket in a process's table of files: who has it first is its owner. */
static __always_inline void kf_iter__file(struct task_struct *task, struct file *file)
{
	struct kf_owner owner = {};
	struct kf_older older = {};

	kf_iter__socket(&older, file);
	if (!older.cookie)
		return;
	kf_proc__fill(&owner.proc, task->group_leader);
	kf_proc__fill_comm(&owner.proc, task->group_leader);
	owner.net_ns = older.net_ns;
	owner.flags = kf_self_is(owner.proc.tgid, owner.proc.start_ns) ? KF_OWNER_SELF : 0;
	/* Peers may have been seen before the owner. */
	owner.flows = older.protocol == KF_IPPROTO_UDP ? 2 : 0;
	if (!kf_owner__find(older.cookie) && kf_owner__put(older.cookie, &owner) == 0)
		kf_iter__own(older.cookie, &owner);
}

#endif
