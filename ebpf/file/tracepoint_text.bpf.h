/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text of a path that a system call was given: all that the tracepoint mode has of a file's name.
 * It is compared with the names of inodes (file/tracepoint_named.bpf.h); where none is certain, it goes
 * into a record of its own, without an inode.
 */
#ifndef KF_FILE_TRACEPOINT_TEXT_BPF_H
#define KF_FILE_TRACEPOINT_TEXT_BPF_H

#include "file/path_calls.bpf.h"

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

static __always_inline struct kf_texts *kf_text__get(void)
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

static __noinline long kf_text__compare(u32 at, void *context)
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
	struct kf_texts *texts = kf_text__get();
	struct kf_compare compare = { .texts = texts };
	long n;

	if (!dentry || !texts)
		return false;
	n = kf_name__copy(texts->name, dentry);
	if (n <= 1 || n > length)
		return false;
	compare.from = length - n;
	compare.length = n;
	if (compare.from > 0 && texts->path[(compare.from - 1) & (KF_PATH_MAX - 1)] != '/')
		return false;
	kf_loop(KF_NAME_LEN, kf_text__compare, &compare, KF_NAME_LEN);
	return !compare.differs;
}

/* Whether the path in the texts can name a directory alone: it ends with a slash, or with a component
 * of dots. */
static __always_inline bool kf_text__is_folder(u32 length)
{
	struct kf_texts *texts = kf_text__get();
	u32 dots = 0;
	char last = '/';

	if (!texts)
		return false;
	for (u32 back = 2; back < 5; back++) {
		last = back > length ? '/' : texts->path[(length - back) & (KF_PATH_MAX - 1)];
		if (last != '.')
			break;
		dots++;
	}
	return last == '/' && dots < 3;
}

#define KF_TEXT_SLASHES 4

/* Takes slashes off the end of the path in the texts, that of a directory, so that its last component is a
 * name. Returns its length with the NUL. */
static __always_inline u32 kf_text__cut_slashes(struct kf_texts *texts, u32 length)
{
	for (int i = 0; i < KF_TEXT_SLASHES; i++) {
		if (length < 3 || texts->path[(length - 2) & (KF_PATH_MAX - 1)] != '/')
			break;
		length--;
		texts->path[(length - 1) & (KF_PATH_MAX - 1)] = 0;
	}
	return length;
}

static __always_inline void kf_text__aggregate(struct kf_file_agg *agg, u32 op)
{
	const struct kf_op_row *row = kf_op__row(op);

	__builtin_memset(agg, 0, sizeof(*agg));
	kf_proc__fill_current(&agg->proc);
	agg->share_uid = agg->proc.uid;
	agg->first_ns = bpf_ktime_get_boot_ns();
	agg->last_ns = agg->first_ns;
	if (row->last < KF_FILE_EVENTS)
		agg->counts[row->last] = 1;
	if (row->events > 1 && row->first < KF_FILE_EVENTS)
		agg->counts[row->first] = 1;
}

/* The record's body: the text as one component, behind it what it is relative to, then the text of
 * the old path. Returns -1 if it does not fit. */
static __always_inline int kf_text__write(struct kf_file_record *rec, u32 length,
					  const struct kf_where *where, u32 op, const u32 room)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	struct kf_texts *texts = kf_text__get();
	char *tail = (char *)(rec + 1);
	long n, origin = 0;
	u32 used, flags;
	int cut;

	if (!texts || length > room)
		return -1;
	kf_path_call__base(walk, texts->path[0] == '/', where->dfd);
	/* By the string's end and not its length: older verifiers lose the bound of that. */
	n = bpf_probe_read_kernel_str(tail, room, texts->path);
	walk->used = n > 0 ? n : 0;
	cut = kf_path__write(tail, walk, room);
	used = walk->used;
	flags = walk->flags;
	kf_text__aggregate(&rec->agg, op);
	__builtin_memset(&rec->key, 0, sizeof(rec->key));
	rec->key.start_ns = rec->agg.proc.start_ns;
	rec->key.tgid = rec->agg.proc.tgid;
	rec->key.execs = rec->agg.proc.execs;
	rec->agg.flags = flags | KF_AGG_NO_INODE | KF_AGG_PATH_TEXT;
	if (where->old)
		origin = bpf_probe_read_user_str(tail + (used & (2 * room - 1)), KF_NAME_LEN,
						 (void *)where->old);
	rec->path_len = used;
	rec->origin_len = origin > 0 ? origin : 0;
	rec->mount = 0;
	rec->below = KF_BELOW_NONE;
	rec->pad = 0;
	kf_header__fill(&rec->hdr, KF_KIND_FILE, sizeof(*rec) + used + rec->origin_len);
	return cut;
}

/* The text, where it lies for the sweep; cut where it is too long. */
static __always_inline void kf_text__keep_name(struct kf_kept_name *kept, struct kf_texts *texts,
					       u64 dfd, u64 old)
{
	struct kf_walk *walk = (struct kf_walk *)kept;
	long n;

	kf_path_call__base(walk, texts->path[0] == '/', dfd);
	n = bpf_probe_read_kernel_str(kept->path, KF_PATH_SMALL, texts->path);
	walk->used = n > 0 ? n : 0;
	if (kf_path__write(kept->path, walk, KF_PATH_SMALL))
		kf_count(KF_CNT_PATH_TRUNCATED, 1);
	kept->mount = 0; /* over the hash of the walk */
	n = old ? bpf_probe_read_user_str(kept->origin, KF_NAME_LEN, (void *)old) : 0;
	kept->origin_len = n > 0 ? n : 0;
}

/* The ring is full: the record waits for the sweep under a key of its own. Returns 0 if there is no
 * room for it either. */
__noinline int kf_text__keep(u64 dfd, u64 old, u32 op)
{
	struct kf_texts *texts = kf_text__get();
	struct kf_kept_name *kept;
	struct kf_file_agg *agg;
	struct kf_file_key *key;

	if (!texts)
		return 0;
	key = &texts->subject.key;
	__builtin_memset(key, 0, sizeof(*key));
	key->ino = bpf_ktime_get_boot_ns();
	key->start_ns = kf_current__start();
	key->tgid = bpf_get_current_pid_tgid() >> 32;
	key->execs = (u16)kf_current__execs();
	key->apart = (u32)bpf_get_current_pid_tgid() | 1;
	if (!kf_file_share__take(key->tgid))
		return 0;
	if (bpf_map_update_elem(&kf_files, key, &kf_agg_zero, BPF_NOEXIST)) {
		kf_file_share__give(key->tgid, kf_current__uid());
		return 0;
	}
	agg = bpf_map_lookup_elem(&kf_files, key);
	if (!agg)
		return 0;
	kf_text__aggregate(agg, op);
	kept = kf_kept__get(key);
	if (kept)
		kf_text__keep_name(kept, texts, dfd, old);
	agg->flags = KF_AGG_NO_INODE | KF_AGG_PATH_TEXT | KF_AGG_PATH_KEPT | KF_AGG_ENDED;
	return 1;
}

/* Record of an operation whose file is known by the text alone. */
__noinline int kf_text__emit(u32 length, u64 dfd, u64 old, u32 op)
{
	struct kf_where where = { .dfd = dfd, .old = old };
	u32 events = kf_op__row(op)->events;
	struct kf_file_record *rec;

	kf_count(KF_CNT_FILE_EVENTS, events);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 2 * KF_PATH_SMALL + KF_NAME_LEN, 0);
	if (rec && kf_text__write(rec, length, &where, op, KF_PATH_SMALL)) {
		kf_discard(rec);
		rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 2 * KF_PATH_LARGE + KF_NAME_LEN,
					  0);
		if (rec && kf_text__write(rec, length, &where, op, KF_PATH_LARGE))
			kf_count(KF_CNT_PATH_TRUNCATED, 1);
	}
	if (rec)
		kf_submit(rec);
	else if (!kf_text__keep(dfd, old, op))
		kf_count(KF_CNT_FILE_LOST_RING, events);
	return 0;
}

#endif
