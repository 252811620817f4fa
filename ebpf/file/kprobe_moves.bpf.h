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

static __always_inline void kf_aio_call__submits(struct kiocb *kiocb, enum kf_op op)
{
	const struct aio_kiocb *request = (const struct aio_kiocb *)kiocb;
	struct kf_call *call;

	if (!kf_call__wanted(KF_READ(kiocb, ki_filp)))
		return;
	call = kf_call__get();
	if (!call)
		return;
	call->due |= KF_DUE_AIO;
	call->kiocb = kf_number(kiocb);
	call->least = KF_READ(request, ki_ctx, nr_events);
	kf_aio__submits(kiocb, op);
}

/* The one before was taken. */
static __always_inline void kf_aio_call__next(void)
{
	struct kf_call *call;

	if (!kf_due__is(&kf_calls_due, bpf_get_current_task()))
		return;
	call = kf_call__find();
	if (call)
		call->due &= ~KF_DUE_AIO;
}

/* Each request of AIO begins here, whatever it asks for. */
SEC("kprobe/io_submit_one")
int BPF_KPROBE(kprobe__io_submit_one)
{
	kf_aio_call__next();
	return 0;
}

SEC("kprobe/aio_read")
int BPF_KPROBE(kprobe__aio_read, struct kiocb *kiocb)
{
	kf_aio_call__submits(kiocb, KF_OP_READ);
	return 0;
}

SEC("kprobe/aio_write")
int BPF_KPROBE(kprobe__aio_write, struct kiocb *kiocb)
{
	kf_aio_call__submits(kiocb, KF_OP_WRITE);
	return 0;
}

SEC("kprobe/aio_complete_rw")
int BPF_KPROBE(kprobe__aio_complete_rw, struct kiocb *kiocb, long result)
{
	kf_aio__completes(kiocb, result);
	return 0;
}

#endif
