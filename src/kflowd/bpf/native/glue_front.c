// SPDX-License-Identifier: Apache-2.0
/* The places of UDP peers that programs find without a hash: see ebpf/socket/front.bpf.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "glue.h"

struct kf_front *kf_front__map(int fd)
{
	void *front = mmap(NULL, KF_FRONT_PLACES * sizeof(struct kf_front), PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);

	return front == MAP_FAILED ? NULL : front;
}

void kf_front__unmap(struct kf_front *front)
{
	if (front)
		munmap(front, KF_FRONT_PLACES * sizeof(*front));
}

static struct kf_front *front__of(struct kf_front *front, __u64 number)
{
	struct kf_front *place = &front[number >> (64 - KF_FRONT_BITS)];

	return __atomic_load_n(&place->number, __ATOMIC_ACQUIRE) == number ? place : NULL;
}

int kf_front__has(struct kf_front *front, __u64 number)
{
	return front && front__of(front, number);
}

int kf_front__take(struct kf_front *front, __u64 number, struct kf_peer *out)
{
	struct kf_front *place = front ? front__of(front, number) : NULL;
	int mine;

	if (!place)
		return -ENOENT;
	mine = __atomic_add_fetch(&place->ends, 1, __ATOMIC_ACQ_REL) == 1 &&
	       __atomic_load_n(&place->number, __ATOMIC_ACQUIRE) == number;
	if (mine) {
		__atomic_store_n(&place->number, 0, __ATOMIC_RELEASE);
		memcpy(out, &place->peer, sizeof(*out));
	}
	__atomic_sub_fetch(&place->ends, 1, __ATOMIC_ACQ_REL);
	if (mine)
		__atomic_sub_fetch(&place->claims, 1, __ATOMIC_ACQ_REL);
	return mine ? 0 : -ENOENT;
}

__u64 kf_front__peer(struct kf_front *front, __u32 place, struct kf_peer *out)
{
	__u64 number = __atomic_load_n(&front[place].number, __ATOMIC_ACQUIRE);

	if (number)
		memcpy(out, &front[place].peer, sizeof(*out));
	return number;
}
