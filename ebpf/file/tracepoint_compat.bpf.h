/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls of the 32-bit ABI of x86, as the tracepoint mode sees them: each is taken for the native
 * call of the same meaning, with a copy of the registers in which its arguments have their native
 * places. Calls whose arguments differ beyond those that are looked at are the same to us: the halves
 * of a 64-bit offset come last.
 */
#ifndef KF_FILE_TRACEPOINT_COMPAT_BPF_H
#define KF_FILE_TRACEPOINT_COMPAT_BPF_H

#include "file/tracepoint_syscall.bpf.h"

#ifdef __TARGET_ARCH_x86
#define KF_I386_SAME 424 /* from here on numbers are those of all architectures */
#define KF_I386_CALLS 425

/* By the numbers of arch/x86/entry/syscalls/syscall_32.tbl; 0: a call that is not looked at. One more
 * than the native number, because that of read is 0. */
static const u16 kf_i386_calls[KF_I386_CALLS] = {
	[3] = __NR_read + 1,	       [4] = __NR_write + 1,
	[5] = __NR_open + 1,	       [6] = __NR_close + 1,
	[8] = __NR_creat + 1,	       [9] = __NR_link + 1,
	[10] = __NR_unlink + 1,	       [11] = __NR_execve + 1,
	[39] = __NR_mkdir + 1,	       [40] = __NR_rmdir + 1,
	[141] = __NR_getdents + 1,     [220] = __NR_getdents64 + 1,
	[296] = __NR_mkdirat + 1,      [14] = __NR_mknod + 1,
	[54] = __NR_ioctl + 1,	       [226] = __NR_setxattr + 1,
	[227] = __NR_lsetxattr + 1,    [228] = __NR_fsetxattr + 1,
	[235] = __NR_removexattr + 1,  [236] = __NR_lremovexattr + 1,
	[237] = __NR_fremovexattr + 1, [297] = __NR_mknodat + 1,
	[15] = __NR_chmod + 1,	       [16] = __NR_lchown + 1, /* with ids of 16 bits */
	[30] = __NR_utime + 1,	       [38] = __NR_rename + 1,
	[41] = __NR_dup + 1,	       [55] = __NR_fcntl + 1,
	[63] = __NR_dup2 + 1,	       [83] = __NR_symlink + 1,
	[92] = __NR_truncate + 1,      [93] = __NR_ftruncate + 1,
	[94] = __NR_fchmod + 1,	       [95] = __NR_fchown + 1,
	[145] = __NR_readv + 1,	       [146] = __NR_writev + 1,
	[180] = __NR_pread64 + 1,      [181] = __NR_pwrite64 + 1,
	[182] = __NR_chown + 1,	       [187] = __NR_sendfile + 1,
	[192] = __NR_mmap + 1, /* mmap2 */
	[193] = __NR_truncate + 1, /* truncate64 */
	[194] = __NR_ftruncate + 1,    [198] = __NR_lchown + 1, /* lchown32 */
	[207] = __NR_fchown + 1,       [212] = __NR_chown + 1,
	[221] = __NR_fcntl + 1, /* fcntl64 */
	[239] = __NR_sendfile + 1, /* sendfile64 */
	[271] = __NR_utimes + 1,       [295] = __NR_openat + 1,
	[298] = __NR_fchownat + 1,     [299] = __NR_futimesat + 1,
	[301] = __NR_unlinkat + 1,     [302] = __NR_renameat + 1,
	[303] = __NR_linkat + 1,       [304] = __NR_symlinkat + 1,
	[306] = __NR_fchmodat + 1,     [313] = __NR_splice + 1,
	[320] = __NR_utimensat + 1,    [324] = __NR_fallocate + 1,
	[330] = __NR_dup3 + 1,	       [333] = __NR_preadv + 1,
	[334] = __NR_pwritev + 1,      [342] = __NR_open_by_handle_at + 1,
	[353] = __NR_renameat2 + 1,    [356] = __NR_memfd_create + 1,
	[358] = __NR_execveat + 1,     [377] = __NR_copy_file_range + 1,
	[378] = __NR_preadv2 + 1,      [379] = __NR_pwritev2 + 1,
	[412] = __NR_utimensat + 1, /* utimensat_time64 */
};

#define KF_REGISTER_SETS (2 * KF_COPIES) /* of sys_enter and of sys_exit */

/* On a CPU, a copy of each program runs once at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KF_REGISTER_SETS);
	__type(key, u32);
	__type(value, struct pt_regs);
} kf_registers SEC(".maps");

/* The registers as a native call has them; NULL for a call that is not looked at. */
static __always_inline struct pt_regs *kf_compat__native(struct pt_regs *regs, u64 nr, bool exit)
{
	u32 set = kf_is_standby + exit * KF_COPIES;
	struct pt_regs *native = bpf_map_lookup_elem(&kf_registers, &set);
	u64 known = nr >= KF_I386_SAME ? nr + 1 : kf_i386_calls[nr];

	if (!native || !known)
		return NULL;
	native->orig_ax = known - 1;
	native->di = (u32)KF_READ(regs, bx);
	native->si = (u32)KF_READ(regs, cx);
	native->dx = (u32)KF_READ(regs, dx);
	native->r10 = (u32)KF_READ(regs, si);
	native->r8 = (u32)KF_READ(regs, di);
	native->r9 = (u32)KF_READ(regs, bp);
	return native;
}

__noinline int kf_compat__begins(u64 regs, u64 nr)
{
	struct pt_regs *native = kf_compat__native((struct pt_regs *)regs, nr, false);

	if (native)
		kf_tp_syscall__begins(native, native->orig_ax);
	return 0;
}

/* Not the function that takes the registers of the kernel: the verifier knows one kind of pointer for each
 * instruction. */
static __noinline int kf_compat__named(struct pt_regs *native, u64 nr, long ret)
{
	return kf_tp_syscall__names(native, nr, ret);
}

/* All results are ints, which old kernels return unsigned. Returns the number of the native call, -1:
 * there is none. */
__noinline int kf_compat__returns(u64 regs, u64 nr, s32 ret)
{
	struct pt_regs *native = kf_compat__native((struct pt_regs *)regs, nr, true);

	if (!native)
		return -1;
	nr = native->orig_ax;
	if (!kf_tp_syscall__opens(native, nr, ret) && !kf_tp_syscall__uses(native, nr, ret))
		kf_compat__named(native, nr, ret);
	return nr;
}
#else
/* What 32-bit tasks do is not seen on other architectures. */
static __always_inline int kf_compat__begins(u64 regs, u64 nr)
{
	return 0;
}

static __always_inline int kf_compat__returns(u64 regs, u64 nr, s32 ret)
{
	return -1;
}
#endif

/* The return of a call, native or not. */
static __always_inline void kf_tp__returns(struct pt_regs *regs, long ret)
{
	u64 nr = KF_SYSCALL_NR(regs);

	if (kf_syscall__compat()) {
		nr = kf_compat__returns(kf_number(regs), nr, ret);
		ret = (s32)ret;
	} else {
		kf_tp_syscall__returns(regs, nr, ret);
	}
	if (KF_CURRENT(task_works))
		kf_tp_syscall__closed(nr, ret);
}

#endif
