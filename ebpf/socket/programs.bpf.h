/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers of the tracing programs that have a standby: KF_PROG_ and the program's name without tp__. */
#ifndef KF_SOCKET_PROGRAMS_BPF_H
#define KF_SOCKET_PROGRAMS_BPF_H

#include "standby.bpf.h"

enum kf_socket_program {
	/* fentry.bpf.c */
	KF_PROG_FENTRY_SECURITY_SOCK_GRAFT = KF_PROG_SOCKET,
	KF_PROG_FENTRY_RELEASE_SOCK,
	KF_PROG_FENTRY_SKB_CONSUME_UDP,
	/* tracepoint.bpf.c */
	KF_PROG_SYS_EXIT_SOCKET,
	KF_PROG_SOCKET_END,
};
_Static_assert(KF_PROG_SOCKET_END <= KF_PROG_MAX, "the programs of the room fit into its span");

#endif
