// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Attempts that have failed, in every attach mode by the results of system calls. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "file/failed.bpf.h"

/* KF_VARIANTS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Why: a call that fails comes to no function of the VFS that all kernels have, and often to none. */
SEC("tp_btf/sys_exit")
int BPF_PROG(tp__sys_exit_failed, struct pt_regs *regs, long ret)
{
	if (!kf_standby__claim(KF_PROG_SYS_EXIT_FAILED))
		return 0;
	kf_failed__returns(regs, ret);
	return 0;
}
