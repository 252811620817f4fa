/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handlers of file events, the same in every attach mode. An event is folded into the aggregate of its
 * process and inode; an ending event, or -e, sends the aggregate and forgets it.
 */
#ifndef KF_FILE_AGGREGATE_BPF_H
#define KF_FILE_AGGREGATE_BPF_H

#include "emit.bpf.h"
#include "inode.bpf.h"
#include "path.bpf.h"
#include "task.bpf.h"

/* Open files between two events that end them, 240 bytes each. When it is full, events leave one by
 * one as partial records and user space merges them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_file_key);
	__type(value, struct kf_file_agg);
} kf_files SEC(".maps");

/* What an event is about. */
struct kf_subject {
	struct kf_file_key key;
	struct kf_inode inode;
	struct kf_walk at; /* at.dentry NULL: no path can be read */
};

/* Bits of one number, not members: a member that is tested becomes another state to the verifier,
 * and each of them doubles its work. */
#define KF_FLUSH_PATH 1 /* the event ends the aggregate, and the path goes into its record */
#define KF_FLUSH_MORE 2 /* another event of the same operation follows */
#define KF_FLUSH_NO_BEFORE 8 /* before is already after: a write seen at its end */
#define KF_FLUSH_APART 4 /* about a name of its own: what came before under another leaves first */

/* An event, and how its aggregate is to be sent. */
struct kf_flush {
	enum kf_file_event event;
	u32 how; /* KF_FLUSH_* */
	const struct kf_inode *before; /* the inode ahead of the operation */
	const char *origin; /* name before a rename, KF_NAME_LEN bytes */
	u64 origin_len; /* 0: none */
	u64 now_ns;
};

const struct kf_file_agg kf_agg_zero = {};

/* What makes two events belong together: the file, and the process that acts now. */
static __always_inline void kf_file_key__fill(struct kf_file_key *key, struct inode *inode)
{
	key->ino = KF_READ(inode, i_ino);
	key->dev = KF_READ(inode, i_sb, s_dev);
	key->gen = KF_READ(inode, i_generation);
	key->start_ns = kf_current__start();
	key->tgid = bpf_get_current_pid_tgid() >> 32;
	key->pad = 0;
}

/* Takes down which file this is and how it is now. Returns false if it is not reported. */
static __always_inline bool kf_file__identify(struct kf_file_key *key, struct kf_inode *now,
					      struct inode *inode)
{
	if (!kf_inode__wanted(inode, &now->magic))
		return false;
	kf_inode__fill(now, inode);
	kf_file_key__fill(key, inode);
	return true;
}

/* Returns false if this inode is not reported. */
static __always_inline bool kf_subject__fill(struct kf_subject *subject, struct inode *inode,
					     struct dentry *dentry, struct mount *mnt)
{
	if (!kf_file__identify(&subject->key, &subject->inode, inode))
		return false;
	subject->at.dentry = dentry;
	subject->at.mnt = mnt;
	return true;
}

static __always_inline bool kf_event__ends(enum kf_file_event event)
{
	return event == KF_FILE_CLOSE_WRITE || event == KF_FILE_CLOSE_NOWRITE ||
	       event == KF_FILE_MOVED_TO || event == KF_FILE_DELETE;
}

/* KF_FLUSH_* of an event that is seen only when it has happened: what a write changed is not known. */
static __always_inline u32 kf_event__before_unseen(enum kf_file_event event)
{
	return event == KF_FILE_MODIFY ? KF_FLUSH_NO_BEFORE : 0;
}

static __always_inline u32 kf_agg__events(const struct kf_file_agg *agg)
{
	u32 sum = 0;

	for (int i = 0; i < KF_FILE_EVENTS; i++)
		sum += agg->counts[i];
	return sum;
}

static __always_inline void kf_agg__init(struct kf_file_agg *agg, const struct kf_subject *subject,
					 const struct kf_flush *flush)
{
	kf_proc__fill_current(&agg->proc);
	agg->first_ns = flush->now_ns;
	if (flush->how & KF_FLUSH_NO_BEFORE)
		agg->flags |= KF_AGG_NO_BASELINE;
	agg->size_first = flush->before->size;
	agg->mtime_first_s = flush->before->mtime_s;
	agg->mtime_first_ns = flush->before->mtime_ns;
	agg->mnt_ns = kf_current__mnt_ns();
	agg->last_ns = agg->first_ns;
	agg->inode = subject->inode;
}

static __always_inline void kf_file__finish_path(struct kf_path_record *rec,
						 const struct kf_subject *subject)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	u32 used = walk->used;

	rec->flags = walk->flags;
	rec->key = subject->key;
	rec->path_len = used;
	rec->pad = 0;
	if (rec->flags & KF_AGG_PATH_TRUNCATED)
		kf_count(KF_CNT_PATH_TRUNCATED, 1);
	kf_header__fill(&rec->hdr, KF_KIND_PATH, sizeof(*rec) + used);
	kf_submit(rec);
}

/* Sends the path of an aggregate that stays in the map, so that whoever takes it out later needs
 * none. Returns false if the ring is full: the next event tries again. */
static __noinline bool kf_file__send_path(struct kf_subject *subject)
{
	struct kf_path_record *rec;

	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PATH_SMALL + KF_NAME_LEN, 0);
	if (!rec)
		goto lost;
	*(struct kf_walk *)&rec->hdr = subject->at;
	if (kf_path__write((char *)(rec + 1), (struct kf_walk *)&rec->hdr, KF_PATH_SMALL) == 0) {
		kf_file__finish_path(rec, subject);
		return true;
	}
	bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PATH_LARGE + KF_NAME_LEN, 0);
	if (!rec)
		goto lost;
	*(struct kf_walk *)&rec->hdr = subject->at;
	kf_path__write((char *)(rec + 1), (struct kf_walk *)&rec->hdr, KF_PATH_LARGE);
	kf_file__finish_path(rec, subject);
	return true;
lost:
	kf_count(KF_CNT_PATH_LOST_RING, 1);
	return false;
}

/* The body of a record: an aggregate out of the map, or, without one, the single event of one that
 * found no room there. */
static __always_inline void kf_file__body(struct kf_file_record *rec, struct kf_file_agg *agg,
					  struct kf_subject *subject, struct kf_flush *flush)
{
	rec->key = subject->key;
	rec->path_len = 0;
	rec->origin_len = 0;
	rec->pad = 0;
	if (agg) {
		rec->agg = *agg;
		return;
	}
	__builtin_memset(&rec->agg, 0, sizeof(rec->agg));
	kf_agg__init(&rec->agg, subject, flush);
	rec->agg.flags |= KF_AGG_PARTIAL;
	if (flush->event < KF_FILE_EVENTS)
		rec->agg.counts[flush->event] = 1;
}

/* Aggregate whose path went ahead. Returns 0 if the ring is full. */
static __always_inline int kf_file__emit_bare(struct kf_file_agg *agg, struct kf_subject *subject,
					      struct kf_flush *flush)
{
	struct kf_file_record *rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);

	if (!rec)
		return 0;
	kf_header__fill(&rec->hdr, KF_KIND_FILE, sizeof(*rec));
	kf_file__body(rec, agg, subject, flush);
	kf_submit(rec);
	return 1;
}

/* Appends the name before a rename behind a path of `used` bytes. */
static __always_inline void kf_file__add_origin(struct kf_file_record *rec, u32 used, u32 room,
						const struct kf_flush *flush)
{
	char *tail = (char *)(rec + 1);
	u32 length = flush->origin_len;

	if (!length || length > KF_NAME_LEN)
		return;
#ifdef KF_CAST
	__builtin_memcpy(tail + (used & (2 * room - 1)), flush->origin, KF_NAME_LEN);
#else
	bpf_probe_read_kernel(tail + (used & (2 * room - 1)), KF_NAME_LEN, flush->origin);
#endif
	rec->origin_len = length;
}

static __always_inline int kf_file__write(struct kf_file_record *rec, struct kf_file_agg *agg,
					  struct kf_subject *subject, struct kf_flush *flush,
					  u32 room)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	u32 used, flags;
	int cut;

	*walk = subject->at;
	cut = kf_path__write((char *)(rec + 1), walk, room);
	used = walk->used;
	flags = walk->flags;
	kf_file__body(rec, agg, subject, flush);
	rec->agg.flags |= flags;
	rec->path_len = used;
	kf_file__add_origin(rec, used, room, flush);
	kf_header__fill(&rec->hdr, KF_KIND_FILE, sizeof(*rec) + used + rec->origin_len);
	return cut;
}

/* Aggregate with its path, and the old name after a rename. Returns 0 if the ring is full. */
static __noinline int kf_file__emit_full(struct kf_file_agg *agg, struct kf_subject *subject,
					 struct kf_flush *flush)
{
	struct kf_file_record *rec;

	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 2 * KF_PATH_SMALL + KF_NAME_LEN, 0);
	if (!rec)
		return 0;
	if (kf_file__write(rec, agg, subject, flush, KF_PATH_SMALL) == 0) {
		kf_submit(rec);
		return 1;
	}
	bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 2 * KF_PATH_LARGE + KF_NAME_LEN, 0);
	if (!rec)
		return 0;
	if (kf_file__write(rec, agg, subject, flush, KF_PATH_LARGE))
		kf_count(KF_CNT_PATH_TRUNCATED, 1);
	kf_submit(rec);
	return 1;
}

static __always_inline int kf_file__emit(struct kf_file_agg *agg, struct kf_subject *subject,
					 struct kf_flush *flush)
{
	if (subject->at.dentry &&
	    ((flush->how & KF_FLUSH_PATH) || !agg || !(agg->flags & KF_AGG_PATH_SENT)))
		return kf_file__emit_full(agg, subject, flush);
	return kf_file__emit_bare(agg, subject, flush);
}

/* Takes an aggregate out of the map; if the ring is full it stays there for the sweep. */
static __always_inline void kf_file__flush(struct kf_file_agg *agg, struct kf_subject *subject,
					   struct kf_flush *flush)
{
	if (!kf_file__emit(agg, subject, flush)) {
		if (!(agg->flags & KF_AGG_PATH_SENT))
			kf_count(KF_CNT_PATH_LOST_RING, 1); /* the sweep has no path to give */
		agg->flags |= KF_AGG_ENDED;
		return;
	}
	bpf_map_delete_elem(&kf_files, &subject->key);
}

/* -e: sends an aggregate and begins the next one where it ends, so that changes of size and time add
 * up. Without events it is nothing, and the sweep throws it away. */
static __always_inline void kf_file__export(struct kf_file_agg *agg, struct kf_subject *subject,
					    struct kf_flush *flush)
{
	if (!kf_file__emit(agg, subject, flush))
		return;
	__builtin_memset(agg->counts, 0, sizeof(agg->counts));
	agg->flags = 0;
	agg->first_ns = 0;
	agg->size_first = agg->inode.size;
	agg->mtime_first_s = agg->inode.mtime_s;
	agg->mtime_first_ns = agg->inode.mtime_ns;
}

/* Sends what was folded under another name of the inode; its path went ahead. */
static __always_inline void kf_file__leave(struct kf_file_agg *agg, struct kf_subject *subject)
{
	if (kf_agg__events(agg) && !kf_file__emit_bare(agg, subject, NULL))
		return;
	bpf_map_delete_elem(&kf_files, &subject->key);
}

/* The aggregate of a subject, made if need be; NULL if the map is full. */
static __noinline struct kf_file_agg *kf_file__get(struct kf_subject *subject,
						   struct kf_flush *flush)
{
	struct kf_file_agg *agg = bpf_map_lookup_elem(&kf_files, &subject->key);

	if (agg && (flush->how & KF_FLUSH_APART)) {
		kf_file__leave(agg, subject);
		agg = bpf_map_lookup_elem(&kf_files,
					  &subject->key); /* there, if the ring is full */
	}
	if (agg)
		return agg;
	if (bpf_map_update_elem(&kf_files, &subject->key, &kf_agg_zero, BPF_NOEXIST))
		return bpf_map_lookup_elem(&kf_files, &subject->key); /* another thread's */
	agg = bpf_map_lookup_elem(&kf_files, &subject->key);
	if (agg)
		kf_agg__init(agg, subject, flush);
	return agg;
}

/* The map is full: the event leaves at once and alone, user space merges it by its key. */
static __always_inline void kf_file__single(struct kf_subject *subject, struct kf_flush *flush)
{
	if (!kf_file__emit(NULL, subject, flush))
		kf_count(KF_CNT_FILE_LOST_MAP, 1);
}

/*
 * Folds one event. flush->before is the inode as it was ahead of the operation, for the changes of
 * size and mtime; subject->inode is how it is now.
 */
static __noinline int kf_file__fold(struct kf_subject *subject, struct kf_flush *flush)
{
	enum kf_file_event event = flush->event;
	struct kf_file_agg *agg;

	if (event >= KF_FILE_EVENTS)
		return 0;
	kf_count(KF_CNT_FILE_EVENTS, 1);
	flush->now_ns = bpf_ktime_get_boot_ns();
	agg = kf_file__get(subject, flush);
	if (!agg) {
		kf_file__single(subject, flush);
		return 0;
	}
	__sync_fetch_and_add(&agg->counts[event], 1);
	if (!agg->first_ns)
		agg->first_ns = flush->now_ns;
	agg->last_ns = flush->now_ns;
	agg->inode = subject->inode;
	if (kf_event__ends(event) ||
	    (flush->how & (KF_FLUSH_PATH | KF_FLUSH_MORE)) == KF_FLUSH_PATH)
		kf_file__flush(agg, subject, flush);
	else if (kf_export_at && kf_agg__events(agg) >= kf_export_at)
		kf_file__export(agg, subject, flush);
	else if (!(agg->flags & KF_AGG_PATH_SENT) && subject->at.dentry &&
		 !(flush->how & KF_FLUSH_MORE))
		agg->flags |= kf_file__send_path(subject) ? KF_AGG_PATH_SENT : 0;
	return 0;
}

/* An event on an open file. */
static __always_inline void kf_file__event(struct file *file, enum kf_file_event event)
{
	struct kf_subject subject;
	struct kf_flush flush;
	struct inode *inode;

	if (kf_self())
		return;
	inode = KF_READ(file, f_inode);
	if (!inode)
		return;
	__builtin_memset(&subject, 0, sizeof(subject));
	__builtin_memset(&flush, 0, sizeof(flush));
	flush.event = event;
	flush.how = kf_event__before_unseen(event);
	flush.before = &subject.inode;
	if (!kf_subject__fill(&subject, inode, KF_READ(file, f_path.dentry),
			      kf_mount__of(KF_READ(file, f_path.mnt))))
		return;
	kf_file__fold(&subject, &flush);
}

#endif
