/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations that are seen twice, at the entry of a kernel function and at its return: what is not
 * there any more at the return is kept from the entry on. On a stacked file system (overlayfs) the
 * same operation runs again inside, on the lower file: the outer one is what the process asked for,
 * the inner is left out. An open is no operation here; what overlayfs does inside of it is told by whose
 * rights it uses.
 */
#ifndef KF_FILE_PENDING_BPF_H
#define KF_FILE_PENDING_BPF_H

#include "file/operations.bpf.h"

/* What an operation works on. */
struct kf_operands {
	struct dentry *dentry; /* its name */
	struct dentry *other; /* RENAME: the name that it gets, which may be that of a file */
	struct file *in; /* or, of open files, the one that is read, */
	struct file *out; /* and the one that is written */
};

#define KF_ON_NAME(dentry_) (&(struct kf_operands){ .dentry = (dentry_) })
#define KF_ON_NAMES(old_, new_) (&(struct kf_operands){ .dentry = (old_), .other = (new_) })
#define KF_ON_FILES(in_, out_) (&(struct kf_operands){ .in = (in_), .out = (out_) })
#define KF_ON_KEPT ((struct kf_operands *)NULL) /* what was there at the entry */

/* RENAME: what had the new name. */
struct kf_displaced {
	struct kf_inode before;
	struct kf_file_key key;
	u32 wanted; /* there is such a file, and it is reported */
	u32 exchanged; /* it gets the old name, else it is gone */
};

struct kf_pending {
	u32 op; /* enum kf_op */
	u32 depth; /* operations nested inside this one */
	u32 nested; /* all that were taken for such ones */
	u32 user; /* where it is counted */
	u64 frame; /* place of its function on the stack */
	struct kf_operands on;
	u64 mnt; /* of the name, 0: not known */
	struct kf_inode before;
	struct kf_file_key key;
	u64 name; /* hash and length of the dentry's name, where a return may be lost */
	u32 wanted; /* the inode is one that is reported */
	u32 origin_len;
	char origin[KF_NAME_LEN];
	struct kf_displaced displaced;
};

/* One entry a thread that is inside such an operation: 2,048 at the same time, 1.2 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_CALLS);
	__type(key, u64);
	__type(value, struct kf_pending);
} kf_pending SEC(".maps");

const struct kf_pending kf_pending_zero = {};

static __always_inline struct kf_pending *kf_pending__find(void)
{
	u64 id = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&kf_pending, &id);
}

/* Returns whether there was one. */
static __always_inline bool kf_pending__forget(void)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_pending *pending = bpf_map_lookup_elem(&kf_pending, &id);
	u32 user;

	if (!pending)
		return false;
	user = pending->user;
	if (bpf_map_delete_elem(&kf_pending, &id))
		return false;
	kf_file_share__give_operation(user);
	return true;
}

/* Gives up an operation whose return was not seen. What was taken for nested in it may have come behind
 * it, and is counted with it: at worst too much is said to be lost. */
static __always_inline void kf_pending__lose(void)
{
	struct kf_pending *pending = kf_pending__find();
	u32 lost = 1;

	if (pending)
		lost += pending->nested;
	if (kf_pending__forget())
		kf_count(KF_CNT_FILE_LOST_PENDING, lost);
}

/* A new entry; NULL if there is no room, or the user's share is used up. */
static __always_inline struct kf_pending *kf_pending__make(void)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 user = kf_charge__user();
	struct kf_pending *pending;

	if (!kf_file_share__take_operation(user))
		return NULL;
	if (bpf_map_update_elem(&kf_pending, &id, &kf_pending_zero, BPF_NOEXIST)) {
		kf_file_share__give_operation(user);
		return NULL;
	}
	pending = bpf_map_lookup_elem(&kf_pending, &id);
	if (pending)
		pending->user = user;
	return pending;
}

/*
 * Begins an operation; NULL if it is nested in another one, or cannot be followed. What is nested has
 * its frame further down the stack: a frame that is not above this one has returned, unseen.
 */
static __always_inline struct kf_pending *kf_pending__begin(enum kf_op op, u64 frame)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_pending *pending;

	if (kf_self())
		return NULL;
	pending = bpf_map_lookup_elem(&kf_pending, &id);
	if (pending && frame < pending->frame) {
		pending->depth++;
		pending->nested++;
		return NULL;
	}
	if (pending)
		kf_pending__lose();
	if (kf_current__stands_in())
		return NULL;
	pending = kf_pending__make();
	if (!pending) {
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
		return NULL;
	}
	pending->op = op;
	pending->frame = frame;
	return pending;
}

/* The operation that ends here, NULL if it was a nested one or its beginning was not seen. ops: bits
 * of those that the function can be. */
static __always_inline struct kf_pending *kf_pending__end(const u32 ops)
{
	struct kf_pending *pending = kf_pending__find();

	if (!pending)
		return NULL;
	if (pending->depth > 0) {
		pending->depth--;
		return NULL;
	}
	return kf_op__among(pending->op, ops) ? pending : NULL;
}

static __always_inline void kf_pending__keep(struct kf_pending *pending, struct dentry *dentry)
{
	struct inode *inode = KF_READ(dentry, d_inode);

	if (inode && kf_identity__take(&pending->key, &pending->before, inode, dentry))
		pending->wanted = 1;
}

static __always_inline void kf_pending__keep_name(struct kf_pending *pending, struct dentry *dentry)
{
	long n = kf_name__copy(pending->origin, dentry);

	pending->origin_len = n > 0 ? n : 0;
}

/* The entry: keeps what the operation's row asks for. Returns NULL as kf_pending__begin does. */
static __always_inline struct kf_pending *kf_pending__enter(enum kf_op op,
							    const struct kf_operands *on, u64 frame)
{
	const u32 rules = kf_op__row(op)->rules;
	struct kf_pending *pending = kf_pending__begin(op, frame);
	struct dentry *dentry = on->dentry;

	if (!pending)
		return NULL;
	pending->on = *on;
	if (!(rules & KF_OP_FILES))
		pending->mnt = kf_last_mount__take(kf_number(dentry));
	if (rules & KF_OP_KEEPS_INODE)
		kf_pending__keep(pending, dentry);
	if ((rules & KF_OP_KEEPS_NAME) && pending->wanted)
		kf_pending__keep_name(pending, dentry);
	return pending;
}

/* Which of the two files of a rename. */
enum kf_side { KF_SIDE_MOVED, KF_SIDE_DISPLACED };

/* iattr.ia_valid (linux/fs.h) */
#define KF_ATTR_SIZE (1 << 3)
#define KF_ATTR_FILE (1 << 13) /* ia_file is the open file that was asked for it */
#define KF_ATTR_ASKED 0x7f /* mode, owner, size or times; else rights that a write takes away */

/* What the kernel does behind a write, or by an open file, has not asked for its mount. */
static __always_inline void kf_pending__mount_of(struct kf_pending *pending, struct iattr *attr,
						 u32 valid)
{
	if (valid & KF_ATTR_FILE)
		pending->mnt = kf_number(kf_mount__of(KF_READ(attr, ia_file, f_path.mnt)));
	else if (!(valid & KF_ATTR_ASKED))
		pending->mnt = 0;
}

/* The one function that is two operations. */
static __always_inline struct kf_pending *kf_pending__enter_setattr(struct dentry *dentry,
								    struct iattr *attr, u64 frame)
{
	struct kf_pending *pending = kf_pending__enter(KF_OP_SETATTR, KF_ON_NAME(dentry), frame);

	u32 valid;

	if (!pending)
		return NULL;
	valid = KF_READ(attr, ia_valid);
	kf_pending__mount_of(pending, attr, valid);
	if (valid & KF_ATTR_SIZE)
		pending->op = KF_OP_TRUNCATE;
	return pending;
}

/* How the file is after the operation; on overlayfs one of several lower links may have got another number, by
 * being copied up. The barrier keeps the compiler from folding these loads with those of the copy that *now was
 * made by: one load from two kinds of pointer is refused by the verifier. */
static __always_inline void kf_pending__update(struct kf_file_key *key, struct kf_inode *now,
					       struct inode *inode)
{
	if (!inode)
		return;
	kf_inode__fill(now, inode);
	if (now->magic == KF_MAGIC_OVERLAY)
		kf_file_key__overlay(key, kf_number(inode));
	barrier();
}

/* Folds an operation on a name that has succeeded. What it made or moved has its inode at the dentry
 * now. */
static __always_inline void kf_pending__fold(u32 op, struct kf_pending *pending,
					     struct dentry *dentry)
{
	const u32 rules = kf_op__row(op)->rules;
	struct kf_flush flush = { .before = &pending->before, .origin = pending->origin };
	struct kf_subject subject;

	if (!(rules & KF_OP_KEEPS_INODE))
		kf_pending__keep(pending, dentry);
	if (!pending->wanted)
		return;
	__builtin_memset(&subject, 0, sizeof(subject));
	subject.key = pending->key;
	subject.inode = pending->before;
	if ((rules & KF_OP_KEEPS_INODE) && !(rules & KF_OP_REMOVES))
		kf_pending__update(&subject.key, &subject.inode, KF_READ(dentry, d_inode));
	kf_choice__walk(&subject.at, dentry, pending->mnt);
	if (kf_op__among(op, KF_SETATTR_OPS)) /* of an open file, too, whose name may be gone */
		subject.at.flags |= KF_WALK_OPEN;
	if (rules & KF_OP_KEEPS_NAME)
		flush.origin_len = pending->origin_len;
	kf_op__fold(op, &subject, &flush);
}

/*
 * Folds the rename of one of two files, whose state is up to date already. A global function: it has the
 * subject on its stack instead of the program's, and the verifier looks at it once. What was replaced
 * had the name that the other has now; what was exchanged has left its name to the other.
 */
__noinline int kf_pending__fold_side(u32 side)
{
	struct kf_pending *pending = kf_pending__find();
	struct kf_subject subject;
	struct kf_flush flush = {};
	u32 op = KF_OP_RENAME;

	if (!pending)
		return 0;
	__builtin_memset(&subject, 0, sizeof(subject));
	subject.at.dentry = pending->on.dentry;
	flush.origin = pending->origin;
	if (side == KF_SIDE_MOVED) {
		subject.key = pending->key;
		subject.inode = pending->before;
	} else {
		subject.key = pending->displaced.key;
		subject.inode = pending->displaced.before;
		op = pending->displaced.exchanged ? KF_OP_RENAME : KF_OP_UNLINK;
		if (op == KF_OP_RENAME) {
			kf_pending__keep_name(pending, pending->on.dentry);
			subject.at.dentry = pending->on.other;
		}
	}
	flush.before = &subject.inode;
	flush.origin_len = op == KF_OP_RENAME ? pending->origin_len : 0;
	kf_choice__walk(&subject.at, subject.at.dentry, pending->mnt);
	kf_op__fold(op, &subject, &flush);
	return 0;
}

/* A rename changes neither size nor mtime: how a file is now is how it was. */
static __always_inline void kf_pending__renamed(struct kf_pending *pending,
						const struct kf_operands *on)
{
	struct kf_displaced *displaced = &pending->displaced;
	struct dentry *dentry = on->dentry, *second = on->other;
	bool moved = pending->wanted, other = displaced->wanted;

	if (moved)
		kf_pending__update(&pending->key, &pending->before, KF_READ(dentry, d_inode));
	if (other && displaced->exchanged)
		kf_pending__update(&displaced->key, &displaced->before, KF_READ(second, d_inode));
	if (moved)
		kf_pending__fold_side(KF_SIDE_MOVED);
	if (other)
		kf_pending__fold_side(KF_SIDE_DISPLACED);
	/* 1: the rename itself has it */
	kf_moves__add(displaced->exchanged ? 0 : kf_number(dentry), 1);
}

/* The operation has its result. */
static __always_inline void kf_pending__settle(u32 op, struct kf_pending *pending,
					       const struct kf_operands *on, long ret)
{
	if (!on)
		on = &pending->on;
	if (kf_op__row(op)->rules & KF_OP_FILES)
		kf_op__on_files(op, on->in, on->out, ret, kf_file__event);
	else if (op == KF_OP_RENAME && kf_op__succeeded(op, ret))
		kf_pending__renamed(pending, on);
	else if (kf_op__succeeded(op, ret))
		kf_pending__fold(op, pending, on->dentry);
	kf_pending__forget();
}

/* The return. on: the arguments if they are there again, else KF_ON_KEPT. */
static __always_inline void kf_pending__exit(enum kf_op op, const struct kf_operands *on, long ret)
{
	struct kf_pending *pending = kf_pending__end(KF_OP_BIT(op));

	if (pending)
		kf_pending__settle(op, pending, on, ret);
	else if (op == KF_OP_RENAME && kf_op__succeeded(op, ret))
		kf_moves__add(0, 0);
}

/* Each by itself: so what its row says is known when compiling, as elsewhere. */
static __always_inline void kf_pending__exit_setattr(const struct kf_operands *on, long ret)
{
	struct kf_pending *pending = kf_pending__end(KF_SETATTR_OPS);

	if (!pending)
		return;
	if (pending->op == KF_OP_TRUNCATE)
		kf_pending__settle(KF_OP_TRUNCATE, pending, on, ret);
	else
		kf_pending__settle(KF_OP_SETATTR, pending, on, ret);
}

#endif
