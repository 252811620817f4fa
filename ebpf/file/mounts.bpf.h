/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mount that an operation on a name goes through, and what is told of a mount. The functions of
 * such operations know none; but each thread has asked for the right to write to it just before
 * (mnt_want_write). Where that is not seen, the mounts of the file system that the thread's namespace
 * has are looked at: if the name lies below one of them only, it is that one, else it is a guess, and
 * the path says so.
 */
#ifndef KF_FILE_MOUNTS_BPF_H
#define KF_FILE_MOUNTS_BPF_H

#include "config.bpf.h"
#include "emit.bpf.h"
#include "path.bpf.h"

/*
 * The mount that a thread has last asked to write to, by a hash of the task, with a salt, so that
 * nobody chooses whom it meets: 32 KB. A place holds one number, mount and task in one: who reads what
 * another has left there gets the address of no mount. An array, because it never refuses and no end
 * of a thread has to be seen; what is overwritten between the two functions is looked for.
 */
#define KF_LAST_BITS 12

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KF_LAST_BITS);
	__type(key, u32);
	__type(value, u64);
} kf_last_mounts SEC(".maps");

static __always_inline u64 *kf_last_mount__place(u64 task)
{
	u32 place = (task ^ kf_salt) * KF_PRIME >> (64 - KF_LAST_BITS);

	return bpf_map_lookup_elem(&kf_last_mounts, &place);
}

/* The thread may write to this mount from now on. */
static __always_inline void kf_last_mount__put(const struct vfsmount *mnt)
{
	u64 task = bpf_get_current_task();
	u64 *place = kf_last_mount__place(task);

	if (place)
		*place = kf_number(mnt) ^ task * KF_PRIME;
}

/* The mount, for a dentry of its file system; 0 if it is not known. It is good for one operation. */
__noinline u64 kf_last_mount__take(u64 dentry)
{
	u64 task = bpf_get_current_task();
	u64 *place = kf_last_mount__place(task);
	struct vfsmount *mnt;

	if (!place)
		return 0;
	mnt = (struct vfsmount *)(*place ^ task * KF_PRIME);
	if ((u64)mnt >> 56 != 0xff || !dentry ||
	    KF_UNTYPED(mnt, mnt_sb) != KF_UNTYPED((struct dentry *)dentry, d_sb))
		return 0;
	*place = 0;
	return (u64)kf_mount__of(mnt);
}

/* Mounts of one file system in one namespace that are compared; of more it is a guess. */
#define KF_CHOICES 8
#define KF_CHOICES_SEEN 512 /* of all namespaces */
#define KF_CHOICES_SEEN_BOUND 16 /* where each round is verified */

struct kf_choice {
	struct super_block *sb;
	struct mnt_namespace *ns;
	struct mount *next;
	struct dentry *dentry;
	u64 found; /* of those below which the dentry lies, the outermost */
	u32 count; /* mounts of the namespace */
	u32 matches;
	u64 root[KF_CHOICES];
	u64 mount[KF_CHOICES];
};

/* Where each round is verified it is not seen which of them the dentry lies below: all may be it, and
 * the one that shows the whole file system is taken. */
static __always_inline void kf_choice__add_any(struct kf_choice *choice, struct mount *mnt)
{
	struct dentry *root = KF_UNTYPED(mnt, mnt.mnt_root);

	choice->matches++;
	if (!choice->found || KF_UNTYPED(root, d_parent) == root)
		choice->found = (u64)mnt;
}

static __noinline long kf_choice__collect(u32 round, void *context)
{
	struct kf_choice *choice = *(struct kf_choice **)context;
	struct mount *mnt = choice->next;
	u32 place;

	if (kf_mounts__ends(choice->sb, mnt))
		return 1;
	choice->next = kf_mounts__next(mnt);
	if (KF_UNTYPED(mnt, mnt_ns) != choice->ns)
		return 0;
	place = choice->count++;
	if (!kf_has_loop()) {
		kf_choice__add_any(choice, mnt);
		return 0;
	}
	if (place >= KF_CHOICES)
		return 1;
	choice->root[place & (KF_CHOICES - 1)] = (u64)KF_UNTYPED(mnt, mnt.mnt_root);
	choice->mount[place & (KF_CHOICES - 1)] = (u64)mnt;
	return 0;
}

/* One step up from the dentry: which mounts begin here. */
static __noinline long kf_choice__compare(u32 round, void *context)
{
	struct kf_choice *choice = *(struct kf_choice **)context;
	struct dentry *dentry = choice->dentry, *parent;

	for (u32 i = 0; i < KF_CHOICES; i++) {
		if (choice->root[i] != (u64)dentry)
			continue;
		choice->matches++;
		choice->found = choice->mount[i];
	}
	parent = KF_UNTYPED(dentry, d_parent);
	choice->dentry = parent;
	return !parent || parent == dentry;
}

/* Finds the mount of a dentry in the current namespace, see above. Returns its address, KF_CHOICE_GUESSED in
 * it; 0: none. */
#define KF_CHOICE_GUESSED 1

static __always_inline u64 kf_choice__made(struct kf_choice *choice)
{
	kf_loop(KF_CHOICES_SEEN, kf_choice__collect, &choice, KF_CHOICES_SEEN_BOUND);
	if (kf_has_loop())
		kf_loop(KF_PATH_MAX, kf_choice__compare, &choice, KF_STEPS_LARGE);
	if (!choice->found)
		return 0;
	if (choice->matches > 1 || choice->count > KF_CHOICES ||
	    !kf_mounts__ends(choice->sb, choice->next))
		return choice->found | KF_CHOICE_GUESSED;
	return choice->found;
}

/* In ring memory, as a walk: to the verifier each round is the same state then. */
__noinline u64 kf_choice__make(u64 address)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct dentry *dentry = (struct dentry *)address;
	struct kf_choice *choice;
	u64 chosen = 0;

	choice = bpf_ringbuf_reserve(&kf_ring, sizeof(*choice), 0);
	if (!choice)
		return 0;
	__builtin_memset(choice, 0, sizeof(*choice));
	choice->dentry = dentry;
	if (dentry) {
		choice->ns = KF_UNTYPED(task, nsproxy, mnt_ns);
		choice->sb = KF_UNTYPED(dentry, d_sb);
		choice->next = kf_mounts__first(choice->sb);
		chosen = kf_choice__made(choice);
	}
	kf_discard(choice);
	return chosen;
}

/* Where the walk from a dentry begins: its mount is known, or 0. */
static __always_inline void kf_choice__walk(struct kf_walk *walk, struct dentry *dentry, u64 mnt)
{
	if (!mnt)
		mnt = kf_choice__make(kf_number(dentry));
	walk->dentry = dentry;
	walk->mnt = (struct mount *)(mnt & ~(u64)KF_CHOICE_GUESSED);
	walk->flags = mnt & KF_CHOICE_GUESSED ? KF_AGG_PATH_GUESSED : 0;
}

/*
 * Mounts that user space has heard of, by a hash of their number, 32 KB: two that meet in one place
 * are told of again and again, which is no fault.
 */
#define KF_TOLD_BITS 12

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KF_TOLD_BITS);
	__type(key, u32);
	__type(value, u64);
} kf_told_mounts SEC(".maps");

/*
 * A number of the mount that another never has, where the kernel has none: what else a mount at the same
 * place would have in common with it, down to the source's name, would be said of it anyway.
 */
static __always_inline u64 kf_told__number(struct mount *mnt)
{
	u64 name[4] = {}, number;
	struct super_block *sb;

	sb = KF_UNTYPED(mnt, mnt.mnt_sb);
	kf_string__copy((char *)name, KF_UNTYPED(mnt, mnt_devname), sizeof(name));
	number = ((u64)mnt ^ KF_UNTYPED(mnt, mnt_id)) * KF_PRIME + (u64)sb;
	number = number * KF_PRIME + KF_UNTYPED(sb, s_dev);
	number = number * KF_PRIME + (u64)KF_UNTYPED(sb, s_type);
	for (u32 i = 0; i < 4; i++)
		number = (number + name[i]) * KF_PRIME;
	return number;
}

/*
 * Numbers that were made, so that of most paths they are only looked up: 16 KB, by a hash of the mount.
 * A place is good for one mount, as long as nothing else is mounted where that is. check says for which, and
 * that both words are of one writer.
 */
#define KF_MADE_BITS 10

struct kf_made {
	u64 check; /* kf_made__is, xor number */
	u64 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KF_MADE_BITS);
	__type(key, u32);
	__type(value, struct kf_made);
} kf_made_numbers SEC(".maps");

static __always_inline struct kf_made *kf_made__at(u64 mnt)
{
	u32 place = (mnt ^ kf_salt) * KF_PRIME >> (64 - KF_MADE_BITS);

	return bpf_map_lookup_elem(&kf_made_numbers, &place);
}

static __always_inline u64 kf_made__is(u64 mnt, u64 moment)
{
	return (mnt + moment) * KF_PRIME;
}

static __always_inline bool kf_told__tell(struct mount *mnt, u64 number)
{
	struct super_block *sb = KF_UNTYPED(mnt, mnt.mnt_sb);
	struct kf_mount_record *rec;
	const char *text;

	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);
	if (!rec)
		return false;
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->mount = number;
	rec->dev = KF_UNTYPED(sb, s_dev);
	kf_string__copy(rec->type, KF_UNTYPED(sb, s_type, name), KF_TYPE_LEN);
	text = KF_UNTYPED(sb, s_subtype);
	if (text)
		kf_string__copy(rec->subtype, text, KF_TYPE_LEN);
	text = KF_UNTYPED(mnt, mnt_devname);
	if (text)
		kf_string__copy(rec->source, text, KF_NAME_LEN);
	kf_header__fill(&rec->hdr, KF_KIND_MOUNT, sizeof(*rec));
	kf_submit(rec);
	return true;
}

/* Whether user space knows a mount by this number from now on, or did before. */
static __always_inline bool kf_told__knows(struct mount *mnt, u64 number)
{
	u32 place = (number ^ kf_salt) * KF_PRIME >> (64 - KF_TOLD_BITS);
	u64 *told = bpf_map_lookup_elem(&kf_told_mounts, &place);

	if (!told)
		return false;
	if (*told == number)
		return true;
	if (!kf_told__tell(mnt, number))
		return false;
	*told = number;
	return true;
}

/* In the number of a mount, as it is returned: the mount is in a mount namespace. */
#define KF_TOLD_MOUNTED (1ULL << 63)

/*
 * Before 6.8: the number is made of much that has to be read. A mount is mostly one of the namespace of
 * who goes through it: then nothing of it is read.
 */
static __always_inline u64 kf_told__introduce_made(struct mount *mnt)
{
	struct mnt_namespace *ns = kf_current__mnt_ns();
	u64 moment = kf_mnt_ns__moment(ns), number;
	struct kf_made *made = kf_made__at((u64)mnt);

	if (!made)
		return 0;
	number = made->number;
	if (moment && (made->check ^ number) == kf_made__is((u64)mnt, moment))
		return number | KF_TOLD_MOUNTED;
	number = kf_told__number(mnt) & ~KF_TOLD_MOUNTED;
	if (!kf_told__knows(mnt, number) || !moment ||
	    kf_number(ns) != (u64)KF_UNTYPED(mnt, mnt_ns))
		return number;
	made->check = kf_made__is((u64)mnt, moment) ^ number;
	made->number = number;
	return number | KF_TOLD_MOUNTED;
}

/* The number of a mount, which user space hears of first. 0: no mount. */
__noinline u64 kf_told__introduce(u64 address)
{
	struct mount *mnt = (struct mount *)address;
	u64 number;

	if (!mnt)
		return 0;
	if (!kf_mounts__have_numbers())
		return kf_told__introduce_made(mnt);
	number = kf_mounts__number(mnt);
	kf_told__knows(mnt, number);
	return number;
}

/* The number of the mount of a walk that begins, which is told whether it is in a namespace. */
static __always_inline u64 kf_told__walk(struct kf_walk *walk)
{
	u64 number = kf_told__introduce(kf_number(walk->mnt));

	walk->flags |= KF_WALK_MOUNTED * (u32)(number >> 63); /* no branch: a state for the walk */
	return number & ~KF_TOLD_MOUNTED;
}

#endif
