// SPDX-License-Identifier: Apache-2.0
/* The ring, emptied by one call: Python sees batches, never a single record. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "glue.h"

/* One piece: 800 records of files, some 20 ms of Python, after which the ring is emptied again. */
#define KF_PIECE_BYTES (256 << 10)
/* No record is longer: path, rename origin and fixed part come to less than 8 KiB. */
#define KF_RECORD_MAX (1 << 16)
/* Address space of the backlog, and how much of it the ring may fill: 200,000 records of files, some
 * seconds of Python. What the sweep appends is out of the maps already and has the rest. Memory that
 * was used goes back to the kernel when all is handed out. */
#define KF_BACKLOG_BYTES ((size_t)96 << 20)
#define KF_BACKLOG_RING ((size_t)64 << 20)
#define KF_BACKLOG_KEPT ((size_t)1 << 20)

#define KF_ITERATED 8 /* records that an iterator writes between two looks at the ring */

struct kf_drain {
	struct ring_buffer *ring;
	struct kf_exited *exited;
	unsigned char *backlog;
	size_t piece; /* where the piece that was handed out begins */
	size_t head; /* where the next one will */
	size_t tail; /* end of what waits */
	__u64 bad;
	/* The first two pages of the ring: how far the consumer is, and how far the programs. */
	const unsigned char *positions;
	size_t page;
	__u64 most; /* bytes that were between them */
};

static void drain__note(struct kf_drain *drain, const struct kf_header *hdr)
{
	if (hdr->kind == KF_KIND_EXIT && hdr->size >= sizeof(struct kf_exit_record)) {
		const struct kf_exit_record *rec = (const void *)hdr;

		kf_exited__add_exit(drain->exited, rec->proc.tgid, rec->proc.start_ns, hdr->ts_ns);
	} else if (hdr->kind == KF_KIND_PROC && hdr->size >= sizeof(struct kf_proc_record)) {
		const struct kf_proc_record *rec = (const void *)hdr;

		/* A snapshot tells of one whose record was lost. */
		if (rec->source != KF_PROC_FORK)
			kf_exited__add_exec(drain->exited, &rec->proc, hdr->ts_ns);
	} else if (hdr->kind == KF_KIND_SOCK_CLOSED &&
		   hdr->size >= sizeof(struct kf_closed_record)) {
		const struct kf_closed_record *rec = (const void *)hdr;

		kf_exited__add_closed(drain->exited, rec->cookie);
	}
}

static int drain__full(const struct kf_drain *drain)
{
	return drain->tail - drain->head >= KF_BACKLOG_RING - KF_RECORD_MAX ||
	       drain->tail >= KF_BACKLOG_BYTES - KF_RECORD_MAX;
}

/* A record reserved at a constant size is longer than what it holds: hdr.size says how much. */
static int drain__sample(void *ctx, void *data, size_t len)
{
	struct kf_drain *drain = ctx;
	const struct kf_header *hdr = data;
	size_t size;

	if (len < sizeof(*hdr) || hdr->size < sizeof(*hdr) || hdr->size > len ||
	    hdr->size > KF_RECORD_MAX) {
		drain->bad++;
		return 0;
	}
	size = kf_align8(hdr->size);
	memcpy(drain->backlog + drain->tail, data, hdr->size);
	memset(drain->backlog + drain->tail + hdr->size, 0, size - hdr->size);
	drain->tail += size;
	drain__note(drain, hdr);
	/* libbpf counts this record as consumed and stops: the rest waits for the next call. */
	return drain__full(drain) ? -ENOSPC : 0;
}

/* Forgets the piece that was handed out, so that there is room behind the rest. */
static void drain__release(struct kf_drain *drain)
{
	if (drain->head == drain->tail) {
		if (drain->tail > KF_BACKLOG_KEPT)
			madvise(drain->backlog + KF_BACKLOG_KEPT,
				KF_BACKLOG_BYTES - KF_BACKLOG_KEPT, MADV_DONTNEED);
		drain->head = drain->tail = 0;
	} else if (drain->head > KF_BACKLOG_BYTES / 2) {
		memmove(drain->backlog, drain->backlog + drain->head, drain->tail - drain->head);
		drain->tail -= drain->head;
		drain->head = 0;
	}
	drain->piece = drain->head;
}

static __u64 drain__ring_bytes(const struct kf_drain *drain)
{
	const __u64 *consumer = (const void *)drain->positions;
	const __u64 *producer = (const void *)(drain->positions + drain->page);

	/* in this order: the consumer is this thread */
	return __atomic_load_n(producer, __ATOMIC_ACQUIRE) - *consumer;
}

static int drain__fill(struct kf_drain *drain)
{
	__u64 bytes = drain__ring_bytes(drain);
	int err;

	if (bytes > drain->most)
		drain->most = bytes;
	if (drain__full(drain))
		return 0;
	err = ring_buffer__consume(drain->ring);
	return err < 0 && err != -ENOSPC ? err : 0;
}

/* Hands out whole records from the head on. */
static long drain__hand_out(struct kf_drain *drain)
{
	const struct kf_header *hdr;

	while (drain->head < drain->tail && drain->head - drain->piece < KF_PIECE_BYTES) {
		hdr = (const void *)(drain->backlog + drain->head);
		drain->head += kf_align8(hdr->size);
	}
	return drain->head - drain->piece;
}

struct kf_drain *kf_drain__new(int ring_fd, struct kf_exited *exited)
{
	struct kf_drain *drain = calloc(1, sizeof(*drain));
	int err;

	if (!drain)
		return NULL;
	drain->exited = exited;
	drain->backlog = mmap(NULL, KF_BACKLOG_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	drain->page = sysconf(_SC_PAGESIZE);
	drain->positions = mmap(NULL, 2 * drain->page, PROT_READ, MAP_SHARED, ring_fd, 0);
	if (drain->backlog == MAP_FAILED)
		drain->backlog = NULL;
	if (drain->positions == MAP_FAILED)
		drain->positions = NULL;
	if (drain->backlog && drain->positions)
		drain->ring = ring_buffer__new(ring_fd, drain__sample, drain, NULL);
	if (!drain->ring) {
		err = errno;
		kf_drain__free(drain);
		errno = err;
		return NULL;
	}
	return drain;
}

void kf_drain__free(struct kf_drain *drain)
{
	if (!drain)
		return;
	ring_buffer__free(drain->ring);
	if (drain->backlog)
		munmap(drain->backlog, KF_BACKLOG_BYTES);
	if (drain->positions)
		munmap((void *)drain->positions, 2 * drain->page);
	free(drain);
}

long kf_drain__run(struct kf_drain *drain, int timeout_ms)
{
	struct epoll_event event;
	int err;

	drain__release(drain);
	err = drain__fill(drain);
	if (err || drain->tail > drain->head || timeout_ms == 0)
		return err ? err : drain__hand_out(drain);
	/* Programs wake the consumer seldom, so look also when nothing was said. */
	if (epoll_wait(ring_buffer__epoll_fd(drain->ring), &event, 1, timeout_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	err = drain__fill(drain);
	return err ? err : drain__hand_out(drain);
}

long kf_drain__fill(struct kf_drain *drain)
{
	int err;

	drain__release(drain);
	err = drain__fill(drain);
	return err ? err : (long)(drain->tail - drain->head);
}

int kf_drain__iterate(struct kf_drain *drain, int link_fd)
{
	char counted[KF_ITERATED];
	ssize_t len;
	int fd = bpf_iter_create(link_fd), err = 0;

	if (fd < 0)
		return -errno;
	do {
		len = read(fd, counted, sizeof(counted));
		if (len < 0 && errno != EAGAIN && errno != EINTR)
			err = -errno;
		else
			err = drain__fill(drain);
	} while (len && !err);
	close(fd);
	return err;
}

int kf_drain__append(struct kf_drain *drain, const char *data, size_t size)
{
	if (size > KF_BACKLOG_BYTES - drain->tail)
		return -ENOSPC;
	memcpy(drain->backlog + drain->tail, data, size);
	drain->tail += size;
	return 0;
}

const char *kf_drain__data(const struct kf_drain *drain)
{
	return (const char *)drain->backlog + drain->piece;
}

__u64 kf_drain__bad(const struct kf_drain *drain)
{
	return drain->bad;
}

struct kf_drain_fill kf_drain__filled(struct kf_drain *drain)
{
	struct kf_drain_fill fill = {
		.ring_bytes = drain->most,
		.backlog_bytes = drain->tail - drain->head,
	};

	if (drain->head > drain->piece)
		fill.oldest_ns = ((const struct kf_header *)kf_drain__data(drain))->ts_ns;
	drain->most = 0;
	return fill;
}
