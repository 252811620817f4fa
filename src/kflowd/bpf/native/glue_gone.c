// SPDX-License-Identifier: Apache-2.0
/* Processes that have ended and are followed, or hidden by a rule, for a while: what they have open is closed behind
 * their end, which takes long where a file system waits for its server. */
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "glue.h"

#define KF_GONE_NS 10000000000ULL

/* Without memory a process stays in the map: that costs room there, and no event. */
void kf_gone__add(struct kf_gone *gone, __u32 tgid, __u64 start_ns, __u64 now_ns)
{
	struct kf_gone_process *it;

	if (kf_grow((void **)&gone->list, &gone->room, gone->used + 1, sizeof(*gone->list)))
		return;
	it = &gone->list[gone->used++];
	it->start_ns = start_ns;
	it->until_ns = now_ns + KF_GONE_NS;
	it->tgid = tgid;
}

/* Takes a process out of a map, whose values begin with a start. Its number may be another process's by now. */
static void gone__take(int fd, const struct kf_gone_process *it)
{
	__u64 value[2];

	if (fd >= 0 && !bpf_map_lookup_elem(fd, &it->tgid, value) && value[0] == it->start_ns)
		bpf_map_delete_elem(fd, &it->tgid);
}

/* Takes those out of the maps whose time has come; the list is in that order. */
void kf_gone__take(struct kf_gone *gone, int followed_fd, int hidden_fd, __u64 now_ns)
{
	size_t done = 0;

	for (; done < gone->used && gone->list[done].until_ns <= now_ns; done++) {
		gone__take(followed_fd, &gone->list[done]);
		gone__take(hidden_fd, &gone->list[done]);
	}
	if (!done)
		return;
	gone->used -= done;
	memmove(gone->list, gone->list + done, gone->used * sizeof(*gone->list));
}

void kf_gone__free(struct kf_gone *gone)
{
	free(gone->list);
}
