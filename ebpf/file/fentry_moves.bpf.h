/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* By fentry and fexit, what moves the contents of files otherwise than by read and write. */
#ifndef KF_FILE_FENTRY_MOVES_BPF_H
#define KF_FILE_FENTRY_MOVES_BPF_H

#include "file/aio.bpf.h"
#include "file/operations.bpf.h"
#include "file/programs.bpf.h"
#include "file/ring.bpf.h"
#include "syscalls.bpf.h"

struct iocb;
struct pipe_inode_info;

/* splice(2), and that of io_uring: one end, or each, is a pipe, which is no file that is reported. */
SEC("fexit/do_splice")
int BPF_PROG(fexit__do_splice, struct file *in, loff_t *off_in, struct file *out, loff_t *off_out,
	     size_t len, unsigned int flags, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_DO_SPLICE))
		return 0;
	kf_op__on_files(KF_OP_COPY, in, out, ret, kf_file__event);
	return 0;
}

/* [5.12] sendfile to a pipe; inside splice it is do_splice that counts. */
SEC("fexit/splice_file_to_pipe")
int BPF_PROG(fexit__splice_file_to_pipe, struct file *in, struct pipe_inode_info *pipe,
	     loff_t *offset, size_t len, unsigned int flags, long ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_SPLICE_FILE_TO_PIPE))
		return 0;
	if (kf_syscall__sends_file())
		kf_op__on_file(KF_OP_READ, in, ret);
	return 0;
}

/* A request of io_uring was tried, and is not tried again. The first argument is the request or its kiocb,
 * which is one address. */
SEC("fentry/kiocb_done")
int BPF_PROG(fentry__kiocb_done, struct kiocb *kiocb, long ret)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_KIOCB_DONE))
		return 0;
	kf_ring__tried(kiocb, ret, kf_file__event);
	return 0;
}

/* A device has done a request of io_uring, and the thread of the process goes on with it. */
SEC("fentry/io_req_rw_complete")
int BPF_PROG(fentry__io_req_rw_complete, struct kiocb *kiocb)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_IO_REQ_RW_COMPLETE))
		return 0;
	kf_ring__completed(kiocb, kf_has_wrapped_requests(), kf_file__event);
	return 0;
}

#ifndef KF_CAST
/* The same where fentry does not take the function. Without a claim, as kprobes have no standby. */
SEC("kprobe/io_req_rw_complete")
int BPF_KPROBE(kprobe__io_req_rw_complete, struct kiocb *kiocb)
{
	kf_ring__completed(kiocb, true, kf_file__event);
	return 0;
}
#endif

/* A request of Linux AIO is submitted. */
SEC("fentry/aio_read")
int BPF_PROG(fentry__aio_read, struct kiocb *kiocb)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_AIO_READ))
		return 0;
	kf_aio__submits(kiocb, KF_OP_READ);
	return 0;
}

SEC("fentry/aio_write")
int BPF_PROG(fentry__aio_write, struct kiocb *kiocb)
{
	if (!kf_standby__claim(KF_PROG_FENTRY_AIO_WRITE))
		return 0;
	kf_aio__submits(kiocb, KF_OP_WRITE);
	return 0;
}

/* Its submission has failed, and it never completes; else it may have ended already. */
SEC("fexit/aio_read")
int BPF_PROG(fexit__aio_read, struct kiocb *kiocb, const struct iocb *iocb, bool vectored,
	     bool compat, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_AIO_READ))
		return 0;
	if (ret)
		kf_aio__forget(kf_number(kiocb));
	return 0;
}

SEC("fexit/aio_write")
int BPF_PROG(fexit__aio_write, struct kiocb *kiocb, const struct iocb *iocb, bool vectored,
	     bool compat, int ret)
{
	if (!kf_standby__claim(KF_PROG_FEXIT_AIO_WRITE))
		return 0;
	if (ret)
		kf_aio__forget(kf_number(kiocb));
	return 0;
}

/* In whatever task, or in an interrupt. */
SEC("fentry/aio_complete_rw")
int BPF_PROG(fentry__aio_complete_rw, struct kiocb *kiocb, long result)
{
	kf_aio__completes(kiocb, result);
	return 0;
}

#endif
