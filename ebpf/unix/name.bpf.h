/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of UNIX sockets. A path's ending NUL is not part of it; an abstract name begins with NUL.
 * In fentry objects the kernel's structures are read through typed pointers where the helper
 * bpf_skc_to_unix_sock exists [5.16], so that no probe read is needed; else by probe reads. Objects
 * built with KF_CAST have none.
 */
#ifndef KF_UNIX_NAME_BPF_H
#define KF_UNIX_NAME_BPF_H

#include "net.h"
#include "emit.bpf.h"
#include "string.bpf.h"
#include "task.bpf.h"

#define KF_UNIX_DGRAM 2
#define KF_UNIX_WORDS 14 /* of 8 bytes: room for the longest name and a NUL */
#define KF_UNIX_FAMILY_LEN 2 /* sun_family before sun_path */

/* A destination as it was given to a system call; len 0: none. */
struct kf_unix_name {
	u64 words[KF_UNIX_WORDS]; /* sun_path, zeros behind it */
	u32 len;
	u32 pad;
};

/* Whose name is the address of the conversation. */
enum kf_unix_side { KF_UNIX_NOBODY, KF_UNIX_OWN, KF_UNIX_PEER };

/* What is known of both ends. */
struct kf_unix_ends {
	bool own; /* has a name */
	bool peer; /* has a name */
	bool connected;
	bool shared; /* the own name is a listener's too: this is its child */
	bool sent;
	bool dgram;
};

static __always_inline u32 kf_unix_name__length(s32 len)
{
	len -= KF_UNIX_FAMILY_LEN;
	return len < 0 ? 0 : len > KF_UNIX_PATH_LEN ? KF_UNIX_PATH_LEN : len;
}

/*
 * Word i of a name of len bytes, what lies behind the name cleared. Little endian. Without a branch:
 * fourteen of them in a row would be many paths for the verifier.
 */
static __always_inline u64 kf_unix_name__clip(u64 word, u32 i, u32 len)
{
	s64 left = (s64)len - i * 8;
	s64 over = (8 - left) >> 63;
	u64 bits;

	left &= ~(left >> 63);
	bits = ((left & ~over) | (8 & over)) * 4;
	return word & (((1ULL << bits) << bits) - 1);
}

static __always_inline enum kf_unix_side kf_unix_name__side(const struct kf_unix_ends *ends)
{
	if (ends->dgram) {
		if (ends->connected && ends->peer)
			return KF_UNIX_PEER;
		return !ends->sent && ends->own ? KF_UNIX_OWN : KF_UNIX_NOBODY;
	}
	if (ends->own && (ends->shared || !ends->peer))
		return KF_UNIX_OWN;
	return ends->peer ? KF_UNIX_PEER : KF_UNIX_NOBODY;
}

static __always_inline void kf_unix_name__set_length(struct kf_unix *agg, u32 len)
{
	u32 last = len - 1;

	if (last < KF_UNIX_PATH_LEN && agg->addr[0] && !agg->addr[last])
		len = last;
	agg->addr_len = len;
}

/* Whether sockets are read by typed pointers. */
static __always_inline bool kf_unix_name__typed(void)
{
	if (KF_ENABLED(KF_CAST))
		return true;
	return KF_ENABLED(KF_DIRECT) && kf_has_skc_to_unix_sock();
}

static __always_inline struct unix_sock *kf_unix_name__sock(struct sock *sk, const bool typed)
{
	if (!sk || !typed)
		return (struct unix_sock *)sk;
	return bpf_skc_to_unix_sock(sk);
}

/* Word by word where the address is typed; there is no helper for it. */
static __always_inline void kf_unix_name__copy_words(struct kf_unix *agg, struct unix_address *from,
						     u32 len)
{
	u64 *to = (u64 *)agg->addr;

	for (int i = 0; i < KF_UNIX_PATH_LEN / 8; i++)
		to[i] = kf_unix_name__clip(*(u64 *)&from->name[0].sun_path[i * 8], i, len);
	*(u32 *)&to[13] = kf_unix_name__clip(*(u32 *)&from->name[0].sun_path[104], 13, len);
}

static __always_inline void kf_unix_name__copy(struct kf_unix *agg, struct unix_address *from,
					       const bool typed)
{
	u32 len = kf_unix_name__length(KF_READ_AS(typed, from, len));

	if (typed) {
		kf_unix_name__copy_words(agg, from, len);
	} else if (bpf_probe_read_kernel(agg->addr, len, from->name[0].sun_path)) {
		kf_count(KF_CNT_READ_FAILED, 1);
		return;
	}
	kf_unix_name__set_length(agg, len);
}

static __always_inline enum kf_unix_side kf_unix_name__choose(struct kf_unix *agg, struct sock *sk,
							      bool sent, const bool typed)
{
	struct unix_sock *unix_sk = kf_unix_name__sock(sk, typed);
	struct sock *other = unix_sk ? KF_READ_AS(typed, unix_sk, peer) : NULL;
	struct unix_sock *unix_other = kf_unix_name__sock(other, typed);
	struct unix_address *own = unix_sk ? KF_READ_AS(typed, unix_sk, addr) : NULL;
	struct unix_address *peer = unix_other ? KF_READ_AS(typed, unix_other, addr) : NULL;
	struct kf_unix_ends ends = { .sent = sent, .dgram = agg->type == KF_UNIX_DGRAM };
	struct unix_address *name;
	enum kf_unix_side side;

	ends.own = own;
	ends.peer = peer;
	ends.connected = other;
	ends.shared = own && KF_READ_AS(typed, own, refcnt.refs.counter) > 1;
	side = kf_unix_name__side(&ends);
	name = side == KF_UNIX_OWN ? own : peer;
	if (side != KF_UNIX_NOBODY && name)
		kf_unix_name__copy(agg, name, typed);
	return side;
}

/* Address and role of a socket that has no destination of its own. */
static __always_inline void kf_unix_name__fill(struct kf_unix *agg, struct sock *sk, bool sent)
{
	enum kf_unix_side side;

	if (kf_unix_name__typed())
		side = kf_unix_name__choose(agg, sk, sent, true);
	else
		side = kf_unix_name__choose(agg, sk, sent, false);
	agg->role = side == KF_UNIX_OWN ? KF_ROLE_SERVER : KF_ROLE_CLIENT;
}

#ifdef KF_CAST
/*
 * A destination in memory of the kernel, where the system call has copied it. A path ends at a NUL or
 * at its length. Without branches, as kf_unix_name__clip.
 */
static __always_inline void kf_unix_name__read(struct kf_unix_name *to, const void *from, s32 size,
					       bool user)
{
	const u64 *path = kf_string__words(from + KF_UNIX_FAMILY_LEN);
	u64 abstract = -(u64) !(path[0] & 0xff), open = ~0ULL, word, mask;
	u32 len = kf_unix_name__length(size), text = 0;

	if (!len)
		return;
	for (int i = 0; i < KF_UNIX_WORDS; i++) {
		word = kf_unix_name__clip(path[i], i, len) & open;
		mask = kf_string__mask(word) | abstract;
		to->words[i] = word & mask;
		text += kf_string__count(mask);
		open = (s64)mask >> 63; /* 0 behind the NUL */
	}
	to->len = abstract ? len : text;
}
#else
/* A destination in memory of the kernel (copied in by the system call) or of the process. */
static __always_inline void kf_unix_name__read(struct kf_unix_name *to, const void *from, s32 size,
					       bool user)
{
	u32 len = kf_unix_name__length(size);
	const char *path = from + KF_UNIX_FAMILY_LEN;
	char first = 0;
	long got;

	if (!len)
		return;
	got = user ? bpf_probe_read_user(&first, 1, path) : bpf_probe_read_kernel(&first, 1, path);
	if (got == 0 && !first)
		got = user ? bpf_probe_read_user(to->words, len, path)
			   : bpf_probe_read_kernel(to->words, len, path);
	else if (got == 0) /* ends at a NUL or at its length */
		len = got = user ? bpf_probe_read_user_str(to->words, len + 1, path)
				 : bpf_probe_read_kernel_str(to->words, len + 1, path);
	if (got < 0) {
		kf_count(KF_CNT_READ_FAILED, 1);
		return;
	}
	to->len = first ? len - 1 : len;
}
#endif

static __always_inline u64 kf_unix_name__hash(const struct kf_unix_name *name)
{
	u64 hash = name->len;

	for (int i = 0; i < KF_UNIX_WORDS; i++)
		hash = (hash ^ name->words[i]) * KF_PRIME;
	return hash | 1; /* 0 is the socket itself */
}

static __always_inline bool kf_unix_name__is(const struct kf_unix_name *name,
					     const struct kf_unix *agg)
{
	const u64 *words = (const u64 *)agg->addr;
	u64 differ = name->len ^ agg->addr_len;

	for (int i = 0; i < KF_UNIX_PATH_LEN / 8; i++)
		differ |= name->words[i] ^ words[i];
	return !differ && (u32)name->words[13] == *(const u32 *)&words[13];
}

static __always_inline void kf_unix_name__put(const struct kf_unix_name *name, struct kf_unix *agg)
{
	__builtin_memcpy(agg->addr, name->words, KF_UNIX_PATH_LEN);
	agg->addr_len = name->len;
}

#endif
