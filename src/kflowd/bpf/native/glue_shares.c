// SPDX-License-Identifier: Apache-2.0
/*
 * Heals the counters of shares. A sweep counts what it leaves in the tables; the difference to what the
 * counters said when it began is added to them. Programs go on counting meanwhile, and nothing of
 * that is overwritten: what begins during a walk is counted twice at worst, until the next one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "glue.h"
#include "share.h"

struct kf_share_count {
	struct kf_shares *live; /* the map */
	struct kf_shares before; /* as it was when the walk began */
	struct kf_shares found;
};

struct kf_share_count *kf_share_count__new(int shares_fd)
{
	struct kf_share_count *count = calloc(1, sizeof(*count));
	int err;

	if (!count)
		return NULL;
	count->live = mmap(NULL, sizeof(struct kf_shares), PROT_READ | PROT_WRITE, MAP_SHARED,
			   shares_fd, 0);
	if (count->live == MAP_FAILED) {
		err = errno;
		free(count);
		errno = err;
		return NULL;
	}
	return count;
}

void kf_share_count__free(struct kf_share_count *count)
{
	if (!count)
		return;
	munmap(count->live, sizeof(struct kf_shares));
	free(count);
}

void kf_share_count__begin(struct kf_share_count *count)
{
	if (!count)
		return;
	memcpy(&count->before, count->live, sizeof(count->before));
	memset(&count->found, 0, sizeof(count->found));
}

void kf_share_count__entry(struct kf_share_count *count, int table, const struct kf_charge *charge)
{
	struct kf_share *share;

	if (!count)
		return;
	share = &count->found.table[table];
	share->used++;
	share->process[charge->process % KF_SHARE_PROCESSES]++;
	share->user[charge->user % KF_SHARE_USERS]++;
}

void kf_share_count__peer(struct kf_share_count *count, __u16 place)
{
	if (count)
		count->found.peers[place % KF_SHARE_SOCKETS]++;
}

/* What programs count themselves, and the sweep has taken out. */
void kf_share_count__give_aio(struct kf_share_count *count, const struct kf_charge *charge)
{
	struct kf_share *share;

	if (!count)
		return;
	share = &count->live->aios;
	__atomic_fetch_sub(&share->used, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&share->process[charge->process % KF_SHARE_PROCESSES], 1,
			   __ATOMIC_RELAXED);
	__atomic_fetch_sub(&share->user[charge->user % KF_SHARE_USERS], 1, __ATOMIC_RELAXED);
}

void kf_share_count__end(struct kf_share_count *count)
{
	const __s32 *before, *found;
	__s32 *live;
	size_t i;

	if (!count)
		return;
	for (i = 0; i < KF_SHARE_TABLES; i++) /* no counter */
		count->found.table[i].folding = count->before.table[i].folding;
	before = (const __s32 *)&count->before;
	found = (const __s32 *)&count->found;
	live = (__s32 *)count->live;
	for (i = 0; i < KF_SHARES_SWEPT; i++)
		if (found[i] != before[i])
			__atomic_fetch_add(&live[i], found[i] - before[i], __ATOMIC_RELAXED);
}
