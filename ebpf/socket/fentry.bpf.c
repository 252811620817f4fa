// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who accepts a TCP connection, by fentry; see socket/accept.bpf.h. */
#define KF_DIRECT 1
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "socket/accept.bpf.h"
#include "socket/programs.bpf.h"

/* KF_VARIANTS cast: built again for lockdown. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Why: accept(2), by system call or io_uring, when the child joins the caller's socket. Not
 * inet_csk_accept, which can return a child whose handshake another CPU has not finished: here its
 * lock is held.
 */
SEC("fentry/security_sock_graft")
int BPF_PROG(fentry__security_sock_graft, struct sock *sk)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_SECURITY_SOCK_GRAFT))
		return 0;
	kf_accept__done(sk);
	return 0;
}
