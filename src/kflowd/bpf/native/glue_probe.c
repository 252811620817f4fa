// SPDX-License-Identifier: Apache-2.0
/* Questions to the kernel that only a try answers. Nothing of it stays loaded or attached. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "glue.h"

#define KF_KPROBE_PMU "/sys/bus/event_source/devices/kprobe/type"

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static int probe__close(int fd)
{
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Attaches as well: where a trampoline is missing (arm64 before 6.0) only that fails. */
int kf_probe__tracing(enum kf_probe_kind kind, int btf_id)
{
	const struct bpf_insn insns[] = { MOV_IMM(BPF_REG_0, 0), EXIT };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .attach_btf_id = btf_id,
		    .expected_attach_type =
			    kind == KF_PROBE_FENTRY ? BPF_TRACE_FENTRY : BPF_TRACE_RAW_TP);
	int prog, err;

	prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "kf_probe", "GPL", insns, 2, &opts);
	if (prog < 0)
		return -errno;
	err = probe__close(bpf_raw_tracepoint_open(NULL, prog));
	close(prog);
	return err;
}

int kf_probe__kprobe(const char *func)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	FILE *file = fopen(KF_KPROBE_PMU, "re");
	unsigned int type;
	int found;

	if (!file)
		return -errno;
	found = fscanf(file, "%u", &type);
	fclose(file);
	if (found != 1)
		return -EINVAL;
	attr.type = type;
	attr.config1 = (__u64)(uintptr_t)func;
	return probe__close(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
}

int kf_probe__cgroup(void)
{
	const struct bpf_insn insns[] = { MOV_IMM(BPF_REG_0, 1), EXIT };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_CGROUP_INET_EGRESS);

	return probe__close(
		bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "kf_probe", "GPL", insns, 2, &opts));
}

/* A socket filter has what programs of all types have, those for packets too. The arguments suit
 * bpf_probe_read_kernel(&stack, 8, NULL); a helper without any ignores them. */
int kf_probe__helper(int helper)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -8),
		MOV_IMM(BPF_REG_2, 8),
		MOV_IMM(BPF_REG_3, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper),
		MOV_IMM(BPF_REG_0, 0),
		EXIT,
	};

	return probe__close(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "kf_probe", "GPL", insns,
					  sizeof(insns) / sizeof(insns[0]), NULL));
}

/* The thread group id of this process in the initial pid namespace, which is what programs see; the
 * namespace it runs in shows another. A program that runs on behalf of the caller knows it. */
int kf_probe__own_tgid(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_pid_tgid),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 32),
		EXIT,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int prog, err;

	prog = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "kf_probe", "GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), NULL);
	if (prog < 0)
		return -errno;
	err = bpf_prog_test_run_opts(prog, &opts);
	close(prog);
	return err ? -errno : (int)opts.retval;
}

int kf_probe__map(void)
{
	return probe__close(bpf_map_create(BPF_MAP_TYPE_ARRAY, "kf_probe", 4, 8, 1, NULL));
}
