// SPDX-License-Identifier: Apache-2.0
/* Look-ups in BTF and small services around objects, programs and links. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "glue.h"

/* Numbers are the same on every architecture; older C libraries have no names for them. */
#define KF_SYS_FSOPEN 430
#define KF_SYS_FSCONFIG 431
#define KF_SYS_FSMOUNT 432
#define KF_FSCONFIG_CMD_CREATE 6

struct bpf_object *kf_object__open(const char *name, const void *data, size_t size)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);

	return bpf_object__open_mem(data, size, &opts);
}

static int ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);

	return len >= tail && strcmp(text + len - tail, end) == 0;
}

static struct bpf_map *object__section_map(struct bpf_object *obj, const char *section)
{
	struct bpf_map *map = NULL;

	while ((map = bpf_object__next_map(obj, map)))
		if (bpf_map__is_internal(map) && ends_with(bpf_map__name(map), section))
			return map;
	return NULL;
}

int kf_object__var(struct bpf_object *obj, const char *section, int index, struct kf_var *var)
{
	struct btf *btf = bpf_object__btf(obj);
	const struct btf_var_secinfo *info;
	const struct btf_type *type;
	int id;

	var->map = object__section_map(obj, section);
	if (!btf || !var->map)
		return -ENOENT;
	id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	if (id < 0)
		return -ENOENT;
	type = btf__type_by_id(btf, id);
	if (index < 0 || index >= btf_vlen(type))
		return -ENOENT;
	info = btf_var_secinfos(type) + index;
	var->name = btf__name_by_offset(btf, btf__type_by_id(btf, info->type)->name_off);
	var->offset = info->offset;
	var->size = info->size;
	return 0;
}

static const struct btf_type *btf__struct(const struct btf *btf, const char *name, int *id)
{
	*id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	return *id < 0 ? NULL : btf__type_by_id(btf, *id);
}

long kf_btf__size(const struct btf *btf, const char *type)
{
	const struct btf_type *found;
	int id;

	found = btf__struct(btf, type, &id);
	return found ? (long)found->size : -ENOENT;
}

int kf_btf__member(const struct btf *btf, const char *type, int index, struct kf_member *member)
{
	const struct btf_type *found;
	const struct btf_member *at;
	long long size;
	int id;

	found = btf__struct(btf, type, &id);
	if (!found || index < 0 || index >= btf_vlen(found))
		return -ENOENT;
	at = btf_members(found) + index;
	size = btf__resolve_size(btf, at->type);
	if (size < 0)
		return size;
	member->name = btf__name_by_offset(btf, at->name_off);
	member->offset = btf_member_bit_offset(found, index) / 8;
	member->size = size;
	return 0;
}

static const struct btf_type *func_proto(const struct btf *btf, const char *func)
{
	int id = btf__find_by_name_kind(btf, func, BTF_KIND_FUNC);

	return id < 0 ? NULL : btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
}

int kf_btf__func_args(const struct btf *btf, const char *func)
{
	const struct btf_type *proto = func_proto(btf, func);

	return proto ? btf_vlen(proto) : -ENOENT;
}

int kf_btf__func_sized(const struct btf *btf, const char *func)
{
	const struct btf_type *proto = func_proto(btf, func);
	int i;

	if (!proto)
		return -ENOENT;
	for (i = 0; i < btf_vlen(proto); i++)
		if (btf__resolve_size(btf, btf_params(proto)[i].type) <= 0)
			return 0;
	return 1;
}

int kf_prog__use(int fd, struct kf_prog_use *use)
{
	struct bpf_prog_info info;
	__u32 len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	use->misses = info.recursion_misses; /* stays 0 where the kernel does not count (5.12) */
	use->runs = info.run_cnt;
	use->run_ns = info.run_time_ns;
	return 0;
}

int kf_prog__time(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

int kf_iter__run(int link_fd)
{
	char unused[256];
	ssize_t len;
	int fd = bpf_iter_create(link_fd);

	if (fd < 0)
		return -errno;
	do {
		len = read(fd, unused, sizeof(unused));
	} while (len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR)));
	len = len < 0 ? -errno : 0;
	close(fd);
	return len;
}

int kf_cgroup2__open(void)
{
	int fs, mount = -1, dir = -1, err = 0;

	fs = syscall(KF_SYS_FSOPEN, "cgroup2", 1 /* FSOPEN_CLOEXEC */);
	if (fs < 0)
		return -errno;
	if (syscall(KF_SYS_FSCONFIG, fs, KF_FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = syscall(KF_SYS_FSMOUNT, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
	if (mount >= 0)
		dir = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		err = -errno;
	if (mount >= 0)
		close(mount);
	close(fs);
	return dir < 0 ? err : dir;
}

int kf_cgroup2__open_group(int mount_fd, __u64 number)
{
	/* FILEID_KERNFS [5.5]: the number is all of it */
	struct {
		struct file_handle head;
		__u64 number;
	} handle = { .head = { .handle_bytes = sizeof(__u64), .handle_type = 0xfe } };
	int fd;

	memcpy(handle.head.f_handle, &number, sizeof(number));
	fd = open_by_handle_at(mount_fd, &handle.head, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* values: room for one of each CPU */
static int counter__sum(int map_fd, __u32 key, __u64 *values, int cpus, __u64 *sum)
{
	if (bpf_map_lookup_elem(map_fd, &key, values))
		return -errno;
	*sum = 0;
	for (int cpu = 0; cpu < cpus; cpu++)
		*sum += values[cpu];
	return 0;
}

int kf_counters__sum(int map_fd, __u64 *counters, __u64 *standby_runs)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 *values;
	int err = 0;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (__u32 key = 0; key < KF_CNT_MAX && !err; key++)
		err = counter__sum(map_fd, key, values, cpus, &counters[key]);
	if (!err)
		err = counter__sum(map_fd, KF_STANDBY_RUNS, values, cpus, standby_runs);
	free(values);
	return err;
}
