/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attributes of an inode, and which inodes are reported at all. */
#ifndef KF_INODE_BPF_H
#define KF_INODE_BPF_H

#include "compat.bpf.h"
#include "config.bpf.h"

#define KF_S_IFMT 0170000
#define KF_S_IFSOCK 0140000
#define KF_S_IFLNK 0120000
#define KF_S_IFREG 0100000
#define KF_S_IFDIR 0040000
#define KF_S_IFCHR 0020000

/* Magic numbers of file systems without storage or memory of their own (linux/magic.h). */
static __always_inline bool kf_magic__pseudo(u32 magic)
{
	switch (magic) {
	case 0x9fa0: /* proc */
	case 0x62656572: /* sysfs */
	case 0x27e0eb: /* cgroup */
	case 0x63677270: /* cgroup2 */
	case 0x74726163: /* tracefs */
	case 0x64626720: /* debugfs */
	case 0x73636673: /* securityfs */
	case 0x1cd1: /* devpts */
	case 0xcafe4a11: /* bpf */
	case 0x6165676c: /* pstore */
	case 0xde5e81e4: /* efivarfs */
	case 0x62656570: /* configfs */
	case 0xf97cff8c: /* selinuxfs */
	case 0x19800202: /* mqueue */
	case 0x42494e4d: /* binfmt_misc */
	case 0x6e736673: /* nsfs */
	case 0x65735543: /* fusectl */
	case 0x67596969: /* rpc_pipefs */
	case 0x50495045: /* pipefs */
	case 0x534f434b: /* sockfs */
	case 0x09041934: /* anon_inode */
		return true;
	}
	return false;
}

static __always_inline void kf_inode__read(struct kf_inode *out, struct inode *inode,
					   const bool typed)
{
	out->size = KF_READ_AS(typed, inode, i_size);
	out->mode = KF_READ_AS(typed, inode, i_mode);
	out->nlink = KF_READ_AS(typed, inode, i_nlink);
	out->uid = KF_READ_AS(typed, inode, i_uid.val);
	out->gid = KF_READ_AS(typed, inode, i_gid.val);
	kf_times__fill(out, inode, typed);
}

#define KF_INODE_HEAD 136 /* bytes of struct inode that have all of this, in all kernels so far */

/* Whether they have, and it is to be read by one probe read. */
static __always_inline bool kf_inode__near(void)
{
	struct inode *inode = NULL;

	return !KF_ENABLED(KF_DIRECT) && KF_WITHIN(KF_INODE_HEAD, inode, i_size) &&
	       KF_WITHIN(KF_INODE_HEAD, inode, i_mode) &&
	       KF_WITHIN(KF_INODE_HEAD, inode, i_flags) &&
	       KF_WITHIN(KF_INODE_HEAD, inode, i_nlink) && KF_WITHIN(KF_INODE_HEAD, inode, i_uid) &&
	       KF_WITHIN(KF_INODE_HEAD, inode, i_gid) && KF_WITHIN(KF_INODE_HEAD, inode, i_ino) &&
	       KF_WITHIN(KF_INODE_HEAD, inode, i_sb) && kf_times__within(KF_INODE_HEAD);
}

/* Not inlined, so that the copy is on the stack for this long only. */
static __noinline int kf_inode__fill_near(struct kf_inode *out, struct inode *inode)
{
	u64 copy[KF_INODE_HEAD / 8];

	bpf_probe_read_kernel(copy, sizeof(copy), inode);
	kf_inode__read(out, (struct inode *)copy, true);
	return 0;
}

/* Not inlined either: each member that is read by itself takes a place on the stack. */
static __noinline int kf_inode__fill_each(struct kf_inode *out, struct inode *inode)
{
	kf_inode__read(out, inode, false);
	return 0;
}

static __always_inline void kf_inode__fill(struct kf_inode *out, struct inode *inode)
{
	if (KF_ENABLED(KF_DIRECT))
		kf_inode__read(out, inode, true);
	else if (kf_inode__near())
		kf_inode__fill_near(out, inode);
	else
		kf_inode__fill_each(out, inode);
}

/* Whether it is a directory, and those are asked for. */
static __always_inline bool kf_inode__is_directory(u32 mode)
{
	return kf_directories && (mode & KF_S_IFMT) == KF_S_IFDIR;
}

#define KF_S_PRIVATE \
	(1 << 9) /* i_flags (linux/fs.h): the kernel's own; shared memory without a file */

static __always_inline bool kf_inode__is_reported(u32 mode)
{
	u32 type = mode & KF_S_IFMT;

	return type == KF_S_IFREG || type == KF_S_IFLNK || kf_inode__is_directory(mode);
}

/* Regular files and symbolic links; directories and pseudo file systems only when asked for. */
static __always_inline bool kf_inode__wanted(struct inode *inode, u32 *magic)
{
	if (!kf_inode__is_reported(KF_READ(inode, i_mode)))
		return false;
	*magic = KF_READ(inode, i_sb, s_magic);
	return kf_pseudo_fs || !kf_magic__pseudo(*magic);
}

#endif
