/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Payload of the ports that are decoded, on its way to user space: packet by packet, as the cgroup hooks see
 * them. Streams are put in order there.
 *
 * A socket may fill only so much of the ring: KF_PAYLOAD_TURN bytes in each direction, again when the other
 * direction has had its say, or after a second. So requests, answers and log lines come whole, and a download
 * has its beginning alone. What a process and a user may fill in a second is a share (share.bpf.h). Above half
 * of the ring nothing is captured: the records of others are worth more.
 */
#ifndef KF_PAYLOAD_CAPTURE_BPF_H
#define KF_PAYLOAD_CAPTURE_BPF_H

#include "payload/share.bpf.h"
#include "socket/tcp.bpf.h"
#include "socket/udp.bpf.h"

#define KF_PORTS 65536
#define KF_PORT_WORDS (KF_PORTS / 64)
#define KF_PAYLOAD_TURN (64 << 10)
/* Room for the payload in a record of the ring; powers of two. */
#define KF_PAYLOAD_SMALL 512
#define KF_PAYLOAD_MEDIUM 2048
#define KF_PAYLOAD_LARGE 4096
#define KF_PAYLOAD_PARTS 16 /* of a packet: KF_PAYLOAD_TURN in the largest records */
_Static_assert(KF_SEGMENT_FIN == KF_TCP_FIN && KF_SEGMENT_RST == KF_TCP_RST, "flags as TCP has "
									     "them");
_Static_assert(KF_PAYLOAD_PARTS *KF_PAYLOAD_LARGE == KF_PAYLOAD_TURN, "a turn in one packet");

/* Ports that are decoded, a bit each: of TCP, then of UDP. */
const volatile u64 kf_payload_ports[2 * KF_PORT_WORDS] = {};
const volatile u8 kf_captures = 0; /* 1: there are some */
const volatile u32 kf_payload_fill = 1 << 16; /* ring fill from which on nothing is captured */

static __always_inline u32 kf_payload__least(u32 a, u32 b)
{
	return a < b ? a : b;
}

static __always_inline bool kf_payload__has_port(u8 protocol, u16 port)
{
	u32 word = port / 64 + (protocol == KF_IPPROTO_UDP ? KF_PORT_WORDS : 0);

	return kf_payload_ports[word & (2 * KF_PORT_WORDS - 1)] >> (port & 63) & 1;
}

/* What a stream needs: its bytes, and where it ends. */
static __always_inline bool kf_payload__is_wanted(const struct kf_packet *packet)
{
	if (!kf_captures)
		return false;
	if (!packet->payload && !(packet->tcp_flags & (KF_TCP_FIN | KF_TCP_RST)))
		return false;
	return kf_payload__has_port(packet->protocol, packet->to_port) ||
	       kf_payload__has_port(packet->protocol, packet->from_port);
}

/* The entry of kf_tcp or kf_udp that a packet was counted in, and the key of its record. */
static __always_inline struct kf_sock *kf_payload__sock(u64 number, bool udp,
							struct kf_sock_key *key)
{
	struct kf_peer *peer;

	if (!udp) {
		*key = (struct kf_sock_key){ .cookie = number };
		return kf_sock__find(number);
	}
	peer = kf_peer__at(number);
	if (!peer)
		return NULL;
	*key = peer->key;
	return &peer->sock;
}

/* Part of a packet, by numbers alone: see kf_payload__send. */
struct kf_part {
	u32 offset; /* from the network header */
	u32 captured;
	u32 seq;
	u32 size;
	u8 flags;
	u8 received;
	u8 udp;
};

static __always_inline bool kf_payload__fill(struct kf_payload_record *rec, u64 number,
					     const struct kf_part *part)
{
	const struct kf_sock *sock = kf_payload__sock(number, part->udp, &rec->key);

	if (!sock)
		return false;
	kf_header__fill(&rec->hdr, KF_KIND_PAYLOAD, sizeof(*rec) + part->captured);
	rec->start_ns = sock->proc.start_ns;
	rec->tgid = sock->proc.tgid;
	rec->uid = sock->proc.uid;
	rec->seq = part->seq;
	rec->size = part->size;
	rec->captured = part->captured;
	rec->local_port = sock->local_port;
	rec->remote_port = sock->remote_port;
	rec->protocol = part->udp ? KF_IPPROTO_UDP : KF_IPPROTO_TCP;
	rec->received = part->received;
	rec->tcp_flags = part->flags;
	__builtin_memset(rec->pad, 0, sizeof(rec->pad));
	return true;
}

/* A part that fits into room; false: the ring is full, or the packet is not as long as it said. */
static __always_inline bool kf_payload__put(struct __sk_buff *skb, u64 number,
					    const struct kf_part *part, const u32 room)
{
	struct kf_payload_record *rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + room, 0);
	u32 size = part->captured;
	bool whole;

	if (!rec)
		return false;
	whole = kf_payload__fill(rec, number, part);
	if (whole && size) {
		size--;
		barrier_var(
			size); /* clang knows that it is less than room, the verifier does not */
		size = (size & (room - 1)) + 1;
		whole = bpf_skb_load_bytes(skb, part->offset, rec + 1, size) == 0;
	}
	if (whole)
		kf_submit(rec);
	else
		kf_discard(rec);
	return whole;
}

#define KF_PART_RECEIVED 0x100
#define KF_PART_UDP 0x200

/* Global, so that its arguments are numbers and the verifier looks at it once. Returns 0 if the part went.
 * where: offset and captured; what: seq and size; bits: flags of TCP and KF_PART_*. */
__noinline int kf_payload__send(struct __sk_buff *skb, u64 number, u64 where, u64 what, u32 bits)
{
	const struct kf_part part = {
		.offset = where >> 32,
		.captured = where,
		.seq = what >> 32,
		.size = what,
		.flags = bits,
		.received = !!(bits & KF_PART_RECEIVED),
		.udp = !!(bits & KF_PART_UDP),
	};

	if (part.captured <= KF_PAYLOAD_SMALL)
		return !kf_payload__put(skb, number, &part, KF_PAYLOAD_SMALL);
	if (part.captured <= KF_PAYLOAD_MEDIUM)
		return !kf_payload__put(skb, number, &part, KF_PAYLOAD_MEDIUM);
	return !kf_payload__put(skb, number, &part, KF_PAYLOAD_LARGE);
}

/* How much of a packet's payload may go; it is taken off what its direction has left. Several CPUs may ask at
 * once: then a little more goes. */
static __always_inline u32 kf_payload__grant(struct kf_sock *sock, const struct kf_packet *packet)
{
	struct kf_payload *it = &sock->payload;
	struct kf_payload_way *way = packet->received ? &it->rx : &it->tx;
	struct kf_payload_way *other = packet->received ? &it->tx : &it->rx;
	u32 granted;

	if (!it->since_ns || packet->ts_ns - it->since_ns >= KF_PAYLOAD_SECOND_NS) {
		it->since_ns = packet->ts_ns;
		it->tx.left = it->rx.left = KF_PAYLOAD_TURN;
	}
	granted = kf_payload__least(packet->payload, way->left);
	if (!granted)
		return 0;
	if (!kf_payload_share__takes(&sock->charge, granted, packet->ts_ns)) {
		kf_count(KF_CNT_PAYLOAD_LOST_SHARE, 1);
		return 0;
	}
	way->left -= granted;
	other->left = KF_PAYLOAD_TURN; /* it is its turn behind this one */
	return granted;
}

/* Whether the next byte is the first of its direction: then a stream has its beginning. */
static __always_inline bool kf_payload__is_first(const struct kf_sock *sock,
						 const struct kf_packet *packet)
{
	u32 isn = packet->received ? sock->isn_remote : sock->isn_local;

	return (sock->isn_local | sock->isn_remote) && packet->seq == isn + 1; /* UDP: has none */
}

/* How a packet is cut: TCP into what a record holds, UDP into datagrams, where one packet has several. */
static __always_inline u32 kf_payload__step(struct __sk_buff *skb, const struct kf_packet *packet)
{
	if (packet->protocol == KF_IPPROTO_TCP)
		return KF_PAYLOAD_LARGE;
	return skb->gso_size ? skb->gso_size : packet->payload;
}

/* Sends `granted` bytes of a packet, in parts: all but the last are whole. */
static __always_inline bool kf_payload__cut(struct __sk_buff *skb, u64 number,
					    const struct kf_packet *packet, u32 granted, u32 ahead)
{
	u8 last = packet->tcp_flags & (KF_SEGMENT_FIN | KF_SEGMENT_RST);
	u32 bits = packet->received ? KF_PART_RECEIVED : 0, rest = packet->payload;
	u32 step = kf_payload__step(skb, packet), most = kf_payload__least(step, KF_PAYLOAD_LARGE);
	u64 offset = skb->len - rest, seq = packet->seq;

	if (packet->protocol == KF_IPPROTO_UDP)
		bits |= KF_PART_UDP;
	for (int i = 0; i < KF_PAYLOAD_PARTS; i++) {
		if (rest <= step || granted <= most) {
			u32 captured = kf_payload__least(kf_payload__least(rest, most), granted);
			u32 size = bits & KF_PART_UDP ? kf_payload__least(rest, step) : rest;

			return !kf_payload__send(skb, number, offset << 32 | captured,
						 seq << 32 | size, bits | ahead | last);
		}
		if (kf_payload__send(skb, number, offset << 32 | most, seq << 32 | step,
				     bits | ahead))
			return false;
		ahead = 0;
		rest -= step;
		granted -= most;
		offset += step;
		seq = (u32)(seq + step);
	}
	return false;
}

/* The entry that counted the packet says how much of it goes, and remembers what did not. */
static __noinline int kf_payload__capture(struct __sk_buff *skb, struct kf_sock *sock, u64 number,
					  const struct kf_packet *packet)
{
	struct kf_payload_way *way = packet->received ? &sock->payload.rx : &sock->payload.tx;
	bool full = bpf_ringbuf_query(&kf_ring, BPF_RB_AVAIL_DATA) >= kf_payload_fill;
	u32 granted = full ? 0 : kf_payload__grant(sock, packet);
	u32 ahead = kf_payload__is_first(sock, packet) ? KF_SEGMENT_SYN : 0;
	bool out;

	if (granted && way->skipped)
		ahead |= KF_SEGMENT_SKIPPED;
	/* an end without bytes goes too, else nothing of what was not granted */
	out = !granted && packet->payload && !(packet->tcp_flags & (KF_TCP_FIN | KF_TCP_RST));
	if (!full && !out)
		full = !kf_payload__cut(skb, number, packet, granted, ahead);
	if (full)
		kf_count(KF_CNT_PAYLOAD_LOST_RING, 1);
	if (granted || packet->payload)
		way->skipped = full || granted < packet->payload;
	return 0;
}

#endif
