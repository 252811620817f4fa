// SPDX-License-Identifier: Apache-2.0
/* The wall clock beside CLOCK_BOOTTIME: their difference, when it changes, and the kernel's own clock. */
#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "glue.h"

#define KF_SECOND_NS 1000000000ULL
#define KF_TRIES 9 /* of which the one that took the shortest time tells */
#define KF_NEVER_S 8589934592LL /* in the year 2242; the kernel's time ends in 2262 */
#define KF_HIGH 24 /* the bits above these change each 17 ms */

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })

static __u64 clock__now(clockid_t clock)
{
	struct timespec now = {};

	clock_gettime(clock, &now);
	return now.tv_sec * KF_SECOND_NS + now.tv_nsec;
}

void kf_clock__sample(struct kf_clock_sample *sample)
{
	sample->uncertain_ns = UINT32_MAX;
	for (int try = 0; try < KF_TRIES; try++) {
		__u64 before = clock__now(CLOCK_BOOTTIME);
		__u64 wall = clock__now(CLOCK_REALTIME);
		__u64 after = clock__now(CLOCK_BOOTTIME);
		__u64 took = after - before;

		if (took >= sample->uncertain_ns)
			continue;
		sample->boot_ns = after;
		sample->offset_ns = (__s64)(wall - (before + took / 2));
		sample->uncertain_ns = took;
	}
}

/* A timer that never expires and is cancelled when the clock is set. */
int kf_clock__watch(void)
{
	struct itimerspec never = { .it_value.tv_sec = KF_NEVER_S };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) == 0)
		return fd;
	never.it_value.tv_sec = errno;
	close(fd);
	return -(int)never.it_value.tv_sec;
}

int kf_clock__wait(int watch, int stop, struct kf_clock_sample *sample)
{
	struct pollfd fds[] = { { .fd = watch, .events = POLLIN },
				{ .fd = stop, .events = POLLIN } };
	__u64 ignored;

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (fds[1].revents)
		return 0;
	if (read(watch, &ignored, sizeof(ignored)) < 0 && errno != ECANCELED && errno != EAGAIN)
		return -errno;
	kf_clock__sample(sample);
	return 1;
}

/* 32 bits of the kernel's CLOCK_BOOTTIME: a program returns no more. */
static int clock__load(int shift)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_boot_ns),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, shift),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "kf_clock", "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), NULL);

	return fd < 0 ? -errno : fd;
}

/* The bits, and by how much our clock may have been ahead and behind in the middle of the call. */
static int clock__run(int prog, __u64 *ours, __u64 *took, __u32 *bits)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	__u64 before = clock__now(CLOCK_BOOTTIME), after;

	if (bpf_prog_test_run_opts(prog, &opts))
		return -errno;
	after = clock__now(CLOCK_BOOTTIME);
	*took = after - before;
	*ours = before + *took / 2;
	*bits = opts.retval;
	return 0;
}

/* The low bits tell it exactly, but for multiples of 4.3 s; the high ones which multiple. */
static int clock__shift(int low, int high, __s64 *shift_ns, __u64 *uncertain_ns)
{
	__u64 ours, took;
	__u32 bits;
	__s64 rough;
	int err;

	err = clock__run(high, &ours, &took, &bits);
	if (err)
		return err;
	rough = (__s64)(ours - ((__u64)bits << KF_HIGH));
	*uncertain_ns = UINT64_MAX;
	for (int try = 0; try < KF_TRIES; try++) {
		err = clock__run(low, &ours, &took, &bits);
		if (err)
			return err;
		if (took >= *uncertain_ns)
			continue;
		*uncertain_ns = took;
		*shift_ns = rough + (__s32)((__u32)ours - bits - (__u32)rough);
	}
	return 0;
}

int kf_clock__ahead(__s64 *shift_ns, __u64 *uncertain_ns)
{
	int low = clock__load(0), high = clock__load(KF_HIGH);
	int err = low < 0 ? low : high < 0 ? high : 0;

	if (!err)
		err = clock__shift(low, high, shift_ns, uncertain_ns);
	if (low >= 0)
		close(low);
	if (high >= 0)
		close(high);
	return err;
}
