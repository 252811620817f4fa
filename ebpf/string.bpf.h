/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text in kernel memory: by a helper, or word by word where that is refused (KF_CAST). */
#ifndef KF_STRING_BPF_H
#define KF_STRING_BPF_H

#include "read.bpf.h"

#ifdef KF_CAST
#define KF_STRING_MAX 256

/*
 * KF_STRING_MAX bytes at an address, for reads at constant offsets; what cannot be read is 0. Memory
 * without a type [6.17] would say it better, but the buffer of a linux_binprm is as long and has
 * always been there, so the address is taken for the one of such a buffer.
 */
static __always_inline const u64 *kf_string__words(const void *address)
{
	u64 offset = bpf_core_field_offset(struct linux_binprm, buf);

	barrier_var(offset); /* keeps clang from joining it with the accesses */
	return (void *)KF_TYPE(struct linux_binprm, address - offset) + offset;
}

/* The bytes of a word ahead of its first NUL, as a mask; all of them if it has none. Little endian. */
static __always_inline u64 kf_string__mask(u64 word)
{
	u64 zeros = (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;

	/* Only the lowest bit that is set is sure to be of a NUL. */
	return ((zeros & -zeros) >> 7) - 1;
}

/* How many bytes a mask of kf_string__mask has. */
static __always_inline u32 kf_string__count(u64 mask)
{
	return ((mask & 0x0101010101010101ULL) * 0x0101010101010101ULL) >> 56;
}

/* Copies a string of at most size bytes, its NUL included; nothing of what lies behind the NUL is
 * copied. Returns the length with the NUL. */
static __always_inline long kf_string__copy(char *to, const void *from, const u32 size)
{
	const u64 *words = kf_string__words(from);
	u64 *out = (u64 *)to;
	u64 mask;

	_Static_assert(KF_STRING_MAX == KF_NAME_LEN, "the longest name");
#pragma clang loop unroll(full)
	for (u32 i = 0; i < size / 8; i++) {
		mask = kf_string__mask(words[i]);
		out[i] = words[i] & mask;
		if (mask != ~0ULL)
			return i * 8 + kf_string__count(mask) + 1;
	}
	to[size - 1] = 0;
	return size;
}
#else
static __always_inline long kf_string__copy(char *to, const void *from, const u32 size)
{
	return bpf_probe_read_kernel_str(to, size, from);
}
#endif

#endif
