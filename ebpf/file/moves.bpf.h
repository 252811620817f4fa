/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths that change while a file is open: by a rename of the file, or of a directory above it, by whomever.
 * Renames are counted, and an event of a file whose path was sent at another count looks whether that still
 * is its path. So an event without a rename before it costs one comparison, and a rename one walk for each
 * file that is used afterwards. A rename of a file that nobody has open does not count.
 */
#ifndef KF_FILE_MOVES_BPF_H
#define KF_FILE_MOVES_BPF_H

#include "emit.bpf.h"
#include "path.bpf.h"

/* Variables of a section that all objects share, as they share maps: to read one costs no look-up. */
#define KF_SHARED SEC(".bss.moves")

u32 kf_moves KF_SHARED; /* renames so far */
u32 kf_several KF_SHARED; /* not 0: some file was used by several mounts */

/* A rename is done. held: how many references its name has if nobody has it open. A global
 * function, for the sake of the stack. */
__noinline int kf_moves__add(u64 dentry, s32 held)
{
	if (!dentry || KF_UNTYPED((struct dentry *)dentry, d_lockref.count) > held)
		__sync_fetch_and_add(&kf_moves, 1);
	return 0;
}

/* A hash of the path that a file has now, with the renames before it in the upper half; 0: the ring is full.
 * A global function: the verifier looks at it once. */
__noinline u64 kf_moves__path(u64 dentry, u64 mnt)
{
	const struct kf_walk at = { .dentry = (void *)dentry, .mnt = (void *)mnt };
	u64 moves = (u64)kf_moves << 32;
	struct kf_path_record *rec;
	u32 hash;
	int cut;

	if (!dentry)
		return 0;
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PATH_SMALL + KF_NAME_LEN, 0);
	if (!rec)
		return 0;
	*(struct kf_walk *)&rec->hdr = at;
	cut = kf_path__write((char *)(rec + 1), (struct kf_walk *)&rec->hdr, KF_PATH_SMALL);
	hash = kf_climbed__hash(&rec->hdr);
	kf_discard(rec);
	if (!cut)
		return moves | hash;
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PATH_LARGE + KF_NAME_LEN, 0);
	if (!rec)
		return 0;
	*(struct kf_walk *)&rec->hdr = at;
	kf_path__write((char *)(rec + 1), (struct kf_walk *)&rec->hdr, KF_PATH_LARGE);
	hash = kf_climbed__hash(&rec->hdr);
	kf_discard(rec);
	return moves | hash;
}

/*
 * Which files were used by several mounts, by a hash of the name: the aggregates of all but the first have
 * keys of their own. A place that is set stays so, and costs the next file there a look-up.
 */
#define KF_BESIDE_BITS 12

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KF_BESIDE_BITS);
	__type(key, u32);
	__type(value, u32);
} kf_beside SEC(".maps");

static __always_inline u32 *kf_beside__place(u32 name)
{
	u32 place = name * KF_PRIME >> (64 - KF_BESIDE_BITS);

	return bpf_map_lookup_elem(&kf_beside, &place);
}

static __always_inline void kf_beside__set(u32 *place)
{
	*place = 1;
	kf_several = 1;
}

#endif
