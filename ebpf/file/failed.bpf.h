/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attempts that have failed. What fails has mostly no inode, so what is known is the path that the call was
 * given, or the file of its descriptor. Attempts at one path with one error are one aggregate, which waits
 * with its name for the next sweep: however often somebody tries, that is one record a second, and none of
 * it is in the ring until then.
 */
#ifndef KF_FILE_FAILED_BPF_H
#define KF_FILE_FAILED_BPF_H

#include "file/path_calls.bpf.h"
#include "file/programs.bpf.h"

/* Results between which the kernel starts a call again: nothing has failed (linux/errno.h). */
#define KF_ERESTARTSYS 512
#define KF_ERESTART_RESTARTBLOCK 516
#define KF_ERRNO_MAX 4095
#define KF_EFAULT 14

#define KF_FAILED_WORDS (KF_PATH_SMALL / 8)

/* key.apart of such an aggregate: no thread number is so high. The errno is in the lower bits. */
#define KF_APART_FAILED (1U << 31)

/* What one call has attempted. On a CPU, a copy of the program runs once at a time. */
struct kf_attempt {
	struct kf_file_key key;
	struct kf_inode inode; /* of a descriptor's file */
	struct kf_walk at; /* where the path begins, or the name of a descriptor's file */
	u64 old; /* RENAME: the path before, in the memory of the process */
	u64 now_ns;
	u32 flags; /* KF_AGG_* */
	u32 error;
	u32 first; /* enum kf_file_event; KF_FILE_EVENTS: one event alone */
	u32 last;
	u32 used; /* bytes of tail, with the NUL */
	u64 tail[KF_FAILED_WORDS]; /* the end of the path, zeroes behind it: it is hashed */
	char path[KF_PATH_MAX + KF_PATH_SMALL];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KF_COPIES);
	__type(key, u32);
	__type(value, struct kf_attempt);
} kf_attempts SEC(".maps");

static __always_inline struct kf_attempt *kf_failed__attempt(void)
{
	u32 copy = kf_is_standby;

	return bpf_map_lookup_elem(&kf_attempts, &copy);
}

/* With a salt, so that nobody can make two paths that are one number. */
static __noinline u64 kf_failed__hash(const struct kf_attempt *attempt)
{
	u64 hash = (u64)kf_salt << 32 | attempt->used;

	hash ^= kf_number(attempt->at.dentry);
	for (u32 i = 0; i < KF_FAILED_WORDS; i++) {
		hash = (hash ^ attempt->tail[i]) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	return hash;
}

/* Reads the path that the call was given. Of one that is too long the end is kept. Returns false if there is
 * none: the attempt was at no file. */
static __noinline bool kf_failed__read(struct kf_attempt *attempt, u64 path)
{
	long n = bpf_probe_read_user_str(attempt->path, KF_PATH_MAX, (void *)path);
	u32 from = 0;

	__builtin_memset(attempt->tail, 0, sizeof(attempt->tail));
	attempt->used = 0;
	if (n <= 0)
		return attempt->error != KF_EFAULT;
	if (n > KF_PATH_SMALL) {
		from = n - KF_PATH_SMALL;
		attempt->flags |= KF_AGG_PATH_TRUNCATED;
	}
	n = bpf_probe_read_kernel_str(attempt->tail, KF_PATH_SMALL,
				      attempt->path + (from & (KF_PATH_MAX - 1)));
	attempt->used = n > 0 ? n : 0;
	return n > 1;
}

/* An attempt on a name. */
static __always_inline bool kf_failed__named(struct kf_attempt *attempt,
					     const struct kf_where *where)
{
	if (!kf_failed__read(attempt, where->path))
		return false;
	attempt->flags |= KF_AGG_NO_INODE | KF_AGG_PATH_TEXT;
	attempt->old = where->old;
	if (!(attempt->flags & KF_AGG_PATH_TRUNCATED))
		kf_path_call__base(&attempt->at, attempt->path[0] == '/', where->dfd);
	kf_file_key__fill_process(&attempt->key, attempt->at.dentry);
	attempt->key.ino = kf_failed__hash(attempt);
	attempt->key.name = 0;
	return true;
}

/* An attempt on a descriptor. Returns false if that is none of a file that is reported. */
static __always_inline bool kf_failed__described(struct kf_attempt *attempt, u64 fd)
{
	struct file *file = kf_fd__file(fd);
	struct inode *inode = file ? kf_file__locate(&attempt->at, file) : NULL;

	if (!inode || !kf_identity__take(&attempt->key, &attempt->inode, inode, attempt->at.dentry))
		return false;
	attempt->at.flags = KF_WALK_OPEN;
	attempt->flags |= KF_AGG_NO_BASELINE;
	return true;
}

static __always_inline void kf_failed__keep_name(struct kf_attempt *attempt)
{
	struct kf_kept_name *kept = kf_kept__get(&attempt->key);
	struct kf_walk *walk = (struct kf_walk *)kept;
	u32 truncated = attempt->flags & KF_AGG_PATH_TRUNCATED;
	long n;

	if (!kept)
		return;
	*walk = attempt->at;
	__builtin_memcpy(kept->path, attempt->tail, KF_PATH_SMALL);
	walk->used = attempt->used;
	if (!walk->dentry || kf_path__write(kept->path, walk, KF_PATH_SMALL))
		truncated = KF_AGG_PATH_TRUNCATED;
	kept->flags |= truncated;
	if (truncated)
		kf_count(KF_CNT_PATH_TRUNCATED, 1);
	n = attempt->old ? bpf_probe_read_user_str(kept->origin, KF_NAME_LEN, (void *)attempt->old)
			 : 0;
	kept->origin_len = n > 0 ? n : 0;
}

/* A new aggregate; NULL if the table is full, or the share of the process or user is used up. */
static __noinline struct kf_file_agg *kf_failed__make(struct kf_attempt *attempt)
{
	struct kf_file_key *key = &attempt->key;
	struct kf_file_agg *agg;

	if (!kf_file_share__take(key->tgid))
		return NULL;
	if (bpf_map_update_elem(&kf_files, key, &kf_agg_zero, BPF_NOEXIST)) {
		kf_file_share__give(key->tgid, kf_current__uid());
		return bpf_map_lookup_elem(&kf_files, key); /* another thread's */
	}
	agg = bpf_map_lookup_elem(&kf_files, key);
	if (!agg)
		return NULL;
	kf_proc__fill_current(&agg->proc);
	agg->share_uid = agg->proc.uid;
	agg->first_ns = attempt->now_ns;
	agg->inode = attempt->inode;
	agg->mode_first = attempt->error;
	kf_failed__keep_name(attempt);
	/* last: what has ended the sweep may take at once */
	agg->flags = attempt->flags | KF_AGG_FAILED | KF_AGG_PATH_KEPT | KF_AGG_ENDED;
	return agg;
}

static __always_inline void kf_failed__count(struct kf_attempt *attempt)
{
	u32 first = attempt->first, last = attempt->last;
	u32 events = first < KF_FILE_EVENTS ? 2 : 1;
	struct kf_file_agg *agg;

	attempt->key.apart = KF_APART_FAILED | attempt->error;
	kf_count(KF_CNT_FILE_EVENTS, events);
	agg = bpf_map_lookup_elem(&kf_files, &attempt->key);
	if (!agg)
		agg = kf_failed__make(attempt);
	if (!agg) {
		kf_count(KF_CNT_FILE_LOST_MAP, events);
		return;
	}
	if (first < KF_FILE_EVENTS)
		__sync_fetch_and_add(&agg->counts[first], 1);
	if (last < KF_FILE_EVENTS)
		__sync_fetch_and_add(&agg->counts[last], 1);
	agg->last_ns = attempt->now_ns;
}

/* Calls on a name that are none of an operation's: opens and execs. */
static __always_inline bool kf_failed__opens(struct pt_regs *regs, u64 nr, struct kf_where *where,
					     u32 *event)
{
	*event = KF_FILE_OPEN;
	where->dfd = KF_AT_FDCWD;
	where->path = KF_ARG0(regs);
	where->old = 0;
	switch (nr) {
#ifdef __NR_open
	case __NR_open:
	case __NR_creat:
		return true;
#endif
	case __NR_execve:
		*event = KF_FILE_OPEN_EXEC;
		return true;
	case __NR_execveat:
		*event = KF_FILE_OPEN_EXEC;
		break;
	case __NR_openat:
	case __NR_openat2:
		break;
	default:
		return false;
	}
	where->dfd = KF_ARG0(regs);
	where->path = KF_ARG1(regs);
	return true;
}

/* Calls on a descriptor, by its place among the arguments: the first. */
static __always_inline enum kf_op kf_failed__descriptor_op(u64 nr)
{
	switch (nr) {
	case __NR_read:
	case __NR_pread64:
	case __NR_readv:
	case __NR_preadv:
	case __NR_preadv2:
		return KF_OP_READ;
	case __NR_write:
	case __NR_pwrite64:
	case __NR_writev:
	case __NR_pwritev:
	case __NR_pwritev2:
	case __NR_sendfile:
		return KF_OP_WRITE;
	case __NR_fallocate:
		return KF_OP_ALLOCATE;
	case __NR_ftruncate:
		return KF_OP_TRUNCATE;
	case __NR_fchmod:
	case __NR_fchown:
	case __NR_fsetxattr:
	case __NR_fremovexattr:
		return KF_OP_SETATTR;
	}
	return KF_OP_NONE;
}

static __always_inline bool kf_failed__sees(struct kf_attempt *attempt, struct pt_regs *regs,
					    u64 nr)
{
	enum kf_op op = kf_failed__descriptor_op(nr);
	struct kf_where where;
	u32 event;

	if (op != KF_OP_NONE) {
		attempt->last = kf_op__row(op)->last;
		return kf_failed__described(attempt, KF_ARG0(regs));
	}
	if (kf_failed__opens(regs, nr, &where, &event)) {
		attempt->last = event;
		return kf_failed__named(attempt, &where);
	}
	op = kf_path_call__directory_op(regs, nr);
	if (op == KF_OP_NONE && !kf_path_call__unwanted(regs, nr))
		op = kf_path_call__op(nr);
	if (op == KF_OP_NONE || !kf_path_call__where(regs, nr, &where))
		return false;
	attempt->last = kf_op__row(op)->last;
	if (kf_op__row(op)->events > 1)
		attempt->first = kf_op__row(op)->first;
	if (!where.path) /* futimens */
		return kf_failed__described(attempt, where.dfd);
	return kf_failed__named(attempt, &where);
}

/* A system call has returned an error. */
static __always_inline void kf_failed__returns(struct pt_regs *regs, long ret)
{
	struct kf_attempt *attempt;
	u32 error = -ret;

	if (ret >= 0 || ret < -KF_ERRNO_MAX)
		return;
	if (error >= KF_ERESTARTSYS && error <= KF_ERESTART_RESTARTBLOCK)
		return;
	attempt = kf_failed__attempt();
	if (!attempt || kf_self() || kf_syscall__compat())
		return;
	__builtin_memset(attempt, 0, __builtin_offsetof(struct kf_attempt, tail));
	attempt->error = error;
	attempt->now_ns = bpf_ktime_get_boot_ns();
	attempt->first = KF_FILE_EVENTS;
	if (kf_failed__sees(attempt, regs, KF_SYSCALL_NR(regs)))
		kf_failed__count(attempt);
}

#endif
