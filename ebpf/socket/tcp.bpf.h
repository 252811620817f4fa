/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections. A client's entry begins at connect, a server's when the handshake is complete;
 * what began before kflowd, or was missed, begins at its first packet or when the iterator meets it
 * (SNAPSHOT). The counters of tcp_sock are read at the change to CLOSE, before tcp_disconnect
 * clears them; the record leaves when the socket is destroyed, so that a reset sent after the
 * change is inside.
 */
#ifndef KF_SOCKET_TCP_BPF_H
#define KF_SOCKET_TCP_BPF_H

#include "socket/direction.bpf.h"

/* The last packet that a listener received on this CPU: if it completes a handshake, the child is
 * made and reaches PASSIVE_ESTABLISHED in this same softirq. */
struct kf_knock {
	u64 listener; /* cookie */
	struct kf_packet packet;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_knock);
} kf_knocks SEC(".maps");

/* Where a server's entry is put together. Used in softirq only, so never by two at once. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_sock);
} kf_sock_scratch SEC(".maps");

static __always_inline bool kf_dir__ended(const struct kf_sock_dir *dir)
{
	for (int i = 0; i < KF_FLAG_SLOTS; i++)
		if (dir->flag_bits[i] & KF_TCP_FIN)
			return true;
	return false;
}

/* Packets that wait to be read. A FIN waits there too, but has nothing to read. */
static __always_inline u32 kf_tcp__queued(struct kf_sock *sock, struct sock *sk,
					  struct tcp_sock *tp)
{
	u32 unread = tp->rcv_nxt - tp->copied_seq;
	u32 fin = unread && kf_dir__ended(&sock->rx);

	return unread > fin ? sk->sk_receive_queue.qlen : 0;
}

static __always_inline void kf_tcp__snapshot(struct kf_sock *sock, struct sock *sk,
					     struct tcp_sock *tp)
{
	struct kf_tcp_info *tcp = &sock->tcp;

	tcp->bytes_sent = tp->bytes_sent;
	tcp->bytes_acked = tp->bytes_acked;
	tcp->bytes_retrans = tp->bytes_retrans;
	tcp->bytes_received = tp->bytes_received;
	tcp->segs_out = tp->segs_out;
	tcp->segs_in = tp->segs_in;
	tcp->data_segs_out = tp->data_segs_out;
	tcp->data_segs_in = tp->data_segs_in;
	tcp->total_retrans = tp->total_retrans;
	tcp->dsack_dups = tp->dsack_dups;
	tcp->reord_seen = tp->reord_seen;
	tcp->srtt_us = tp->srtt_us;
	tcp->rto_jiffies = tp->inet_conn.icsk_rto;
	sock->drops = sk->sk_drops.counter;
	sock->queued = kf_tcp__queued(sock, sk, tp);
}

/* ::ffff:a.b.c.d is IPv4. */
static __always_inline bool kf_address__mapped(const u32 *words)
{
	return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff);
}

static __always_inline void kf_tcp__addresses(struct kf_sock *sock, struct sock *sk)
{
	u32 *local = (u32 *)sock->local_addr;
	u32 *remote = (u32 *)sock->remote_addr;

	sock->family = sk->__sk_common.skc_family;
	sock->local_port = sk->__sk_common.skc_num;
	sock->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	if (sock->family == KF_AF_INET6) {
		for (int i = 0; i < 4; i++) {
			local[i] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			remote[i] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[i];
		}
		if (!kf_address__mapped(remote))
			return;
		sock->family = KF_AF_INET;
		local[1] = local[2] = local[3] = 0;
		remote[1] = remote[2] = remote[3] = 0;
	}
	local[0] = sk->__sk_common.skc_rcv_saddr;
	remote[0] = sk->__sk_common.skc_daddr;
}

/* Addresses as a packet has them: what the wire saw, known sooner than the socket's own. */
static __always_inline void kf_sock__address(struct kf_sock *sock, const struct kf_packet *packet)
{
	bool received = packet->received;

	__builtin_memcpy(sock->local_addr, received ? packet->to : packet->from, KF_ADDR_LEN);
	__builtin_memcpy(sock->remote_addr, received ? packet->from : packet->to, KF_ADDR_LEN);
	sock->local_port = received ? packet->to_port : packet->from_port;
	sock->remote_port = received ? packet->from_port : packet->to_port;
	sock->family = packet->family;
	sock->protocol = packet->protocol;
}

/* connect(2), in the caller's context, before the port is chosen and the SYN leaves. */
static __always_inline void kf_tcp__connect(u64 cookie, struct sock *sk)
{
	struct kf_sock_key key = { .cookie = cookie };
	struct kf_sock *sock = bpf_map_lookup_elem(&kf_socks, &key);

	if (sock) /* the same socket, connected again */
		kf_sock__flush(&key, sock);
	if (kf_self())
		return;
	sock = kf_sock__create(&key);
	if (!sock)
		return;
	kf_proc__fill_current(&sock->proc);
	sock->net_ns = sk->__sk_common.skc_net.net->ns.inum;
	sock->family = sk->__sk_common.skc_family;
	sock->protocol = KF_IPPROTO_TCP;
	sock->role = KF_ROLE_CLIENT;
	sock->state = KF_TCP_SYN_SENT;
}

static __always_inline void kf_tcp__closed(struct kf_sock *sock, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (tp)
		kf_tcp__snapshot(sock, sk, tp);
	sock->last_ns = bpf_ktime_get_boot_ns();
	sock->state = KF_TCP_CLOSE;
	sock->flags |= KF_SOCK_ENDED | KF_SOCK_COUNTED;
}

static __always_inline void kf_tcp__changed(struct sock *sk, int state)
{
	u64 cookie = kf_sk__cookie(sk);
	struct kf_sock *sock;

	if (state == KF_TCP_SYN_SENT) {
		kf_tcp__connect(cookie, sk);
		return;
	}
	if (state == KF_TCP_LISTEN) {
		kf_owner__set(cookie);
		return;
	}
	sock = kf_sock__find(cookie);
	if (!sock)
		return;
	if (state == KF_TCP_CLOSE)
		kf_tcp__closed(sock, sk);
	else
		sock->state = state;
}

/*
 * The same changes, told to the sockops program. The kernel skips a tracing program that would
 * interrupt itself, on 7.x also when its task is preempted inside it; a cgroup program it never
 * skips. So the end of a connection is not missed: at worst the sweep takes the entry.
 */
static __always_inline void kf_tcp__announced(struct bpf_sock_ops *ctx, u64 cookie, u32 state)
{
	struct kf_sock *sock = kf_sock__find(cookie);

	if (!sock)
		return;
	sock->state = state;
	if (state != KF_TCP_CLOSE)
		return;
	sock->tcp.bytes_acked = ctx->bytes_acked;
	sock->tcp.bytes_received = ctx->bytes_received;
	sock->tcp.segs_out = ctx->segs_out;
	sock->tcp.segs_in = ctx->segs_in;
	sock->tcp.data_segs_out = ctx->data_segs_out;
	sock->tcp.data_segs_in = ctx->data_segs_in;
	sock->tcp.total_retrans = ctx->total_retrans;
	sock->tcp.srtt_us = ctx->srtt_us;
	sock->last_ns = bpf_ktime_get_boot_ns();
	sock->flags |= KF_SOCK_ENDED;
}

static __always_inline void kf_tcp__destroyed(struct sock *sk)
{
	struct kf_sock_key key = { .cookie = kf_sk__cookie(sk) };
	struct kf_sock *sock = bpf_map_lookup_elem(&kf_socks, &key);

	/* The kernel's own sockets are not announced by sock_release. */
	bpf_map_delete_elem(&kf_owners, &key.cookie);
	kf_sk__forget(sk);
	if (!sock)
		return;
	if (!(sock->flags & KF_SOCK_COUNTED))
		kf_tcp__closed(sock, sk);
	kf_sock__flush(&key, sock);
}

/* The packets of the handshake, which only the listener saw. */
static __always_inline void kf_tcp__handshake(struct kf_sock *sock, const struct kf_packet *packet,
					      u32 retrans)
{
	kf_sock__address(sock, packet);
	sock->flags |= KF_SOCK_HANDSHAKE;
	kf_dir__add(&sock->rx, packet);
	sock->rx.flag_bits[0] = KF_TCP_SYN;
	sock->rx.flag_counts[0] = 1;
	if (packet->tcp_flags & KF_TCP_SYN) /* fast open: SYN-ACK and ACK come to the child */
		return;
	sock->rx.packets++;
	sock->rx.flag_bits[1] = packet->tcp_flags;
	sock->rx.flag_counts[1] = 1;
	sock->tx.packets = 1 + retrans;
	sock->tx.flag_bits[0] = KF_TCP_SYN | KF_TCP_ACK;
	sock->tx.flag_counts[0] = 1 + retrans;
	sock->tx.first_ns = packet->ts_ns;
	sock->tx.last_ns = packet->ts_ns;
}

/* A listener's child is complete. The owner is the listener's until accept says better. */
static __always_inline void kf_tcp__accepted(u64 cookie, u32 local_port, u32 remote_port,
					     u32 retrans)
{
	u32 zero = 0;
	struct kf_knock *knock = bpf_map_lookup_elem(&kf_knocks, &zero);
	struct kf_sock *sock = bpf_map_lookup_elem(&kf_sock_scratch, &zero);
	struct kf_sock_key key = { .cookie = cookie };
	struct kf_owner *owner;

	if (!knock || !sock || bpf_map_lookup_elem(&kf_socks, &key))
		return; /* there already: both ends connected at once */
	if (knock->packet.to_port != local_port || knock->packet.from_port != remote_port)
		return; /* begins at its first packet */
	owner = bpf_map_lookup_elem(&kf_owners, &knock->listener);
	if (owner && owner->flags & KF_OWNER_SELF) {
		bpf_map_update_elem(&kf_owners, &cookie, owner, BPF_ANY);
		return;
	}
	__builtin_memset(sock, 0, sizeof(*sock));
	kf_sock__own(sock, owner);
	sock->first_ns = sock->last_ns = knock->packet.ts_ns;
	sock->role = KF_ROLE_SERVER;
	sock->state = KF_TCP_ESTABLISHED;
	kf_tcp__handshake(sock, &knock->packet, retrans);
	if (bpf_map_update_elem(&kf_socks, &key, sock, BPF_NOEXIST))
		kf_count(KF_CNT_SOCK_LOST_MAP, 1);
	else
		kf_count(KF_CNT_SOCK_CREATED, 1);
}

static __always_inline void kf_tcp__knocked(u64 cookie, const struct kf_packet *packet)
{
	u32 zero = 0;
	struct kf_knock *knock = bpf_map_lookup_elem(&kf_knocks, &zero);

	if (!knock)
		return;
	knock->listener = cookie;
	knock->packet = *packet;
}

/* Not once the local end has closed: its owner is forgotten then, kflowd's own sockets with it. */
static __always_inline bool kf_tcp__joinable(u32 state)
{
	return state == KF_TCP_ESTABLISHED || state == KF_TCP_SYN_SENT ||
	       state == KF_TCP_SYN_RECV || state == KF_TCP_CLOSE_WAIT;
}

/* A packet of a connection that has no entry: older than kflowd, or its beginning was missed. */
static __always_inline struct kf_sock *kf_tcp__late(struct kf_sock_key *key,
						    const struct kf_packet *packet, u32 state)
{
	struct kf_owner *owner = bpf_map_lookup_elem(&kf_owners, &key->cookie);
	struct kf_sock *sock;

	if (owner && owner->flags & KF_OWNER_SELF)
		return NULL;
	sock = kf_sock__create(key);
	if (!sock)
		return NULL;
	kf_sock__own(sock, owner);
	kf_sock__address(sock, packet);
	sock->state = state;
	if (packet->tcp_flags & KF_TCP_SYN)
		sock->role = packet->received ? KF_ROLE_SERVER : KF_ROLE_CLIENT;
	else
		sock->flags |= KF_SOCK_SNAPSHOT | KF_SOCK_NO_BASE;
	return sock;
}

static __always_inline void kf_tcp__packet(u64 cookie, struct bpf_sock *sk,
					   const struct kf_packet *packet)
{
	struct kf_sock_key key = { .cookie = cookie };
	struct kf_sock *sock;
	struct kf_sock_dir *dir;
	u32 state = sk->state;

	if (state == KF_TCP_LISTEN) {
		if (packet->received)
			kf_tcp__knocked(kf_sk__alias(cookie, sk), packet);
		return;
	}
	sock = kf_sock__seek(&key, sk);
	if (!sock && kf_tcp__joinable(state))
		sock = kf_tcp__late(&key, packet, state);
	if (!sock)
		return;
	if (!sock->local_port)
		kf_sock__address(sock, packet);
	sock->last_ns = packet->ts_ns;
	dir = packet->received ? &sock->rx : &sock->tx;
	kf_dir__add(dir, packet);
	if (!kf_dir__flags(dir, cookie & (KF_LOCKS - 1), packet))
		sock->flags |= KF_SOCK_FLAGS_FULL;
}

#endif
