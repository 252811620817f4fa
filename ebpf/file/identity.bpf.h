/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which file it is: device and inode number as stat(2) has them. Most file systems leave both to the VFS:
 * s_dev and i_ino. Those that have an own getattr which does not are known by their magic number, so that
 * others pay a comparison.
 *
 * They are modules: where their structs have what is needed, user space writes into a map when it finds
 * the module's types. Until then, and without types, the device is 0: not known.
 */
#ifndef KF_FILE_IDENTITY_BPF_H
#define KF_FILE_IDENTITY_BPF_H

#include "inode.bpf.h"
#include "path.bpf.h"
#include "task.bpf.h"

#define KF_MAGIC_BTRFS 0x9123683e /* linux/magic.h */
#define KF_MAGIC_OVERLAY 0x794c7630

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct kf_layouts);
} kf_layouts SEC(".maps");

static __always_inline const struct kf_layouts *kf_layouts__get(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&kf_layouts, &zero);
}

/* What lies at an address of the kernel's memory; 0 if that cannot be read. */
static __always_inline u64 kf_memory__pointer(u64 address)
{
#ifdef KF_CAST
	return *kf_string__words((void *)address);
#else
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
#endif
}

static __always_inline u32 kf_memory__number(u64 address)
{
#ifdef KF_CAST
	return *(const u32 *)kf_string__words((void *)address);
#else
	u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
#endif
}

/* The subvolume's device (btrfs_getattr); 0: not known. A global function, for the sake of the stack, and
 * so that the verifier looks at it once. */
__noinline u64 kf_identity__btrfs(u64 inode)
{
	const struct kf_layouts *layouts = kf_layouts__get();

	if (!layouts || !layouts->btrfs_root)
		return 0;
	return kf_memory__number(kf_memory__pointer(inode - layouts->btrfs_root) +
				 layouts->btrfs_dev);
}

/* The address of the struct ovl_fs. */
static __always_inline u64 kf_overlay__private(u64 inode)
{
	return kf_number(KF_UNTYPED((struct inode *)inode, i_sb, s_fs_info));
}

/* The lower file of an inode of overlayfs. */
static __always_inline struct inode *kf_overlay__lower(const struct kf_layouts *layouts, u64 inode)
{
	u64 at = inode + layouts->ovl_lower;

	if (layouts->ovl_path != KF_OVL_FIRST)
		at = kf_memory__pointer(at);
	if (layouts->ovl_path == KF_OVL_INODE)
		return (struct inode *)at;
	at = kf_memory__pointer(at + layouts->ovl_dentry);
	return KF_UNTYPED((struct dentry *)at, d_inode);
}

/* The file in a layer whose number it has: by that the inode is found (ovl_iget5), unless it is a lower
 * file with several links, which is another one after it is copied up. */
static __always_inline struct inode *kf_overlay__real(const struct kf_layouts *layouts, u64 inode)
{
	struct inode *real = KF_UNTYPED((struct inode *)inode, i_private);

	return real ? real : kf_overlay__lower(layouts, inode);
}

#define KF_OVERLAY_FS 16 /* file systems of layers that are looked at */

/* The device that overlayfs has given to the file system of a layer; 0: not known. */
static __always_inline u64 kf_overlay__given(const struct kf_layouts *layouts, u64 ofs, u64 sb)
{
	u32 count = kf_memory__number(ofs + layouts->ovl_count);
	u64 at = kf_memory__pointer(ofs + layouts->ovl_list);

	for (u32 i = 0; sb && i < KF_OVERLAY_FS && i < count; i++) {
		if (kf_memory__pointer(at + layouts->ovl_sb) == sb)
			return kf_memory__number(at + layouts->ovl_dev);
		at += layouts->ovl_size;
	}
	return 0;
}

/*
 * The inode number (ovl_getattr): that of the inode, which it has from the file in a layer it was found with,
 * `xino` bits over it. A lower file with several links has none such, and gets one when it is copied up, and
 * its number then.
 */
__noinline u64 kf_overlay__number(u64 inode)
{
	const struct kf_layouts *layouts = kf_layouts__get();
	struct inode *real = KF_UNTYPED((struct inode *)inode, i_private);
	u64 number = KF_UNTYPED((struct inode *)inode, i_ino), own;

	if (!real)
		return number;
	own = KF_UNTYPED(real, i_ino);
	if ((u32)own != (u32)number)
		return own;
	if (own == number || !layouts || !layouts->ovl_size)
		return number;
	return (s32)kf_memory__number(kf_overlay__private(inode) + layouts->ovl_xino) > 0 ? number
											  : own;
}

/* The device, where layers are in several file systems (ovl_map_dev_ino): each has one of its own, unless
 * numbers have the layer in their upper `xino` bits; 0: not known. */
__noinline u64 kf_overlay__device_apart(u64 inode)
{
	const struct kf_layouts *layouts = kf_layouts__get();
	struct inode *real;
	u64 ofs;
	s32 xino;

	if (!layouts)
		return 0;
	real = kf_overlay__real(layouts, inode);
	ofs = kf_overlay__private(inode);
	xino = kf_memory__number(ofs + layouts->ovl_xino);
	if (xino > 0 && !(KF_UNTYPED(real, i_ino) >> ((64 - xino) & 63)))
		return KF_UNTYPED((struct inode *)inode, i_sb, s_dev);
	return kf_overlay__given(layouts, ofs, kf_number(KF_UNTYPED(real, i_sb)));
}

/* The device; 0: not known. That of directories, and of all if the layers are in one file system, is the
 * mount's. */
__noinline u64 kf_overlay__device(u64 inode)
{
	const struct kf_layouts *layouts = kf_layouts__get();
	struct inode *at = (struct inode *)inode;

	if ((KF_UNTYPED(at, i_mode) & KF_S_IFMT) != KF_S_IFDIR) {
		if (!layouts || !layouts->ovl_size)
			return 0;
		if (kf_memory__number(kf_overlay__private(inode) + layouts->ovl_xino))
			return kf_overlay__device_apart(inode);
	}
	return KF_UNTYPED(at, i_sb, s_dev);
}

/* Global functions: to the verifier there is one state behind each of them. */
static __always_inline void kf_file_key__overlay(struct kf_file_key *key, u64 inode)
{
	key->ino = kf_overlay__number(inode);
	key->dev = kf_overlay__device(inode);
}

static __always_inline void kf_file_key__adjust(struct kf_file_key *key, u64 inode, u32 magic)
{
	if (magic == KF_MAGIC_BTRFS)
		key->dev = kf_identity__btrfs(inode);
	else if (magic == KF_MAGIC_OVERLAY)
		kf_file_key__overlay(key, inode);
}

static __always_inline void kf_file_key__fill_process(struct kf_file_key *key,
						      struct dentry *dentry)
{
	struct kf_image_of image;

	kf_current__image(&image);
	key->start_ns = image.start_ns;
	key->tgid = image.tgid;
	key->execs = image.execs;
	key->name = kf_name__number(dentry);
	key->apart = 0;
}

/* What makes two events belong together: the file by one of its names, and the program that acts now. */
static __always_inline void kf_file_key__fill(struct kf_file_key *key, struct inode *inode,
					      struct dentry *dentry, u32 magic)
{
	key->ino = KF_READ(inode, i_ino);
	key->dev = KF_READ(inode, i_sb, s_dev);
	key->gen = KF_READ(inode, i_generation);
	kf_file_key__adjust(key, kf_number(inode), magic);
	kf_file_key__fill_process(key, dentry);
}

/* kf_identity__take where what is needed of the inode is read at once. kf_file_key__adjust is left to the
 * caller, for the sake of the stack. */
static __noinline bool kf_identity__take_near(struct kf_file_key *key, struct kf_inode *now,
					      struct inode *inode, struct dentry *dentry)
{
	u64 copy[KF_INODE_HEAD / 8];
	struct inode *head = (struct inode *)copy;

	if (bpf_probe_read_kernel(copy, sizeof(copy), inode)) {
		kf_count(KF_CNT_READ_FAILED, 1);
		return false;
	}
	if (!kf_inode__is_reported(head->i_mode) || (head->i_flags & KF_S_PRIVATE))
		return false;
	now->magic = KF_UNTYPED(head->i_sb, s_magic);
	if (!kf_pseudo_fs && kf_magic__pseudo(now->magic))
		return false;
	kf_inode__read(now, head, true);
	key->ino = head->i_ino;
	key->dev = KF_UNTYPED(head->i_sb, s_dev);
	key->gen = KF_WITHIN(KF_INODE_HEAD, head, i_generation) ? head->i_generation
								: KF_UNTYPED(inode, i_generation);
	kf_file_key__fill_process(key, dentry);
	return true;
}

static __always_inline bool kf_identity__take_by(struct kf_file_key *key, struct kf_inode *now,
						 struct inode *inode, struct dentry *dentry)
{
	if (!kf_inode__wanted(inode, &now->magic) || (KF_READ(inode, i_flags) & KF_S_PRIVATE))
		return false;
	kf_inode__fill(now, inode);
	kf_file_key__fill(key, inode, dentry, now->magic);
	return true;
}

/* The same by many reads; apart, for the sake of the stack. */
static __noinline bool kf_identity__take_each(struct kf_file_key *key, struct kf_inode *now,
					      struct inode *inode, struct dentry *dentry)
{
	return kf_identity__take_by(key, now, inode, dentry);
}

/* Takes down which file this is and how it is now. Returns false if it is not reported. */
static __always_inline bool kf_identity__take(struct kf_file_key *key, struct kf_inode *now,
					      struct inode *inode, struct dentry *dentry)
{
	if (KF_ENABLED(KF_DIRECT))
		return kf_identity__take_by(key, now, inode, dentry);
	if (!kf_inode__near())
		return kf_identity__take_each(key, now, inode, dentry);
	if (!kf_identity__take_near(key, now, inode, dentry))
		return false;
	kf_file_key__adjust(key, kf_number(inode), now->magic);
	return true;
}

#endif
