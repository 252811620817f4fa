/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handlers of file events, the same in every attach mode. An event is folded into the aggregate of its
 * process and inode; an ending event, or -e, sends the aggregate and forgets it.
 */
#ifndef KF_FILE_AGGREGATE_BPF_H
#define KF_FILE_AGGREGATE_BPF_H

#include "emit.bpf.h"
#include "file/held.bpf.h"
#include "file/identity.bpf.h"
#include "file/mounts.bpf.h"
#include "path.bpf.h"
#include "task.bpf.h"

/* Open files between two events that end them, 296 bytes each. When it is full, events leave one by
 * one as partial records and user space merges them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_file_key);
	__type(value, struct kf_file_agg);
} kf_files SEC(".maps");

/* Names of those that wait for the sweep because the ring was full, and of open files whose path it
 * has refused; as many as aggregates, 0.9 KB each. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_SIZED);
	__type(key, struct kf_file_key);
	__type(value, struct kf_kept_name);
} kf_names SEC(".maps");

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
#define KF_FLUSH_NAMED 16 /* on a name: the process need not hold the file open */
#define KF_FLUSH_NO_MODE 32 /* the mode may already be that of after: a change seen at its end */
#define KF_FLUSH_MODE_UNSEEN (KF_FLUSH_NO_MODE | KF_FLUSH_NO_BEFORE)
#define KF_NAMED_NEVER 0x80000000U /* kf_file_agg.named of a file that was open */

/* An event, and how its aggregate is to be sent. */
struct kf_flush {
	u16 event; /* enum kf_file_event */
	u16 how; /* KF_FLUSH_* */
	u32 origin_len; /* 0: none */
	const struct kf_inode *before; /* the inode ahead of the operation */
	const char *
		origin; /* name before a rename, KF_NAME_LEN bytes; NULL: none, as the verifier can tell */
	u64 now_ns;
	u64 mount; /* of the path: here, because the stack has no room for it further down */
};

const struct kf_file_agg kf_agg_zero = {};
const struct kf_kept_name kf_kept_zero = {};
_Static_assert(__builtin_offsetof(struct kf_kept_name, path_len) ==
			       __builtin_offsetof(struct kf_walk, used) &&
		       __builtin_offsetof(struct kf_kept_name, flags) ==
			       __builtin_offsetof(struct kf_walk, flags) &&
		       __builtin_offsetof(struct kf_kept_name, below) ==
			       __builtin_offsetof(struct kf_walk, below) &&
		       KF_KEPT_LEN == KF_PATH_SMALL + KF_NAME_LEN,
	       "a kept name begins with its walk");

static __always_inline bool kf_event__ends(enum kf_file_event event)
{
	return event == KF_FILE_CLOSE_WRITE || event == KF_FILE_CLOSE_NOWRITE ||
	       event == KF_FILE_MOVED_TO || event == KF_FILE_DELETE;
}

/* Whether the event is the last of its aggregate. */
static __always_inline bool kf_flush__ends(const struct kf_flush *flush)
{
	return kf_event__ends(flush->event) ||
	       (flush->how & (KF_FLUSH_PATH | KF_FLUSH_MORE)) == KF_FLUSH_PATH;
}

/* KF_FLUSH_* of an event that is seen only when it has happened: what a write or a chmod changed is not
 * known. */
static __always_inline u32 kf_event__before_unseen(enum kf_file_event event)
{
	if (event == KF_FILE_ATTRIB)
		return KF_FLUSH_NO_MODE;
	return event == KF_FILE_MODIFY ? KF_FLUSH_NO_BEFORE : 0;
}

static __always_inline u32 kf_agg__events(const struct kf_file_agg *agg)
{
	u32 sum = 0;

	for (int i = 0; i < KF_FILE_EVENTS; i++)
		sum += agg->counts[i];
	return sum;
}

/* The current process; as it was before it has run another program, if that has left this behind. */
static __always_inline void kf_agg__actor(struct kf_proc *proc, u32 execs)
{
	kf_proc__fill_current(proc);
	if ((u16)(proc->execs - execs) != 1)
		return;
	proc->execs = execs;
	proc->comm[0] = 0;
}

static __always_inline void kf_agg__init(struct kf_file_agg *agg, const struct kf_subject *subject,
					 const struct kf_flush *flush)
{
	kf_agg__actor(&agg->proc, subject->key.execs);
	agg->first_ns = flush->now_ns;
	if (flush->how & KF_FLUSH_NO_BEFORE)
		agg->flags |= KF_AGG_NO_BASELINE;
	agg->size_first = flush->before->size;
	agg->mtime_first_s = flush->before->mtime_s;
	agg->mtime_first_ns = flush->before->mtime_ns;
	agg->mode_first = flush->how & KF_FLUSH_MODE_UNSEEN ? 0 : flush->before->mode;
	agg->share_uid = agg->proc.uid;
	agg->last_ns = agg->first_ns;
	agg->inode = subject->inode;
}

/* An event of a call on a name, which alone can change the mode, or on a descriptor that did. A mode that
 * was set and set back is one that has moved. */
static __always_inline void kf_agg__named(struct kf_file_agg *agg, const struct kf_flush *flush)
{
	u32 before = flush->how & KF_FLUSH_MODE_UNSEEN ? 0 : flush->before->mode;

	if (flush->how & KF_FLUSH_NAMED)
		__sync_fetch_and_add(&agg->named, 1);
	if (!agg->mode_first)
		agg->mode_first = before;
	if (!agg->mode_first)
		return;
	if (agg->inode.mode != agg->mode_first || (before && before != agg->mode_first))
		agg->flags |= KF_AGG_MODE_MOVED;
}

static __always_inline void kf_file__finish_path(struct kf_path_record *rec,
						 const struct kf_subject *subject, u64 mount,
						 u64 now_ns)
{
	struct kf_walk *walk = (struct kf_walk *)&rec->hdr;
	u32 used = walk->used;

	rec->flags = walk->flags;
	rec->below = walk->below;
	rec->key = subject->key;
	rec->path_len = used;
	rec->mount = mount;
	if (rec->flags & KF_AGG_PATH_TRUNCATED)
		kf_count(KF_CNT_PATH_TRUNCATED, 1);
	kf_header__fill_at(&rec->hdr, KF_KIND_PATH, sizeof(*rec) + used, now_ns);
	kf_submit(rec);
}

/* Sends the path of an aggregate that stays in the map, so that whoever takes it out later needs
 * none. Returns false if the ring is full. */
static __noinline bool kf_file__send_path(struct kf_subject *subject, u64 now_ns)
{
	u64 mount = kf_told__walk(&subject->at);
	struct kf_path_record *rec;

	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PATH_SMALL + KF_NAME_LEN, 0);
	if (!rec)
		return false;
	*(struct kf_walk *)&rec->hdr = subject->at;
	if (kf_path__write((char *)(rec + 1), (struct kf_walk *)&rec->hdr, KF_PATH_SMALL) == 0) {
		kf_file__finish_path(rec, subject, mount, now_ns);
		return true;
	}
	bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec) + KF_PATH_LARGE + KF_NAME_LEN, 0);
	if (!rec)
		return false;
	*(struct kf_walk *)&rec->hdr = subject->at;
	kf_path__write((char *)(rec + 1), (struct kf_walk *)&rec->hdr, KF_PATH_LARGE);
	kf_file__finish_path(rec, subject, mount, now_ns);
	return true;
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

	if (!kept)
		return 0;
	kept->mount = kf_told__walk(&subject->at);
	*(struct kf_walk *)kept = subject->at;
	if (kf_path__write(kept->path, (struct kf_walk *)kept, KF_PATH_SMALL))
		kf_count(KF_CNT_PATH_TRUNCATED, 1);
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

/* The body of a record: an aggregate out of the map, or, without one, a single event: the only one, or
 * one that found no room there. */
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
	if (!kf_flush__ends(flush))
		rec->agg.flags |= KF_AGG_PARTIAL;
	if (flush->event < KF_FILE_EVENTS)
		rec->agg.counts[flush->event] = 1;
	kf_agg__named(&rec->agg, flush);
}

/* Aggregate whose path went ahead. Returns 0 if the ring is full. */
static __always_inline int kf_file__emit_bare(struct kf_file_agg *agg, struct kf_subject *subject,
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

static __always_inline int kf_file__write(struct kf_file_record *rec, struct kf_file_agg *agg,
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
	    ((flush->how & KF_FLUSH_PATH) || !agg || !(agg->flags & KF_AGG_PATH_SENT))) {
		flush->mount = kf_told__walk(&subject->at);
		return kf_file__emit_full(agg, subject, flush);
	}
	return kf_file__emit_bare(agg, subject, flush);
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

/* The aggregate that an event goes into. NULL: there is none, and this event would be the last of it as
 * well, or there is no room. */
static __always_inline struct kf_file_agg *kf_file__get(struct kf_subject *subject,
							struct kf_flush *flush)
{
	struct kf_file_agg *agg = bpf_map_lookup_elem(&kf_files, &subject->key);

	if (agg || kf_flush__ends(flush))
		return agg;
	return kf_file__make(subject, flush);
}

static __always_inline void kf_agg__add(struct kf_file_agg *agg, const struct kf_subject *subject,
					const struct kf_flush *flush)
{
	if (flush->event < KF_FILE_EVENTS)
		__sync_fetch_and_add(&agg->counts[flush->event], 1);
	if (!agg->first_ns)
		agg->first_ns = flush->now_ns;
	agg->last_ns = flush->now_ns;
	agg->inode = subject->inode;
	if (flush->how & (KF_FLUSH_NAMED | KF_FLUSH_NO_MODE))
		kf_agg__named(agg, flush);
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
	agg->named = agg->named == kf_agg__events(agg) ? 0 : KF_NAMED_NEVER;
	__builtin_memset(agg->counts, 0, sizeof(agg->counts));
	agg->flags = 0;
	agg->first_ns = 0;
	agg->size_first = agg->inode.size;
	agg->mtime_first_s = agg->inode.mtime_s;
	agg->mtime_first_ns = agg->inode.mtime_ns;
	agg->mode_first = agg->inode.mode;
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
	if ((flush->how & KF_FLUSH_MORE) || !kf_file__needs_name(agg, subject, flush))
		return;
	if (kf_file__send_path(subject, flush->now_ns))
		agg->flags |= KF_AGG_PATH_SENT;
	else
		agg->flags |= kf_file__keep_name(subject, flush);
}

/*
 * Folds one event. flush->before is the inode as it was ahead of the operation, for the changes of
 * size and mtime; subject->inode is how it is now. There is one place that sends, whatever the reason:
 * the verifier looks at the code behind it once for each.
 */
static __noinline int kf_file__fold(struct kf_subject *subject, struct kf_flush *flush)
{
	struct kf_file_agg *agg;

	if (flush->event >= KF_FILE_EVENTS)
		return 0;
	kf_count(KF_CNT_FILE_EVENTS, 1);
	flush->now_ns = bpf_ktime_get_boot_ns();
	agg = kf_file__get(subject, flush);
	if (agg)
		kf_agg__add(agg, subject, flush);
	if (!kf_file__leaves(agg, flush))
		kf_file__name(agg, subject, flush);
	else if ((agg && (agg->flags & KF_AGG_ENDED)) || !kf_file__emit(agg, subject, flush))
		kf_file__stays(agg, subject, flush);
	else if (agg)
		kf_file__left(agg, subject, flush);
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

/* Whether it is a directory that overlayfs has opened in one of its layers, which no flag of the file says. */
static __always_inline bool kf_subject__is_below(const struct kf_subject *subject)
{
	return kf_inode__is_directory(subject->inode.mode) &&
	       kf_mount__is_internal(subject->at.mnt);
}

/* An event on an open file. image: moves its key to another image than the one that runs, NULL: that one. */
static __always_inline void kf_file__event_of(struct file *file, enum kf_file_event event,
					      int (*image)(struct kf_file_key *key))
{
	struct kf_subject subject;
	struct kf_flush flush;
	struct inode *inode;

	__builtin_memset(&subject, 0, sizeof(subject));
	__builtin_memset(&flush, 0, sizeof(flush));
	flush.event = event;
	flush.how = kf_event__before_unseen(event);
	flush.before = &subject.inode;
	inode = kf_file__locate(&subject.at, file);
	if (!inode || !kf_identity__take(&subject.key, &subject.inode, inode, subject.at.dentry))
		return;
	if (kf_self_tgid && subject.key.tgid == kf_self_tgid)
		return;
	if (kf_subject__is_below(&subject))
		return;
	if (image)
		image(&subject.key);
	subject.at.flags = KF_WALK_OPEN;
	kf_file__fold(&subject, &flush);
}

static __always_inline void kf_file__event(struct file *file, enum kf_file_event event)
{
	kf_file__event_of(file, event, NULL);
}

#endif
