// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who accepts a TCP connection and who uses sockets, where neither fentry nor kprobes may be used: by the
 * result of system calls. What io_uring does is not seen here.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "record.h"
#include "config.bpf.h"
#include "clock/calls.bpf.h"
#include "socket/accept.bpf.h"
#include "socket/call.bpf.h"
#include "socket/programs.bpf.h"
#include "syscalls.bpf.h"

/* KF_VARIANTS noloop: built again for kernels without bpf_loop. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void kf_socket_tracepoint__accepts(s64 fd)
{
	struct socket *socket;
	struct sock *sk;

	if (fd < 0 || kf_syscall__compat())
		return;
	socket = kf_fd__socket(fd);
	sk = socket ? KF_READ(socket, sk) : NULL;
	if (sk)
		kf_accept__done(sk);
}

/* Where the programs for files are not there, which would see it. */
static __always_inline void kf_socket_tracepoint__sets_clock(u64 nr, s64 result)
{
	switch (nr) {
	case KF_NR_SET_CLOCK:
		if (result >= 0 && !kf_syscall__compat())
			kf_clock_call__returned();
	}
}

static __always_inline void kf_socket_tracepoint__returns(struct pt_regs *regs, s64 result)
{
	u64 nr = KF_SYSCALL_NR(regs);

	if (kf_watches_clock)
		kf_socket_tracepoint__sets_clock(nr, result);
	if (nr == __NR_accept || nr == __NR_accept4)
		kf_socket_tracepoint__accepts(result);
	else if (
		!kf_takes_datagrams) /* else it is seen already: this program is here for accept alone */
		kf_socket_call__returns(regs, nr, result);
}

/* Why: the descriptor of an accepted connection, in the process that has it, and who sends and receives. It
 * runs for each system call of the host, and looks at the number first. */
SEC("tp_btf/sys_exit")
int BPF_PROG(tp__sys_exit_socket, struct pt_regs *regs, long result)
{
	if (!kf_standby__claim(KF_PROG_SYS_EXIT_SOCKET))
		return 0;
	kf_socket_tracepoint__returns(regs, result);
	return 0;
}
