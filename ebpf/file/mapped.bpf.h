/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that are mapped shared and writable. A store is no call: the kernel hears of the first one to a page, if
 * the page was not writable until then. Pages of a file system that writes them out are not, and are not again
 * when they were written out; so there each aggregate has one MODIFY for all that its process has stored. Pages
 * of tmpfs are writable once they were read, and what is stored then is told by nothing: there the aggregate
 * gets a note that the file was mapped so.
 */
#ifndef KF_FILE_MAPPED_BPF_H
#define KF_FILE_MAPPED_BPF_H

#include "file/open_close.bpf.h"

#define KF_PROT_WRITE 0x2 /* asm-generic/mman-common.h */
#define KF_MAP_SHARED 0x1 /* MAP_SHARED and MAP_SHARED_VALIDATE have it, no other type has */
#define KF_MAP_ANONYMOUS 0x20 /* whatever descriptor there is */
#define KF_VM_WRITE 0x2 /* linux/mm.h */
#define KF_VM_SHARED 0x8
#define KF_S_DAX (1 << 13) /* i_flags (linux/fs.h): the pages are those of the device */
#define KF_BDI_CAP_WRITEBACK 0x1 /* linux/backing-dev.h */

static __always_inline bool kf_mapped__asks(u64 prot, u64 flags)
{
	return (prot & KF_PROT_WRITE) &&
	       (flags & (KF_MAP_SHARED | KF_MAP_ANONYMOUS)) == KF_MAP_SHARED;
}

/* Whether a shared mapping that was read-only is to be writable. */
static __always_inline bool kf_mapped__rises(struct vm_area_struct *vma, u64 prot)
{
	return (prot & KF_PROT_WRITE) &&
	       (KF_READ(vma, vm_flags) & (KF_VM_SHARED | KF_VM_WRITE)) == KF_VM_SHARED;
}

/* Whether mmap or mprotect has succeeded, by the lower half of the result: an address is that of a page. */
static __always_inline bool kf_mapped__succeeded(u32 ret)
{
	return ret <= (u32)-4096;
}

/* Whether a store to each page is told, as vma_wants_writenotify (mm/mmap.c) decides it. */
static __always_inline bool kf_mapped__tells(struct inode *inode)
{
	return kf_sees_stores && !(KF_READ(inode, i_flags) & KF_S_DAX) &&
	       (KF_READ(inode, i_sb, s_bdi, capabilities) & KF_BDI_CAP_WRITEBACK);
}

/* Whether it is a file of which not every store is told. */
static __always_inline bool kf_mapped__unsure(struct file *file)
{
	struct inode *inode = KF_READ(file, f_inode);
	u32 magic;

	return inode && kf_inode__wanted(inode, &magic) && !kf_mapped__tells(inode);
}

/* A further store is part of the MODIFY that is told: it is not over, and the file is as it is now. */
static __always_inline void kf_mapped__again(struct kf_file_agg *agg,
					     const struct kf_subject *subject,
					     const struct kf_flush *flush)
{
	agg->last_ns = flush->now_ns;
	agg->inode = subject->inode;
}

/* Gives the aggregate of a mapped file a flag; without one it is made, and has no event. Returns false if it
 * had the flag already. */
static __noinline bool kf_mapped__mark(struct kf_subject *subject, struct kf_flush *flush, u32 flag)
{
	struct kf_file_agg *agg = kf_former__find(subject, flush);

	flush->now_ns = bpf_ktime_get_boot_ns();
	if (agg && (agg->flags & flag)) {
		if (flag == KF_AGG_STORED)
			kf_mapped__again(agg, subject, flush);
		return false;
	}
	if (!agg) {
		agg = kf_file__make(subject, flush);
		if (!agg) {
			if (flag == KF_AGG_MAPPED)
				kf_count(KF_CNT_FILE_LOST_PENDING, 1);
			return true;
		}
		kf_file__name(agg, subject, flush);
	}
	if (!agg->first_ns) {
		agg->first_ns = flush->now_ns;
		kf_agg__acts(agg, subject->key.execs);
	}
	agg->named = KF_NAMED_NEVER; /* the mapping holds the file open */
	agg->flags |= flag;
	return true;
}

/* event: MODIFY, or none: KF_FILE_EVENTS. */
static __always_inline void kf_mapped__happens(struct file *file, enum kf_file_event event,
					       const u32 flag)
{
	struct kf_subject subject;
	struct kf_flush flush;

	if (!kf_file__about(&subject, &flush, file, event))
		return;
	if (kf_mapped__mark(&subject, &flush, flag) && event < KF_FILE_EVENTS)
		kf_file__fold(&subject, &flush);
}

/* A shared writable mapping was made, file NULL: of none. */
static __always_inline void kf_mapped__made(struct file *file)
{
	if (file && kf_mapped__unsure(file))
		kf_mapped__happens(file, KF_FILE_EVENTS, KF_AGG_MAPPED);
}

/*
 * The first store to a page, by whoever makes it: also by a call that writes there (read), by ptrace or by
 * process_vm_writev. The file of a stacked file system is the one below: its stores have the note alone.
 */
static __always_inline void kf_mapped__stored(struct file *file)
{
	if (!file || kf_self() || (KF_READ(file, f_mode) & KF_FMODE_BELOW) ||
	    (KF_READ(file, f_inode, i_flags) & KF_S_PRIVATE))
		return;
	kf_mapped__happens(file, KF_FILE_MODIFY, KF_AGG_STORED);
}

#endif
