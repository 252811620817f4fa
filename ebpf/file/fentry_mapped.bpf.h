/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* By fentry and fexit, files that are mapped shared and writable, and stores through such mappings. */
#ifndef KF_FILE_FENTRY_MAPPED_BPF_H
#define KF_FILE_FENTRY_MAPPED_BPF_H

#include "file/mapped.bpf.h"
#include "file/programs.bpf.h"

SEC("fexit/vm_mmap_pgoff")
int BPF_PROG(fexit__vm_mmap_pgoff, struct file *file, unsigned long addr, unsigned long len,
	     unsigned long prot, unsigned long flag, unsigned long pgoff, unsigned long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_VM_MMAP_PGOFF))
		return 0;
	if (kf_mapped__asks(prot, flag) && kf_mapped__succeeded(ret) && !kf_self())
		kf_mapped__made(file);
	return 0;
}

/* mprotect that makes a mapping writable. Behind this only memory for it can be missing. */
SEC("fexit/security_file_mprotect")
int BPF_PROG(fexit__security_file_mprotect, struct vm_area_struct *vma, unsigned long reqprot,
	     unsigned long prot, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_SECURITY_FILE_MPROTECT))
		return 0;
	if (!ret && kf_mapped__rises(vma, prot) && !kf_self())
		kf_mapped__made(KF_READ(vma, vm_file));
	return 0;
}

/* A page of a shared mapping becomes writable because of a store to it. */
SEC("fentry/fault_dirty_shared_page")
int BPF_PROG(fentry__fault_dirty_shared_page, struct vm_fault *vmf)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_FAULT_DIRTY_SHARED_PAGE))
		return 0;
	kf_mapped__stored(KF_READ(vmf, vma, vm_file));
	return 0;
}

#endif
