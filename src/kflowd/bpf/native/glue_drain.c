// SPDX-License-Identifier: Apache-2.0
/* The ring, emptied by one call: Python sees batches, never a single record. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "glue.h"

/* One batch: 3,000 records of files, some 50 ms of Python. Memory for all of it is there from the
 * start, so that no record is lost to a failed allocation in the middle of the ring. */
#define KF_BATCH_BYTES (1 << 20)
/* No record is longer: path, rename origin and fixed part come to less than 8 KiB. */
#define KF_RECORD_MAX (1 << 16)

struct kf_drain {
	struct ring_buffer *ring;
	struct kf_exited *exited;
	size_t used;
	__u64 bad;
	unsigned char batch[KF_BATCH_BYTES + KF_RECORD_MAX];
};

static void drain__note(struct kf_drain *drain, const struct kf_header *hdr)
{
	if (hdr->kind == KF_KIND_EXIT && hdr->size >= sizeof(struct kf_exit_record)) {
		const struct kf_exit_record *rec = (const void *)hdr;

		kf_exited__add_exit(drain->exited, rec->proc.tgid, rec->proc.start_ns);
	} else if (hdr->kind == KF_KIND_SOCK_CLOSED &&
		   hdr->size >= sizeof(struct kf_closed_record)) {
		const struct kf_closed_record *rec = (const void *)hdr;

		kf_exited__add_closed(drain->exited, rec->cookie);
	}
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
	memcpy(drain->batch + drain->used, data, hdr->size);
	memset(drain->batch + drain->used + hdr->size, 0, size - hdr->size);
	drain->used += size;
	drain__note(drain, hdr);
	/* libbpf counts this record as consumed and stops: the rest waits for the next call. */
	return drain->used >= KF_BATCH_BYTES ? -ENOSPC : 0;
}

struct kf_drain *kf_drain__new(int ring_fd, struct kf_exited *exited)
{
	struct kf_drain *drain = calloc(1, sizeof(*drain));

	if (!drain)
		return NULL;
	drain->exited = exited;
	drain->ring = ring_buffer__new(ring_fd, drain__sample, drain, NULL);
	if (!drain->ring) {
		int err = errno;

		free(drain);
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
	free(drain);
}

long kf_drain__run(struct kf_drain *drain, int timeout_ms)
{
	struct epoll_event event;
	int err;

	drain->used = 0;
	err = ring_buffer__consume(drain->ring);
	if (err < 0 && err != -ENOSPC)
		return err;
	if (drain->used || timeout_ms == 0)
		return drain->used;
	/* Programs wake the consumer seldom, so look also when nothing was said. */
	if (epoll_wait(ring_buffer__epoll_fd(drain->ring), &event, 1, timeout_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	err = ring_buffer__consume(drain->ring);
	if (err < 0 && err != -ENOSPC)
		return err;
	return drain->used;
}

const char *kf_drain__data(const struct kf_drain *drain)
{
	return (const char *)drain->batch;
}

__u64 kf_drain__bad(const struct kf_drain *drain)
{
	return drain->bad;
}
