/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SipHash-1-3 of whole words, with the secrets of this run (Aumasson, Bernstein): a number of a text that others
 * choose. Without the length at its end, as all texts of one use are as long.
 */
#ifndef KF_SIP_BPF_H
#define KF_SIP_BPF_H

#include "config.bpf.h"

struct kf_sip {
	u64 v[4];
};

static __always_inline u64 kf_sip__turned(u64 value, u32 bits)
{
	return value << bits | value >> (64 - bits);
}

static __always_inline void kf_sip__round(struct kf_sip *sip)
{
	u64 *v = sip->v;

	v[0] += v[1];
	v[1] = kf_sip__turned(v[1], 13) ^ v[0];
	v[0] = kf_sip__turned(v[0], 32);
	v[2] += v[3];
	v[3] = kf_sip__turned(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = kf_sip__turned(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = kf_sip__turned(v[1], 17) ^ v[2];
	v[2] = kf_sip__turned(v[2], 32);
}

static __always_inline void kf_sip__add(struct kf_sip *sip, u64 word)
{
	sip->v[3] ^= word;
	kf_sip__round(sip);
	sip->v[0] ^= word;
}

static __always_inline void kf_sip__begin(struct kf_sip *sip)
{
	sip->v[0] = kf_secrets[0] ^ 0x736f6d6570736575ULL;
	sip->v[1] = kf_secrets[1] ^ 0x646f72616e646f6dULL;
	sip->v[2] = kf_secrets[0] ^ 0x6c7967656e657261ULL;
	sip->v[3] = kf_secrets[1] ^ 0x7465646279746573ULL;
}

static __always_inline u64 kf_sip__end(struct kf_sip *sip)
{
	sip->v[2] ^= 0xff;
	kf_sip__round(sip);
	kf_sip__round(sip);
	kf_sip__round(sip);
	return sip->v[0] ^ sip->v[1] ^ sip->v[2] ^ sip->v[3];
}

#endif
