// SPDX-License-Identifier: Apache-2.0
/* Processes that have exited and sockets that were closed since the last sweep. */
#include <stdlib.h>

#include "glue.h"

/* Exits or closes between two sweeps, which are a second apart: a fork storm makes about as many. */
#define KF_GONE_MAX 16384

struct kf_exit {
	__u64 start_ns;
	__u64 tgid;
};

struct kf_gone {
	size_t exits;
	size_t closes;
	struct kf_exit exit[KF_GONE_MAX];
	__u64 closed[KF_GONE_MAX];
};

static int exit__compare(const void *left, const void *right)
{
	const struct kf_exit *a = left, *b = right;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	if (a->tgid != b->tgid)
		return a->tgid < b->tgid ? -1 : 1;
	return 0;
}

static int cookie__compare(const void *left, const void *right)
{
	const __u64 *a = left, *b = right;

	if (*a == *b)
		return 0;
	return *a < *b ? -1 : 1;
}

struct kf_gone *kf_gone__new(void)
{
	return calloc(1, sizeof(struct kf_gone));
}

void kf_gone__free(struct kf_gone *gone)
{
	free(gone);
}

void kf_gone__add_exit(struct kf_gone *gone, __u32 tgid, __u64 start_ns)
{
	if (gone->exits == KF_GONE_MAX)
		return;
	gone->exit[gone->exits].start_ns = start_ns;
	gone->exit[gone->exits].tgid = tgid;
	gone->exits++;
}

void kf_gone__add_closed(struct kf_gone *gone, __u64 cookie)
{
	if (gone->closes < KF_GONE_MAX)
		gone->closed[gone->closes++] = cookie;
}

void kf_gone__sort(struct kf_gone *gone)
{
	qsort(gone->exit, gone->exits, sizeof(gone->exit[0]), exit__compare);
	qsort(gone->closed, gone->closes, sizeof(gone->closed[0]), cookie__compare);
}

int kf_gone__has_exit(const struct kf_gone *gone, __u32 tgid, __u64 start_ns)
{
	struct kf_exit key = { .start_ns = start_ns, .tgid = tgid };

	return bsearch(&key, gone->exit, gone->exits, sizeof(key), exit__compare) != NULL;
}

int kf_gone__has_closed(const struct kf_gone *gone, __u64 cookie)
{
	return bsearch(&cookie, gone->closed, gone->closes, sizeof(cookie), cookie__compare) !=
	       NULL;
}

void kf_gone__clear(struct kf_gone *gone)
{
	gone->exits = 0;
	gone->closes = 0;
}
