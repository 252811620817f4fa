/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handlers of file events, the same in every attach mode. An event is folded into the aggregate of its
 * process and inode; an ending event, or -e, sends the aggregate and forgets it.
 */
#ifndef KF_FILE_AGGREGATE_BPF_H
#define KF_FILE_AGGREGATE_BPF_H

#include "file/former.bpf.h"
#include "filter.bpf.h"

/* Names of those that wait for the sweep because the ring was full, and of open files whose path it
 * has refused; as many as aggregates, 0.9 KB each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_file_key);
	__type(value, struct kf_kept_name);
} kf_names SEC(".maps");

const struct kf_kept_name kf_kept_zero = {};
_Static_assert(__builtin_offsetof(struct kf_kept_name, path_len) ==
			       __builtin_offsetof(struct kf_walk, used) &&
		       __builtin_offsetof(struct kf_kept_name, flags) ==
			       __builtin_offsetof(struct kf_walk, flags) &&
		       __builtin_offsetof(struct kf_kept_name, below) ==
			       __builtin_offsetof(struct kf_walk, below) &&
		       __builtin_offsetof(struct kf_kept_name, mount) ==
			       __builtin_offsetof(struct kf_climbed, hash) &&
		       KF_KEPT_LEN == KF_PATH_SMALL + KF_NAME_LEN,
	       "a kept name begins with its walk");

static __always_inline void kf_file__finish_path(struct kf_path_record *rec,
						 const struct kf_subject *subject, u64 mount,
						 u64 now_ns)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	u32 used = walk->used;

	rec->flags = walk->flags;
	rec->below = walk->below;
	rec->key = subject->key; /* over the hash of the walk */
	rec->path_len = used;
	rec->mount = mount;
	if (rec->flags & KF_AGG_PATH_TRUNCATED)
		kf_count(KF_CNT_PATH_TRUNCATED, 1);
	kf_header__fill_at(&rec->hdr, KF_KIND_PATH, sizeof(*rec) + used, now_ns);
	kf_submit(rec);
}

#define KF_PATH_WENT (1ULL << 32)
#define KF_PATH_HIDDEN (1ULL << 33)

/* Submits a path that was written, or discards it because a rule hides it. Returns a hash of it, with
 * KF_PATH_WENT, and KF_PATH_HIDDEN if it is hidden. */
static __always_inline u64 kf_file__submit_path(struct kf_path_record *rec,
						struct kf_subject *subject, u64 mount, u64 now_ns)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	u64 hash = kf_climbed__hash(&rec->hdr);

	if (kf_filter__hides_path(rec + 1, walk->used, walk->flags)) {
		kf_discard(rec);
		return hash | KF_PATH_WENT | KF_PATH_HIDDEN;
	}
	kf_file__finish_path(rec, subject, mount, now_ns);
	return hash | KF_PATH_WENT;
}

/* Sends the path of an aggregate that stays in the map, so that whoever takes it out later needs
 * none. Returns as kf_file__submit_path, and 0 if the ring is full. */
static __noinline u64 kf_file__send_path(struct kf_subject *subject, u64 now_ns)
{
	u64 mount = kf_told__walk(&subject->at);
	struct kf_path_record *rec;

	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PATH_SMALL + KF_NAME_LEN, 0);
	if (!rec)
		return 0;
	*(struct kf_walk *)&rec->hdr = subject->at;
	if (kf_path__write((char *)(rec + 1), (struct kf_walk *)&rec->hdr, KF_PATH_SMALL) == 0)
		return kf_file__submit_path(rec, subject, mount, now_ns);
	kf_discard(rec);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PATH_LARGE + KF_NAME_LEN, 0);
	if (!rec)
		return 0;
	*(struct kf_walk *)&rec->hdr = subject->at;
	kf_path__write((char *)(rec + 1), (struct kf_walk *)&rec->hdr, KF_PATH_LARGE);
	return kf_file__submit_path(rec, subject, mount, now_ns);
}

static __always_inline struct kf_kept_name *kf_kept__get(const struct kf_file_key *key)
{
	struct kf_kept_name *kept = bpf_map_lookup_elem(&kf_names, key);

	if (kept)
		return kept;
	bpf_map_update_elem(&kf_names, key, &kf_kept_zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&kf_names, key);
}

/*
 * The ring has refused a name that nobody can ask for later: it is kept until its aggregate leaves. A
 * path longer than there is room for loses its first directories. What was kept under an earlier name
 * is replaced, but not the name before a rename.
 */
static __noinline int kf_file__keep_name(struct kf_subject *subject, struct kf_flush *flush)
{
	struct kf_kept_name *kept = kf_kept__get(&subject->key);
	u64 length = flush->origin_len;
	u64 mount = kf_told__walk(&subject->at);

	if (!kept)
		return 0;
	*(struct kf_walk *)kept = subject->at;
	if (kf_path__write(kept->path, (struct kf_walk *)kept, KF_PATH_SMALL))
		kf_count(KF_CNT_PATH_TRUNCATED, 1);
	kept->mount = mount; /* over the hash of the walk */
	if (!flush->origin || !length || length > KF_NAME_LEN)
		return KF_AGG_PATH_KEPT;
#ifdef KF_CAST
	__builtin_memcpy(kept->origin, flush->origin, KF_NAME_LEN);
#else
	bpf_probe_read_kernel(kept->origin, KF_NAME_LEN, flush->origin);
#endif
	kept->origin_len = length;
	return KF_AGG_PATH_KEPT;
}

/* Whether the record of an aggregate still needs a name. A kept one is that of the aggregate's last
 * name; a path sent ahead may be an earlier one. */
static __always_inline bool kf_file__needs_name(const struct kf_file_agg *agg,
						const struct kf_subject *subject,
						const struct kf_flush *flush)
{
	if (!subject->at.dentry)
		return false;
	return (flush->how & KF_FLUSH_PATH) ||
	       !(agg->flags & (KF_AGG_PATH_SENT | KF_AGG_PATH_KEPT));
}

/* Takes an aggregate that has left out of the map. */
static __always_inline void kf_file__forget(const struct kf_file_agg *agg,
					    struct kf_subject *subject)
{
	u32 uid = agg->share_uid;

	if (agg->flags & KF_AGG_PATH_KEPT)
		bpf_map_delete_elem(&kf_names, &subject->key);
	if (bpf_map_delete_elem(&kf_files, &subject->key) == 0)
		kf_file_share__give(subject->key.tgid, uid);
}

/* The aggregate that a record is made of. */
typedef KF_OPAQUE(struct kf_file_agg) kf_sent_agg;

/* The body of a record: an aggregate out of the map, or, without one, a single event: the only one, or
 * one that found no room there. */
static __always_inline void kf_file__body(struct kf_file_record *rec, kf_sent_agg agg,
					  struct kf_subject *subject, struct kf_flush *flush)
{
	rec->key = subject->key;
	rec->path_len = 0;
	rec->origin_len = 0;
	rec->pad = 0;
	if (agg) {
		KF_OPAQUE_COPY(&rec->agg, agg);
		return;
	}
	__builtin_memset(&rec->agg, 0, sizeof(rec->agg));
	kf_agg__init(&rec->agg, subject, flush);
	if (!kf_flush__ends(flush))
		rec->agg.flags |= KF_AGG_PARTIAL;
	if (flush->event < KF_FILE_EVENTS)
		rec->agg.counts[flush->event] = 1;
	kf_agg__named(&rec->agg, flush);
}

#ifdef KF_DIRECT
#define KF_FRAME_APART __always_inline
#else
#define KF_FRAME_APART __noinline /* the stack is short */
#endif

/* Aggregate whose path went ahead. Returns 0 if the ring is full. */
static KF_FRAME_APART int kf_file__emit_bare(kf_sent_agg agg, struct kf_subject *subject,
					     struct kf_flush *flush)
{
	struct kf_file_record *rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);

	if (!rec)
		return 0;
	kf_header__fill_at(&rec->hdr, KF_KIND_FILE, sizeof(*rec), flush->now_ns);
	rec->mount = 0;
	rec->below = KF_BELOW_NONE;
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

	if (!flush->origin || !length || length > KF_NAME_LEN)
		return;
#ifdef KF_CAST
	__builtin_memcpy(tail + (used & (2 * room - 1)), flush->origin, KF_NAME_LEN);
#else
	bpf_probe_read_kernel(tail + (used & (2 * room - 1)), KF_NAME_LEN, flush->origin);
#endif
	rec->origin_len = length;
}

static __always_inline int kf_file__write(struct kf_file_record *rec, kf_sent_agg agg,
					  struct kf_subject *subject, struct kf_flush *flush,
					  const u32 room)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	u32 used, flags;
	int cut;

	*walk = subject->at;
	cut = kf_path__write((char *)(rec + 1), walk, room);
	used = walk->used;
	flags = walk->flags;
	rec->mount = flush->mount;
	rec->below = walk->below;
	kf_file__body(rec, agg, subject, flush);
	rec->agg.flags |= flags;
	rec->path_len = used;
	kf_file__add_origin(rec, used, room, flush);
	kf_header__fill_at(&rec->hdr, KF_KIND_FILE, sizeof(*rec) + used + rec->origin_len,
			   flush->now_ns);
	return cut;
}

/* Submits a record with its path, or discards it because a rule hides that. */
static __always_inline void kf_file__submit(struct kf_file_record *rec)
{
	if (kf_filter__hides_path(rec + 1, rec->path_len, rec->agg.flags)) {
		kf_count(KF_CNT_FILE_HIDDEN, kf_agg__events(&rec->agg));
		kf_discard(rec);
		return;
	}
	kf_submit(rec);
}

/* Aggregate with its path, and the old name after a rename. Returns 0 if the ring is full. */
static __noinline int kf_file__emit_full(kf_sent_agg agg, struct kf_subject *subject,
					 struct kf_flush *flush)
{
	struct kf_file_record *rec;

	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 2 * KF_PATH_SMALL + KF_NAME_LEN, 0);
	if (!rec)
		return 0;
	if (kf_file__write(rec, agg, subject, flush, KF_PATH_SMALL) == 0) {
		kf_file__submit(rec);
		return 1;
	}
	kf_discard(rec);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + 2 * KF_PATH_LARGE + KF_NAME_LEN, 0);
	if (!rec)
		return 0;
	if (kf_file__write(rec, agg, subject, flush, KF_PATH_LARGE))
		kf_count(KF_CNT_PATH_TRUNCATED, 1);
	kf_file__submit(rec);
	return 1;
}

/* with_path: it was not sent ahead. Returns 0 if the ring is full. */
static __always_inline int kf_file__emit(kf_sent_agg agg, struct kf_subject *subject,
					 struct kf_flush *flush, bool with_path)
{
	if (!with_path)
		return kf_file__emit_bare(agg, subject, flush);
	flush->mount = kf_told__walk(&subject->at);
	return kf_file__emit_full(agg, subject, flush);
}

/* A new aggregate; NULL if the map is full, or the share of the process or user is used up. */
static __noinline struct kf_file_agg *kf_file__make(struct kf_subject *subject,
						    struct kf_flush *flush)
{
	struct kf_file_agg *agg;

	if (!kf_file_share__take(subject->key.tgid))
		return NULL;
	if (bpf_map_update_elem(&kf_files, &subject->key, &kf_agg_zero, BPF_NOEXIST)) {
		kf_file_share__give(subject->key.tgid, kf_current__uid());
		return bpf_map_lookup_elem(&kf_files, &subject->key); /* another thread's */
	}
	agg = bpf_map_lookup_elem(&kf_files, &subject->key);
	if (!agg)
		return NULL;
	kf_agg__init(agg, subject, flush);
	return agg;
}

/* Whether an event sends its aggregate, or goes out alone. */
static __always_inline bool kf_file__leaves(const struct kf_file_agg *agg,
					    const struct kf_flush *flush)
{
	if (!agg || kf_flush__ends(flush))
		return true;
	return kf_export_at && kf_agg__events(agg) >= kf_export_at;
}

/* What has left is forgotten if it has ended; else (-e) the next aggregate begins where it ends, so that
 * changes of size and time add up. Without events it is nothing, and the sweep throws it away. */
static __always_inline void kf_file__left(struct kf_file_agg *agg, struct kf_subject *subject,
					  const struct kf_flush *flush)
{
	if (kf_flush__ends(flush)) {
		kf_file__forget(agg, subject);
		return;
	}
	if (agg->flags & KF_AGG_PATH_KEPT)
		bpf_map_delete_elem(&kf_names, &subject->key);
	kf_former__begin_again(agg);
}

/* The ring is full: an aggregate that has ended stays for the sweep, and what happens to the file until
 * then is part of it: it has one record, with its last name. An event that was alone begins one. */
static __always_inline void kf_file__stays(struct kf_file_agg *agg, struct kf_subject *subject,
					   struct kf_flush *flush)
{
	bool ends = kf_flush__ends(flush);

	if (!agg && ends) {
		agg = kf_file__make(subject, flush);
		if (agg)
			kf_agg__add(agg, subject, flush);
	}
	if (!agg) {
		kf_count(KF_CNT_FILE_LOST_MAP, 1);
		return;
	}
	if (ends)
		agg->flags |= KF_AGG_ENDED;
	if (kf_file__needs_name(agg, subject, flush))
		agg->flags |= kf_file__keep_name(subject, flush);
}

/* Sends the name of an aggregate ahead, if that was not done. */
static __always_inline void kf_file__name(struct kf_file_agg *agg, struct kf_subject *subject,
					  struct kf_flush *flush)
{
	u64 path;

	if ((flush->how & KF_FLUSH_MORE) || !kf_file__needs_name(agg, subject, flush))
		return;
	path = kf_file__send_path(subject, flush->now_ns);
	agg->path = path;
	if (path & KF_PATH_HIDDEN)
		agg->flags |= KF_AGG_PATH_SENT | KF_AGG_HIDDEN;
	else if (path)
		agg->flags |= KF_AGG_PATH_SENT;
	else
		agg->flags |= kf_file__keep_name(subject, flush);
}

/* The aggregate of an event leaves, or the event without one. */
static __always_inline void kf_file__leave(struct kf_file_agg *agg, struct kf_subject *subject,
					   struct kf_flush *flush)
{
	bool with_path = subject->at.dentry &&
			 ((flush->how & KF_FLUSH_PATH) || !agg || !(agg->flags & KF_AGG_PATH_SENT));
	kf_sent_agg sent = KF_OPAQUE_OF(agg);
	int left;

	if (kf_filters_path && agg && !with_path && (agg->flags & KF_AGG_HIDDEN)) {
		kf_count(KF_CNT_FILE_HIDDEN, kf_agg__events(agg));
		kf_file__left(agg, subject, flush);
		return;
	}
	left = kf_file__emit(sent, subject, flush, with_path);
	agg = sent ? KF_OPAQUE_AGAIN(agg, bpf_map_lookup_elem(&kf_files, &subject->key)) : NULL;
	if (sent && !agg)
		return; /* another thread has sent it, too */
	if (!left)
		kf_file__stays(agg, subject, flush);
	else if (agg)
		kf_file__left(agg, subject, flush);
}

/* An event goes into its aggregate, NULL: it is alone. There is one place that sends, whatever the reason:
 * the verifier looks at the code behind it once for each. */
static __always_inline void kf_file__fold_into(struct kf_file_agg *agg, struct kf_subject *subject,
					       struct kf_flush *flush)
{
	if (agg)
		kf_agg__add(agg, subject, flush);
	if (!kf_file__leaves(agg, flush))
		kf_file__name(agg, subject, flush);
	else if (agg && (agg->flags & KF_AGG_ENDED))
		kf_file__stays(agg, subject, flush);
	else
		kf_file__leave(agg, subject, flush);
}

/* Folds one event. flush->before is the inode as it was ahead of the operation, for the changes of
 * size and mtime; subject->inode is how it is now. */
static __noinline int kf_file__fold(struct kf_subject *subject, struct kf_flush *flush)
{
	struct kf_file_agg *agg;

	if (flush->event >= KF_FILE_EVENTS ||
	    kf_passed_by(subject->key.tgid, subject->key.start_ns))
		return 0;
	flush->now_ns = bpf_ktime_get_boot_ns();
	agg = kf_former__find(subject, flush);
	if (!agg && kf_subject__was_copied(subject, flush))
		return 0;
	kf_count(KF_CNT_FILE_EVENTS, 1);
	if (!agg && kf_filter__hides_new(&subject->key, subject->at.dentry)) {
		kf_count(KF_CNT_FILE_HIDDEN, 1);
		return 0;
	}
	/* without an aggregate and the last of it as well: it is alone */
	if (!agg && !kf_flush__ends(flush))
		agg = kf_file__make(subject, flush);
	kf_file__fold_into(agg, subject, flush);
	return 0;
}

#define KF_FILE_HEAD \
	80 /* bytes of struct file that have its inode and its path, in all kernels so far */

static __always_inline struct inode *kf_file__locate_by(struct kf_walk *at, struct file *file)
{
	at->dentry = KF_READ(file, f_path.dentry);
	at->mnt = kf_mount__of(KF_READ(file, f_path.mnt));
	return KF_READ(file, f_inode);
}

/* By one read; apart, for the sake of the stack. */
static __noinline struct inode *kf_file__locate_near(struct kf_walk *at, struct file *file)
{
	struct file *head;
	u64 copy[KF_FILE_HEAD / 8];
	u32 inode = KF_END(file, f_inode), path = KF_END(file, f_path);
	u32 bytes = inode > path ? inode : path;

	if (bytes > KF_FILE_HEAD)
		return kf_file__locate_by(at, file);
	head = (struct file *)copy;
	if (bpf_probe_read_kernel(copy, bytes, file)) {
		kf_count(KF_CNT_READ_FAILED, 1);
		return NULL;
	}
	at->dentry = head->f_path.dentry;
	at->mnt = kf_mount__of(head->f_path.mnt);
	return head->f_inode;
}

/* Takes down an open file's name. Returns its inode. */
static __always_inline struct inode *kf_file__locate(struct kf_walk *at, struct file *file)
{
	return KF_ENABLED(KF_DIRECT) ? kf_file__locate_by(at, file)
				     : kf_file__locate_near(at, file);
}

/* What an event on an open file is about. Returns false if that is not reported. */
static __always_inline bool kf_file__about(struct kf_subject *subject, struct kf_flush *flush,
					   struct file *file, enum kf_file_event event)
{
	struct inode *inode;

	__builtin_memset(subject, 0, sizeof(*subject));
	__builtin_memset(flush, 0, sizeof(*flush));
	flush->event = event;
	flush->how = kf_event__before_unseen(event);
	flush->before = &subject->inode;
	inode = kf_file__locate(&subject->at, file);
	if (!inode || !kf_identity__take(&subject->key, &subject->inode, inode, subject->at.dentry))
		return false;
	subject->at.flags = KF_WALK_OPEN;
	return true;
}

/* An event on an open file. image: moves its key to another image than the one that runs, NULL: that one. */
static __always_inline void kf_file__event_of(struct file *file, enum kf_file_event event,
					      int (*image)(struct kf_file_key *key))
{
	struct kf_subject subject;
	struct kf_flush flush;

	if (!kf_file__about(&subject, &flush, file, event))
		return;
	if (kf_self_is(subject.key.tgid, subject.key.start_ns))
		return;
	if (kf_subject__is_below(&subject))
		return;
	if (image)
		image(&subject.key);
	kf_file__fold(&subject, &flush);
}

static __always_inline void kf_file__event(struct file *file, enum kf_file_event event)
{
	kf_file__event_of(file, event, NULL);
}

#endif
