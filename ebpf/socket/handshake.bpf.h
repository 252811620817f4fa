/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a server's connection begins: its handshake is between the client and the listener. */
#ifndef KF_SOCKET_HANDSHAKE_BPF_H
#define KF_SOCKET_HANDSHAKE_BPF_H

#include "socket/fold.bpf.h"

/* The last packet that a listener received on this CPU: if it completes a handshake, the child is
 * made and reaches PASSIVE_ESTABLISHED in this same softirq. */
struct kf_handshake {
	u64 listener; /* cookie */
	struct kf_packet packet;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_handshake);
} kf_handshakes SEC(".maps");

/* Where a server's entry is put together. Used in softirq only, so never by two at once. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_sock);
} kf_sock_scratch SEC(".maps");

/* The packets of the handshake, which only the listener saw. */
static __always_inline void kf_handshake__book(struct kf_sock *sock, const struct kf_packet *packet,
					       u32 retrans)
{
	kf_packet__address(packet, sock);
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

/* The same for a child that is folded. */
static __always_inline void kf_handshake__fold(struct kf_sock *sock, const struct kf_packet *packet,
					       u32 retrans)
{
	u32 lock = kf_fold__lock(sock);

	sock->flags |= KF_SOCK_HANDSHAKE;
	kf_dir__add(&sock->rx, packet);
	kf_dir__add_flags(&sock->rx, lock, KF_TCP_SYN, 1);
	if (packet->tcp_flags & KF_TCP_SYN)
		return;
	__sync_fetch_and_add(&sock->rx.packets, 1);
	kf_dir__add_flags(&sock->rx, lock, packet->tcp_flags, 1);
	__sync_fetch_and_add(&sock->tx.packets, 1 + retrans);
	kf_dir__add_flags(&sock->tx, lock, KF_TCP_SYN | KF_TCP_ACK, 1 + retrans);
	if (!sock->tx.first_ns)
		sock->tx.first_ns = packet->ts_ns;
	sock->tx.last_ns = packet->ts_ns;
}

/* A child for which there is no room. Its later packets find the owner in the spill, which says that
 * it is folded. */
static __noinline int kf_handshake__refuse(const struct kf_owner *owner, u64 cookie,
					   struct kf_handshake *last, u32 retrans)
{
	struct kf_sock *fold = kf_fold__begin(owner, KF_IPPROTO_TCP, KF_ROLE_SERVER, cookie);
	struct kf_shares *all = kf_shares__all();
	struct kf_owner *folded;

	if (fold) {
		kf_fold__address(fold, &last->packet);
		kf_handshake__fold(fold, &last->packet, retrans);
	}
	if (!owner || !all || kf_owner__spill(all, cookie, owner))
		return 0;
	folded = bpf_map_lookup_elem(&kf_spill, &cookie);
	if (folded)
		folded->flags = KF_OWNER_FOLDED | KF_OWNER_CHILD;
	return 0;
}

/* Whether a packet that a listener received is of this connection. Not by the ports alone: a packet that
 * could not be parsed leaves the one before, and a stranger chooses the ports of that. */
static __always_inline bool kf_handshake__is_of(const struct kf_packet *packet,
						struct bpf_sock_ops *ctx)
{
	const u32 *from = (const u32 *)packet->from;

	if (packet->to_port != ctx->local_port || packet->from_port != bpf_ntohl(ctx->remote_port))
		return false;
	if (packet->family == KF_AF_INET)
		return from[0] == ctx->remote_ip4;
	return from[0] == ctx->remote_ip6[0] && from[1] == ctx->remote_ip6[1] &&
	       from[2] == ctx->remote_ip6[2] && from[3] == ctx->remote_ip6[3];
}

/* Nothing is known of this handshake but that it is complete. The rest is told by the next packet, and by
 * who accepts. */
static __noinline int kf_handshake__unseen(u64 cookie)
{
	struct kf_sock_key key = { .cookie = cookie };
	enum kf_begin began;
	struct kf_sock *sock = kf_sock__begin(&kf_tcp, KF_SHARE_TCP, &key, NULL, &began);

	if (!sock)
		return 0; /* is folded at its next packet */
	sock->protocol = KF_IPPROTO_TCP;
	sock->role = KF_ROLE_SERVER;
	sock->state = KF_TCP_ESTABLISHED;
	return 0;
}

/* A listener's child is complete. The owner is the listener's until accept says better; so is the share
 * that it counts against, for good. */
static __always_inline void kf_handshake__complete(u64 cookie, struct bpf_sock_ops *ctx)
{
	u32 retrans = ctx->total_retrans;
	u32 zero = 0;
	struct kf_handshake *last = bpf_map_lookup_elem(&kf_handshakes, &zero);
	struct kf_sock *sock = bpf_map_lookup_elem(&kf_sock_scratch, &zero);
	struct kf_sock_key key = { .cookie = cookie };
	struct kf_owner *owner;

	if (!last || !sock || bpf_map_lookup_elem(&kf_tcp, &key))
		return; /* there already: both ends connected at once */
	if (!kf_handshake__is_of(&last->packet, ctx)) {
		kf_handshake__unseen(cookie);
		return;
	}
	owner = kf_owner__find(last->listener);
	if (kf_owner__is_self(owner)) {
		bpf_map_update_elem(&kf_owners, &cookie, owner, BPF_ANY);
		return;
	}
	__builtin_memset(sock, 0, sizeof(*sock));
	kf_sock__own(sock, owner);
	kf_sock__charge(&sock->charge, owner);
	sock->first_ns = sock->last_ns = last->packet.ts_ns;
	sock->role = KF_ROLE_SERVER;
	sock->state = KF_TCP_ESTABLISHED;
	kf_handshake__book(sock, &last->packet, retrans);
	if (kf_sock__put(&kf_tcp, KF_SHARE_TCP, &key, sock, &sock->charge) == KF_REFUSED)
		kf_handshake__refuse(owner, cookie, last, retrans);
}

static __always_inline void kf_handshake__remember(u64 cookie, const struct kf_packet *packet)
{
	u32 zero = 0;
	struct kf_handshake *last = bpf_map_lookup_elem(&kf_handshakes, &zero);

	if (!last)
		return;
	last->listener = cookie;
	last->packet = *packet;
}

#endif
