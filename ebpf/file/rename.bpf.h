/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The entry of a rename, which concerns two files, each of which may have been renamed before. */
#ifndef KF_FILE_RENAME_BPF_H
#define KF_FILE_RENAME_BPF_H

#include "file/pending.bpf.h"

/* Why: the record of a rename has two paths. If the aggregate has a third one, of before the rename of
 * another process, it leaves now. A global function, for the sake of the stack. */
__noinline int kf_rename__check_path(u32 side)
{
	struct kf_pending *pending = kf_pending__find();
	struct kf_subject subject;

	if (!pending)
		return 0;
	__builtin_memset(&subject, 0, sizeof(subject));
	subject.at.dentry = side == KF_SIDE_MOVED ? pending->on.dentry : pending->on.other;
	subject.key = side == KF_SIDE_MOVED ? pending->key : pending->displaced.key;
	subject.at.mnt = (struct mount *)pending->mnt;
	kf_former__find(&subject, NULL);
	return 0;
}

#define KF_RENAME_EXCHANGE 2 /* linux/fs.h */

/* A rename concerns two files if the new name is taken. If both names are of one file, nothing happens
 * (fs/namei.c: vfs_rename). */
static __always_inline struct kf_pending *kf_rename__enter(struct dentry *old, struct dentry *new,
							   u32 flags, u64 frame)
{
	struct kf_pending *pending = kf_pending__enter(KF_OP_RENAME, KF_ON_NAMES(old, new), frame);
	struct kf_displaced *displaced;
	struct inode *inode;

	if (!pending)
		return NULL;
	if (pending->wanted)
		kf_rename__check_path(KF_SIDE_MOVED);
	inode = KF_READ(new, d_inode);
	displaced = &pending->displaced;
	if (!inode)
		return pending;
	if (inode == KF_READ(old, d_inode))
		pending->wanted = 0;
	else if (kf_identity__take(&displaced->key, &displaced->before, inode, new))
		displaced->wanted = 1;
	displaced->exchanged = flags & KF_RENAME_EXCHANGE;
	if (displaced->wanted)
		kf_rename__check_path(KF_SIDE_DISPLACED);
	return pending;
}

#endif
