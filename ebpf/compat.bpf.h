/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every difference between kernels, newest form first, and nothing else. Features are asked for, by
 * CO-RE or by the loader, never by version number. The numbers in brackets say where a form came in.
 */
#ifndef KF_COMPAT_BPF_H
#define KF_COMPAT_BPF_H

#include "read.bpf.h"

/* ---- what the loader finds out ---- */

#ifdef KF_CAST
/* Known when the object is built, so that it does not even contain probe reads of kernel memory. */
enum { kf_can_probe = 0, kf_task_btf = 1 };
#else
const volatile u8 kf_can_probe = 1; /* 0: bpf_probe_read_kernel is refused (lockdown) */
const volatile u8 kf_task_btf = 1; /* helper bpf_get_current_task_btf exists [5.11] */
#endif
const volatile u8 kf_can_cast = 1; /* kernel function bpf_rdonly_cast exists [6.2] */

/* kf_nargs_FUNCTION: how many arguments a function of the kernel has, 0: it is not there. */
const volatile u8 kf_nargs_bpf_get_socket_ptr_cookie = 0; /* tracing programs make cookies [5.12] */
/* [5.12] put the user namespace, [6.3] the idmap of the mount in front. */
const volatile u8 kf_nargs_notify_change = 4; /* ([idmap,] dentry, attr, delegated) */
const volatile u8 kf_nargs_vfs_unlink = 4; /* ([idmap,] dir, dentry, delegated) */
const volatile u8 kf_nargs_vfs_link = 5; /* (old, [idmap,] dir, new, delegated) */
const volatile u8 kf_nargs_vfs_symlink = 4; /* ([idmap,] dir, dentry, name[, delegated]) */
/* ([idmap,] dir, dentry, mode, excl); (idmap, dentry, mode, delegated) [7.x] */
const volatile u8 kf_nargs_vfs_create = 5;
const volatile u8 kf_nargs_vfs_setxattr = 6; /* ([idmap,] dentry, name, value, size, flags) */
const volatile u8 kf_nargs_vfs_removexattr = 3; /* ([idmap,] dentry, name) */

/* ([idmap,] dir, dentry, mode[, delegated]); returns a dentry [6.15] */
const volatile u8 kf_nargs_vfs_mkdir = 4;

/*
 * A typed pointer that the verifier does not trust. To follow it takes no trust, and is cheaper to verify: for
 * each pointer that is followed from a trusted one the verifier looks for three types by name, through all
 * types of the kernel (btf_nested_type_is_trusted) [6.2], at each visit: that was most of the time that kflowd
 * took to start. The cast itself is no call but a move. Not in builds that are for kernels without it.
 */
#if defined(KF_NO_LOOP) || (defined(KF_CAST) && defined(KF_NO_CAST))
#define KF_UNTRUSTED(p) (p)
#elif defined(KF_CAST)
#define KF_UNTRUSTED(p) KF_TYPE(typeof(*(p)), p)
#else
#define KF_UNTRUSTED(p) (kf_can_cast ? KF_TYPE(typeof(*(p)), p) : (p))
#endif

/* ---- helpers ---- */

enum bpf_func_id___kf {
	BPF_FUNC_sock_from_file___kf = 1, /* [5.11] */
	BPF_FUNC_task_pt_regs___kf = 1, /* [5.15] */
	BPF_FUNC_skc_to_unix_sock___kf = 1, /* [5.16] */
	BPF_FUNC_skc_to_mptcp_sock___kf = 1, /* [5.19] */
};

/* Where the kernel has MPTCP, with subflows that join [5.7]. */
struct mptcp_sock___kf {
	struct {
		void *next;
	} join_list;
} __attribute__((preserve_access_index));

struct tcp_sock___kf {
	bool is_mptcp;
} __attribute__((preserve_access_index));

/* Whether the kernel is built with it. */
static __always_inline bool kf_has_io_uring(void)
{
	return bpf_core_field_exists(struct task_struct, io_uring);
}

static __always_inline bool kf_has_sock_from_file(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id___kf, BPF_FUNC_sock_from_file___kf);
}

/* The timer of setitimer, which each process has (CONFIG_POSIX_TIMERS). */
static __always_inline bool kf_has_process_timer(void)
{
	return bpf_core_field_exists(struct signal_struct, real_timer);
}

static __always_inline bool kf_has_task_pt_regs(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id___kf, BPF_FUNC_task_pt_regs___kf);
}

static __always_inline bool kf_has_skc_to_unix_sock(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id___kf, BPF_FUNC_skc_to_unix_sock___kf);
}

static __always_inline bool kf_has_mptcp(void)
{
	return bpf_core_field_exists(struct mptcp_sock___kf, join_list);
}

/* Whether a struct tcp_sock is a subflow of MPTCP. */
static __always_inline bool kf_is_subflow(const void *sock)
{
	const struct tcp_sock___kf *tp = sock;

	if (!bpf_core_field_exists(tp->is_mptcp))
		return false;
	if (KF_ENABLED(KF_DIRECT))
		return BPF_CORE_READ_BITFIELD(tp, is_mptcp);
	return BPF_CORE_READ_BITFIELD_PROBED(tp, is_mptcp);
}

/* The helper is known without MPTCP, too, but then it has no type to return. */
static __always_inline bool kf_has_skc_to_mptcp_sock(void)
{
	return kf_has_mptcp() &&
	       bpf_core_enum_value_exists(enum bpf_func_id___kf, BPF_FUNC_skc_to_mptcp_sock___kf);
}

/*
 * Calls back with 0, 1, 2 ... until that returns 1, count times at most. bpf_loop [5.17] is verified
 * once; without it each round is, so there are no more than bound.
 */
static __always_inline void kf_loop(u32 count, long (*callback)(u32 round, void *context),
				    void *context, const u32 bound)
{
#ifdef KF_NO_LOOP
	for (u32 round = 0; round < bound; round++)
		if (round >= count || callback(round, context))
			break;
#else
	bpf_loop(count, callback, context, 0);
#endif
}

/*
 * A pointer, or NULL, beside which a walk is made. Where each round of it is verified, both would be so, and the
 * pointer is but a number there: what lies behind it is copied, and it is looked up again afterwards.
 */
#ifdef KF_NO_LOOP
#define KF_OPAQUE(type) u64
#define KF_OPAQUE_OF(p) kf_number(p)
#define KF_OPAQUE_COPY(to, from) bpf_probe_read_kernel(to, sizeof(*(to)), (void *)(from))
#define KF_OPAQUE_AGAIN(p, lookup) (lookup)
#else
#define KF_OPAQUE(type) type *
#define KF_OPAQUE_OF(p) (p)
#define KF_OPAQUE_COPY(to, from) (*(to) = *(from))
#define KF_OPAQUE_AGAIN(p, lookup) (p)
#endif

#define KF_THREAD_SIZE 16384 /* of a kernel stack; of arm64 with pages up to 16 KiB */

/* A member of the registers that the current thread had in user mode. */
#define KF_USER_REGS(member)                                                                \
	(kf_has_task_pt_regs()                                                              \
		 ? KF_TYPED((struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()), \
			    member)                                                         \
		 : KF_UNTYPED(kf_stack__regs(), member))

struct task_struct___stack {
	void *stack;
} __attribute__((preserve_access_index));

/* The top of the current thread's kernel stack. */
static __always_inline struct pt_regs *kf_stack__regs(void)
{
	struct task_struct___stack *task = (void *)bpf_get_current_task();
	u64 stack = (u64)KF_UNTYPED(task, stack);

	return (void *)(stack + KF_THREAD_SIZE - bpf_core_type_size(struct pt_regs));
}

static __always_inline bool kf_has_loop(void)
{
#ifdef KF_NO_LOOP
	return false;
#else
	return true;
#endif
}

/* ---- types ---- */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* inode times: i_mtime_sec, i_mtime_nsec [6.11]; __i_mtime [6.7], __i_ctime [6.6]; i_mtime. */
struct inode___v611 {
	s64 i_atime_sec;
	s64 i_mtime_sec;
	s64 i_ctime_sec;
	u32 i_atime_nsec;
	u32 i_mtime_nsec;
	u32 i_ctime_nsec;
};

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

struct inode___v67 {
	struct timespec64 __i_atime;
	struct timespec64 __i_mtime;
	struct timespec64 __i_ctime;
};

struct inode___v510 {
	struct timespec64 i_atime;
	struct timespec64 i_mtime;
	struct timespec64 i_ctime;
};

/* struct file reference count: f_ref, which counts from 0 [6.13, "fs: add file_ref"]; f_count. */
typedef struct {
	struct {
		s64 counter;
	} refcnt;
} kf_file_ref;

struct file___v613 {
	kf_file_ref f_ref;
};

struct file___v510 {
	struct {
		s64 counter;
	} f_count;
};

/* Link of a struct file in the list of its task's work: f_task_work [6.8]; f_rcuhead [6.0]; fu_rcuhead. */
struct file___v68 {
	struct callback_head f_task_work;
};

struct file___v60 {
	struct callback_head f_rcuhead;
};

struct file___fu {
	union {
		struct callback_head fu_rcuhead;
	} f_u;
};

/* The list of mappings, in the order of their addresses; a tree [6.1]. */
struct vm_area_struct___list {
	struct vm_area_struct___list *vm_next;
	struct file *vm_file;
};

struct mm_struct___list {
	struct vm_area_struct___list *mmap;
};

/* The type of a tracepoint of its own, which lies ahead of exit_mm [6.16]; before, it lies behind. */
struct trace_event_raw_sched_process_exit___early {
	bool group_dead;
};

/* Link of a dentry in its inode's list: d_alias beside d_u [7.x]; d_u.d_alias. */
struct dentry___flat {
	struct hlist_node d_alias;
};

struct dentry___union {
	union {
		struct hlist_node d_alias;
	} d_u;
};

/* A mount's number that is never given again [6.8]. */
struct mount___v68 {
	u64 mnt_id_unique;
};

/* Mounts of a file system: linked one by one [6.18]; a list. */
struct super_block___v618 {
	struct mount *s_mounts;
};

struct mount___v618 {
	struct mount *mnt_next_for_sb;
};

struct list_head___kf {
	void *next;
};

struct super_block___v510 {
	struct list_head___kf s_mounts;
};

struct mount___v510 {
	struct list_head___kf mnt_instance;
};

/* Namespaces of mounts that are nowhere yet: is_anon [7.x]; no ns_id [6.18]; seq 0. */
struct mnt_namespace___v7 {
	bool is_anon;
};

struct mnt_namespace___v618 {
	struct {
		u64 ns_id;
	} ns;
};

struct mnt_namespace___v510 {
	u64 seq;
	u64 event;
};

#pragma clang attribute pop

/* Bit 31 of i_ctime_nsec marks a multigrain timestamp that was queried [6.13]. */
#define KF_CTIME_NSEC_MASK 0x7fffffffU

/* f_mode of a file that a stacked file system has opened below its own: FMODE_NOACCOUNT. Not FMODE_BACKING
 * [6.5], which has it too, and whose bit is that of FMODE_NONOTIFY since [6.14]: a memfd has that one. */
#define KF_FMODE_BELOW 0x20000000

/* Behind its struct file, the path by which a process has a file that a stacked file system has opened below its
 * own [6.7]; before, that is in the struct file. */
struct backing_file___v67 {
	struct path user_path;
} __attribute__((preserve_access_index));

static __always_inline struct path *kf_file__user_path(struct file *file)
{
	u64 offset = bpf_core_field_offset(struct file, f_path);

	if (bpf_core_field_exists(struct backing_file___v67, user_path))
		offset = bpf_core_field_offset(struct backing_file___v67, user_path);
	return (struct path *)((u64)file + offset);
}

/* typed: see KF_READ_AS. */
static __always_inline void kf_times__fill(struct kf_inode *out, struct inode *inode,
					   const bool typed)
{
	struct inode___v611 *v611 = (void *)inode;
	struct inode___v67 *v67 = (void *)inode;
	struct inode___v510 *v510 = (void *)inode;

	if (bpf_core_field_exists(v611->i_mtime_sec)) {
		out->atime_s = KF_READ_AS(typed, v611, i_atime_sec);
		out->mtime_s = KF_READ_AS(typed, v611, i_mtime_sec);
		out->ctime_s = KF_READ_AS(typed, v611, i_ctime_sec);
		out->atime_ns = KF_READ_AS(typed, v611, i_atime_nsec);
		out->mtime_ns = KF_READ_AS(typed, v611, i_mtime_nsec);
		out->ctime_ns = KF_READ_AS(typed, v611, i_ctime_nsec) & KF_CTIME_NSEC_MASK;
		return;
	}
	if (bpf_core_field_exists(v67->__i_mtime)) {
		out->atime_s = KF_READ_AS(typed, v67, __i_atime.tv_sec);
		out->mtime_s = KF_READ_AS(typed, v67, __i_mtime.tv_sec);
		out->atime_ns = KF_READ_AS(typed, v67, __i_atime.tv_nsec);
		out->mtime_ns = KF_READ_AS(typed, v67, __i_mtime.tv_nsec);
	} else {
		out->atime_s = KF_READ_AS(typed, v510, i_atime.tv_sec);
		out->mtime_s = KF_READ_AS(typed, v510, i_mtime.tv_sec);
		out->atime_ns = KF_READ_AS(typed, v510, i_atime.tv_nsec);
		out->mtime_ns = KF_READ_AS(typed, v510, i_mtime.tv_nsec);
	}
	if (bpf_core_field_exists(v67->__i_ctime)) {
		out->ctime_s = KF_READ_AS(typed, v67, __i_ctime.tv_sec);
		out->ctime_ns = KF_READ_AS(typed, v67, __i_ctime.tv_nsec);
	} else {
		out->ctime_s = KF_READ_AS(typed, v510, i_ctime.tv_sec);
		out->ctime_ns = KF_READ_AS(typed, v510, i_ctime.tv_nsec);
	}
}

/* Whether the times lie in the first bytes of struct inode. */
static __always_inline bool kf_times__within(const u32 bytes)
{
	struct inode___v611 *v611 = NULL;
	struct inode___v67 *v67 = NULL;
	struct inode___v510 *v510 = NULL;

	if (bpf_core_field_exists(v611->i_mtime_sec))
		return KF_WITHIN(bytes, v611, i_atime_sec) && KF_WITHIN(bytes, v611, i_mtime_sec) &&
		       KF_WITHIN(bytes, v611, i_ctime_sec) &&
		       KF_WITHIN(bytes, v611, i_atime_nsec) &&
		       KF_WITHIN(bytes, v611, i_mtime_nsec) && KF_WITHIN(bytes, v611, i_ctime_nsec);
	if (bpf_core_field_exists(v67->__i_mtime)
		    ? !KF_WITHIN(bytes, v67, __i_atime) || !KF_WITHIN(bytes, v67, __i_mtime)
		    : !KF_WITHIN(bytes, v510, i_atime) || !KF_WITHIN(bytes, v510, i_mtime))
		return false;
	return bpf_core_field_exists(v67->__i_ctime) ? KF_WITHIN(bytes, v67, __i_ctime)
						     : KF_WITHIN(bytes, v510, i_ctime);
}

/* References that keep an open file alive: 1 means the next close ends it. */
static __always_inline s64 kf_file__refs(struct file *file)
{
	struct file___v613 *new = (void *)file;
	struct file___v510 *old = (void *)file;

	if (bpf_core_field_exists(new->f_ref))
		return KF_UNTYPED(new, f_ref.refcnt.counter) + 1;
	return KF_UNTYPED(old, f_count.counter);
}

/* Whether a task that ends has its address space still when sched_process_exit tells. */
static __always_inline bool kf_exits_early(void)
{
	return bpf_core_type_exists(struct trace_event_raw_sched_process_exit___early);
}

static __always_inline struct file *kf_file__of_work(struct callback_head *work)
{
	u64 offset;

	if (bpf_core_field_exists(struct file___v68, f_task_work))
		offset = bpf_core_field_offset(struct file___v68, f_task_work);
	else if (bpf_core_field_exists(struct file___v60, f_rcuhead))
		offset = bpf_core_field_offset(struct file___v60, f_rcuhead);
	else
		offset = bpf_core_field_offset(struct file___fu, f_u.fu_rcuhead);
	return (struct file *)((u64)work - offset);
}

static __always_inline struct dentry *kf_alias__dentry(struct hlist_node *node)
{
	u64 offset;

	if (bpf_core_field_exists(struct dentry___flat, d_alias))
		offset = bpf_core_field_offset(struct dentry___flat, d_alias);
	else
		offset = bpf_core_field_offset(struct dentry___union, d_u.d_alias);
	return (struct dentry *)((u64)node - offset);
}

/*
 * The file that is mapped where a task that has just run exec begins: its loader, or the program. Found
 * by bpf_find_vma [5.17] and bpf_task_pt_regs [5.15]; before, in the list, where at that moment nothing
 * else is mapped from files. Returns 0, or -1 if the address space was locked.
 */
#ifdef KF_NO_LOOP
#define KF_MAPPINGS 16 /* of a new address space */

static __always_inline int kf_mapped__begin(struct task_struct *task, struct file *program,
					    struct file **file)
{
	struct mm_struct___list *mm = (void *)KF_READ(task, mm);
	struct vm_area_struct___list *vma = KF_UNTYPED(mm, mmap);

	for (int i = 0; i < KF_MAPPINGS && vma; i++) {
		*file = KF_UNTYPED(vma, vm_file);
		/* of a program on overlayfs another file is mapped, by the same name */
		if (*file && KF_READ(*file, f_path.dentry) != KF_READ(program, f_path.dentry))
			return 0;
		vma = KF_UNTYPED(vma, vm_next);
	}
	return 0;
}
#else
#ifdef __TARGET_ARCH_x86
#define KF_USER_IP(regs) KF_READ(regs, ip)
#else
#define KF_USER_IP(regs) KF_READ(regs, pc)
#endif

static __noinline long kf_mapped__keep(struct task_struct *task, struct vm_area_struct *vma,
				       struct file **file)
{
	*file = KF_READ(vma, vm_file);
	return 0;
}

static __always_inline int kf_mapped__begin(struct task_struct *task, struct file *program,
					    struct file **file)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);

	return bpf_find_vma(task, KF_USER_IP(regs), kf_mapped__keep, file, 0) ? -1 : 0;
}
#endif

/* Whether a mount namespace is one that processes are in. It may be an error, or NULL. */
static __always_inline bool kf_mnt_ns__is_real(struct mnt_namespace *ns)
{
	struct mnt_namespace___v7 *v7 = (void *)ns;
	struct mnt_namespace___v618 *v618 = (void *)ns;
	struct mnt_namespace___v510 *v510 = (void *)ns;

	if (!ns || (u64)ns >= (u64)-4095)
		return false;
	if (bpf_core_field_exists(v7->is_anon))
		return !KF_UNTYPED(v7, is_anon);
	if (bpf_core_field_exists(v510->seq))
		return KF_UNTYPED(v510, seq);
	return KF_UNTYPED(v618, ns.ns_id);
}

/*
 * A number that a mount namespace has until something is mounted in it or unmounted
 * (__touch_mnt_namespace), and no other namespace ever has; 0: it is not known, or no process is in this
 * one. The pointer is typed.
 */
static __always_inline u64 kf_mnt_ns__moment(struct mnt_namespace *ns)
{
	struct mnt_namespace___v510 *v510 = (void *)ns;
	u64 seq, event;

	if (!bpf_core_field_exists(v510->seq) || !ns || (u64)ns >= (u64)-4095)
		return 0;
	seq = KF_TYPED(v510, seq);
	event = KF_TYPED(v510, event);
	return seq ? seq * KF_PRIME + event : 0;
}

static __always_inline bool kf_mounts__have_numbers(void)
{
	return bpf_core_field_exists(struct mount___v68, mnt_id_unique);
}

static __always_inline u64 kf_mounts__number(struct mount *mnt)
{
	struct mount___v68 *v68 = (void *)mnt;

	return KF_UNTYPED(v68, mnt_id_unique);
}

/* The first mount of a file system, and the one behind a mount; the last is followed by no mount. */
static __always_inline struct mount *kf_mounts__first(struct super_block *sb)
{
	struct super_block___v618 *v618 = (void *)sb;
	struct super_block___v510 *v510 = (void *)sb;

	if (bpf_core_field_exists(struct mount___v618, mnt_next_for_sb))
		return KF_UNTYPED(v618, s_mounts);
	return (struct mount *)((u64)KF_UNTYPED(v510, s_mounts.next) -
				bpf_core_field_offset(struct mount___v510, mnt_instance));
}

static __always_inline struct mount *kf_mounts__next(struct mount *mnt)
{
	struct mount___v618 *v618 = (void *)mnt;
	struct mount___v510 *v510 = (void *)mnt;

	if (bpf_core_field_exists(v618->mnt_next_for_sb))
		return KF_UNTYPED(v618, mnt_next_for_sb);
	return (struct mount *)((u64)KF_UNTYPED(v510, mnt_instance.next) -
				bpf_core_field_offset(struct mount___v510, mnt_instance));
}

static __always_inline bool kf_mounts__ends(struct super_block *sb, struct mount *mnt)
{
	u64 head = (u64)sb + bpf_core_field_offset(struct super_block___v510, s_mounts);

	if (bpf_core_field_exists(struct mount___v618, mnt_next_for_sb))
		return !mnt;
	return (u64)mnt + bpf_core_field_offset(struct mount___v510, mnt_instance) == head;
}

/* ---- requests of io_uring and AIO ---- */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* A request begins with its kiocb, whose first member is the file. */
struct kiocb {
	struct file *ki_filp;
	void *private;
	int ki_flags;
	void *dio_complete; /* [6.6], until 7.x */
};

struct io_kiocb {
	u8 opcode;
	s32 result; /* until 5.19 */
	struct {
		s32 res;
	} cqe; /* [5.19] */
	void *async_data; /* NULL: nothing was kept between tries */
};

/* A request of AIO, which begins with its kiocb as well. */
struct kioctx {
	unsigned int nr_events;
};

struct aio_kiocb {
	struct kioctx *ki_ctx;
};

struct io_tw_req {
	void *req;
};

struct io_async_rw {
	size_t bytes_done;
};

struct iomap_dio {
	int error;
};

#pragma clang attribute pop

/* Whether functions get a struct around the request in its place [7.x]. */
static __always_inline bool kf_has_wrapped_requests(void)
{
	return bpf_core_type_exists(struct io_tw_req);
}

/* Whether a direct write can be left to be completed by who asked for it. */
static __always_inline bool kf_has_deferred_writes(void)
{
	return bpf_core_field_exists(struct kiocb, dio_complete);
}

static __always_inline bool kf_has_request_cqe(void)
{
	return bpf_core_field_exists(struct io_kiocb, cqe);
}

#endif
