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

/* Copies a dentry's name with its NUL to KF_NAME_LEN bytes. Returns its length with the NUL. */
static __always_inline long kf_name__copy(char *to, struct dentry *dentry)
{
	return kf_string__copy(to, KF_UNTYPED(dentry, d_name.name), KF_NAME_LEN);
}

/* Takes down where the first mount begins. Without a branch, which would be a state for each round. */
static __always_inline void kf_walk__mark(struct kf_walk *walk)
{
	s64 below = walk->below, used = walk->used;
	s64 marked = (below - used) >> 63; /* all bits: it was marked further down */

	walk->below = (below & marked) | (used & ~marked);
}

/*
 * One step up. KF_STEP_NAME: *name is the dentry whose name is the next component. What has no parent
 * and is not where its mount begins has but its name: a memfd, or what a file handle has opened and
 * nobody has looked up. There the walk ends without a dentry.
 */
static __always_inline enum kf_step kf_walk__step(struct kf_walk *walk, struct dentry **name)
{
	struct dentry *dentry = walk->dentry, *parent;
	struct mount *mnt = walk->mnt, *up;

	if (mnt && KF_UNTYPED(mnt, mnt.mnt_root) == dentry) {
		kf_walk__mark(walk);
		up = KF_UNTYPED(mnt, mnt_parent);
		if (up == mnt)
			return KF_STEP_END;
		walk->dentry = KF_UNTYPED(mnt, mnt_mountpoint);
		walk->mnt = up;
		return KF_STEP_CROSSED;
	}
	parent = KF_UNTYPED(dentry, d_parent);
	*name = dentry;
	walk->dentry = parent;
	if (parent != dentry)
		return parent ? KF_STEP_NAME : KF_STEP_END;
	if (!mnt)
		return KF_STEP_END;
	walk->dentry = NULL;
	walk->mnt = NULL;
	return KF_STEP_NAME;
}

struct kf_path {
	char *buffer; /* of room + KF_NAME_LEN bytes */
	struct kf_walk *walk;
	bool complete;
};

/* One step, and the component it has found. Returns 1 to end the walk. room is a power of two. */
static __always_inline long kf_path__climb(struct kf_path *path, const u32 room)
{
	struct kf_walk *walk = path->walk;
	struct dentry *name = NULL;
	enum kf_step step;
	long n;

	step = kf_walk__step(walk, &name);
	if (step == KF_STEP_END) {
		path->complete = true;
		return 1;
	}
	if (step != KF_STEP_NAME)
		return 0;
	if (walk->used >= room)
		return 1;
	n = kf_name__copy(path->buffer + (walk->used & (room - 1)), name);
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

/* Whether a dentry's name was removed, or never was in a directory (O_TMPFILE). As d_unlinked. */
static __always_inline bool kf_dentry__removed(struct dentry *dentry)
{
	return !KF_UNTYPED(dentry, d_hash.pprev) && KF_UNTYPED(dentry, d_parent) != dentry;
}

static __always_inline void kf_walk__begin(struct kf_walk *walk)
{
	u32 flags = walk->flags & KF_AGG_PATH_GUESSED;

	if (!walk->mnt)
		flags |= KF_AGG_PATH_NO_MOUNT;
	if ((walk->flags & KF_WALK_OPEN) && kf_dentry__removed(walk->dentry))
		flags |= KF_AGG_PATH_DELETED;
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
		if (!kf_mount__is_root(walk->mnt))
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
 * there; walk says what became of it. Returns 0 if the path is complete. */
static __always_inline int kf_path__write(char *buffer, struct kf_walk *walk, const u32 room)
{
	struct kf_path path = { .buffer = buffer, .walk = walk };

	kf_walk__begin(walk);
	kf_path__walk(&path, room);
	if (path.complete) {
		kf_walk__end(walk, buffer, room);
		kf_walk__name_root(walk, buffer);
		return 0;
	}
	walk->flags |= KF_AGG_PATH_TRUNCATED;
	return -1;
}

#endif
