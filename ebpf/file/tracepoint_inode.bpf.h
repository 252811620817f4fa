/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations on names as the tracepoint mode sees them: a system call has the text of a path, and no
 * inode. While such a call runs, tracepoints of the file systems and of write-back hand out the
 * inodes it changes. An inode is taken for the subject of the call only if its name is the one in
 * the text, or if it is the only file that a call changing one file has touched. Else the record has
 * the text and no inode: it does not guess.
 */
#ifndef KF_FILE_NAMED_BPF_H
#define KF_FILE_NAMED_BPF_H

#include "file/operations.bpf.h"
#include "syscalls.bpf.h"

/* What a thread inside a call on a name has touched so far: 2,048 threads, 0.4 MB. */
struct kf_named {
	u32 op;
	u32 pad;
	struct inode *inode; /* the first that was touched */
	struct inode *second; /* another one; KF_MANY: several */
	struct inode *others[3]; /* such that are not reported: directories, devices ... */
	struct dentry *dentry; /* its name */
	struct kf_file_key key;
	struct kf_inode before;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, u64);
	__type(value, struct kf_named);
} kf_named SEC(".maps");

/* Texts of one call, and what it is about. On a CPU, a copy of sys_exit runs once at a time. */
struct kf_texts {
	char path[KF_PATH_MAX + KF_NAME_LEN];
	char old[KF_PATH_MAX + KF_NAME_LEN];
	char name[KF_NAME_LEN];
	struct kf_subject subject;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KF_COPIES);
	__type(key, u32);
	__type(value, struct kf_texts);
} kf_texts SEC(".maps");

const struct kf_named kf_named_zero = {};

/* Where a call's path is: relative to dfd. */
struct kf_where {
	u64 dfd;
	u64 path;
	u64 old; /* RENAME: the path before */
};

#define KF_MANY ((struct inode *)1)
#define KF_ALIASES 4 /* names of an inode that are compared with the text */
#define KF_AT_FDCWD ((u32)-100)

static __always_inline void kf_named__begin(enum kf_op op)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named;

	if (kf_self())
		return;
	bpf_map_update_elem(&kf_named, &id, &kf_named_zero, BPF_ANY);
	named = bpf_map_lookup_elem(&kf_named, &id);
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

static __always_inline void kf_named__key(struct kf_file_key *key, struct inode *inode)
{
	key->ino = BPF_CORE_READ(inode, i_ino);
	key->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	key->gen = BPF_CORE_READ(inode, i_generation);
	key->start_ns = kf_current__start();
	key->tgid = bpf_get_current_pid_tgid() >> 32;
}

/* A tracepoint hands out an inode. dentry: NULL, or the very name that the call is about. */
static __always_inline void kf_named__touch(struct inode *inode, struct dentry *dentry)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named = bpf_map_lookup_elem(&kf_named, &id);
	u32 type, magic;

	if (!named || !inode)
		return;
	type = BPF_CORE_READ(inode, i_mode) & KF_S_IFMT;
	if (type != KF_S_IFREG && type != KF_S_IFLNK) {
		kf_named__touch_other(named, inode);
		if (dentry)
			named->op = KF_OP_NONE; /* the call is about it: nothing to report */
		return;
	}
	if ((named->op == KF_OP_SETATTR || named->op == KF_OP_TRUNCATE) && type != KF_S_IFREG)
		return; /* a symbolic link on the way, whose access time moved */
	if (!kf_inode__wanted(inode, &magic))
		return;
	if (dentry || !named->inode) {
		named->dentry = dentry;
		named->inode = inode;
		named->before.magic = magic;
		kf_inode__fill(&named->before, inode);
		kf_named__key(&named->key, inode);
	} else if (named->inode != inode) {
		named->second = named->second && named->second != inode ? KF_MANY : inode;
	}
}

static __always_inline struct kf_texts *kf_texts__get(void)
{
	u32 copy = kf_is_standby;

	return bpf_map_lookup_elem(&kf_texts, &copy);
}

struct kf_compare {
	struct kf_texts *texts;
	u32 from; /* where in path the last component would begin */
	u32 length;
	bool differs;
};

static __noinline long kf_compare__byte(u32 at, void *context)
{
	struct kf_compare *compare = context;
	struct kf_texts *texts = compare->texts;

	if (at >= compare->length)
		return 1;
	if (texts->path[(compare->from + at) & (KF_PATH_MAX - 1)] !=
	    texts->name[at & (KF_NAME_LEN - 1)]) {
		compare->differs = true;
		return 1;
	}
	return 0;
}

/* Whether a dentry's name is the last component of the path in the texts, which has length bytes
 * with its NUL. */
__noinline int kf_text__names(u64 address, u32 length)
{
	struct dentry *dentry = (struct dentry *)address;
	struct kf_texts *texts = kf_texts__get();
	struct kf_compare compare = { .texts = texts };
	long n;

	if (!dentry || !texts)
		return false;
	n = bpf_probe_read_kernel_str(texts->name, sizeof(texts->name),
				      BPF_CORE_READ(dentry, d_name.name));
	if (n <= 1 || n > length)
		return false;
	compare.from = length - n;
	compare.length = n;
	if (compare.from > 0 && texts->path[(compare.from - 1) & (KF_PATH_MAX - 1)] != '/')
		return false;
	kf_loop(KF_NAME_LEN, kf_compare__byte, &compare, KF_NAME_LEN);
	return !compare.differs;
}

/* A descriptor's file and an event on it. Functions that are not static are verified once each,
 * whatever the number of their calls; they take numbers only, which every kernel lets them. */
__noinline int kf_fd__event(u64 fd, u32 event)
{
	struct file *file = kf_fd__file(fd);

	if (file)
		kf_file__event(file, event);
	return 0;
}

/* A name of an inode that is the last component of the text. What a rename has overwritten keeps its
 * dentry for a while, but that one is not hashed any more. */
static __always_inline struct dentry *kf_inode__named(struct inode *inode, u32 length)
{
	struct hlist_node *alias;
	struct dentry *dentry;

	if (!inode || inode == KF_MANY)
		return NULL;
	alias = BPF_CORE_READ(inode, i_dentry.first);
	for (int i = 0; i < KF_ALIASES && alias; i++) {
		dentry = kf_alias__dentry(alias);
		if (BPF_CORE_READ(dentry, d_hash.pprev) && kf_text__names((u64)dentry, length))
			return dentry;
		alias = BPF_CORE_READ(alias, next);
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
	one = kf_inode__named(first, length);
	other = kf_inode__named(named->second, length);
	if (one && other)
		return false;
	if (other) {
		named->inode = named->second;
		one = other;
		kf_inode__fill(&named->before, named->inode);
	}
	if (!one && !named->second && named->before.nlink == 1 &&
	    (named->op == KF_OP_SETATTR || named->op == KF_OP_TRUNCATE)) {
		/* Reached by a symbolic link: it has but this name. */
		alias = BPF_CORE_READ(first, i_dentry.first);
		one = alias ? kf_alias__dentry(alias) : NULL;
	}
	named->dentry = one;
	return one;
}

/* Whether the call was about something that is not reported: what it touched has the name in the text
 * and is no file. The directory around a file is touched as well, but has a name of its own. */
static __always_inline bool kf_named__unwanted(struct kf_named *named, u32 length)
{
	struct hlist_node *alias;
	struct inode *inode;

	if (named->inode)
		return false;
	for (int i = 0; i < 3; i++) {
		inode = named->others[i];
		alias = inode ? BPF_CORE_READ(inode, i_dentry.first) : NULL;
		if (alias && kf_text__names((u64)kf_alias__dentry(alias), length))
			return true;
	}
	return false;
}

#endif
