/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a dentry to the root of its mount namespace, mount points crossed, as components leaf first.
 * Most paths are short: a small piece of the ring is tried first, a large one if it was too small.
 */
#ifndef KF_PATH_BPF_H
#define KF_PATH_BPF_H

#include "compat.bpf.h"
#include "config.bpf.h"
#include "string.bpf.h"

/* In kf_walk.flags, ahead of the walk: of an open file, whose name may have been removed. */
#define KF_WALK_OPEN (1U << 31)
/* The same of a path whose mount is in a mount namespace: so is the one at the walk's end. */
#define KF_WALK_MOUNTED (1U << 30)
/* In kf_walk.flags, at the end of the walk: it is complete. */
#define KF_WALK_COMPLETE (1U << 29)

/* Steps of a walk, components and mount crossings together, where bpf_loop is missing: the verifier
 * walks each there. A deeper path is flagged. Elsewhere only PATH_MAX is the limit. */
#define KF_STEPS_SMALL 16
#define KF_STEPS_LARGE 48
#define KF_PATH_SMALL 256
#define KF_PATH_LARGE KF_PATH_MAX

/*
 * State of a walk. It lies in ring memory, in the place of the record's header: the verifier takes
 * whatever is read from there as any number, so each round of the loop is the same state to it, and
 * it looks at the loop's body once a round instead of once for each history.
 */
struct kf_walk {
	struct dentry *dentry;
	struct mount *mnt; /* NULL: unknown, the walk ends at the root of the file system */
	u16 used; /* bytes written */
	u16 below; /* how many of them lie below the first mount point, or KF_BELOW_NONE */
	u32 flags; /* KF_AGG_PATH_* */
};

/* A walk and, behind it in the same memory, what it has gone over: another path, another number. */
struct kf_climbed {
	struct kf_walk walk;
	u64 hash;
};

/* 1 or 0, by arithmetic: the verifier learns nothing of either. */
static __always_inline u64 kf_is_zero(u64 number)
{
	u64 negated = number;

	asm volatile("%0 = -%0" : "+r"(negated));
	return (number | negated) >> 63 ^ 1;
}

enum kf_step { KF_STEP_END, KF_STEP_NAME, KF_STEP_CROSSED };

static __always_inline struct mount *kf_mount__of(struct vfsmount *vfsmount)
{
	if (!vfsmount)
		return NULL;
	return (struct mount *)((u64)vfsmount - bpf_core_field_offset(struct mount, mnt));
}

/* Whether a mount is the root of a mount namespace, and not of a tree that was detached, or that the
 * kernel has for itself. As d_path has it. */
static __always_inline bool kf_mount__is_root(struct mount *mnt)
{
	return kf_mnt_ns__is_real(KF_UNTYPED(mnt, mnt_ns));
}

/* A number that tells the names of one file apart: the dentry's address in units of its alignment, which is
 * another for each within 256 GiB of memory. */
static __always_inline u32 kf_name__number(const struct dentry *dentry)
{
	return kf_number(dentry) >> 6;
}

/* What a step needs of a dentry, or of a mount: members that stand side by side and are read at once. One
 * place on the stack for both, which is short here. */
struct kf_step_at {
	u64 parent;
	u64 other; /* of a dentry d_name.hash_len, of a mount mnt_mountpoint */
	u64 name; /* of a dentry d_name.name, of the mount above mnt_root */
};

#ifdef KF_CAST
#define KF_AT_ONCE(at, p, first, last, bytes) false
#else
/* Whether the members from first to last fill that many bytes, and were read. */
#define KF_AT_ONCE(at, p, first, last, bytes)                                                \
	(KF_END(p, last) - bpf_core_field_offset((p)->first) == (bytes) &&                   \
	 (bpf_probe_read_kernel(at, bytes, (void *)(p) + bpf_core_field_offset((p)->first)), \
	  true))
#endif

#ifdef KF_CAST
#define KF_READ_INTO(at, p, ...) (*(at) = (u64)KF_UNTYPED(p, __VA_ARGS__))
#else
#define KF_READ_INTO(at, p, member) \
	bpf_probe_read_kernel(at, 8, (void *)(p) + bpf_core_field_offset((p)->member))
#endif

static __always_inline void kf_dentry__read(struct kf_step_at *at, struct dentry *dentry)
{
	__builtin_memset(at, 0, sizeof(*at));
	if (KF_AT_ONCE(at, dentry, d_parent, d_name.name, 24))
		return;
	KF_READ_INTO(&at->parent, dentry, d_parent);
	KF_READ_INTO(&at->other, dentry, d_name.hash_len);
	KF_READ_INTO(&at->name, dentry, d_name.name);
}

static __always_inline void kf_mount__read(struct kf_step_at *at, struct mount *mnt)
{
	__builtin_memset(at, 0, sizeof(*at));
	if (KF_AT_ONCE(at, mnt, mnt_parent, mnt_mountpoint, 16))
		return;
	KF_READ_INTO(&at->parent, mnt, mnt_parent);
	KF_READ_INTO(&at->other, mnt, mnt_mountpoint);
}

/* Copies a dentry's name with its NUL to KF_NAME_LEN bytes. Returns its length with the NUL. */
static __always_inline long kf_name__copy(char *to, struct dentry *dentry)
{
	return kf_string__copy(to, KF_UNTYPED(dentry, d_name.name), KF_NAME_LEN);
}

static __always_inline u32 kf_climbed__hash(const void *walk)
{
	return ((const struct kf_climbed *)walk)->hash;
}

/* Counts a component in by its d_name.hash_len: of the name and of where the parent lies, and read with it. */
static __always_inline void kf_climbed__add(void *walk, u64 hash_len)
{
	struct kf_climbed *climbed = walk;

	climbed->hash = climbed->hash * 33 + hash_len;
}

/* Takes down where the first mount begins. Without a branch, which would be a state for each round. */
static __always_inline void kf_walk__mark(struct kf_walk *walk)
{
	s64 below = walk->below, used = walk->used;
	s64 marked = (below - used) >> 63; /* all bits: it was marked further down */

	walk->below = (below & marked) | (used & ~marked);
}

struct kf_path {
	char *buffer; /* of room + KF_NAME_LEN bytes */
	struct kf_walk *walk;
	u64 root; /* the dentry with which the mount begins that the walk is in; 0: it is in none */
};

/* 0: no mount, which cannot be read. No branch, as a known 0 is one more state in each round of a walk. Not
 * inlined, as what else reads ahead of a walk: the stack is short there. */
static __noinline u64 kf_mount__root(struct mount *mnt)
{
	return (u64)KF_UNTYPED(mnt, mnt.mnt_root);
}

/* From the root of a mount to where it is mounted. */
static __always_inline enum kf_step kf_walk__cross(struct kf_path *path, struct kf_step_at *at)
{
	struct kf_walk *walk = path->walk;

	kf_walk__mark(walk);
	kf_mount__read(at, walk->mnt);
	if (at->parent == (u64)walk->mnt)
		return KF_STEP_END;
	walk->dentry = (struct dentry *)at->other;
	walk->mnt = (struct mount *)at->parent;
	KF_READ_INTO(&at->name, (struct mount *)at->parent, mnt.mnt_root);
	path->root = at->name;
	return KF_STEP_CROSSED;
}

/*
 * One step up. KF_STEP_NAME: at->name is where the next component is. What has no parent
 * and is not where its mount begins has but its name: a memfd, or what a file handle has opened and
 * nobody has looked up. There the walk ends without a dentry.
 */
static __always_inline enum kf_step kf_walk__step(struct kf_path *path, struct kf_step_at *at)
{
	struct kf_walk *walk = path->walk;
	u64 dentry = (u64)walk->dentry;

	if (path->root == dentry)
		return kf_walk__cross(path, at);
	kf_dentry__read(at, (struct dentry *)dentry);
	walk->dentry = (struct dentry *)at->parent;
	if (at->parent != dentry)
		return at->parent ? KF_STEP_NAME : KF_STEP_END;
	if (!path->root || !dentry)
		return KF_STEP_END;
	walk->dentry = NULL;
	walk->mnt = NULL;
	return KF_STEP_NAME;
}

/* One step, and the component it has found. Returns 1 to end the walk. room is a power of two. */
static __always_inline long kf_path__climb(struct kf_path *path, const u32 room)
{
	struct kf_walk *walk = path->walk;
	struct kf_step_at at;
	enum kf_step step;
	long n;

	step = kf_walk__step(path, &at);
	if (step == KF_STEP_END) {
		walk->flags |= KF_WALK_COMPLETE;
		return 1;
	}
	if (step != KF_STEP_NAME)
		return 0;
	if (walk->used >= room)
		return 1;
	kf_climbed__add(walk, at.other);
	n = kf_string__copy(path->buffer + (walk->used & (room - 1)), (void *)at.name, KF_NAME_LEN);
	if (n <= 0)
		return 1;
	walk->used += n;
	return 0;
}

/* Two functions: what a callback finds in its context, the verifier takes as unknown, so the size of
 * the buffer has to be in the code. */
static __noinline long kf_path__climb_small(u32 round, void *path)
{
	return kf_path__climb(path, KF_PATH_SMALL);
}

static __noinline long kf_path__climb_large(u32 round, void *path)
{
	return kf_path__climb(path, KF_PATH_LARGE);
}

static __always_inline void kf_path__walk(struct kf_path *path, const u32 room)
{
	if (room == KF_PATH_SMALL)
		kf_loop(KF_PATH_MAX, kf_path__climb_small, path, KF_STEPS_SMALL);
	else
		kf_loop(KF_PATH_MAX, kf_path__climb_large, path, KF_STEPS_LARGE);
}

/* 1: a dentry's name was removed, or never was in a directory (O_TMPFILE); else 0. As d_unlinked. */
static __noinline u32 kf_dentry__removed(struct dentry *dentry)
{
	void *at[2] = {}; /* d_hash.pprev, d_parent */

	if (!KF_AT_ONCE(at, dentry, d_hash.pprev, d_parent, sizeof(at))) {
		at[0] = KF_UNTYPED(dentry, d_hash.pprev);
		at[1] = KF_UNTYPED(dentry, d_parent);
	}
	return kf_is_zero(kf_number(at[0])) & ~kf_is_zero(kf_number(at[1]) ^ kf_number(dentry));
}

/* Without branches: to the verifier each way is a state, in which it goes over the whole walk. */
static __always_inline void kf_walk__begin(struct kf_walk *walk)
{
	u32 flags = walk->flags & (KF_AGG_PATH_GUESSED | KF_WALK_MOUNTED);

	flags |= KF_AGG_PATH_NO_MOUNT * (u32)kf_is_zero(kf_number(walk->mnt));
	if (walk->flags & KF_WALK_OPEN)
		flags |= KF_AGG_PATH_DELETED * kf_dentry__removed(walk->dentry);
	walk->flags = flags;
	walk->below = KF_BELOW_NONE;
}

/*
 * What a complete walk has ended at: no root of a mount namespace, or, without a dentry, a name alone.
 * What a file handle has opened has no name: it is called "/".
 */
static __always_inline void kf_walk__end(struct kf_walk *walk, const char *buffer, const u32 room)
{
	if (walk->flags & KF_AGG_PATH_NO_MOUNT)
		return;
	if (walk->dentry) {
		if (!(walk->flags & KF_WALK_MOUNTED) && !kf_mount__is_root(walk->mnt))
			walk->flags |= KF_AGG_PATH_UNREACHABLE;
		return;
	}
	walk->flags |= KF_AGG_PATH_UNREACHABLE;
	if (buffer[(walk->used - 2) & (room - 1)] != '/')
		walk->flags |= KF_AGG_PATH_DELETED;
}

/* Whether the kernel has a mount for itself: a layer of overlayfs. */
static __always_inline bool kf_mount__is_internal(struct mount *mnt)
{
	return mnt && (u64)KF_UNTYPED(mnt, mnt_ns) >= (u64)-4095;
}

/* The root of a file system has no name, and no components is a path that is not there: it is "/". */
static __always_inline void kf_walk__name_root(struct kf_walk *walk, char *buffer)
{
	if (!kf_directories || walk->used)
		return;
	buffer[0] = '/';
	buffer[1] = 0;
	walk->used = 2;
}

/* Writes the components of where walk stands to the buffer, behind the walk->used bytes already
 * there; walk, which begins a struct kf_climbed, says what became of it. Returns 0 if the path is complete. */
static __always_inline int kf_path__write(char *buffer, struct kf_walk *walk, const u32 room)
{
	struct kf_path path = { .buffer = buffer, .walk = walk, .root = kf_mount__root(walk->mnt) };
	bool complete;

	kf_walk__begin(walk);
	((struct kf_climbed *)walk)->hash = 0;
	kf_path__walk(&path, room);
	complete = walk->flags & KF_WALK_COMPLETE;
	if (complete) {
		kf_walk__end(walk, buffer, room);
		kf_walk__name_root(walk, buffer);
	} else {
		walk->flags |= KF_AGG_PATH_TRUNCATED;
	}
	walk->flags &= ~(KF_WALK_MOUNTED | KF_WALK_COMPLETE);
	return complete ? 0 : -1;
}

#endif
