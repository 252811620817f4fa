/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations on names and attributes (unlink, rename, link, symlink, setattr) and copies. Each is seen twice,
 * at entry and with its result; what is gone afterwards is kept from the entry on. Only what
 * succeeded becomes an event. On a stacked file system (overlayfs) the same operation runs again
 * inside, on the lower file: the outer one is what the process asked for, the inner is left out.
 */
#ifndef KF_FILE_NAME_BPF_H
#define KF_FILE_NAME_BPF_H

#include "file/aggregate.bpf.h"

enum kf_op {
	KF_OP_NONE,
	KF_OP_UNLINK,
	KF_OP_RENAME,
	KF_OP_LINK,
	KF_OP_SYMLINK,
	KF_OP_SETATTR,
	KF_OP_COPY,
	KF_OP_TRUNCATE, /* tracepoint mode: a call of its own */
};

#define KF_OP_MASK 7 /* for an index that the verifier believes */

struct kf_pending {
	u32 op;
	u32 depth; /* operations nested inside this one */
	u32 valid; /* SETATTR: ia_valid */
	u32 wanted; /* the inode is one that is reported */
	struct dentry *dentry;
	struct file *in; /* COPY */
	struct file *out;
	struct kf_inode before;
	struct kf_file_key key;
	u64 name; /* hash and length of the dentry's name, where a return may be lost */
	u32 origin_len;
	u32 pad;
	char origin[KF_NAME_LEN];
};

/* One entry a thread that is inside such an operation: 2,048 at the same time, 0.8 MB. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, u64);
	__type(value, struct kf_pending);
} kf_pending SEC(".maps");

const struct kf_pending kf_pending_zero = {};

/* iattr.ia_valid (linux/fs.h) */
#define KF_ATTR_SIZE (1 << 3)

/* Begins an operation; NULL if it is nested in another one, or cannot be followed. */
static __always_inline struct kf_pending *kf_pending__begin(enum kf_op op, struct dentry *dentry)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_pending *pending;

	if (kf_self())
		return NULL;
	pending = bpf_map_lookup_elem(&kf_pending, &id);
	if (pending) {
		pending->depth++;
		return NULL;
	}
	bpf_map_update_elem(&kf_pending, &id, &kf_pending_zero, BPF_NOEXIST);
	pending = bpf_map_lookup_elem(&kf_pending, &id);
	if (!pending) {
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
		return NULL;
	}
	pending->op = op;
	pending->dentry = dentry;
#ifdef KF_RETURNS_LOST
	pending->name = KF_READ(dentry, d_name.hash_len);
#endif
	return pending;
}

/* The operation that ends here, NULL if it was a nested one or its beginning was not seen. */
static __always_inline struct kf_pending *kf_pending__end(enum kf_op op)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_pending *pending = bpf_map_lookup_elem(&kf_pending, &id);

	if (!pending)
		return NULL;
	if (pending->depth > 0) {
		pending->depth--;
		return NULL;
	}
	return pending->op == op ? pending : NULL;
}

static __always_inline void kf_pending__forget(void)
{
	u64 id = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&kf_pending, &id);
}

/* Whether this thread is inside an operation that accounts for what happens now. */
static __always_inline bool kf_pending__inside(void)
{
	u64 id = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&kf_pending, &id) != NULL;
}

/* Keeps what the inode is before the operation. */
static __always_inline void kf_pending__keep(struct kf_pending *pending, struct inode *inode)
{
	if (!inode || !kf_inode__wanted(inode, &pending->before.magic))
		return;
	kf_inode__fill(&pending->before, inode);
	pending->key.ino = KF_READ(inode, i_ino);
	pending->key.dev = KF_READ(inode, i_sb, s_dev);
	pending->key.gen = KF_READ(inode, i_generation);
	pending->key.start_ns = kf_current__start();
	pending->key.tgid = bpf_get_current_pid_tgid() >> 32;
	pending->wanted = 1;
}

static __always_inline void kf_pending__keep_name(struct kf_pending *pending, struct dentry *dentry)
{
	long n = kf_name__copy(pending->origin, dentry);

	pending->origin_len = n > 0 ? n : 0;
}

/*
 * The dentry an exit handler works on: fexit has it as a typed argument, a kretprobe only as it was
 * kept at the entry.
 */
#ifdef KF_DIRECT
#define KF_KEPT(argument, kept) (argument)
#else
#define KF_KEPT(argument, kept) (kept)
#endif

/* Folds an event whose subject was kept at the entry. */
static __always_inline void kf_pending__fold(struct kf_pending *pending, const struct kf_inode *now,
					     struct dentry *dentry, struct kf_flush *flush)
{
	struct kf_subject subject;

	__builtin_memset(&subject, 0, sizeof(subject));
	subject.key = pending->key;
	subject.inode = *now;
	subject.at.dentry = dentry;
	subject.at.mnt = kf_mount__guess(dentry);
	flush->before = &pending->before;
	kf_file__fold(&subject, flush);
}

/* The barrier keeps the compiler from folding these loads with those of the copy that *now was made
 * by: one load from two kinds of pointer is refused by the verifier. */
static __always_inline void kf_inode__update(struct kf_inode *now, struct inode *inode)
{
	if (!inode)
		return;
	kf_inode__fill(now, inode);
	barrier();
}

static __always_inline void kf_unlink__enter(struct dentry *dentry)
{
	struct kf_pending *pending = kf_pending__begin(KF_OP_UNLINK, dentry);

	if (pending)
		kf_pending__keep(pending, KF_READ(dentry, d_inode));
}

static __always_inline void kf_unlink__exit(long ret)
{
	struct kf_pending *pending = kf_pending__end(KF_OP_UNLINK);
	struct kf_flush flush = { .event = KF_FILE_DELETE, .how = KF_FLUSH_PATH };

	if (!pending)
		return;
	if (pending->before.nlink > 1)
		flush.how |= KF_FLUSH_APART;
	if (ret == 0 && pending->wanted)
		kf_pending__fold(pending, &pending->before, pending->dentry, &flush);
	kf_pending__forget();
}

static __always_inline void kf_rename__enter(struct dentry *dentry)
{
	struct kf_pending *pending = kf_pending__begin(KF_OP_RENAME, dentry);

	if (!pending || !dentry)
		return;
	kf_pending__keep(pending, KF_READ(dentry, d_inode));
	if (pending->wanted)
		kf_pending__keep_name(pending, dentry);
}

/* The dentry has moved: its name and place are the new ones now. */
static __always_inline void kf_renamed(struct kf_pending *pending, struct dentry *dentry)
{
	struct kf_flush flush = { .event = KF_FILE_MOVED_FROM,
				  .how = KF_FLUSH_PATH | KF_FLUSH_MORE };
	struct inode *inode = KF_READ(dentry, d_inode);
	struct kf_inode now = pending->before;

	kf_inode__update(&now, inode);
	flush.origin = pending->origin;
	flush.origin_len = pending->origin_len;
	kf_pending__fold(pending, &now, dentry, &flush);
	flush.event = KF_FILE_MOVED_TO;
	flush.how = KF_FLUSH_PATH;
	kf_pending__fold(pending, &now, dentry, &flush);
}

static __always_inline void kf_rename__exit(struct dentry *argument, long ret)
{
	struct kf_pending *pending = kf_pending__end(KF_OP_RENAME);

	if (!pending)
		return;
	if (ret == 0 && pending->wanted && pending->dentry)
		kf_renamed(pending, KF_KEPT(argument, pending->dentry));
	kf_pending__forget();
}

/* link and symlink make a name: the new dentry has its inode when they are done. */
static __always_inline void kf_create__exit(enum kf_op op, struct dentry *argument, long ret)
{
	struct kf_pending *pending = kf_pending__end(op);
	struct kf_flush flush = { .event = KF_FILE_CREATE, .how = KF_FLUSH_PATH | KF_FLUSH_APART };
	struct dentry *dentry;

	if (!pending)
		return;
	if (ret == 0 && pending->dentry) {
		dentry = KF_KEPT(argument, pending->dentry);
		kf_pending__keep(pending, KF_READ(dentry, d_inode));
		if (pending->wanted)
			kf_pending__fold(pending, &pending->before, dentry, &flush);
	}
	kf_pending__forget();
}

static __always_inline void kf_setattr__enter(struct dentry *dentry, struct iattr *attr)
{
	struct kf_pending *pending = kf_pending__begin(KF_OP_SETATTR, dentry);

	if (!pending)
		return;
	pending->valid = KF_READ(attr, ia_valid);
	kf_pending__keep(pending, KF_READ(dentry, d_inode));
}

/* A change of size is MODIFY, one of mode, owner or times is ATTRIB. */
static __always_inline void kf_setattr__exit(struct dentry *argument, long ret)
{
	struct kf_pending *pending = kf_pending__end(KF_OP_SETATTR);
	struct kf_flush flush = {};
	struct dentry *dentry;
	struct kf_inode now;
	struct inode *inode;

	if (!pending)
		return;
	if (ret == 0 && pending->wanted) {
		dentry = KF_KEPT(argument, pending->dentry);
		inode = KF_READ(dentry, d_inode);
		now = pending->before;
		kf_inode__update(&now, inode);
		flush.event = pending->valid & KF_ATTR_SIZE ? KF_FILE_MODIFY : KF_FILE_ATTRIB;
		kf_pending__fold(pending, &now, dentry, &flush);
	}
	kf_pending__forget();
}

/* copy_file_range and sendfile: one file is read, the other written, by one call. The second may run
 * inside the first. An allocation has no file that is read. */
static __always_inline void kf_copy__enter(struct file *in, struct file *out)
{
	struct kf_pending *pending = kf_pending__begin(KF_OP_COPY, NULL);

	if (!pending)
		return;
	pending->in = in;
	pending->out = out;
}

static __always_inline void kf_copy__exit(struct file *in, struct file *out, long ret)
{
	struct kf_pending *pending = kf_pending__end(KF_OP_COPY);

	if (!pending)
		return;
	in = KF_KEPT(in, pending->in);
	out = KF_KEPT(out, pending->out);
	kf_pending__forget();
	if (ret <= 0)
		return;
	if (in)
		kf_file__event(in, KF_FILE_ACCESS);
	kf_file__event(out, KF_FILE_MODIFY);
}

#endif
