/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls on names as the tracepoint mode sees them: a system call has the text of a path, and no inode.
 * While such a call runs, tracepoints of the file systems and of write-back hand out the inodes it
 * changes. An inode is taken for the subject of the call only if its name is the one in the text, or
 * if it is the only file that a call changing one file has touched. Else the record has the text and
 * no inode: it does not guess. What overlayfs does in its layers is nothing that the call is about.
 */
#ifndef KF_FILE_TRACEPOINT_NAMED_BPF_H
#define KF_FILE_TRACEPOINT_NAMED_BPF_H

#include "file/tracepoint_text.bpf.h"

/* What a thread inside a call on a name has touched so far: 2,048 threads, 0.4 MB. */
struct kf_named {
	u32 op;
	u32 user; /* where it is counted */
	u64 layered; /* what was touched in a layer of overlayfs, KF_LAYERED_* */
	struct inode *inode; /* the first that was touched */
	struct inode *second; /* another one; KF_MANY: several */
	struct inode *others[3]; /* such that are not reported: directories, devices ... */
	struct dentry *dentry; /* its name */
	struct kf_file_key key;
	struct kf_inode before;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_CALLS);
	__type(key, u64);
	__type(value, struct kf_named);
} kf_named SEC(".maps");

const struct kf_named kf_named_zero = {};

#define KF_MANY ((struct inode *)1)
#define KF_ALIASES 4 /* names of an inode that are compared with the text */

/* Returns whether there was one. */
static __always_inline bool kf_named__drop(const struct kf_named *named)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 user = named->user;

	if (bpf_map_delete_elem(&kf_named, &id))
		return false;
	kf_file_share__give_operation(user);
	return true;
}

/* Gives up a call whose return was not seen. */
static __always_inline void kf_named__lose(void)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named = bpf_map_lookup_elem(&kf_named, &id);

	if (named && kf_named__drop(named))
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
}

/* A new entry; NULL if there is no room, or the user's share is used up. */
static __always_inline struct kf_named *kf_named__make(void)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 user = kf_charge__user();
	struct kf_named *named;

	if (!kf_file_share__take_operation(user))
		return NULL;
	if (bpf_map_update_elem(&kf_named, &id, &kf_named_zero, BPF_NOEXIST)) {
		kf_file_share__give_operation(user);
		return NULL;
	}
	named = bpf_map_lookup_elem(&kf_named, &id);
	if (named)
		named->user = user;
	return named;
}

static __always_inline void kf_named__begin(enum kf_op op)
{
	struct kf_named *named;

	if (kf_self())
		return;
	kf_named__lose();
	named = kf_named__make();
	if (named)
		named->op = op;
	else
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
}

/* A call changes at most three of these: a directory or device, and the folders it is in and goes to. */
static __always_inline void kf_named__touch_other(struct kf_named *named, struct inode *inode)
{
	if (!named->others[0] || named->others[0] == inode)
		named->others[0] = inode;
	else if (!named->others[1] || named->others[1] == inode)
		named->others[1] = inode;
	else
		named->others[2] = inode;
}

/* What overlayfs has touched in a layer. */
#define KF_LAYERED_FILE 1 /* or what stands in an upper layer for one that was removed */
#define KF_LAYERED_OTHER 2 /* a device, pipe or socket */

static __always_inline u32 kf_named__layered(const struct kf_named *named, struct inode *inode,
					     u32 type)
{
	if (type == KF_S_IFREG || type == KF_S_IFLNK)
		return KF_LAYERED_FILE;
	if (type != KF_S_IFCHR || KF_READ(inode, i_rdev))
		return KF_LAYERED_OTHER;
	return named->op == KF_OP_UNLINK ? KF_LAYERED_FILE : 0;
}

/* Whether overlayfs works on this in a layer, and it is taken down as such. Directories are told by their own,
 * if at all. */
static __noinline bool kf_named__is_layered(struct kf_named *named, struct inode *inode, u32 type)
{
	u32 layered;

	if (KF_READ(inode, i_sb, s_magic) == KF_MAGIC_OVERLAY || !kf_current__stands_in())
		return false;
	/* A directory that is being made has no type yet when it is touched first. */
	if (type == KF_S_IFDIR || named->op == KF_OP_MKDIR)
		return kf_directories;
	layered = kf_named__layered(named, inode, type);
	named->layered |= layered;
	return layered;
}

/* A tracepoint hands out an inode. dentry: NULL, or the very name that the call is about. */
static __always_inline void kf_named__touch(struct inode *inode, struct dentry *dentry)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named = bpf_map_lookup_elem(&kf_named, &id);
	u32 type, magic;

	if (!named || !inode)
		return;
	type = KF_READ(inode, i_mode) & KF_S_IFMT;
	if (kf_op__among(named->op, KF_SETATTR_OPS) && type == KF_S_IFLNK)
		return; /* on the way, whose access time moved */
	if (kf_named__is_layered(named, inode, type))
		return;
	if (type != KF_S_IFREG && type != KF_S_IFLNK) {
		kf_named__touch_other(named, inode);
		if (dentry)
			named->op = KF_OP_NONE; /* the call is about it: nothing to report */
		return;
	}
	if (!kf_inode__wanted(inode, &magic))
		return;
	if (dentry || !named->inode) {
		named->dentry = dentry;
		named->inode = inode;
		named->before.magic = magic;
		kf_inode__fill(&named->before, inode);
		kf_file_key__fill(&named->key, inode, dentry, magic);
	} else if (named->inode != inode) {
		named->second = named->second && named->second != inode ? KF_MANY : inode;
	}
}

/* A name of an inode that is the last component of the text. What a rename has overwritten keeps its
 * dentry for a while, but that one is not hashed any more. */
static __always_inline struct dentry *kf_named__alias(struct inode *inode, u32 length)
{
	struct hlist_node *alias;
	struct dentry *dentry;

	if (!inode || inode == KF_MANY)
		return NULL;
	alias = KF_READ(inode, i_dentry.first);
	for (int i = 0; i < KF_ALIASES && alias; i++) {
		dentry = kf_alias__dentry(alias);
		if (KF_READ(dentry, d_hash.pprev) && kf_text__names((u64)dentry, length))
			return dentry;
		alias = KF_READ(alias, next);
	}
	return NULL;
}

/*
 * Decides which inode the call was about: named->inode and named->dentry if that is certain. If two
 * of those that were touched have the name, it is not.
 */
static __always_inline bool kf_named__decide(struct kf_named *named, u32 length)
{
	struct inode *first = named->inode;
	struct dentry *one, *other;
	struct hlist_node *alias;

	if (!first || named->second == KF_MANY)
		return false;
	if (named->op == KF_OP_UNLINK)
		return named->dentry && kf_text__names((u64)named->dentry, length);
	one = kf_named__alias(first, length);
	other = kf_named__alias(named->second, length);
	if (one && other)
		return false;
	if (other) {
		named->inode = named->second;
		one = other;
		kf_inode__fill(&named->before, named->inode);
	}
	if (!one && !named->second && named->before.nlink == 1 &&
	    kf_op__among(named->op, KF_SETATTR_OPS)) {
		/* Reached by a symbolic link: it has but this name. */
		alias = KF_READ(first, i_dentry.first);
		one = alias ? kf_alias__dentry(alias) : NULL;
	}
	named->dentry = one;
	return one;
}

/* Whether a directory that has the name in the text can be what the call was about, and is not the one
 * around that: where names change, the directory around is touched as well. */
static __always_inline bool kf_named__fits(const struct kf_named *named, struct dentry *dentry)
{
	struct inode *around;

	if (kf_op__among(named->op, KF_SETATTR_OPS))
		return true;
	around = KF_READ(dentry, d_parent, d_inode);
	return around == named->others[0] || around == named->others[1] ||
	       around == named->others[2];
}

/* A directory that is reported and is certain. How it was before is not known: what would be said of that
 * (size, mode) is as it is now. */
static __noinline bool kf_named__is_directory(struct kf_named *named, struct inode *inode,
					      struct dentry *dentry)
{
	if (!kf_named__fits(named, dentry) || !kf_inode__wanted(inode, &named->before.magic))
		return false;
	named->inode = inode;
	named->dentry = dentry;
	kf_inode__fill(&named->before, inode);
	kf_file_key__fill(&named->key, inode, dentry, named->before.magic);
	return true;
}

enum kf_decision { KF_TEXT_ALONE, KF_UNWANTED, KF_DECIDED };

/* What a call was about that has touched no file: what has the name in the text. The directory around is
 * touched as well, but has a name of its own. */
static __always_inline enum kf_decision kf_named__other(struct kf_named *named, u32 length)
{
	struct hlist_node *alias;
	struct inode *inode;

	for (int i = 0; i < 3; i++) {
		inode = named->others[i];
		alias = inode ? KF_READ(inode, i_dentry.first) : NULL;
		if (!alias || !kf_text__names((u64)kf_alias__dentry(alias), length))
			continue;
		if (!kf_inode__is_directory(KF_READ(inode, i_mode)))
			return KF_UNWANTED;
		if (kf_named__is_directory(named, inode, kf_alias__dentry(alias)))
			return KF_DECIDED;
	}
	return KF_TEXT_ALONE;
}

/* What to make of a call: the inode is certain, or the text is all there is, or it was about something that
 * is not reported. */
static __always_inline enum kf_decision kf_named__judge(struct kf_named *named, u32 length)
{
	if (kf_named__decide(named, length))
		return KF_DECIDED;
	if (named->inode || (named->layered & KF_LAYERED_FILE))
		return KF_TEXT_ALONE;
	if (named->layered)
		return KF_UNWANTED;
	if (!kf_directories && kf_text__is_folder(length))
		return KF_UNWANTED;
	return kf_named__other(named, length);
}

/* It is there still; when it was touched it may not have had its number yet. Apart, for the sake of the
 * stack. */
static __noinline int kf_named__see(struct kf_subject *subject, struct kf_named *named)
{
	kf_file_key__fill(&subject->key, named->inode, named->dentry, named->before.magic);
	kf_inode__fill(&subject->inode, named->inode);
	return 0;
}

/* Folds the events of a call whose inode and dentry are certain. old: bytes of the path before a
 * rename with its NUL, in texts; 0: none. Its last component is among the last KF_NAME_LEN bytes. */
__noinline int kf_named__fold(u32 op, u64 old)
{
	struct kf_texts *texts = kf_text__get();
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named = bpf_map_lookup_elem(&kf_named, &id);
	struct kf_subject *subject;
	struct kf_flush flush = {};

	if (!named || !texts)
		return 0;
	subject = &texts->subject; /* not on the stack, of which a chain of calls has 512 bytes */
	__builtin_memset(subject, 0, sizeof(*subject));
	subject->key = named->key;
	subject->inode = named->before;
	if (!(kf_op__row(op)->rules & KF_OP_REMOVES))
		kf_named__see(subject, named);
	/* What was made has no state before. */
	if (!(kf_op__row(op)->rules & KF_OP_KEEPS_INODE))
		kf_inode__fill(&named->before, named->inode);
	kf_choice__walk(&subject->at, named->dentry, 0);
	flush.before = &named->before;
	flush.how = kf_event__before_unseen(kf_op__row(op)->last);
	flush.origin_len = old ? KF_NAME_LEN : 0;
	old = old > KF_NAME_LEN ? old - KF_NAME_LEN : 0;
	flush.origin = texts->old + (old & (KF_PATH_MAX - 1));
	kf_op__fold(op, subject, &flush);
	return 0;
}

/* Returns 1 if the call is on its descriptor, the path is empty: AT_EMPTY_PATH. */
static __always_inline int kf_named__resolve(struct kf_named *named, struct kf_where *where, u32 op)
{
	struct kf_texts *texts = kf_text__get();
	enum kf_decision decision;
	long n, old = 0;

	if (!texts)
		return 0;
	n = bpf_probe_read_user_str(texts->path, KF_PATH_MAX, (void *)where->path);
	if (n <= 1) /* older kernels do not count the NUL of an empty text */
		return n >= 0 && op == KF_OP_SETATTR;
	if (kf_directories)
		n = kf_text__cut_slashes(texts, n);
	decision = kf_named__judge(named, n);
	if (decision == KF_TEXT_ALONE)
		kf_text__emit(n, where->dfd, where->old, op);
	if (decision != KF_DECIDED)
		return 0;
	if (where->old)
		old = bpf_probe_read_user_str(texts->old, KF_PATH_MAX, (void *)where->old);
	kf_named__fold(op, old > 0 ? old : 0);
	return 0;
}

/* The call has returned: 0 is success for all of these. Returns 1 if it is on its descriptor: what
 * follows then is the caller's, because the stack does not suffice for another call here. */
__noinline int kf_named__end(u64 dfd, u64 path, u64 old, long ret)
{
	struct kf_where where = { .dfd = dfd, .path = path, .old = old };
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named = bpf_map_lookup_elem(&kf_named, &id);
	int on_descriptor = 0;
	u32 op;

	if (!named)
		return 0;
	op = named->op;
	if (kf_op__succeeded(op, ret)) {
		if (op == KF_OP_RENAME)
			kf_moves__add(kf_number(named->dentry), 0);
		on_descriptor = kf_named__resolve(named, &where, op);
	}
	kf_named__drop(named);
	return on_descriptor;
}

/* utimensat without a path is on its descriptor. Returns whether it has succeeded. */
static __always_inline bool kf_named__forget(long ret)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named = bpf_map_lookup_elem(&kf_named, &id);

	return named && kf_named__drop(named) && ret == 0;
}

#endif
