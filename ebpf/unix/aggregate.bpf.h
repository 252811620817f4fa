/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * UNIX sockets, the same in every attach mode. One aggregate for each socket; a datagram socket that sends
 * to changing destinations has one for each further destination. The address is the server's: the
 * own name of a listener's child or of a bound receiver, else the peer's.
 */
#ifndef KF_UNIX_AGGREGATE_BPF_H
#define KF_UNIX_AGGREGATE_BPF_H

#include "unix/name.bpf.h"

#define KF_AF_UNIX 1
#define KF_MSG_PEEK 2

/* 8,192 UNIX sockets that have carried data, 300 bytes each, 2.5 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct kf_unix_key);
	__type(value, struct kf_unix);
} kf_unix SEC(".maps");

static const struct kf_unix kf_unix_zero;

/* One call that moved bytes. */
struct kf_unix_message {
	struct socket *socket;
	u64 bytes;
	u32 messages;
	bool sent;
	struct kf_unix_name to; /* datagrams: the destination of this one */
};

static __always_inline void kf_unix__key(struct kf_unix_key *key, struct socket *socket)
{
	struct file *file = KF_READ(socket, file);

	key->sock = (u64)KF_READ(socket, sk);
	key->ino = file ? KF_READ(file, f_inode, i_ino) : 0;
	key->peer_hash = 0;
}

static __always_inline struct kf_unix *kf_unix__begin(struct kf_unix_key *key,
						      const struct kf_unix_message *message)
{
	long error = bpf_map_update_elem(&kf_unix, key, &kf_unix_zero, BPF_NOEXIST);
	struct kf_unix *agg = bpf_map_lookup_elem(&kf_unix, key);
	struct socket *socket = message->socket;

	if (!agg)
		kf_count(KF_CNT_UNIX_LOST_MAP, 1);
	if (error || !agg)
		return agg;
	kf_count(KF_CNT_UNIX_CREATED, 1);
	kf_proc__fill_current(&agg->proc);
	agg->first_ns = bpf_ktime_get_boot_ns();
	agg->type = KF_READ(socket, type);
	agg->role = KF_ROLE_CLIENT;
	if (message->to.len)
		kf_unix_name__put(&message->to, agg);
	else
		kf_unix_name__fill(agg, KF_READ(socket, sk), message->sent);
	return agg;
}

static __always_inline struct kf_unix *kf_unix__find(struct kf_unix_key *key,
						     const struct kf_unix_message *message)
{
	struct kf_unix *agg = bpf_map_lookup_elem(&kf_unix, key);

	if (agg && message->to.len && !kf_unix_name__is(&message->to, agg)) {
		key->peer_hash = kf_unix_name__hash(&message->to);
		agg = bpf_map_lookup_elem(&kf_unix, key);
	}
	return agg ? agg : kf_unix__begin(key, message);
}

static __always_inline void kf_unix__moved(const struct kf_unix_message *message)
{
	struct kf_unix_key key;
	struct kf_unix *agg;

	kf_unix__key(&key, message->socket);
	agg = kf_unix__find(&key, message);
	if (!agg)
		return;
	agg->last_ns = bpf_ktime_get_boot_ns();
	if (message->sent) {
		__sync_fetch_and_add(&agg->tx_bytes, message->bytes);
		__sync_fetch_and_add(&agg->tx_messages, message->messages);
	} else {
		__sync_fetch_and_add(&agg->rx_bytes, message->bytes);
		__sync_fetch_and_add(&agg->rx_messages, message->messages);
	}
}

/* The socket is closed. Aggregates of further destinations end by idle time. */
static __always_inline void kf_unix__released(struct socket *socket)
{
	struct kf_unix_record *rec;
	struct kf_unix_key key;
	struct kf_unix *agg;

	if (!KF_READ(socket, sk))
		return;
	kf_unix__key(&key, socket);
	agg = bpf_map_lookup_elem(&kf_unix, &key);
	if (!agg)
		return;
	agg->flags |= KF_SOCK_ENDED;
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);
	if (!rec) {
		kf_count(KF_CNT_UNIX_LOST_RING, 1);
		return;
	}
	kf_header__fill(&rec->hdr, KF_KIND_UNIX, sizeof(*rec));
	rec->key = key;
	__builtin_memcpy(&rec->unix_sock, agg, sizeof(rec->unix_sock));
	rec->unix_sock.flags = (agg->flags | KF_SOCK_FINAL) & ~KF_SOCK_ENDED;
	bpf_map_delete_elem(&kf_unix, &key);
	kf_submit(rec);
}

#endif
