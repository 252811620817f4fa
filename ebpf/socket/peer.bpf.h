/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finding the aggregate of a socket and its peer. */
#ifndef KF_SOCKET_PEER_BPF_H
#define KF_SOCKET_PEER_BPF_H

#include "socket/aggregate.bpf.h"

/*
 * The number by which an aggregate is found. That two have the same one nobody can bring about: their words,
 * each times a secret of 64 bits, add up to the same sum in about one of 2^32 runs. The key is compared, and
 * what it happens to is folded.
 */
static __always_inline u64 kf_peer__number(const struct kf_sock_key *key)
{
	const u32 *address = (const u32 *)key->remote_addr;
	u64 number = key->cookie * kf_secrets[0];

	number += (key->remote_port | (u32)key->family << 16) * kf_secrets[1];
	number += address[0] * kf_secrets[2];
	if (key->family == KF_AF_INET)
		return number;
	number += address[1] * kf_secrets[3];
	number += address[2] * kf_secrets[4];
	return number + address[3] * kf_secrets[5];
}

/* Whether an entry is the one of this key; one that is being made is taken for it. */
static __always_inline bool kf_peer__is(const struct kf_peer *peer, const struct kf_sock_key *key)
{
	const u64 *there = (const u64 *)&peer->key, *here = (const u64 *)key;

	if (!there[0])
		return true;
	return !((there[0] ^ here[0]) | (there[1] ^ here[1]) | (there[2] ^ here[2]) |
		 (there[3] ^ here[3]));
}

static __always_inline struct kf_peer *kf_peer__at(u64 number)
{
	return kf_sock__at(&kf_udp, KF_SHARE_UDP, &number);
}

/* number: that of the key. */
static __always_inline struct kf_peer *kf_peer__find(const struct kf_sock_key *key, u64 number)
{
	struct kf_peer *peer = kf_peer__at(number);

	return peer && kf_peer__is(peer, key) ? peer : NULL;
}

#endif
