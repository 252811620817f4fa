// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who accepts a TCP connection, by kprobe; see socket/accept.bpf.h. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "socket/accept.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Why: as in socket/fentry.bpf.c. */
SEC("kprobe/security_sock_graft")
int BPF_KPROBE(kprobe__security_sock_graft, struct sock *sk)
{
	kf_accept__done(sk);
	return 0;
}
