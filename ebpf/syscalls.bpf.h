/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls: numbers of the native ABI, their arguments, and the files behind descriptors. Calls of
 * the 32-bit ABI have other numbers: file/tracepoint_compat.bpf.h has those of x86 that are on files.
 */
#ifndef KF_SYSCALLS_BPF_H
#define KF_SYSCALLS_BPF_H

#ifdef __TARGET_ARCH_x86
#include <asm/unistd_64.h>
#else
/* As arm64's asm/unistd.h has it; clang may run on another processor, whose long is not BPF's. */
#include <asm/bitsperlong.h>
#undef __BITS_PER_LONG
#define __BITS_PER_LONG 64
#define __ARCH_WANT_RENAMEAT
#define __ARCH_WANT_NEW_STAT
#include <asm-generic/unistd.h>
#endif
#include "compat.bpf.h"
#include "inode.bpf.h"
#include "task.bpf.h"

/* Newer than some headers; the numbers are the same on all architectures since 5.1. */
#ifndef __NR_io_uring_enter
#define __NR_io_uring_enter 426
#endif
#ifndef __NR_openat2
#define __NR_openat2 437
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

#ifndef __NR_setxattrat
#define __NR_setxattrat 463
#endif
#ifndef __NR_removexattrat
#define __NR_removexattrat 466
#endif
#ifndef __NR_file_setattr
#define __NR_file_setattr 469
#endif

/* The generic header hides it from 32-bit compilers, for which it takes clang -target bpf. */
#ifndef __NR_recvmmsg
#define __NR_recvmmsg 243
#endif

/*
 * Read for every system call of the host: through the typed pointer. Where calls differ in which argument
 * they mean, the compiler would make one load with a computed offset, which the verifier refuses; it
 * joins nothing with the assembly behind each.
 */
#define KF_REGISTER(regs, member)                     \
	({                                            \
		u64 __value = KF_TYPED(regs, member); \
		barrier_var(__value);                 \
		__value;                              \
	})
#ifdef __TARGET_ARCH_x86
#define KF_TS_COMPAT 0x2 /* thread_info.status (arch/x86/include/asm/thread_info.h) */
#define KF_SYSCALL_NR(regs) KF_TYPED(regs, orig_ax)
#define KF_CURRENT_SYSCALL() KF_USER_REGS(orig_ax)
#define KF_CURRENT_RESULT() ((s64)KF_USER_REGS(ax))
#define KF_NR_EXECVE_32 11
#define KF_NR_EXECVEAT_32 358
#define KF_ARG0(regs) KF_REGISTER(regs, di)
#define KF_ARG1(regs) KF_REGISTER(regs, si)
#define KF_ARG2(regs) KF_REGISTER(regs, dx)
#define KF_ARG3(regs) KF_REGISTER(regs, r10)
#define KF_ARG4(regs) KF_REGISTER(regs, r8)
#define KF_ARG5(regs) KF_REGISTER(regs, r9)
/* of 32-bit calls */
#define KF_COMPAT_ARG0(regs) KF_REGISTER(regs, bx)
#define KF_COMPAT_ARG1(regs) KF_REGISTER(regs, cx)
#else
#define KF_TIF_32BIT (1 << 22) /* thread_info.flags (arch/arm64/include/asm/thread_info.h) */
#define KF_SYSCALL_NR(regs) ((u64)KF_TYPED(regs, syscallno))
#define KF_CURRENT_SYSCALL() ((u64)KF_USER_REGS(syscallno))
#define KF_CURRENT_RESULT() ((s64)KF_USER_REGS(regs[0]))
#define KF_ARG0(regs) KF_REGISTER(regs, orig_x0) /* x0 holds the result at exit */
#define KF_ARG1(regs) KF_REGISTER(regs, regs[1])
#define KF_ARG2(regs) KF_REGISTER(regs, regs[2])
#define KF_ARG3(regs) KF_REGISTER(regs, regs[3])
#define KF_ARG4(regs) KF_REGISTER(regs, regs[4])
#define KF_ARG5(regs) KF_REGISTER(regs, regs[5])
/* of 32-bit calls */
#define KF_COMPAT_ARG0(regs) KF_ARG0(regs)
#define KF_COMPAT_ARG1(regs) KF_ARG1(regs)
#endif

/* of 32-bit calls, of i386 and of arm */
#define KF_NR_SENDFILE_32 187
#define KF_NR_SENDFILE64_32 239

/* ioctl commands of files (linux/fs.h), the same on all architectures. */
#define KF_FS_IOC_SETFLAGS 0x40086602U
#define KF_FS_IOC32_SETFLAGS 0x40046602U
#define KF_FS_IOC_FSSETXATTR 0x401c5820U
#define KF_FICLONE 0x40049409U
#define KF_FICLONERANGE 0x4020940dU

static __always_inline bool kf_ioctl__flags(u32 cmd)
{
	return cmd == KF_FS_IOC_SETFLAGS || cmd == KF_FS_IOC32_SETFLAGS ||
	       cmd == KF_FS_IOC_FSSETXATTR;
}

/* Messages as a process passes them (64-bit ABI). */
struct kf_user_msghdr {
	void *name;
	s32 name_len;
	u32 pad;
	u64 rest[5];
};

struct kf_user_mmsghdr {
	struct kf_user_msghdr hdr;
	u32 len;
	u32 pad;
};

static __always_inline bool kf_syscall__compat(void)
{
#ifdef __TARGET_ARCH_x86
	return KF_CURRENT(thread_info.status) & KF_TS_COMPAT;
#else
	return KF_CURRENT(thread_info.flags) & KF_TIF_32BIT;
#endif
}

/*
 * Whether the current thread is in exec, or in what is done at its end before user mode is reached again:
 * until then the number of the call stands in the registers. Where exec goes from one ABI to the other, the
 * kernel puts that of the new one there.
 */
static __always_inline bool kf_syscall__execs(void)
{
	u64 nr = KF_CURRENT_SYSCALL();

	if (nr == __NR_execve || nr == __NR_execveat)
		return true;
#ifdef KF_NR_EXECVE_32
	if (nr == KF_NR_EXECVE_32 || nr == KF_NR_EXECVEAT_32)
		return kf_syscall__compat();
#endif
	return false;
}

/* Whether the current thread is in sendfile. A thread of the kernel has the registers of no call. */
static __always_inline bool kf_syscall__sends_file(void)
{
	u64 nr = KF_CURRENT_SYSCALL();

	if (kf_syscall__compat())
		return nr == KF_NR_SENDFILE_32 || nr == KF_NR_SENDFILE64_32;
	return nr == __NR_sendfile;
}

/* Where the open file of a descriptor stands in a table; NULL: there is no such place. typed: see
 * KF_READ_AS. */
static __always_inline struct file **kf_fd__slot(struct fdtable *fdt, u32 fd, const bool typed)
{
	if (!fdt || fd >= KF_READ_AS(typed, fdt, max_fds))
		return NULL;
	return KF_READ_AS(typed, fdt, fd) + fd;
}

/* The open file behind a descriptor of the current process; NULL if there is none. */
static __always_inline struct file *kf_fd__file(u64 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file **slot, *file = NULL;

	if (kf_task_btf)
		slot = kf_fd__slot(KF_TYPED(kf_current__task(), files, fdt), fd, true);
	else
		slot = kf_fd__slot(KF_UNTYPED(task, files, fdt), fd, false);
	if (!slot || bpf_probe_read_kernel(&file, sizeof(file), slot))
		return NULL;
	return file;
}

/* The socket behind a descriptor, or NULL. */
static __always_inline struct socket *kf_fd__socket(u64 fd)
{
	struct file *file = kf_fd__file(fd);

	if (!file || (KF_READ(file, f_inode, i_mode) & KF_S_IFMT) != KF_S_IFSOCK)
		return NULL;
	return KF_READ(file, private_data);
}

#endif
