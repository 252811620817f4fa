/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How kernel memory is read. That depends on what the verifier knows of an address:
 *
 *  KF_TYPED(p, member, ...)    its type: an argument of a tp_btf, fentry or iterator program, or what
 *                              was read from one. Followed directly: no helper call, and it loads
 *                              under lockdown.
 *  KF_UNTYPED(p, member, ...)  nothing, it is a number: from a map, from a register of a kprobe, or
 *                              made by pointer arithmetic. Each step is a probe read, or in builds
 *                              with KF_CAST the number gets the type of p.
 *  KF_READ(p, member, ...)     as it is for the arguments of this object's programs: KF_DIRECT.
 *  KF_READ_AS(typed, p, ...)   in a function that serves both: typed is a constant of each call.
 */
#ifndef KF_READ_BPF_H
#define KF_READ_BPF_H

#include <bpf/bpf_core_read.h>
#include "build.bpf.h"

#define KF_ARROW_1(p, a) (p)->a
#define KF_ARROW_2(p, a, b) (p)->a->b
#define KF_ARROW_3(p, a, b, c) (p)->a->b->c
#define KF_ARROW_4(p, a, b, c, d) (p)->a->b->c->d
#define KF_PICK(_1, _2, _3, _4, name, ...) name

#define KF_TYPED(p, ...) \
	KF_PICK(__VA_ARGS__, KF_ARROW_4, KF_ARROW_3, KF_ARROW_2, KF_ARROW_1)(p, __VA_ARGS__)

#ifdef KF_CAST
extern void *bpf_rdonly_cast(const void *obj, u32 btf_id) __ksym; /* [6.2] */
#else
extern void *bpf_rdonly_cast(const void *obj, u32 btf_id) __ksym __weak;
#endif
#define KF_TYPE(type, p) ((type *)bpf_rdonly_cast((const void *)(p), bpf_core_type_id_kernel(type)))

#ifdef KF_CAST
#define KF_UNTYPED(p, ...) KF_TYPED(KF_TYPE(typeof(*(p)), p), __VA_ARGS__)
#else
#define KF_UNTYPED(p, ...) BPF_CORE_READ(p, __VA_ARGS__)
#endif

#ifdef KF_DIRECT
#define KF_READ(p, ...) KF_TYPED(p, __VA_ARGS__)
#else
#define KF_READ(p, ...) KF_UNTYPED(p, __VA_ARGS__)
#endif

#define KF_READ_AS(typed, p, ...) ((typed) ? KF_TYPED(p, __VA_ARGS__) : KF_UNTYPED(p, __VA_ARGS__))

/*
 * A probe read costs as much as sixty other instructions, and eight bytes more cost seven. So members that
 * lie near each other are read at once: the bytes go into a copy on the stack, which the verifier lets
 * read as what it is a copy of, where KF_WITHIN says of each member that it is inside.
 */
#define KF_END(p, member) (bpf_core_field_offset((p)->member) + sizeof((p)->member))
#define KF_WITHIN(bytes, p, member) (KF_END(p, member) <= (bytes))

/* The address that the verifier keeps in a pointer, as a number: it takes no pointer to a socket in a
 * key, and no context for an address, but a negated one is a number to it. In assembly, because the
 * compiler would drop both signs. */
static __always_inline u64 kf_number(const void *pointer)
{
	u64 negated = (u64)pointer;

	asm volatile("%0 = -%0" : "+r"(negated));
	return -negated;
}

/*
 * Argument n of a tp_btf, fentry or fexit program, if its place differs between kernels. Others have a
 * name by BPF_PROG. In assembly, so that the compiler cannot fold two alternatives into one load with
 * a computed offset, which the verifier refuses.
 */
#define KF_CTX(ctx, n)                                                                         \
	({                                                                                     \
		u64 __value;                                                                   \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(__value) : "r"(ctx), "i"((n)*8)); \
		__value;                                                                       \
	})

#endif
