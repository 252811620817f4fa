// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who accepts a TCP connection and who uses sockets, by kprobe; see socket/fentry.bpf.c. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "socket/accept.bpf.h"
#include "socket/datagram.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Why: as in socket/fentry.bpf.c. */
SEC("kprobe/security_sock_graft")
int BPF_KPROBE(kprobe__security_sock_graft, struct sock *sk)
{
	kf_accept__done(sk);
	return 0;
}

SEC("kprobe/release_sock")
int BPF_KPROBE(kprobe__release_sock, struct sock *sk)
{
	kf_use__tcp(sk, (struct tcp_sock *)sk);
	return 0;
}

SEC("kprobe/skb_consume_udp")
int BPF_KPROBE(kprobe__skb_consume_udp, struct sock *sk, struct sk_buff *skb, int bytes)
{
	kf_datagram__received(sk, skb, bytes);
	return 0;
}
