/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What system calls on UNIX sockets leave in the memory of the process. */
#ifndef KF_UNIX_CALL_BPF_H
#define KF_UNIX_CALL_BPF_H

#include "syscalls.bpf.h"

#define KF_BATCH_MAX 1024 /* messages of one sendmmsg (UIO_MAXIOV), and of a recvmmsg, added up */

/* The same in the 32-bit ABI. */
struct kf_user_mmsghdr32 {
	u32 hdr[7];
	u32 len;
};

/* Bytes of the first messages of a sendmmsg or recvmmsg. Global: the verifier walks the loop once. */
__noinline u64 kf_unix_call__bytes(u64 vector, s32 messages, u32 compat)
{
	u64 step = compat ? sizeof(struct kf_user_mmsghdr32) : sizeof(struct kf_user_mmsghdr);
	u64 at = vector + (compat ? offsetof(struct kf_user_mmsghdr32, len)
				  : offsetof(struct kf_user_mmsghdr, len));
	u64 bytes = 0;
	u32 len;

	for (int i = 0; i < KF_BATCH_MAX; i++, at += step) {
		if (i >= messages)
			break;
		len = 0;
		bpf_probe_read_user(&len, sizeof(len), (void *)at);
		bytes += len;
	}
	return bytes;
}

#endif
