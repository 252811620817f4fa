// SPDX-License-Identifier: Apache-2.0
/*
 * When a copy of a live TCP entry was last written, by cookie. Each sweep writes down the times of
 * the connections that it meets, and its list takes the place of the one before: what is gone from
 * the map is gone from here too, so the list is never longer than the map.
 */
#include <errno.h>
#include <stdlib.h>

#include "glue.h"

#define KF_FIRST_ROOM 256

int kf_grow(void **list, size_t *room, size_t need, size_t item)
{
	size_t more = *room ? *room : KF_FIRST_ROOM;
	void *bigger;

	if (need <= *room)
		return 0;
	while (more < need)
		more *= 2;
	bigger = realloc(*list, more * item);
	if (!bigger)
		return -ENOMEM;
	*list = bigger;
	*room = more;
	return 0;
}

static int export__compare(const void *left, const void *right)
{
	const struct kf_export *a = left, *b = right;

	if (a->cookie == b->cookie)
		return 0;
	return a->cookie < b->cookie ? -1 : 1;
}

__u64 kf_exports__find(const struct kf_exports *exports, __u64 cookie)
{
	const struct kf_export *found, key = { .cookie = cookie };

	if (!exports->old.used)
		return 0;
	found = bsearch(&key, exports->old.list, exports->old.used, sizeof(key), export__compare);
	return found ? found->ts_ns : 0;
}

int kf_exports__add(struct kf_exports *exports, __u64 cookie, __u64 ts_ns)
{
	struct kf_export_list *list = &exports->new;

	if (kf_grow((void **)&list->list, &list->room, list->used + 1, sizeof(*list->list)))
		return -ENOMEM;
	list->list[list->used].cookie = cookie;
	list->list[list->used].ts_ns = ts_ns;
	list->used++;
	return 0;
}

/* After a sweep that failed the older times stand: a copy twice is better than none. */
void kf_exports__end(struct kf_exports *exports, int complete)
{
	struct kf_export_list swap = exports->old;

	if (complete) {
		exports->old = exports->new;
		exports->new = swap;
		if (exports->old.used)
			qsort(exports->old.list, exports->old.used, sizeof(struct kf_export),
			      export__compare);
	}
	exports->new.used = 0;
}

void kf_exports__free(struct kf_exports *exports)
{
	free(exports->old.list);
	free(exports->new.list);
}
