/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers of the tracing programs that have a standby: KF_PROG_ and the program's name. */
#ifndef KF_CLOCK_PROGRAMS_BPF_H
#define KF_CLOCK_PROGRAMS_BPF_H

#include "standby.bpf.h"

enum kf_clock_program {
	KF_PROG_FENTRY_CLOCK_WAS_SET = KF_PROG_CLOCK,
	KF_PROG_FEXIT_CLOCK_WAS_SET,
	KF_PROG_CLOCK_END,
};
_Static_assert(KF_PROG_CLOCK_END <= KF_PROG_SOCKET, "the programs of the room fit into its span");

#endif
