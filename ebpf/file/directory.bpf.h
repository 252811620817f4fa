/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A directory was removed. Compilers put vfs_rmdir into its one caller (5.10), so it is seen where the
 * kernel takes the name away (d_delete), which it does when the file system has succeeded. The inode is
 * there still, without links.
 */
#ifndef KF_FILE_DIRECTORY_BPF_H
#define KF_FILE_DIRECTORY_BPF_H

#include "file/operations.bpf.h"

static __always_inline void kf_directory__removed(struct dentry *dentry)
{
	struct inode *inode = KF_READ(dentry, d_inode);
	struct kf_flush flush = {};
	struct kf_subject subject;

	if (!inode || !kf_inode__is_directory(KF_READ(inode, i_mode)) || kf_self() ||
	    kf_current__stands_in())
		return;
	__builtin_memset(&subject, 0, sizeof(subject));
	if (!kf_identity__take(&subject.key, &subject.inode, inode, dentry))
		return;
	flush.before = &subject.inode;
	kf_choice__walk(&subject.at, dentry, kf_last_mount__take(kf_number(dentry)));
	kf_op__fold(KF_OP_RMDIR, &subject, &flush);
}

#endif
