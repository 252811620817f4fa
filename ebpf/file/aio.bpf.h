/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads and writes of Linux AIO (io_submit). aio_read and aio_write run in the thread that submits; every
 * request that got as far as to be read or written comes to aio_complete_rw once, with its result: inside
 * of them, or later in an interrupt or a thread of the kernel, if a device does it. So who submitted is taken
 * down at the submission, whatever is current at the completion. A submission that fails is taken back
 * where that is seen.
 */
#ifndef KF_FILE_AIO_BPF_H
#define KF_FILE_AIO_BPF_H

#include "file/operations.bpf.h"
#include "standby.bpf.h"
#include "syscalls.bpf.h"

#define KF_AIOS 4096 /* requests that are on their way at the same time: 1.3 MB */

/* By the address of the kiocb, which is another's when the request has ended. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KF_AIOS);
	__type(key, u64);
	__type(value, struct kf_aio);
} kf_aios SEC(".maps");

const struct kf_aio kf_aio_zero = {};

/* Returns whether there was one. */
static __always_inline bool kf_aio__forget(u64 kiocb)
{
	struct kf_aio *aio = bpf_map_lookup_elem(&kf_aios, &kiocb);
	struct kf_shares *all = kf_shares__all();
	struct kf_charge charge;

	if (!aio || !all)
		return false;
	charge = aio->charge;
	if (bpf_map_delete_elem(&kf_aios, &kiocb))
		return false;
	kf_share__add(&all->aios, &charge, -1);
	return true;
}

/* A new entry. One that is there already is that of a request whose end was not seen. */
static __always_inline bool kf_aio__put(u64 kiocb)
{
	if (bpf_map_update_elem(&kf_aios, &kiocb, &kf_aio_zero, BPF_NOEXIST) == 0)
		return true;
	if (!kf_aio__forget(kiocb))
		return false;
	kf_count(KF_CNT_FILE_LOST_PENDING, 1);
	return bpf_map_update_elem(&kf_aios, &kiocb, &kf_aio_zero, BPF_NOEXIST) == 0;
}

/* NULL if there is no room, or the share of the process or its user is used up. */
static __always_inline struct kf_aio *kf_aio__make(u64 kiocb, u32 tgid)
{
	struct kf_shares *all = kf_shares__all();
	struct kf_charge charge;
	struct kf_aio *aio;

	if (!all)
		return NULL;
	kf_charge__set(&charge, tgid, kf_current__uid());
	if (!kf_share__admits(&all->aios, &charge, KF_AIOS))
		return NULL;
	kf_share__add(&all->aios, &charge, 1);
	if (!kf_aio__put(kiocb)) {
		kf_share__add(&all->aios, &charge, -1);
		return NULL;
	}
	aio = bpf_map_lookup_elem(&kf_aios, &kiocb);
	if (aio)
		aio->charge = charge;
	return aio;
}

/*
 * io_submit returns, where no return of its functions is seen: a buffered read, or one of a pipe, waits inside
 * of them, so they have no kretprobe. It goes on to the next request only if one was taken, and says how many
 * were: fewer than it was given, `most` at once, if the last one was not. Global, so that the verifier looks at it once.
 */
__noinline int kf_aio__submitted(u64 last, u32 most, u64 asked, u64 asked_compat, s32 ret)
{
	if (kf_syscall__compat())
		asked = asked_compat;
	if (ret < 0 || (u32)ret < (asked < most ? asked : most))
		kf_aio__forget(last);
	return 0;
}

/* The current thread submits a request, which may fail. */
static __always_inline void kf_aio__submits(struct kiocb *kiocb, enum kf_op op)
{
	struct kf_subject subject;
	struct kf_flush flush;
	struct kf_aio *aio;

	if (!kf_file__about(&subject, &flush, KF_READ(kiocb, ki_filp), kf_op__row(op)->last) ||
	    kf_self())
		return;
	flush.now_ns = bpf_ktime_get_boot_ns();
	aio = kf_aio__make(kf_number(kiocb), subject.key.tgid);
	if (!aio) {
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
		return;
	}
	aio->key = subject.key;
	aio->op = op;
	kf_agg__init(&aio->agg, &subject, &flush);
	aio->since_ns = flush.now_ns;
}

/* An aggregate of the submitter begins. NULL if there is no room. */
static __always_inline struct kf_file_agg *kf_aio__begin(struct kf_aio *aio,
							 struct kf_subject *subject)
{
	struct kf_file_key *key = &subject->key;
	u32 uid = aio->agg.share_uid;

	if (!kf_file_share__take_of(key->tgid, uid))
		return NULL;
	if (bpf_map_update_elem(&kf_files, key, &aio->agg, BPF_NOEXIST))
		kf_file_share__give(key->tgid, uid);
	return bpf_map_lookup_elem(&kf_files, key); /* which may be another thread's */
}

/* The event found no room: it is a record of its own. */
static __always_inline void kf_aio__emit(struct kf_aio *aio, struct kf_subject *subject,
					 struct kf_flush *flush)
{
	if (flush->event < KF_FILE_EVENTS)
		aio->agg.counts[flush->event] = 1;
	aio->agg.flags |= KF_AGG_PARTIAL;
	if (!kf_file__emit(KF_OPAQUE_OF(&aio->agg), subject, flush, subject->at.dentry))
		kf_count(KF_CNT_FILE_LOST_MAP, 1);
}

/* Folds the event of a request, as kf_file__fold does it for the current process. */
static __noinline int kf_aio__fold(struct kf_aio *aio, struct kf_subject *subject,
				   struct kf_flush *flush)
{
	struct kf_file_agg *agg;

	kf_count(KF_CNT_FILE_EVENTS, 1);
	aio->agg.first_ns = flush->now_ns;
	aio->agg.last_ns = flush->now_ns;
	aio->agg.inode = subject->inode;
	*kf_agg__where(&aio->agg) = kf_subject__where(subject);
	agg = kf_former__find(subject, flush);
	if (!agg)
		agg = kf_aio__begin(aio, subject);
	if (!agg) {
		kf_aio__emit(aio, subject, flush);
		return 0;
	}
	if (!agg->first_ns) { /* the first event since it was reported: whoever is current has not done it */
		agg->proc = aio->agg.proc;
		agg->first_ns = flush->now_ns;
	}
	kf_file__fold_into(agg, subject, flush);
	return 0;
}

/* A request has succeeded: in any task, or in an interrupt. The file is open until it has ended. */
static __always_inline void kf_aio__succeeds(struct kf_aio *aio, struct file *file)
{
	struct kf_subject subject;
	struct kf_flush flush;

	if (!kf_file__about(&subject, &flush, file, kf_op__row(aio->op)->last))
		return;
	flush.now_ns = bpf_ktime_get_boot_ns();
	subject.key = aio->key;
	kf_aio__fold(aio, &subject, &flush);
}

/*
 * A request has ended. No claim is asked for, which an interrupt could find of the thread that it has
 * interrupted: the entry is the claim, and a standby finds it if the primary was skipped.
 */
static __always_inline void kf_aio__completes(struct kiocb *kiocb, long result)
{
	u64 id = kf_number(kiocb);
	struct kf_aio *aio = bpf_map_lookup_elem(&kf_aios, &id);

	if (!aio)
		return;
	if (kf_is_standby)
		kf_count(KF_STANDBY_RUNS, 1);
	if (kf_op__succeeded(aio->op, result))
		kf_aio__succeeds(aio, KF_READ(kiocb, ki_filp));
	kf_aio__forget(id);
}

#endif
