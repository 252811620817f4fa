/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads and writes of io_uring. A request is tried at once, without waiting, and if that is refused again
 * by a thread of the process that may wait; what it has done in the end is known in one of two places:
 * kiocb_done, where it was done by the one who tries, and io_req_rw_complete, where a device has done it
 * meanwhile. Both run in a thread of the process. What is refused, and will be tried again, comes to neither.
 */
#ifndef KF_FILE_RING_BPF_H
#define KF_FILE_RING_BPF_H

#include "file/operations.bpf.h"

/* Opcodes (linux/io_uring.h). */
enum kf_ring_op {
	KF_RING_READV = 1,
	KF_RING_WRITEV = 2,
	KF_RING_READ_FIXED = 4,
	KF_RING_WRITE_FIXED = 5,
	KF_RING_READ = 22,
	KF_RING_WRITE = 23,
	KF_RING_READV_FIXED = 60,
	KF_RING_WRITEV_FIXED = 61,
};

/* kiocb.ki_flags: a direct write that is completed by the caller (linux/fs.h) [6.6]. */
#define KF_IOCB_DIO_CALLER_COMP (1 << 22)

/* The file of a request. untyped: it is a number to the verifier, as a struct around it was the argument, or
 * it is that of a kprobe. */
static __always_inline struct file *kf_ring__file(struct kiocb *kiocb, const bool untyped)
{
#ifdef KF_DIRECT
	if (untyped)
		kiocb = KF_TYPE(struct kiocb, kiocb);
#endif
	return KF_READ(kiocb, ki_filp);
}

/* Which operation a request is, KF_OP_NONE: neither a read nor a write. */
static __always_inline enum kf_op kf_ring__op(const struct io_kiocb *request)
{
	switch (KF_UNTYPED(request, opcode)) {
	case KF_RING_READV:
	case KF_RING_READ_FIXED:
	case KF_RING_READ:
	case KF_RING_READV_FIXED:
		return KF_OP_READ;
	case KF_RING_WRITEV:
	case KF_RING_WRITE_FIXED:
	case KF_RING_WRITE:
	case KF_RING_WRITEV_FIXED:
		return KF_OP_WRITE;
	}
	return KF_OP_NONE;
}

/* What earlier tries have moved; of a read that has come to the end of the file that is all. */
static __always_inline u64 kf_ring__before(const struct io_kiocb *request)
{
	const struct io_async_rw *kept = KF_UNTYPED(request, async_data);

	return kept ? KF_UNTYPED(kept, bytes_done) : 0;
}

/* Whether a request has moved bytes when kiocb_done is called with ret. What is an error there is none in
 * the end if something was moved before: then it comes to io_req_rw_complete. */
static __always_inline bool kf_ring__moved(const struct io_kiocb *request, long ret)
{
	return ret > 0 || (ret == 0 && kf_ring__before(request) > 0);
}

/* A direct write that has yet to be completed has the length that was asked for as its result. */
static __always_inline bool kf_ring__failed(const struct io_kiocb *request)
{
	const struct kiocb *kiocb = (const struct kiocb *)request;
	const struct iomap_dio *dio;

	if (!kf_has_deferred_writes() || !(KF_UNTYPED(kiocb, ki_flags) & KF_IOCB_DIO_CALLER_COMP) ||
	    !KF_UNTYPED(kiocb, dio_complete))
		return false;
	dio = KF_UNTYPED(kiocb, private);
	return dio && KF_UNTYPED(dio, error);
}

/* The result of a request that io_req_rw_complete ends. */
static __always_inline s32 kf_ring__result(const struct io_kiocb *request)
{
	if (kf_ring__failed(request))
		return -1;
	return kf_has_request_cqe() ? KF_UNTYPED(request, cqe.res) : KF_UNTYPED(request, result);
}

/* A request was tried, and is not tried again. event: as for kf_op__on_files. */
static __always_inline void kf_ring__tried(struct kiocb *kiocb, long ret,
					   void (*event)(struct file *, enum kf_file_event))
{
	const struct io_kiocb *request = (const struct io_kiocb *)kf_number(kiocb);

	if (kf_ring__moved(request, ret))
		kf_op__on_files(kf_ring__op(request), NULL, kf_ring__file(kiocb, false), 1, event);
}

/* A device has done a request, and a thread of the process goes on with it: or the kernel does, if the
 * process has ended meanwhile. untyped: as for kf_ring__file. */
static __always_inline void kf_ring__completed(struct kiocb *kiocb, const bool untyped,
					       void (*event)(struct file *, enum kf_file_event))
{
	const struct io_kiocb *request = (const struct io_kiocb *)kf_number(kiocb);
	enum kf_op op = kf_ring__op(request);
	s32 result = kf_ring__result(request);

	if (!kf_current__kthread())
		kf_op__on_files(op, NULL, kf_ring__file(kiocb, untyped), result, event);
	else if (kf_op__succeeded(op, result))
		kf_count(KF_CNT_FILE_LOST_PENDING, 1);
}

#endif
