// SPDX-License-Identifier: Apache-2.0
/* All programs in the kernel, of whomever, and how they have run. */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "glue.h"

int kf_prog__next(__u32 id, struct kf_prog_stats *stats)
{
	struct bpf_prog_info info;
	__u32 len = sizeof(info);
	int fd, err;

	do { /* one that has gone meanwhile is passed by */
		if (bpf_prog_get_next_id(id, &id))
			return -errno;
		fd = bpf_prog_get_fd_by_id(id);
	} while (fd < 0 && errno == ENOENT);
	if (fd < 0)
		return -errno;
	memset(&info, 0, sizeof(info));
	err = bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno : 0;
	close(fd);
	memset(stats, 0, sizeof(*stats));
	stats->id = id;
	stats->type = info.type;
	memcpy(stats->name, info.name, sizeof(info.name));
	stats->bytes = info.jited_prog_len ? info.jited_prog_len : info.xlated_prog_len;
	stats->runs = info.run_cnt;
	stats->run_ns = info.run_time_ns;
	stats->misses = info.recursion_misses;
	return err;
}
