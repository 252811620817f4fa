/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers of the tracing programs that have a standby: KF_PROG_ and the program's name without tp__. */
#ifndef KF_PROCESS_PROGRAMS_BPF_H
#define KF_PROCESS_PROGRAMS_BPF_H

#include "standby.bpf.h"

enum kf_process_program {
	KF_PROG_SCHED_PROCESS_EXEC = KF_PROG_PROCESS,
	KF_PROG_SCHED_PROCESS_FORK,
	KF_PROG_SCHED_PROCESS_EXIT,
	KF_PROG_PROCESS_END,
};
_Static_assert(KF_PROG_PROCESS_END <= KF_PROG_CLOCK, "the programs of the room fit into its span");

#endif
