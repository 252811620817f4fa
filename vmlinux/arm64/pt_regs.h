/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Registers of arm64 (arch/arm64/include/asm/ptrace.h); user_pt_regs is their head. */
#ifndef KF_PT_REGS_H
#define KF_PT_REGS_H
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
} __attribute__((preserve_access_index));

struct pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
	__u64 orig_x0;
	__s32 syscallno;
} __attribute__((preserve_access_index));
#endif
