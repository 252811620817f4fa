/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers of the tracing programs that have a standby: KF_PROG_ and the program's name without tp__. */
#ifndef KF_UNIX_PROGRAMS_BPF_H
#define KF_UNIX_PROGRAMS_BPF_H

#include "standby.bpf.h"

enum kf_unix_program {
	/* fentry.bpf.c */
	KF_PROG_FEXIT_UNIX_STREAM_SENDMSG = KF_PROG_UNIX,
	KF_PROG_FEXIT_UNIX_DGRAM_SENDMSG,
	KF_PROG_FEXIT_UNIX_SEQPACKET_SENDMSG,
	KF_PROG_FEXIT_UNIX_STREAM_RECVMSG,
	KF_PROG_FEXIT_UNIX_DGRAM_RECVMSG,
	KF_PROG_FEXIT_UNIX_SEQPACKET_RECVMSG,
	KF_PROG_FENTRY_UNIX_RELEASE,
	/* kprobe.bpf.c */
	KF_PROG_SYS_EXIT_UNIX,
	KF_PROG_SCHED_PROCESS_EXIT_UNIX,
	/* tracepoint.bpf.c */
	KF_PROG_SYS_EXIT_UNIX_CALL,
	KF_PROG_SYS_ENTER_UNIX_CALL,
	KF_PROG_UNIX_END,
};
_Static_assert(KF_PROG_UNIX_END <= KF_PROG_PROCESS, "the programs of the room fit into its span");

#endif
