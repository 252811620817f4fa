/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a call on a name becomes events: folded if its inode is certain (file/tracepoint_inode.bpf.h), else sent
 * as a record that has the text of the path and no inode.
 */
#ifndef KF_FILE_TEXT_BPF_H
#define KF_FILE_TEXT_BPF_H

#include "file/tracepoint_inode.bpf.h"

static __always_inline void kf_text__body(struct kf_file_record *rec, u32 event)
{
	__builtin_memset(&rec->key, 0, sizeof(rec->key));
	__builtin_memset(&rec->agg, 0, sizeof(rec->agg));
	kf_proc__fill_current(&rec->agg.proc);
	rec->key.start_ns = rec->agg.proc.start_ns;
	rec->key.tgid = rec->agg.proc.tgid;
	rec->agg.first_ns = bpf_ktime_get_boot_ns();
	rec->agg.last_ns = rec->agg.first_ns;
	rec->agg.mnt_ns = kf_current__mnt_ns();
	if (event < KF_FILE_EVENTS)
		rec->agg.counts[event] = 1;
	if (event == KF_FILE_MOVED_TO)
		rec->agg.counts[KF_FILE_MOVED_FROM] = 1;
}

/* What a path that begins with a slash, or none, is relative to. */
static __always_inline void kf_where__base(struct kf_walk *walk, bool absolute, u64 dfd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *dir = (u32)dfd == KF_AT_FDCWD ? NULL : kf_fd__file(dfd);

	if (absolute) { /* the process's root: nothing, or where chroot went */
		walk->dentry = BPF_CORE_READ(task, fs, root.dentry);
		walk->mnt = kf_mount__of(BPF_CORE_READ(task, fs, root.mnt));
	} else if (dir) {
		walk->dentry = BPF_CORE_READ(dir, f_path.dentry);
		walk->mnt = kf_mount__of(BPF_CORE_READ(dir, f_path.mnt));
	} else {
		walk->dentry = BPF_CORE_READ(task, fs, pwd.dentry);
		walk->mnt = kf_mount__of(BPF_CORE_READ(task, fs, pwd.mnt));
	}
}

/* The record's body: the text as one component, behind it what it is relative to, then the text of
 * the old path. Returns -1 if it does not fit. */
static __always_inline int kf_text__write(struct kf_file_record *rec, u32 length,
					  const struct kf_where *where, u32 event, const u32 room)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	struct kf_texts *texts = kf_texts__get();
	char *tail = (char *)(rec + 1);
	long n, origin = 0;
	u32 used, flags;
	int cut;

	if (!texts || length > room)
		return -1;
	kf_where__base(walk, texts->path[0] == '/', where->dfd);
	/* By the string's end and not its length: older verifiers lose the bound of that. */
	n = bpf_probe_read_kernel_str(tail, room, texts->path);
	walk->used = n > 0 ? n : 0;
	cut = kf_path__write(tail, walk, room);
	used = walk->used;
	flags = walk->flags;
	kf_text__body(rec, event);
	rec->agg.flags = flags | KF_AGG_NO_INODE | KF_AGG_PATH_TEXT;
	if (where->old)
		origin = bpf_probe_read_user_str(tail + (used & (2 * room - 1)), KF_NAME_LEN,
						 (void *)where->old);
	rec->path_len = used;
	rec->origin_len = origin > 0 ? origin : 0;
	rec->pad = 0;
	kf_header__fill(&rec->hdr, KF_KIND_FILE, sizeof(*rec) + used + rec->origin_len);
	return cut;
}

/* Record of an operation whose file is known by the text alone. */
__noinline int kf_text__emit(u32 length, u64 dfd, u64 old, u32 event)
{
	struct kf_where where = { .dfd = dfd, .old = old };
	u32 events = event == KF_FILE_MOVED_TO ? 2 : 1;
	struct kf_file_record *rec;

	kf_count(KF_CNT_FILE_EVENTS, events);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 2 * KF_PATH_SMALL + KF_NAME_LEN, 0);
	if (rec && kf_text__write(rec, length, &where, event, KF_PATH_SMALL)) {
		bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
		rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 2 * KF_PATH_LARGE + KF_NAME_LEN,
					  0);
		if (rec && kf_text__write(rec, length, &where, event, KF_PATH_LARGE))
			kf_count(KF_CNT_PATH_TRUNCATED, 1);
	}
	if (!rec) {
		kf_count(KF_CNT_FILE_LOST_RING, events);
		return 0;
	}
	kf_submit(rec);
	return 0;
}

/* Folds an event of a call whose inode and dentry are certain. old: bytes of the path before a
 * rename with its NUL, in texts; 0: none. Its last component is among the last KF_NAME_LEN bytes. */
__noinline int kf_named__fold(u32 event, u32 how, u64 old)
{
	struct kf_texts *texts = kf_texts__get();
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
	if (named->op != KF_OP_UNLINK) {
		/* It is there still; when it was touched it may not have had its number yet. */
		kf_named__key(&subject->key, named->inode);
		kf_inode__fill(&subject->inode, named->inode);
	}
	subject->at.dentry = named->dentry;
	subject->at.mnt = kf_mount__guess(named->dentry);
	flush.event = event;
	flush.how = how;
	flush.before = &named->before;
	if (named->op == KF_OP_LINK || (named->op == KF_OP_UNLINK && named->before.nlink > 1))
		flush.how |= KF_FLUSH_APART;
	flush.origin_len = old ? KF_NAME_LEN : 0;
	old = old > KF_NAME_LEN ? old - KF_NAME_LEN : 0;
	flush.origin = texts->old + (old & (KF_PATH_MAX - 1));
	kf_file__fold(subject, &flush);
	return 0;
}

/* The (last) event of an operation, and how its aggregate is sent. A table and no switch: what
 * is read by index is one unknown to the verifier, where a switch is a state for each case. */
const struct kf_op_event {
	u8 event;
	u8 how;
} kf_op_events[KF_OP_MASK + 1] = {
	[KF_OP_UNLINK] = { KF_FILE_DELETE, KF_FLUSH_PATH },
	[KF_OP_RENAME] = { KF_FILE_MOVED_TO, KF_FLUSH_PATH },
	[KF_OP_LINK] = { KF_FILE_CREATE, KF_FLUSH_PATH },
	[KF_OP_SYMLINK] = { KF_FILE_CREATE, KF_FLUSH_PATH },
	[KF_OP_SETATTR] = { KF_FILE_ATTRIB, 0 },
	[KF_OP_TRUNCATE] = { KF_FILE_MODIFY, KF_FLUSH_NO_BEFORE },
};

/* Returns 1 if the call is on its descriptor, the path is empty: AT_EMPTY_PATH. */
static __always_inline int kf_named__resolve(struct kf_named *named, struct kf_where *where,
					     const struct kf_op_event *op)
{
	struct kf_texts *texts = kf_texts__get();
	long n, old = 0;

	if (!texts)
		return 0;
	n = bpf_probe_read_user_str(texts->path, KF_PATH_MAX, (void *)where->path);
	if (n <= 1)
		return n == 1 && named->op == KF_OP_SETATTR;
	if (!kf_named__decide(named, n)) {
		if (kf_named__unwanted(named, n))
			return 0;
		kf_text__emit(n, where->dfd, where->old, op->event);
		return 0;
	}
	if (where->old) {
		old = bpf_probe_read_user_str(texts->old, KF_PATH_MAX, (void *)where->old);
		kf_named__fold(KF_FILE_MOVED_FROM, op->how | KF_FLUSH_MORE, old > 0 ? old : 0);
	}
	kf_named__fold(op->event, op->how, old > 0 ? old : 0);
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
	if (ret == 0 && op != KF_OP_NONE)
		on_descriptor = kf_named__resolve(named, &where, &kf_op_events[op & KF_OP_MASK]);
	bpf_map_delete_elem(&kf_named, &id);
	return on_descriptor;
}

/* utimensat without a path is on its descriptor. Returns whether it has succeeded. */
static __always_inline bool kf_named__forget(long ret)
{
	u64 id = bpf_get_current_pid_tgid();

	return bpf_map_delete_elem(&kf_named, &id) == 0 && ret == 0;
}

#endif
