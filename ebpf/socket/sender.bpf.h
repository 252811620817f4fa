/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether the current process is who sends a packet. A packet leaves in the call that sends it, but for one that
 * was held up: then it is the process that lets it go (NFQUEUE: a verdict over netlink), or whichever a
 * softirq has interrupted (L2TP, IPsec). Asked once for each program image, before it is named. Builds with
 * KF_CAST do not ask: this object is for kernels too that have lockdown, but not yet bpf_rdonly_cast.
 */
#ifndef KF_SOCKET_SENDER_BPF_H
#define KF_SOCKET_SENDER_BPF_H

#include "syscalls.bpf.h"

#define KF_FRED_PADDING 16 /* TOP_OF_KERNEL_STACK_PADDING with CONFIG_X86_FRED */
#define KF_USER_CS 0x33

#ifdef KF_CAST
static __always_inline bool kf_sender__is_current(u64 sock)
{
	/* Else the compiler passes whatever a register holds, and the verifier wants a number. */
	asm volatile("" : : "r"(sock));
	return true;
}
#else
/* Registers of the system call that the current task is in (task_pt_regs); none of these is typed. */
static __always_inline struct pt_regs *kf_sender__regs(void)
{
	u64 top = (u64)KF_CURRENT(stack) + KF_THREAD_SIZE;
	struct pt_regs *regs = (void *)(top - bpf_core_type_size(struct pt_regs));

#ifdef __TARGET_ARCH_x86
	if ((u16)KF_UNTYPED(regs, cs) != KF_USER_CS)
		regs = (void *)((u64)regs - KF_FRED_PADDING);
#endif
	return regs;
}

/* What the call of the current process sends over, or NULL. */
static __always_inline struct sock *kf_sender__sock(u32 fd)
{
	struct fdtable *fdt = (struct fdtable *)(u64)KF_CURRENT(files, fdt);
	struct hlist_head *place; /* a pointer, to read one */
	struct file *file;
	struct socket *socket;

	if (fd >= KF_UNTYPED(fdt, max_fds))
		return NULL;
	place = (void *)((u64)KF_UNTYPED(fdt, fd) + fd * sizeof(void *));
	file = (void *)KF_UNTYPED(place, first);
	socket = (void *)KF_UNTYPED(file, private_data);
	return KF_UNTYPED(socket, sk);
}

/* Calls whose first descriptor is no socket that they send over. */
static __always_inline bool kf_sender__is_indirect(u32 nr)
{
	return nr == __NR_io_uring_enter || nr == __NR_io_submit;
}

/* Global, so that it is verified once: sock is the address of the packet's socket. */
__noinline int kf_sender__is_current(u64 sock)
{
	struct pt_regs *regs;
	u32 nr, fd;

	if (KF_CURRENT(flags) & KF_PF_IO_WORKER || kf_syscall__compat())
		return true;
	regs = kf_sender__regs();
#ifdef __TARGET_ARCH_x86
	nr = KF_UNTYPED(regs, orig_ax);
	fd = nr == __NR_splice ? KF_UNTYPED(regs, dx) : KF_UNTYPED(regs, di);
#else
	nr = KF_UNTYPED(regs, syscallno);
	fd = nr == __NR_splice ? KF_UNTYPED(regs, regs[2]) : KF_UNTYPED(regs, orig_x0);
#endif
	return kf_sender__is_indirect(nr) || (u64)kf_sender__sock(fd) == sock;
}
#endif

#endif
