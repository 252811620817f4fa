// SPDX-License-Identifier: Apache-2.0
/* Processes that have exited and sockets that were closed since the last sweep. */
#include <stdlib.h>

#include "glue.h"

/* Exits or closes between two sweeps, which are a second apart: a fork storm makes about as many. */
#define KF_EXITED_MAX 16384

struct kf_exit {
	__u64 start_ns;
	__u64 tgid;
};

struct kf_exited {
	size_t exits;
	size_t closes;
	struct kf_exit exit[KF_EXITED_MAX];
	__u64 closed[KF_EXITED_MAX];
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

struct kf_exited *kf_exited__new(void)
{
	return calloc(1, sizeof(struct kf_exited));
}

void kf_exited__free(struct kf_exited *exited)
{
	free(exited);
}

void kf_exited__add_exit(struct kf_exited *exited, __u32 tgid, __u64 start_ns)
{
	if (exited->exits == KF_EXITED_MAX)
		return;
	exited->exit[exited->exits].start_ns = start_ns;
	exited->exit[exited->exits].tgid = tgid;
	exited->exits++;
}

void kf_exited__add_closed(struct kf_exited *exited, __u64 cookie)
{
	if (exited->closes < KF_EXITED_MAX)
		exited->closed[exited->closes++] = cookie;
}

void kf_exited__sort(struct kf_exited *exited)
{
	qsort(exited->exit, exited->exits, sizeof(exited->exit[0]), exit__compare);
	qsort(exited->closed, exited->closes, sizeof(exited->closed[0]), cookie__compare);
}

int kf_exited__has_exit(const struct kf_exited *exited, __u32 tgid, __u64 start_ns)
{
	struct kf_exit key = { .start_ns = start_ns, .tgid = tgid };

	return bsearch(&key, exited->exit, exited->exits, sizeof(key), exit__compare) != NULL;
}

int kf_exited__has_closed(const struct kf_exited *exited, __u64 cookie)
{
	return bsearch(&cookie, exited->closed, exited->closes, sizeof(cookie), cookie__compare) !=
	       NULL;
}

void kf_exited__clear(struct kf_exited *exited)
{
	exited->exits = 0;
	exited->closes = 0;
}
