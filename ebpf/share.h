/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How much of a table each process and user has. Programs count when an entry begins and ends, and
 * each sweep, which walks the tables anyway, adds what it finds to differ: a counter that has
 * drifted heals within a second. Places are found by a hash with a salt of the run: who meets another
 * in one place has a smaller share with it, no more, and nobody can choose whom. Why it is as it is:
 * docs/shares.md.
 */
#ifndef KF_SHARE_H
#define KF_SHARE_H

#define KF_SHARE_HASH 0x9e3779b1U
#define KF_SHARE_PROCESS_BITS 13
#define KF_SHARE_USER_BITS 10
#define KF_SHARE_SOCKET_BITS 13
#define KF_SHARE_PROCESSES (1 << KF_SHARE_PROCESS_BITS)
#define KF_SHARE_USERS (1 << KF_SHARE_USER_BITS)
#define KF_SHARE_SOCKETS (1 << KF_SHARE_SOCKET_BITS)

/* Tables that others can fill. */
enum kf_share_table {
	KF_SHARE_TCP = 0,
	KF_SHARE_UDP = 1,
	KF_SHARE_UNIX = 2,
	KF_SHARE_OWNERS = 3,
	KF_SHARE_SPILL = 4,
	KF_SHARE_FOLDS = 5,
	KF_SHARE_UNIX_FOLDS = 6,
	KF_SHARE_USED = 7,
	KF_SHARE_FILES = 8,
	KF_SHARE_TABLES = 9,
};

/* Signed: an adjustment may take a counter below zero for a moment. */
struct kf_share {
	__s32 used;
	__s32 folding; /* something was folded since the start */
	__s32 process[KF_SHARE_PROCESSES];
	__s32 user[KF_SHARE_USERS];
};

/* The one element of the map, which user space maps into its memory. */
struct kf_shares {
	struct kf_share table[KF_SHARE_TABLES];
	__s32 peers[KF_SHARE_SOCKETS]; /* of UDP sockets */
	/* Threads of a user: no sweep walks their tables, each gives back what it took. */
	__s32 operations[KF_SHARE_USERS]; /* in kf_pending and kf_named */
	__s32 calls[KF_SHARE_USERS]; /* in kf_calls */
	struct kf_share aios; /* of kf_aios: what takes an entry out gives it back, the sweep too */
};
#define KF_SHARES_SWEPT (__builtin_offsetof(struct kf_shares, operations) / sizeof(__s32))

/* Where a process and its user are counted; root has a place alone. */
static __always_inline void kf_share_place__set(struct kf_charge *charge, __u32 tgid, __u32 uid,
						__u32 salt)
{
	__u32 user = ((uid ^ salt) * KF_SHARE_HASH) >> (32 - KF_SHARE_USER_BITS);

	charge->process = ((tgid ^ salt) * KF_SHARE_HASH) >> (32 - KF_SHARE_PROCESS_BITS);
	charge->user = uid ? (user ? user : 1) : 0;
}

#endif
