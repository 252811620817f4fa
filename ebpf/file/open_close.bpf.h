/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Life of an open file: from its creation to its last reference. */
#ifndef KF_FILE_OPEN_CLOSE_BPF_H
#define KF_FILE_OPEN_CLOSE_BPF_H

#include "file/image.bpf.h"

/* file.f_mode (linux/fs.h) */
#define KF_FMODE_READ 0x1
#define KF_FMODE_WRITE 0x2
#define KF_FMODE_PATH 0x4000
#define KF_FMODE_OPENED 0x80000
#define KF_FMODE_CREATED 0x100000
/* file.f_flags: opened by exec */
#define KF_FMODE_EXEC 0x20

/*
 * CREATE, once a struct file: a duplicated descriptor is not another creation. The file is there
 * before it is opened, and stays if opening it fails: so this is seen at the entry of vfs_open, where
 * the struct file has no path yet.
 */
static __always_inline void kf_open_file__created(struct path *path, struct file *file)
{
	struct kf_subject subject;
	struct dentry *dentry;
	struct kf_flush flush;
	struct inode *inode;

	if (!(KF_READ(file, f_mode) & KF_FMODE_CREATED) || kf_self())
		return;
	dentry = KF_READ(path, dentry);
	inode = KF_READ(dentry, d_inode);
	if (!inode)
		return;
	__builtin_memset(&subject, 0, sizeof(subject));
	__builtin_memset(&flush, 0, sizeof(flush));
	flush.event = KF_FILE_CREATE;
	flush.before = &subject.inode;
	subject.at.dentry = dentry;
	subject.at.mnt = kf_mount__of(KF_READ(path, mnt));
	if (kf_identity__take(&subject.key, &subject.inode, inode, dentry))
		kf_file__fold(&subject, &flush);
}

#define KF_O_TMPFILE 020000000 /* __O_TMPFILE (asm-generic/fcntl.h), without O_DIRECTORY */

/* Whether finish_open is about a file that O_TMPFILE makes. Not that of a stacked file system below, nor
 * what overlayfs copies up. */
static __always_inline bool kf_open_file__is_nameless(struct file *file)
{
	return (KF_READ(file, f_flags) & KF_O_TMPFILE) && !(KF_READ(file, f_mode) & KF_FMODE_BELOW);
}

/* Functions that open return an error in place of the file. */
static __always_inline bool kf_open_file__is_err(const void *file)
{
	return !file || (unsigned long)file >= (unsigned long)-4095;
}

#define KF_FMODE_STREAM 0x200000 /* linux/fs.h: no position; sockets and pipes are opened so */

/* Whether it is a socket or pipe, asked before all is read that an event needs. */
static __always_inline bool kf_open_file__is_channel(struct file *file, u32 mode)
{
	return (mode & KF_FMODE_STREAM) && !kf_inode__is_reported(KF_READ(file, f_inode, i_mode));
}

/* OPEN, once a descriptor; a path descriptor (O_PATH) opens nothing. */
static __always_inline void kf_open_file__installed(struct file *file)
{
	u32 mode = KF_READ(file, f_mode);

	if (!(mode & KF_FMODE_PATH) && !kf_open_file__is_channel(file, mode))
		kf_file__event(file, KF_FILE_OPEN);
}

/*
 * The last reference is dropped. Left out: files that were never opened, and those that a stacked
 * file system has opened below its own. A kernel thread that drops it late has no part in it.
 */
static __always_inline void kf_open_file__closed(struct file *file)
{
	u32 mode = KF_READ(file, f_mode);

	if (!(mode & KF_FMODE_OPENED) || (mode & (KF_FMODE_PATH | KF_FMODE_BELOW)))
		return;
	if (kf_open_file__is_channel(file, mode) || kf_current__kthread())
		return;
	kf_file__event_of(file, mode & KF_FMODE_WRITE ? KF_FILE_CLOSE_WRITE : KF_FILE_CLOSE_NOWRITE,
			  kf_image__closes);
}

#endif
