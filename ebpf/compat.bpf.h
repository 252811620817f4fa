/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every difference between kernels, newest form first. Features are asked for by CO-RE, never by
 * version number. The names in brackets say where a form came in.
 */
#ifndef KF_COMPAT_BPF_H
#define KF_COMPAT_BPF_H

#include <bpf/bpf_core_read.h>

/*
 * KF_READ(pointer, member, member...): typed read. Objects for tp_btf and fentry define KF_DIRECT:
 * there a pointer from the context may be followed directly, which costs no helper call and loads
 * under lockdown. Elsewhere each step is a probe read.
 */
#define KF_ARROW_1(p, a) (p)->a
#define KF_ARROW_2(p, a, b) (p)->a->b
#define KF_ARROW_3(p, a, b, c) (p)->a->b->c
#define KF_ARROW_4(p, a, b, c, d) (p)->a->b->c->d
#define KF_PICK(_1, _2, _3, _4, name, ...) name
#ifdef KF_DIRECT
#define KF_READ(p, ...) \
	KF_PICK(__VA_ARGS__, KF_ARROW_4, KF_ARROW_3, KF_ARROW_2, KF_ARROW_1)(p, __VA_ARGS__)
#else
#define KF_READ(p, ...) BPF_CORE_READ(p, __VA_ARGS__)
#endif

/*
 * KF_AT(type, address, member...): read at an address that is a plain number to the verifier, as
 * all are that come out of a map or of pointer arithmetic. Objects built with KF_CAST do it without
 * probe reads, which lockdown=confidentiality refuses: the kernel function bpf_rdonly_cast [6.2]
 * gives the number a type.
 */
#ifdef KF_CAST
extern void *bpf_rdonly_cast(const void *obj, u32 btf_id) __ksym;
#define KF_TYPE(type, p) ((type *)bpf_rdonly_cast((const void *)(p), bpf_core_type_id_kernel(type)))
#define KF_AT(type, p, ...)                                                  \
	KF_PICK(__VA_ARGS__, KF_ARROW_4, KF_ARROW_3, KF_ARROW_2, KF_ARROW_1) \
	(KF_TYPE(type, p), __VA_ARGS__)

#define KF_BYTES_MAX 256

/*
 * KF_BYTES_MAX bytes at an address, for reads at constant offsets; what cannot be read is 0. Memory
 * without a type [6.17] would say it better, but the buffer of a linux_binprm is as long and has
 * always been there, so the address is taken for the one of such a buffer.
 */
static __always_inline const u64 *kf_bytes__at(const void *address)
{
	u64 offset = bpf_core_field_offset(struct linux_binprm, buf);

	barrier_var(offset); /* keeps clang from joining it with the accesses */
	return (void *)KF_TYPE(struct linux_binprm, address - offset) + offset;
}

/* The bytes of a word ahead of its first NUL, as a mask; all of them if it has none. Little endian. */
static __always_inline u64 kf_word__text(u64 word)
{
	u64 zeros = (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;

	/* Only the lowest bit that is set is sure to be of a NUL. */
	return ((zeros & -zeros) >> 7) - 1;
}

/* How many bytes a mask of kf_word__text has. */
static __always_inline u32 kf_word__length(u64 mask)
{
	return ((mask & 0x0101010101010101ULL) * 0x0101010101010101ULL) >> 56;
}

/* Copies a string of at most words * 8 bytes, its NUL included; nothing of what lies behind the NUL
 * is copied. Returns the length with the NUL. */
static __always_inline long kf_bytes__copy_str(char *to, const u64 *from, const int words)
{
	u64 *out = (u64 *)to;
	u64 mask;

#pragma clang loop unroll(full)
	for (int i = 0; i < words; i++) {
		mask = kf_word__text(from[i]);
		out[i] = from[i] & mask;
		if (mask != ~0ULL)
			return i * 8 + kf_word__length(mask) + 1;
	}
	to[words * 8 - 1] = 0;
	return words * 8;
}
#else
#define KF_AT(type, p, ...) BPF_CORE_READ((type *)(p), __VA_ARGS__)
#endif

/*
 * Argument n of a tp_btf, fentry or fexit program at a constant offset. Written in assembly so that
 * the compiler cannot fold two alternatives into one load with a computed offset, which the
 * verifier refuses.
 */
#define KF_CTX(ctx, n)                                                                         \
	({                                                                                     \
		u64 __value;                                                                   \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(__value) : "r"(ctx), "i"((n)*8)); \
		__value;                                                                       \
	})

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* inode times: i_mtime_sec, i_mtime_nsec [6.11]; __i_mtime [6.7], __i_ctime [6.6]; i_mtime. */
struct inode___v611 {
	s64 i_atime_sec;
	s64 i_mtime_sec;
	s64 i_ctime_sec;
	u32 i_atime_nsec;
	u32 i_mtime_nsec;
	u32 i_ctime_nsec;
};

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

struct inode___v67 {
	struct timespec64 __i_atime;
	struct timespec64 __i_mtime;
	struct timespec64 __i_ctime;
};

struct inode___v510 {
	struct timespec64 i_atime;
	struct timespec64 i_mtime;
	struct timespec64 i_ctime;
};

/* struct file reference count: f_ref, which counts from 0 [6.13, "fs: add file_ref"]; f_count. */
typedef struct {
	struct {
		s64 counter;
	} refcnt;
} kf_file_ref;

struct file___v613 {
	kf_file_ref f_ref;
};

struct file___v510 {
	struct {
		s64 counter;
	} f_count;
};

/* Link of a dentry in its inode's list: d_alias beside d_u [7.x]; d_u.d_alias. */
struct dentry___flat {
	struct hlist_node d_alias;
};

struct dentry___union {
	union {
		struct hlist_node d_alias;
	} d_u;
};

#pragma clang attribute pop

/* Bit 31 of i_ctime_nsec marks a multigrain timestamp that was queried [6.13]. */
#define KF_CTIME_NSEC_MASK 0x7fffffffU

/* References that keep an open file alive: 1 means the next close ends it. */
static __always_inline s64 kf_file__refs(struct file *file)
{
	struct file___v613 *new = (void *)file;
	struct file___v510 *old = (void *)file;

	if (bpf_core_field_exists(new->f_ref))
		return BPF_CORE_READ(new, f_ref.refcnt.counter) + 1;
	return BPF_CORE_READ(old, f_count.counter);
}

static __always_inline struct dentry *kf_alias__dentry(struct hlist_node *node)
{
	u64 offset;

	if (bpf_core_field_exists(struct dentry___flat, d_alias))
		offset = bpf_core_field_offset(struct dentry___flat, d_alias);
	else
		offset = bpf_core_field_offset(struct dentry___union, d_u.d_alias);
	return (struct dentry *)((u64)node - offset);
}

#endif
