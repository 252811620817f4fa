/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* By kprobe and kretprobe, what moves the contents of files otherwise than by read and write. */
#ifndef KF_FILE_KPROBE_MOVES_BPF_H
#define KF_FILE_KPROBE_MOVES_BPF_H

#include "file/kprobe_call.bpf.h"
#include "file/ring.bpf.h"

SEC("kprobe/do_splice")
int BPF_KPROBE(kprobe__do_splice, struct file *in, loff_t *off_in, struct file *out)
{
	kf_call__splices(in, out, KF_FRAME(ctx));
	return 0;
}

SEC("kretprobe/do_splice")
int BPF_KRETPROBE(kretprobe__do_splice, long ret)
{
	kf_pending__exit(KF_OP_COPY, KF_ON_KEPT, ret);
	return 0;
}

/* No kretprobe: what is sent to a pipe waits for its reader, and the result is that of sendfile. */
SEC("kprobe/splice_file_to_pipe")
int BPF_KPROBE(kprobe__splice_file_to_pipe, struct file *in)
{
	if (kf_syscall__sends_file())
		kf_call__moves(KF_OP_READ, in);
	return 0;
}

SEC("kprobe/kiocb_done")
int BPF_KPROBE(kprobe__kiocb_done, struct kiocb *kiocb, long ret)
{
	kf_ring__tried(kiocb, ret, kf_call__file_event);
	return 0;
}

SEC("kprobe/io_req_rw_complete")
int BPF_KPROBE(kprobe__io_req_rw_complete, struct kiocb *kiocb)
{
	kf_ring__completed(kiocb, false, kf_call__file_event);
	return 0;
}

#endif
