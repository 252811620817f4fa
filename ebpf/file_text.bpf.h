/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations on names as the tracepoint road sees them: a system call has the text of a path, and no
 * inode. While such a call runs, tracepoints of the file systems and of write-back hand out the
 * inodes it changes. An inode is taken for the subject of the call only if its name is the one in
 * the text, or if it is the only file that a call changing one file has touched. Else the record has
 * the text and no inode: it does not guess.
 */
#ifndef KF_FILE_TEXT_BPF_H
#define KF_FILE_TEXT_BPF_H

#include "file_name.bpf.h"
#include "syscalls.bpf.h"

/* What a thread inside a call on a name has touched so far: 2,048 threads, 0.4 MB. */
struct kf_named {
	u32 op;
	u32 ambiguous;
	struct inode *inode;
	struct inode *others[3]; /* such that are not reported: directories, devices ... */
	struct dentry *dentry; /* its name when it was touched */
	struct kf_file_key key;
	struct kf_inode before;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, u64);
	__type(value, struct kf_named);
} kf_named SEC(".maps");

/* Texts of one call. Per CPU: sys_exit programs cannot be preempted by one another. */
struct kf_texts {
	char path[KF_PATH_MAX + KF_NAME_LEN];
	char old[KF_PATH_MAX + KF_NAME_LEN];
	char name[KF_NAME_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
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

/* A tracepoint hands out an inode. dentry: NULL, or the very name that the call is about. */
static __always_inline void kf_named__touch(struct inode *inode, struct dentry *dentry)
{
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named = bpf_map_lookup_elem(&kf_named, &id);
	struct hlist_node *alias;
	u32 type;

	if (!named || !inode || named->inode == inode)
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
	if (named->inode && !dentry) {
		named->ambiguous = 1;
		return;
	}
	if (!kf_inode__wanted(inode, &named->before.magic))
		return;
	kf_inode__fill(&named->before, inode);
	named->inode = inode;
	named->key.ino = BPF_CORE_READ(inode, i_ino);
	named->key.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	named->key.gen = BPF_CORE_READ(inode, i_generation);
	named->key.start_ns = kf_current__start();
	named->key.tgid = id >> 32;
	alias = BPF_CORE_READ(inode, i_dentry.first);
	named->dentry = dentry ? dentry : alias ? kf_alias__dentry(alias) : NULL;
}

static __always_inline struct kf_texts *kf_texts__get(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&kf_texts, &zero);
}

struct kf_compare {
	struct kf_texts *texts;
	u32 from; /* where in path the last component would begin */
	u32 length;
	bool differs;
};

static __noinline long kf_compare__turn(u32 turn, void *context)
{
	struct kf_compare *compare = context;
	struct kf_texts *texts = compare->texts;

	if (turn >= compare->length)
		return 1;
	if (texts->path[(compare->from + turn) & (KF_PATH_MAX - 1)] !=
	    texts->name[turn & (KF_NAME_LEN - 1)]) {
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
#ifdef KF_NO_LOOP
	for (u32 i = 0; i < KF_NAME_LEN; i++)
		if (kf_compare__turn(i, &compare))
			break;
#else
	bpf_loop(KF_NAME_LEN, kf_compare__turn, &compare, 0);
#endif
	return !compare.differs;
}

/* The dentry by which the call named its file; NULL if that is not certain. */
static __always_inline struct dentry *kf_named__dentry(struct kf_named *named, u32 length)
{
	struct dentry *dentry = NULL;
	struct inode *inode = named->inode;
	struct hlist_node *alias;

	if (!inode)
		return NULL;
	if (named->op == KF_OP_UNLINK)
		return kf_text__names((u64)named->dentry, length) ? named->dentry : NULL;
	alias = BPF_CORE_READ(inode, i_dentry.first);
	for (int i = 0; i < KF_ALIASES && alias; i++) {
		dentry = kf_alias__dentry(alias);
		if (kf_text__names((u64)dentry, length))
			return dentry;
		alias = BPF_CORE_READ(alias, next);
	}
	if ((named->op == KF_OP_SETATTR || named->op == KF_OP_TRUNCATE) && !named->ambiguous &&
	    named->before.nlink == 1)
		return dentry; /* reached by a symbolic link, and it has but this name */
	return NULL;
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

/* Body of a record without an inode; returns the number of events in it. */
static __always_inline u32 kf_text__body(struct kf_file_record *rec, u32 event)
{
	__builtin_memset(&rec->key, 0, sizeof(rec->key));
	__builtin_memset(&rec->agg, 0, sizeof(rec->agg));
	kf_proc__fill_current(&rec->agg.proc);
	rec->key.start_ns = rec->agg.proc.start_ns;
	rec->key.tgid = rec->agg.proc.tgid;
	rec->agg.first_ns = bpf_ktime_get_boot_ns();
	rec->agg.last_ns = rec->agg.first_ns;
	rec->agg.mnt_ns = kf_current__mnt_ns();
	if (event >= KF_FILE_EVENTS)
		return 0;
	rec->agg.counts[event] = 1;
	if (event != KF_FILE_MOVED_TO)
		return 1;
	rec->agg.counts[KF_FILE_MOVED_FROM] = 1;
	return 2;
}

/* The text as one component, behind it the directory that it is relative to. */
static __always_inline void kf_text__path(struct kf_file_record *rec, struct kf_texts *texts,
					  u32 length, u64 dfd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	struct file *dir = (u32)dfd == KF_AT_FDCWD ? NULL : kf_fd__file(dfd);

	walk->used = length;
	walk->flags = 0;
	if (length > KF_PATH_MAX)
		return;
	bpf_probe_read_kernel(rec + 1, length, texts->path);
	if (texts->path[0] == '/')
		return;
	if (dir) {
		walk->dentry = BPF_CORE_READ(dir, f_path.dentry);
		walk->mnt = kf_mount__of(BPF_CORE_READ(dir, f_path.mnt));
	} else {
		walk->dentry = BPF_CORE_READ(task, fs, pwd.dentry);
		walk->mnt = kf_mount__of(BPF_CORE_READ(task, fs, pwd.mnt));
	}
	kf_path__write((char *)(rec + 1), walk, KF_PATH_LARGE);
}

/* Record of an operation whose file is known by the text alone. */
__noinline int kf_text__emit(u32 length, u64 dfd, u64 old, u32 event)
{
	struct kf_texts *texts = kf_texts__get();
	struct kf_file_record *rec;
	u32 events, used, flags;
	long origin = 0;

	if (!texts)
		return 0;
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 2 * KF_PATH_LARGE + KF_NAME_LEN, 0);
	if (!rec) {
		kf_count(KF_CNT_FILE_EVENTS, 1);
		kf_count(KF_CNT_FILE_LOST_MAP, 1);
		return 0;
	}
	kf_text__path(rec, texts, length, dfd);
	used = ((struct kf_walk *)&rec->hdr)->used;
	flags = ((struct kf_walk *)&rec->hdr)->flags;
	events = kf_text__body(rec, event);
	rec->agg.flags = flags | KF_AGG_NO_INODE | KF_AGG_PATH_TEXT;
	if (old)
		origin = bpf_probe_read_user_str((char *)(rec + 1) +
							 (used & (2 * KF_PATH_LARGE - 1)),
						 KF_NAME_LEN, (void *)old);
	rec->path_len = used;
	rec->origin_len = origin > 0 ? origin : 0;
	rec->pad = 0;
	kf_header__fill(&rec->hdr, KF_KIND_FILE, sizeof(*rec) + used + rec->origin_len);
	kf_submit(rec);
	kf_count(KF_CNT_FILE_EVENTS, events);
	kf_count(KF_CNT_FILE_REPORTED, events);
	return 0;
}

/* Folds an event of a call whose inode and dentry are certain. old: bytes of the path before a
 * rename with its NUL, in texts; 0: none. Its last component is among the last KF_NAME_LEN bytes. */
__noinline int kf_named__fold(u32 event, u32 how, u64 old)
{
	struct kf_texts *texts = kf_texts__get();
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named = bpf_map_lookup_elem(&kf_named, &id);
	struct kf_subject subject;
	struct kf_flush flush = {};

	if (!named || !texts)
		return 0;
	__builtin_memset(&subject, 0, sizeof(subject));
	subject.key = named->key;
	subject.inode = named->before;
	if (named->op != KF_OP_UNLINK)
		kf_inode__fill(&subject.inode, named->inode);
	subject.at.dentry = named->dentry;
	subject.at.mnt = kf_mount__guess(named->dentry);
	flush.event = event;
	flush.how = how;
	flush.before = &named->before;
	if (named->op == KF_OP_LINK || (named->op == KF_OP_UNLINK && named->before.nlink > 1))
		flush.how |= KF_FLUSH_APART;
	flush.origin_len = old ? KF_NAME_LEN : 0;
	old = old > KF_NAME_LEN ? old - KF_NAME_LEN : 0;
	flush.origin = texts->old + (old & (KF_PATH_MAX - 1));
	kf_file__fold(&subject, &flush);
	return 0;
}

/* The (last) event of an operation, and how its aggregate is sent. A table and no switch: what
 * is read by index is one unknown to the verifier, where a switch is a state for each case. */
const struct kf_op_event {
	u8 event;
	u8 how;
} kf_op_events[KF_OP_TRUNCATE + 1] = {
	[KF_OP_UNLINK] = { KF_FILE_DELETE, KF_FLUSH_PATH },
	[KF_OP_RENAME] = { KF_FILE_MOVED_TO, KF_FLUSH_PATH },
	[KF_OP_LINK] = { KF_FILE_CREATE, KF_FLUSH_PATH },
	[KF_OP_SYMLINK] = { KF_FILE_CREATE, KF_FLUSH_PATH },
	[KF_OP_SETATTR] = { KF_FILE_ATTRIB, 0 },
	[KF_OP_TRUNCATE] = { KF_FILE_MODIFY, 0 },
};

static __always_inline void kf_named__resolve(struct kf_named *named, struct kf_where *where,
					      const struct kf_op_event *op)
{
	struct kf_texts *texts = kf_texts__get();
	long n, old = 0;

	if (!texts)
		return;
	n = bpf_probe_read_user_str(texts->path, KF_PATH_MAX, (void *)where->path);
	if (n <= 1)
		return;
	named->dentry = kf_named__dentry(named, n);
	if (!named->dentry && kf_named__unwanted(named, n))
		return;
	if (!named->dentry) {
		kf_text__emit(n, where->dfd, where->old, op->event);
		return;
	}
	if (where->old) {
		old = bpf_probe_read_user_str(texts->old, KF_PATH_MAX, (void *)where->old);
		kf_named__fold(KF_FILE_MOVED_FROM, op->how | KF_FLUSH_MORE, old > 0 ? old : 0);
	}
	kf_named__fold(op->event, op->how, old > 0 ? old : 0);
}

/* The call has returned: 0 is success for all of these. */
__noinline int kf_named__end(u64 dfd, u64 path, u64 old, long ret)
{
	struct kf_where where = { .dfd = dfd, .path = path, .old = old };
	u64 id = bpf_get_current_pid_tgid();
	struct kf_named *named = bpf_map_lookup_elem(&kf_named, &id);

	if (!named)
		return 0;
	if (ret == 0 && named->op > KF_OP_NONE && named->op <= KF_OP_TRUNCATE)
		kf_named__resolve(named, &where, &kf_op_events[named->op]);
	bpf_map_delete_elem(&kf_named, &id);
	return 0;
}

/* utimensat without a path: the descriptor itself. */
__noinline int kf_named__end_fd(u64 fd, long ret)
{
	u64 id = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&kf_named, &id);
	if (ret == 0)
		kf_fd__event(fd, KF_FILE_ATTRIB);
	return 0;
}

#endif
