/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which aggregate an event has: one of its own for each mount that a file is used through, and one for each
 * path that it has had. Whoever has one mount and was not renamed has it by a look-up and one comparison.
 */
#ifndef KF_FILE_FORMER_BPF_H
#define KF_FILE_FORMER_BPF_H

#include "file/subject.bpf.h"
#include "filter.bpf.h"

/*
 * The mount of an event is another than that of the aggregate under its key, or there is none: looks for one
 * of its own, and moves the key there. What is not known to have gone through another mount belongs to
 * whatever is there.
 */
static __noinline struct kf_file_agg *kf_former__find_beside(struct kf_subject *subject,
							     struct kf_file_agg *agg)
{
	const u32 mount = kf_subject__mount(subject);
	u32 *several = kf_beside__place(subject->key.name);
	struct kf_file_agg *beside;

	if (!mount || !several || (!agg && !*several))
		return agg;
	subject->key.apart = mount;
	beside = bpf_map_lookup_elem(&kf_files, &subject->key);
	if (beside)
		return beside;
	if (agg)
		kf_beside__set(several);
	else
		subject->key.apart = 0;
	return NULL;
}

/* What has left begins anew where it ended, so that changes of size and time add up. */
static __always_inline void kf_former__begin_again(struct kf_file_agg *agg)
{
	agg->named = agg->named == kf_agg__events(agg) ? 0 : KF_NAMED_NEVER;
	__builtin_memset(agg->counts, 0, sizeof(agg->counts));
	agg->flags &= KF_AGG_MAPPED; /* it still is */
	agg->first_ns = 0;
	agg->size_first = agg->inode.size;
	agg->mtime_first_s = agg->inode.mtime_s;
	agg->mtime_first_ns = agg->inode.mtime_ns;
	agg->mode_first = agg->inode.mode;
}

/* Sends what was done under a former path. Where the ring is full it stays, and so does its path, until there
 * is room. */
static __noinline int kf_former__send(struct kf_file_agg *agg, struct kf_subject *subject)
{
	struct kf_file_record *rec;

	if (kf_filters_path && (agg->flags & KF_AGG_HIDDEN)) {
		kf_count_inline(KF_CNT_FILE_HIDDEN, kf_agg__events(agg));
		kf_former__begin_again(agg);
		return 0;
	}
	rec = bpf_ringbuf_reserve(&kf_ring, sizeof(*rec), 0);
	if (!rec)
		return 0;
	kf_header__fill(&rec->hdr, KF_KIND_FILE, sizeof(*rec));
	rec->key = subject->key;
	rec->agg = *agg;
	rec->agg.flags |= KF_AGG_RENAMED;
	rec->mount = 0;
	rec->path_len = 0;
	rec->origin_len = 0;
	rec->below = KF_BELOW_NONE;
	rec->pad = 0;
	kf_former__begin_again(agg);
	kf_submit(rec);
	return 0;
}

/* For kf_former__check, and not called by it: the kernel follows eight functions that call each other. */
static __always_inline u64 kf_former__path_now(const struct kf_file_agg *agg,
					       const struct kf_subject *subject)
{
	if ((agg->flags & (KF_AGG_PATH_SENT | KF_AGG_ENDED)) != KF_AGG_PATH_SENT)
		return 0;
	return kf_moves__path(kf_number(subject->at.dentry), kf_number(subject->at.mnt));
}

/*
 * There were renames since the path of an aggregate was read, and now it is `path`, 0: not known, or none was
 * sent. If that is another, what was done so far leaves. own: the event is a rename, and one of both paths.
 */
static __noinline int kf_former__check(struct kf_file_agg *agg, struct kf_subject *subject, u32 own,
				       u64 path)
{
	if (own || !path || agg->mount != kf_subject__mount(subject))
		return 0; /* the event does not know its path */
	if (!(agg->flags & KF_AGG_PATH_SENT))
		return 0; /* another thread was here */
	if ((u32)path == agg->path)
		agg->moves = path >> 32;
	else
		kf_former__send(agg, subject);
	return 0;
}

static __always_inline bool kf_former__is_own(const struct kf_flush *flush)
{
	return flush && (flush->event == KF_FILE_MOVED_FROM || flush->event == KF_FILE_MOVED_TO);
}

/* The aggregate of an event, NULL: there is none. A file with one mount, and no renames since, costs one
 * comparison; whether the mount is known, find_beside asks. flush NULL: not yet an event. */
static __always_inline struct kf_file_agg *kf_former__find(struct kf_subject *subject,
							   const struct kf_flush *flush)
{
	struct kf_file_agg *agg = bpf_map_lookup_elem(&kf_files, &subject->key);
	u64 where = kf_subject__where(subject);

	if (agg ? *kf_agg__where(agg) == where : !kf_several)
		return agg;
	if (!agg || agg->mount != where >> 32)
		agg = kf_former__find_beside(subject, agg);
	if (agg && agg->moves != (u32)where)
		kf_former__check(agg, subject, kf_former__is_own(flush),
				 kf_former__path_now(agg, subject));
	return agg;
}

#endif
