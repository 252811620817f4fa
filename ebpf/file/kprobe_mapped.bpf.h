/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * By kprobe, files that are mapped shared and writable, and stores through such mappings. Whether a mapping was
 * made is told by the result of the system call.
 */
#ifndef KF_FILE_KPROBE_MAPPED_BPF_H
#define KF_FILE_KPROBE_MAPPED_BPF_H

#include "file/kprobe_call.bpf.h"

/*
 * A file is mapped shared and writable, or its mapping is made so. mprotect does that to one mapping after
 * the other: where there is one already, that was a success.
 */
static __always_inline void kf_mapping__begins(struct file *file)
{
	struct kf_call call = { .file = file, .due = KF_DUE_MAPPING };
	struct kf_call *before;

	if (kf_self() || !kf_mapped__unsure(file))
		return;
	call.inode = KF_READ(file, f_inode);
	before = kf_call__find();
	if (before && (before->due & KF_DUE_MAPPING))
		kf_call__moved(before);
	kf_call__keep(&call);
}

SEC("kprobe/vm_mmap_pgoff")
int BPF_KPROBE(kprobe__vm_mmap_pgoff, struct file *file, unsigned long addr, unsigned long len,
	       unsigned long prot, unsigned long flag)
{
	if (file && kf_mapped__asks(prot, flag))
		kf_mapping__begins(file);
	return 0;
}

SEC("kprobe/security_file_mprotect")
int BPF_KPROBE(kprobe__security_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot,
	       unsigned long prot)
{
	struct file *file;

	if (!kf_mapped__rises(vma, prot))
		return 0;
	file = KF_READ(vma, vm_file);
	if (file)
		kf_mapping__begins(file);
	return 0;
}

SEC("kprobe/fault_dirty_shared_page")
int BPF_KPROBE(kprobe__fault_dirty_shared_page, struct vm_fault *vmf)
{
	kf_mapped__stored(KF_READ(vmf, vma, vm_file));
	return 0;
}

#endif
