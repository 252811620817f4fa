/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections. A client's entry begins at connect, a server's when the handshake is complete;
 * what began before kflowd, or was missed, is adopted at its first packet or when the iterator finds it
 * (SNAPSHOT). The counters of tcp_sock are read at the change to CLOSE, before tcp_disconnect
 * clears them; the record leaves when the socket is destroyed, so that a reset sent after the
 * change is inside.
 */
#ifndef KF_SOCKET_TCP_BPF_H
#define KF_SOCKET_TCP_BPF_H

#include "socket/handshake.bpf.h"
#include "socket/mptcp.bpf.h"

/* Packets that wait to be read. A FIN waits there too, but has nothing to read. */
static __always_inline u32 kf_tcp__queued(struct kf_sock *sock, struct sock *sk,
					  struct tcp_sock *tp)
{
	u32 unread = tp->rcv_nxt - tp->copied_seq;
	u32 fin = unread && kf_dir__ended(&sock->rx);

	return unread > fin ? sk->sk_receive_queue.qlen : 0;
}

/* The peer has sent its FIN, and nothing behind it is data. */
static __always_inline bool kf_tcp__has_all(u32 state)
{
	return state == KF_TCP_CLOSE_WAIT || state == KF_TCP_CLOSING || state == KF_TCP_LAST_ACK;
}

/*
 * What was dropped and is missed. The kernel's counter has more: each ACK that comes behind the FIN
 * (tcp_rcv_state_process), so it is not read any more then, and what was here already.
 */
static __always_inline void kf_tcp__drops(struct kf_sock *sock, struct sock *sk, u32 state)
{
	u32 drops = sk->sk_drops.counter, old = sock->tcp.old;

	if (sock->flags & KF_SOCK_DROPS_DONE)
		return;
	sock->drops = drops > old ? drops - old : 0;
	if (kf_tcp__has_all(state))
		sock->flags |= KF_SOCK_DROPS_DONE;
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
	kf_tcp__drops(sock, sk, sk->__sk_common.skc_state);
	sock->queued = kf_tcp__queued(sock, sk, tp);
}

/* ::ffff:a.b.c.d is IPv4. */
static __always_inline bool kf_tcp__mapped(const u32 *words)
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
		if (!kf_tcp__mapped(remote))
			return;
		sock->family = KF_AF_INET;
		local[1] = local[2] = local[3] = 0;
		remote[1] = remote[2] = remote[3] = 0;
	}
	local[0] = sk->__sk_common.skc_rcv_saddr;
	remote[0] = sk->__sk_common.skc_daddr;
}

/* A connection of the current process for which there is no room. */
static __noinline int kf_tcp__refuse(u64 cookie)
{
	struct kf_owner *owner = kf_owner__find(cookie);

	kf_fold__begin(owner, KF_IPPROTO_TCP, KF_ROLE_CLIENT, cookie);
	if (owner)
		owner->flags |= KF_OWNER_FOLDED;
	return 0;
}

/* connect(2), in the caller's context, before the port is chosen and the SYN leaves. */
static __always_inline void kf_tcp__connect(u64 cookie, struct sock *sk)
{
	struct kf_sock_key key = { .cookie = cookie };
	struct kf_sock *sock = bpf_map_lookup_elem(&kf_tcp, &key);
	struct kf_charge charge;
	enum kf_begin began;

	if (sock) /* the same socket, connected again */
		kf_sock__flush(&kf_tcp, KF_SHARE_TCP, cookie, sock);
	if (kf_self())
		return;
	kf_charge__set(&charge, bpf_get_current_pid_tgid() >> 32, kf_current__uid());
	began = kf_sock__put(&kf_tcp, KF_SHARE_TCP, &key, &kf_peer_zero.sock, &charge);
	if (began == KF_REFUSED)
		kf_tcp__refuse(cookie);
	if (began != KF_BEGUN)
		return;
	sock = bpf_map_lookup_elem(&kf_tcp, &key);
	if (!sock)
		return;
	sock->first_ns = sock->last_ns = bpf_ktime_get_boot_ns();
	sock->charge = charge;
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
	u64 cookie = kf_alias__cookie(sk);
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
	if (state == KF_TCP_CLOSE) {
		kf_tcp__closed(sock, sk);
		return;
	}
	sock->state = state;
	kf_tcp__drops(sock, sk, state);
}

/*
 * The handshake is complete: the round trip that it took, for records that come where no iterator
 * does (other network namespaces), and the initial sequence numbers. What was acknowledged counts from our
 * SYN on where we sent the first one (tcp_rcv_synsent_state_process), else from behind it
 * (tcp_create_openreq_child); what was received from behind the peer's. Fast open has moved data already.
 */
static __always_inline void kf_tcp__established(u64 cookie, struct bpf_sock_ops *ctx)
{
	struct kf_sock *sock = kf_sock__find(cookie);

	if (!sock)
		return;
	sock->tcp.srtt_us = ctx->srtt_us;
	sock->state = KF_TCP_ESTABLISHED;
	sock->isn_local = ctx->snd_una - (u32)ctx->bytes_acked - (sock->role == KF_ROLE_SERVER);
	sock->isn_remote = ctx->rcv_nxt - (u32)ctx->bytes_received - 1;
}

/*
 * The change to CLOSE, told to the sockops program. The kernel skips a tracing program that would
 * interrupt itself, on 7.x also when its task is preempted inside it; a cgroup program it never
 * skips. So the end of a connection is not missed: at worst the sweep takes the entry. A state
 * between is right again with the next one, or when the iterator comes.
 */
static __always_inline void kf_tcp__ended(struct bpf_sock_ops *ctx, u64 cookie)
{
	struct kf_sock *sock = kf_sock__find(cookie);

	if (!sock)
		return;
	sock->state = KF_TCP_CLOSE;
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

/* Whether the packets of a connection that is closed will ask for its owner: one that is folded has
 * nothing else that says what it is part of. */
static __always_inline bool kf_tcp__lingers(u64 cookie)
{
	struct kf_shares *all = kf_shares__all();

	return all && all->table[KF_SHARE_TCP].folding &&
	       kf_owner__is_folded(kf_owner__find(cookie));
}

static __always_inline void kf_tcp__destroyed(struct sock *sk)
{
	struct kf_sock_key key = { .cookie = kf_alias__cookie(sk) };
	struct kf_sock *sock = bpf_map_lookup_elem(&kf_tcp, &key);

	/* sock_release is not told of the sockets of the kernel. */
	kf_owner__forget(key.cookie);
	kf_alias__forget(sk);
	if (!sock)
		return;
	if (!(sock->flags & KF_SOCK_COUNTED))
		kf_tcp__closed(sock, sk);
	kf_sock__flush(&kf_tcp, KF_SHARE_TCP, key.cookie, sock);
}

/* Not once the local end has closed: its owner is forgotten then, kflowd's own sockets with it. */
static __always_inline bool kf_tcp__adoptable(u32 state)
{
	return state == KF_TCP_ESTABLISHED || state == KF_TCP_SYN_SENT ||
	       state == KF_TCP_SYN_RECV || state == KF_TCP_CLOSE_WAIT;
}

/* A packet of a connection that is folded. */
static __noinline int kf_tcp__fold(const struct kf_owner *owner, u64 cookie,
				   const struct kf_packet *packet)
{
	u32 role = KF_ROLE_CLIENT;
	struct kf_sock *fold;

	if (!owner || owner->flags & KF_OWNER_CHILD)
		role = KF_ROLE_SERVER;
	fold = kf_fold__find(owner, KF_IPPROTO_TCP, role, cookie);
	if (fold)
		kf_fold__packet(fold, packet);
	return 0;
}

/* A connection that has no entry yet, at one of its packets: it is older than kflowd, or its beginning was
 * missed. */
static __always_inline void kf_tcp__adopted(struct kf_sock *sock, const struct kf_packet *packet,
					    u32 state)
{
	kf_packet__address(packet, sock);
	sock->state = state;
	if (packet->tcp_flags & KF_TCP_SYN)
		sock->role = packet->received ? KF_ROLE_SERVER : KF_ROLE_CLIENT;
	else
		sock->flags |= KF_SOCK_SNAPSHOT | KF_SOCK_NO_BASE;
}

/* The entry for a packet that found none; NULL: it is folded, or kflowd's. */
static __always_inline struct kf_sock *kf_tcp__adopt(struct kf_sock_key *key,
						     const struct kf_packet *packet, u32 state)
{
	struct kf_owner *owner = kf_owner__find(key->cookie);
	enum kf_begin began = KF_REFUSED;
	struct kf_sock *sock = NULL;

	if (kf_owner__is_self(owner))
		return NULL;
	if (!kf_owner__is_folded(owner)) {
		if (!kf_tcp__adoptable(state))
			return NULL;
		sock = kf_sock__begin(&kf_tcp, KF_SHARE_TCP, key, owner, &began);
	}
	if (sock)
		kf_tcp__adopted(sock, packet, state);
	else if (began == KF_REFUSED)
		kf_tcp__fold(owner, key->cookie, packet);
	return sock;
}

/*
 * What brings nothing new: the kernel drops it and counts that, though nothing is missed. It was sent
 * twice, or asks whether this end still lives or has room again (tcp_validate_incoming, tcp_data_queue).
 */
static __always_inline bool kf_tcp__is_old(struct bpf_sock *sk, const struct kf_packet *packet,
					   u32 state)
{
	u32 length = packet->payload + !!(packet->tcp_flags & KF_TCP_FIN);
	struct bpf_tcp_sock *tp;

	if (!packet->received || packet->tcp_flags & (KF_TCP_SYN | KF_TCP_RST))
		return false;
	if (state != KF_TCP_ESTABLISHED && state != KF_TCP_FIN_WAIT1 && state != KF_TCP_FIN_WAIT2)
		return false;
	tp = bpf_tcp_sock(sk);
	if (!tp)
		return false;
	if (!length) /* an ACK that came late is no drop to the kernel either */
		return packet->seq == tp->rcv_nxt - 1;
	return (s32)(packet->seq + length - 1 - tp->rcv_nxt) < 0;
}

/* Returns the entry that has counted it, and what the socket goes by; NULL: none has. */
static __always_inline struct kf_sock *kf_tcp__packet(u64 *number, struct bpf_sock *sk,
						      const struct kf_packet *packet)
{
	struct kf_sock_key key = { .cookie = *number };
	struct kf_sock *sock;
	struct kf_sock_dir *dir;
	u32 state = sk->state;

	if (state == KF_TCP_LISTEN) {
		if (packet->received)
			kf_handshake__remember(kf_alias__of(*number, sk), packet);
		return NULL;
	}
	sock = kf_sock__seek(&key, sk);
	if (!sock)
		sock = kf_tcp__adopt(&key, packet, state);
	if (!sock)
		return NULL;
	if (!sock->local_port)
		kf_packet__address(packet, sock);
	if (sock->flags & KF_SOCK_NO_OWNER)
		kf_mptcp__own(sock, sk);
	sock->last_ns = packet->ts_ns;
	dir = packet->received ? &sock->rx : &sock->tx;
	kf_dir__add(dir, packet);
	if (!kf_dir__flags(dir, *number & (KF_LOCKS - 1), packet))
		sock->flags |= KF_SOCK_FLAGS_FULL;
	if (kf_tcp__is_old(sk, packet, state))
		__sync_fetch_and_add(&sock->tcp.old, packet->segments);
	*number = key.cookie;
	return sock;
}

#endif
