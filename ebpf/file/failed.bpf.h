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
#include "sip.bpf.h"

/* Results between which the kernel starts a call again, or has it fail with EINTR when a handler has run: which
 * of both is not known here (linux/errno.h). */
#define KF_ERESTARTSYS 512
#define KF_ERESTART_RESTARTBLOCK 516
#define KF_ERRNO_MAX 4095
#define KF_ENOENT 2
#define KF_EFAULT 14
#define KF_RESOLVE_IN_ROOT 0x10 /* linux/openat2.h */

#define KF_FAILED_WORDS (KF_PATH_SMALL / 8)

/* key.apart of such an aggregate: no thread number is so high. The errno is in the lower bits. */
#define KF_APART_FAILED (1U << 31)

/* What one call has attempted. On a CPU, a copy of the program runs once at a time. */
struct kf_attempt {
	struct kf_file_key key;
	struct kf_inode inode; /* of a descriptor's file */
	struct kf_walk at; /* where the path begins, or the name of a descriptor's file */
	u64 who; /* real and effective user */
	u64 now_ns;
	u32 flags; /* KF_AGG_* */
	u32 error;
	u32 first; /* enum kf_file_event; KF_FILE_EVENTS: one event alone */
	u32 last;
	u32 used; /* bytes of tail, with the NUL */
	u32 old_used; /* bytes of old */
	u32 inside; /* an absolute path begins at the descriptor (RESOLVE_IN_ROOT) */
	u64 tail[KF_FAILED_WORDS]; /* the end of the path, zeroes behind it: it is hashed */
	u64 old[KF_FAILED_WORDS]; /* the same of a path before a rename, or that a link was to be to */
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

/* What tells attempts apart that have the same error: the texts, where they begin, and as whom. Keyed, so that
 * nobody can make two that are one number. */
static __noinline u64 kf_failed__hash(const struct kf_attempt *attempt)
{
	struct kf_sip sip;

	kf_sip__begin(&sip);
	kf_sip__add(&sip, kf_number(attempt->at.dentry));
	kf_sip__add(&sip, kf_number(attempt->at.mnt));
	kf_sip__add(&sip, attempt->who);
	for (u32 i = 0; i < KF_FAILED_WORDS; i++)
		kf_sip__add(&sip, attempt->tail[i]);
	for (u32 i = 0; i < KF_FAILED_WORDS; i++)
		kf_sip__add(&sip, attempt->old[i]);
	return kf_sip__end(&sip);
}

/* Reads the end of a text of the process, with zeroes behind it. Returns its bytes with the NUL. 0: it cannot be
 * read, or is longer than the kernel takes. cut: whether it lacks its beginning. */
static __noinline long kf_failed__text(struct kf_attempt *attempt, u64 from, u64 *tail, bool *cut)
{
	long n = bpf_probe_read_user_str(attempt->path, KF_PATH_MAX, (void *)from);
	u32 skip = n > KF_PATH_SMALL ? n - KF_PATH_SMALL : 0;

	*cut = skip;
	if (n < 0 || n >= KF_PATH_MAX)
		return 0;
	if (!n)
		return 1; /* an empty text, of which older kernels do not count the NUL */
	n = bpf_probe_read_kernel_str(tail, KF_PATH_SMALL,
				      attempt->path + (skip & (KF_PATH_MAX - 1)));
	return n > 0 ? n : 0;
}

#define KF_SIGNALS_OF_EXEC (1ULL << (9 - 1) | 1ULL << (11 - 1)) /* SIGKILL, SIGSEGV */

/* An exec that has failed when the memory was already that of the new program: it dies of it, and what lies at
 * the address of the path is not the path. */
static __always_inline bool kf_failed__is_replaced(const struct kf_attempt *attempt)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return attempt->last == KF_FILE_OPEN_EXEC &&
	       (KF_UNTYPED(task, pending.signal.sig[0]) & KF_SIGNALS_OF_EXEC);
}

/* An attempt on a name. Its text is gone if the process has changed it meanwhile, as are the pages of one that the
 * kernel has not read: then the path is unknown, and nothing is put in its place. */
static __always_inline bool kf_failed__named(struct kf_attempt *attempt,
					     const struct kf_where *where)
{
	bool absolute, cut = false, ignored;

	if (!kf_failed__is_replaced(attempt))
		attempt->used = kf_failed__text(attempt, where->path, attempt->tail, &cut);
	if (attempt->used == 1 || (!attempt->used && attempt->error == KF_EFAULT))
		return false; /* at no file */
	absolute = attempt->path[0] == '/' && !attempt->inside;
	if (cut)
		attempt->flags |= KF_AGG_PATH_TRUNCATED;
	else if (attempt->used)
		kf_path_call__base(&attempt->at, absolute, where->dfd);
	if (where->old)
		attempt->old_used = kf_failed__text(attempt, where->old, attempt->old, &ignored);
	attempt->flags |= KF_AGG_NO_INODE | KF_AGG_PATH_TEXT;
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
	attempt->key.name = kf_failed__hash(attempt);
	attempt->at.flags = KF_WALK_OPEN;
	attempt->flags |= KF_AGG_NO_BASELINE;
	return true;
}

static __always_inline void kf_failed__keep_name(struct kf_attempt *attempt)
{
	struct kf_kept_name *kept = kf_kept__get(&attempt->key);
	struct kf_walk *walk = (struct kf_walk *)kept;
	u32 truncated = attempt->flags & KF_AGG_PATH_TRUNCATED;

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
	__builtin_memcpy(kept->origin, attempt->old, KF_PATH_SMALL);
	kept->origin_len = attempt->old_used;
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

/* openat2: whether an absolute path begins at the descriptor. */
static __always_inline bool kf_failed__is_inside(struct pt_regs *regs, u64 nr)
{
	u64 how[3] = {}; /* struct open_how: flags, mode, resolve */

	if (nr != __NR_openat2)
		return false;
	bpf_probe_read_user(how, sizeof(how), (void *)KF_ARG2(regs));
	return how[2] & KF_RESOLVE_IN_ROOT;
}

/* Of a hard link the source is told as well: often it is what was denied. */
static __always_inline u64 kf_failed__linked(struct pt_regs *regs, u64 nr)
{
#ifdef __NR_link
	if (nr == __NR_link)
		return KF_ARG0(regs);
#endif
	return nr == __NR_linkat ? KF_ARG1(regs) : 0;
}

/* A call on a name. With an empty one (AT_EMPTY_PATH) it is on its descriptor, as futimens is without. */
static __always_inline bool kf_failed__names(struct kf_attempt *attempt, struct kf_where *where)
{
	char first = 0;

	if ((u32)where->dfd == KF_AT_FDCWD || attempt->error == KF_ENOENT)
		return kf_failed__named(attempt, where);
	if (where->path &&
	    (bpf_probe_read_user(&first, sizeof(first), (void *)where->path) || first))
		return kf_failed__named(attempt, where);
	return kf_failed__described(attempt, where->dfd);
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
		attempt->inside = kf_failed__is_inside(regs, nr);
		return kf_failed__names(attempt, &where);
	}
	op = kf_path_call__directory_op(regs, nr);
	if (op == KF_OP_NONE && !kf_path_call__unwanted(regs, nr))
		op = kf_path_call__op(nr);
	if (op == KF_OP_NONE || !kf_path_call__where(regs, nr, &where))
		return false;
	attempt->last = kf_op__row(op)->last;
	if (kf_op__row(op)->events > 1)
		attempt->first = kf_op__row(op)->first;
	if (op == KF_OP_LINK)
		where.old = kf_failed__linked(regs, nr);
	return kf_failed__names(attempt, &where);
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
	__builtin_memset(attempt, 0, __builtin_offsetof(struct kf_attempt, path));
	attempt->error = error;
	attempt->now_ns = bpf_ktime_get_boot_ns();
	attempt->who = (u64)kf_current__uid() << 32 | (u32)KF_CURRENT(real_cred, euid.val);
	attempt->first = KF_FILE_EVENTS;
	if (kf_failed__sees(attempt, regs, KF_SYSCALL_NR(regs)))
		kf_failed__count(attempt);
}

#endif
