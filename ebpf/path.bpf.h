/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a dentry to the root of its mount namespace, mount points crossed, as components leaf first.
 * Most paths are short: a small piece of the ring is tried first, a large one if it was too small.
 */
#ifndef KF_PATH_BPF_H
#define KF_PATH_BPF_H

#include "compat.bpf.h"
#include "string.bpf.h"

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
	u32 used; /* bytes written */
	u32 flags; /* KF_AGG_PATH_* */
};

enum kf_step { KF_STEP_END, KF_STEP_NAME, KF_STEP_CROSSED };

static __always_inline struct mount *kf_mount__of(struct vfsmount *vfsmount)
{
	if (!vfsmount)
		return NULL;
	return (struct mount *)((u64)vfsmount - bpf_core_field_offset(struct mount, mnt));
}

/*
 * Operations on names know no mount. If the file system is that of the process's root or working
 * directory, it is taken from there; else user space looks the device up (KF_AGG_PATH_NO_MOUNT).
 */
static __always_inline struct mount *kf_mount__guess(struct dentry *dentry)
{
	struct super_block *sb = KF_UNTYPED(dentry, d_sb);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct vfsmount *mnt = KF_UNTYPED(task, fs, pwd.mnt);

	if (KF_UNTYPED(mnt, mnt_sb) == sb)
		return kf_mount__of(mnt);
	mnt = KF_UNTYPED(task, fs, root.mnt);
	if (KF_UNTYPED(mnt, mnt_sb) == sb)
		return kf_mount__of(mnt);
	return NULL;
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

/* One step up. KF_STEP_NAME: *name is the dentry whose name is the next component. */
static __always_inline enum kf_step kf_walk__step(struct kf_walk *walk, struct dentry **name)
{
	struct dentry *dentry = walk->dentry, *parent;
	struct mount *mnt = walk->mnt, *up;

	if (mnt && KF_UNTYPED(mnt, mnt.mnt_root) == dentry) {
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
	/* A root of its own: a memfd hangs nowhere and has but its name. */
	if (!mnt)
		return KF_STEP_END;
	walk->dentry = KF_UNTYPED(mnt, mnt.mnt_root);
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

/* Writes the components of where walk stands to the buffer, behind the walk->used bytes already
 * there; walk says what became of it. Returns 0 if the path is complete. */
static __always_inline int kf_path__write(char *buffer, struct kf_walk *walk, const u32 room)
{
	struct kf_path path = { .buffer = buffer, .walk = walk };

	walk->flags = walk->mnt ? 0 : KF_AGG_PATH_NO_MOUNT;
	kf_path__walk(&path, room);
	if (path.complete)
		return 0;
	walk->flags |= KF_AGG_PATH_TRUNCATED;
	return -1;
}

#endif
