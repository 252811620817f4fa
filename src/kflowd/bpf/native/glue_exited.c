// SPDX-License-Identifier: Apache-2.0
/* Processes that have exited or run another program, and sockets that were closed, since the last sweep. */
#include <stdlib.h>

#include "glue.h"

/* Exits or closes of the last two sweeps, which are a second apart: more than the backlog holds of the
 * shorter ones. So nobody's storm hides the ends of others; what is beyond is counted. */
#define KF_EXITED_MAX ((size_t)1 << 21)
#define KF_EXITED_KEPT 16384 /* room that stays when a storm is over */
/* What exec closes is closed when it has been told: until then the image before may do something still. */
#define KF_EXEC_NS 100000000ULL
/* What exit closes is closed when it has been told, too, and one that has much to close, or a busy processor,
 * takes a while. */
#define KF_EXIT_NS 1000000000ULL

struct kf_exit {
	__u64 start_ns;
	__u64 tgid;
	__u64 ts_ns; /* not compared */
};

/* A process began to run a program. */
struct kf_exec {
	struct kf_exit process;
	__u64 execs; /* which, as kf_proc.execs */
};

struct kf_execs {
	struct kf_exec *list;
	size_t used, room;
};

struct kf_exits {
	struct kf_exit *list;
	size_t used, room;
};

struct kf_closes {
	__u64 *list;
	size_t used, room;
};

struct kf_exited {
	struct kf_exits exits;
	struct kf_execs execs; /* sorted, of each process the last one */
	struct kf_closes closes;
	__u64 lost;
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

/* By process, the newest first. */
static int exec__compare(const void *left, const void *right)
{
	const struct kf_exec *a = left, *b = right;
	int order = exit__compare(&a->process, &b->process);

	if (order || a->process.ts_ns == b->process.ts_ns)
		return order;
	return a->process.ts_ns > b->process.ts_ns ? -1 : 1;
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
	if (!exited)
		return;
	free(exited->exits.list);
	free(exited->execs.list);
	free(exited->closes.list);
	free(exited);
}

/* Makes room for one more; -1 and counted if there is none. */
static int exited__grow(struct kf_exited *exited, void **list, size_t *room, size_t used,
			size_t item)
{
	if (used < KF_EXITED_MAX && !kf_grow(list, room, used + 1, item))
		return 0;
	exited->lost++;
	return -1;
}

void kf_exited__add_exit(struct kf_exited *exited, __u32 tgid, __u64 start_ns, __u64 ts_ns)
{
	struct kf_exits *exits = &exited->exits;
	struct kf_exit *exit;

	if (exited__grow(exited, (void **)&exits->list, &exits->room, exits->used,
			 sizeof(*exits->list)))
		return;
	exit = &exits->list[exits->used++];
	exit->start_ns = start_ns;
	exit->tgid = tgid;
	exit->ts_ns = ts_ns;
}

void kf_exited__add_exec(struct kf_exited *exited, const struct kf_proc *proc, __u64 ts_ns)
{
	struct kf_execs *execs = &exited->execs;
	struct kf_exec *exec;

	if (exited__grow(exited, (void **)&execs->list, &execs->room, execs->used,
			 sizeof(*execs->list)))
		return;
	exec = &execs->list[execs->used++];
	exec->process.start_ns = proc->start_ns;
	exec->process.tgid = proc->tgid;
	exec->process.ts_ns = ts_ns;
	exec->execs = proc->execs;
}

void kf_exited__add_closed(struct kf_exited *exited, __u64 cookie)
{
	struct kf_closes *closes = &exited->closes;

	if (!exited__grow(exited, (void **)&closes->list, &closes->room, closes->used,
			  sizeof(*closes->list)))
		closes->list[closes->used++] = cookie;
}

__u64 kf_exited__lost(const struct kf_exited *exited)
{
	return exited->lost;
}

static void exited__sort_execs(struct kf_execs *execs)
{
	size_t from, to = 0;

	if (execs->used)
		qsort(execs->list, execs->used, sizeof(*execs->list), exec__compare);
	for (from = 0; from < execs->used; from++)
		if (!to || exit__compare(&execs->list[to - 1].process, &execs->list[from].process))
			execs->list[to++] = execs->list[from];
	execs->used = to;
}

void kf_exited__sort(struct kf_exited *exited)
{
	const struct kf_exits *exits = &exited->exits;
	const struct kf_closes *closes = &exited->closes;

	exited__sort_execs(&exited->execs);
	if (exits->used)
		qsort(exits->list, exits->used, sizeof(*exits->list), exit__compare);
	if (closes->used)
		qsort(closes->list, closes->used, sizeof(*closes->list), cookie__compare);
}

int kf_exited__has_exit(const struct kf_exited *exited, __u32 tgid, __u64 start_ns, __u64 now_ns)
{
	const struct kf_exit key = { .start_ns = start_ns, .tgid = tgid };
	const struct kf_exits *exits = &exited->exits;
	const struct kf_exit *exit;

	if (!exits->used)
		return 0;
	exit = bsearch(&key, exits->list, exits->used, sizeof(key), exit__compare);
	return exit && now_ns > exit->ts_ns + KF_EXIT_NS;
}

static const struct kf_exec *exited__find_exec(const struct kf_execs *execs,
					       const struct kf_exit *key)
{
	size_t from = 0, to = execs->used, middle;
	int order;

	while (from < to) {
		middle = from + (to - from) / 2;
		order = exit__compare(key, &execs->list[middle].process);
		if (!order)
			return &execs->list[middle];
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return NULL;
}

enum kf_image kf_exited__image(const struct kf_exited *exited, const struct kf_file_key *key,
			       __u64 now_ns)
{
	const struct kf_exit process = { .start_ns = key->start_ns, .tgid = key->tgid };
	const struct kf_exec *exec = exited__find_exec(&exited->execs, &process);
	__u16 behind;

	if (!exec)
		return KF_IMAGE_RUNS;
	behind = exec->execs - key->execs;
	if (!behind || behind >= 1 << 15)
		return KF_IMAGE_RUNS;
	return now_ns > exec->process.ts_ns + KF_EXEC_NS ? KF_IMAGE_GONE : KF_IMAGE_GOES;
}

int kf_exited__has_closed(const struct kf_exited *exited, __u64 cookie)
{
	const struct kf_closes *closes = &exited->closes;

	return closes->used && bsearch(&cookie, closes->list, closes->used, sizeof(cookie),
				       cookie__compare) != NULL;
}

static void exited__empty(void **list, size_t *room, size_t *used)
{
	*used = 0;
	if (*room <= KF_EXITED_KEPT)
		return;
	free(*list);
	*list = NULL;
	*room = 0;
}

/* Forgets the exits and execs that a sweep at now_ns has asked for, and keeps those that are too young. */
void kf_exited__clear(struct kf_exited *exited, __u64 now_ns)
{
	struct kf_exits *exits = &exited->exits;
	struct kf_execs *execs = &exited->execs;
	struct kf_closes *closes = &exited->closes;
	size_t from, to = 0;

	exited__empty((void **)&closes->list, &closes->room, &closes->used);
	for (from = 0; from < exits->used; from++)
		if (now_ns <= exits->list[from].ts_ns + KF_EXIT_NS)
			exits->list[to++] = exits->list[from];
	exits->used = to;
	if (!to)
		exited__empty((void **)&exits->list, &exits->room, &exits->used);
	to = 0;
	for (from = 0; from < execs->used; from++)
		if (now_ns <= execs->list[from].process.ts_ns + KF_EXEC_NS)
			execs->list[to++] = execs->list[from];
	execs->used = to;
	if (!to)
		exited__empty((void **)&execs->list, &execs->room, &execs->used);
}
