/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an event of a file is about, and the aggregate of its process and inode that it goes into. */
#ifndef KF_FILE_SUBJECT_BPF_H
#define KF_FILE_SUBJECT_BPF_H

#include "emit.bpf.h"
#include "file/held.bpf.h"
#include "file/identity.bpf.h"
#include "file/mounts.bpf.h"
#include "file/moves.bpf.h"
#include "path.bpf.h"
#include "task.bpf.h"

/* Open files between two events that end them, 312 bytes each. When it is full, events leave one by
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

/* The number of the mount that an event went through in the upper half, of its address as that of a name, and
 * the renames so far in the lower one: as in kf_file_agg, where both are compared at once. kf_number without
 * its second half: each event pays for it. */
static __always_inline u64 kf_subject__where(const struct kf_subject *subject)
{
	u64 negated = (u64)subject->at.mnt;

	asm volatile("%0 = -%0" : "+r"(negated));
	return negated << 26 | kf_moves;
}

static __always_inline u64 *kf_agg__where(struct kf_file_agg *agg)
{
	return (u64 *)&agg->moves;
}

_Static_assert(__builtin_offsetof(struct kf_file_agg, moves) % 8 == 0 &&
		       __builtin_offsetof(struct kf_file_agg, mount) ==
			       __builtin_offsetof(struct kf_file_agg, moves) + 4,
	       "kf_agg__where");

/* The number alone, 0: it is not known. */
static __always_inline u32 kf_subject__mount(const struct kf_subject *subject)
{
	return subject->at.flags & KF_AGG_PATH_GUESSED ? 0 : kf_subject__where(subject) >> 32;
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
	*kf_agg__where(agg) = kf_subject__where(subject);
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

/* The first event since an aggregate was reported (-e): the process may be another than it was. Apart, for the
 * verifier. */
static __noinline int kf_agg__acts(struct kf_file_agg *agg, u32 execs)
{
	kf_agg__actor(&agg->proc, execs);
	return 0;
}

static __always_inline void kf_agg__add(struct kf_file_agg *agg, const struct kf_subject *subject,
					const struct kf_flush *flush)
{
	if (flush->event < KF_FILE_EVENTS)
		__sync_fetch_and_add(&agg->counts[flush->event], 1);
	if (!agg->first_ns) {
		agg->first_ns = flush->now_ns;
		kf_agg__acts(agg, subject->key.execs);
	}
	agg->last_ns = flush->now_ns;
	agg->inode = subject->inode;
	if (flush->how & (KF_FLUSH_NAMED | KF_FLUSH_NO_MODE))
		kf_agg__named(agg, flush);
}

#define KF_SB_KERNMOUNT \
	(1 << 22) /* linux/fs.h: a file system that the kernel has for itself: of memfds */

/* Whether what is closed is a file that overlayfs has opened in a layer to copy it up, which no flag of it says:
 * it has no aggregate, and its mount is the kernel's own. */
static __always_inline bool kf_subject__was_copied(const struct kf_subject *subject,
						   const struct kf_flush *flush)
{
	struct mount *mnt = subject->at.mnt;

	if (flush->event != KF_FILE_CLOSE_NOWRITE && flush->event != KF_FILE_CLOSE_WRITE)
		return false;
	return kf_mount__is_internal(mnt) &&
	       !(KF_UNTYPED(mnt, mnt.mnt_sb, s_flags) & KF_SB_KERNMOUNT);
}

/* Whether it is a directory that overlayfs has opened in one of its layers, which no flag of the file says. */
static __always_inline bool kf_subject__is_below(const struct kf_subject *subject)
{
	return kf_inode__is_directory(subject->inode.mode) &&
	       kf_mount__is_internal(subject->at.mnt);
}

#endif
