/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an operation on a file means, the same in every attach mode: which events it gives and in which
 * order, how its aggregate leaves the kernel, when it has succeeded, and what of its file has to be
 * known ahead of it. Attach modes only find out that one happens, and on what. Only what succeeded
 * becomes an event.
 */
#ifndef KF_FILE_OPERATIONS_BPF_H
#define KF_FILE_OPERATIONS_BPF_H

#include "file/aggregate.bpf.h"

enum kf_op {
	KF_OP_NONE,
	KF_OP_READ,
	KF_OP_WRITE,
	KF_OP_COPY, /* one file is read, the other written, by one call */
	KF_OP_CLONE, /* the same by a reflink, which moves no bytes */
	KF_OP_ALLOCATE,
	KF_OP_TRUNCATE,
	KF_OP_SETATTR, /* mode, owner, times, extended attributes, ACL, flags */
	KF_OP_UNLINK,
	KF_OP_RENAME,
	KF_OP_LINK,
	KF_OP_SYMLINK,
	KF_OP_MKNOD, /* of a regular file */
	KF_OP_TMPFILE, /* O_TMPFILE: a file without a name */
	KF_OP_MKDIR,
	KF_OP_RMDIR,
	KF_OP_LIST, /* getdents: an end of the directory is a success, as inotify has it */
	KF_OPS,
};

/* For an index and a shift that the verifier believes. */
#define KF_OP_MASK 31
_Static_assert(KF_OPS <= KF_OP_MASK + 1, "KF_OP_MASK");
#define KF_OP_BIT(op) (1U << (op))
/* Changes of one file. The kernel does both by one function. */
#define KF_SETATTR_OPS (KF_OP_BIT(KF_OP_SETATTR) | KF_OP_BIT(KF_OP_TRUNCATE))

/* Rules of an operation. */
#define KF_OP_BYTES 1 /* its result is a number of bytes: 0 is nothing done */
#define KF_OP_FILES 2 /* on open files; else on a name */
#define KF_OP_KEEPS_INODE 4 /* there is an inode before, and how it was is kept; else it is made */
#define KF_OP_KEEPS_NAME 8 /* the name before goes into the record */
#define KF_OP_REMOVES 16 /* afterwards the name has no inode: how it was before stands */

struct kf_op_row {
	u8 events; /* 0: a row that is missing, which does nothing */
	u8 first; /* enum kf_file_event, if there are two; of files, that of the one that is read */
	u8 last; /* the only event, or the second */
	u8 how; /* KF_FLUSH_* of the last; a first one has KF_FLUSH_MORE as well */
	u8 rules; /* KF_OP_* */
};

/* A table and no switch: where the operation is not known when compiling, what is read by index is
 * one unknown to the verifier, and a switch a state for each case. Where it is, nothing of the table
 * is left in the program. */
const struct kf_op_row kf_op_rows[KF_OP_MASK + 1] = {
	[KF_OP_READ] = { 1, .last = KF_FILE_ACCESS, .rules = KF_OP_FILES | KF_OP_BYTES },
	[KF_OP_WRITE] = { 1, .last = KF_FILE_MODIFY, .rules = KF_OP_FILES | KF_OP_BYTES },
	[KF_OP_COPY] = { 2, KF_FILE_ACCESS, KF_FILE_MODIFY, .rules = KF_OP_FILES | KF_OP_BYTES },
	[KF_OP_CLONE] = { 2, KF_FILE_ACCESS, KF_FILE_MODIFY, .rules = KF_OP_FILES },
	[KF_OP_ALLOCATE] = { 1, .last = KF_FILE_MODIFY, .rules = KF_OP_FILES },
	[KF_OP_TRUNCATE] = { 1, .last = KF_FILE_MODIFY, .rules = KF_OP_KEEPS_INODE },
	[KF_OP_SETATTR] = { 1, .last = KF_FILE_ATTRIB, .rules = KF_OP_KEEPS_INODE },
	[KF_OP_UNLINK] = { 1, .last = KF_FILE_DELETE, .how = KF_FLUSH_PATH,
			   .rules = KF_OP_KEEPS_INODE | KF_OP_REMOVES },
	[KF_OP_RENAME] = { 2, KF_FILE_MOVED_FROM, KF_FILE_MOVED_TO, .how = KF_FLUSH_PATH,
			   .rules = KF_OP_KEEPS_INODE | KF_OP_KEEPS_NAME },
	[KF_OP_LINK] = { 1, .last = KF_FILE_CREATE, .how = KF_FLUSH_PATH },
	[KF_OP_SYMLINK] = { 1, .last = KF_FILE_CREATE, .how = KF_FLUSH_PATH },
	[KF_OP_MKNOD] = { 1, .last = KF_FILE_CREATE, .how = KF_FLUSH_PATH },
	[KF_OP_TMPFILE] = { 1, .last = KF_FILE_CREATE, .rules = KF_OP_FILES },
	[KF_OP_MKDIR] = { 1, .last = KF_FILE_CREATE, .how = KF_FLUSH_PATH },
	[KF_OP_RMDIR] = { 1, .last = KF_FILE_DELETE, .how = KF_FLUSH_PATH,
			  .rules = KF_OP_KEEPS_INODE | KF_OP_REMOVES },
	[KF_OP_LIST] = { 1, .last = KF_FILE_ACCESS, .rules = KF_OP_FILES },
};

static __always_inline const struct kf_op_row *kf_op__row(u32 op)
{
	return &kf_op_rows[op & KF_OP_MASK];
}

/* By the result of the operation, or of the system call around it (open, which truncates, returns a
 * descriptor). */
static __always_inline bool kf_op__succeeded(u32 op, long ret)
{
	const struct kf_op_row *row = kf_op__row(op);

	return row->events && (row->rules & KF_OP_BYTES ? ret > 0 : ret >= 0);
}

static __always_inline bool kf_op__among(u32 op, const u32 ops)
{
	return ops & KF_OP_BIT(op & KF_OP_MASK);
}

/* An operation on a name has succeeded: folds its events. flush has what they have in common. */
static __always_inline void kf_op__fold(u32 op, struct kf_subject *subject, struct kf_flush *flush)
{
	const struct kf_op_row *row = kf_op__row(op);
	u32 how = flush->how | row->how | KF_FLUSH_NAMED;

	if (row->events > 1) {
		flush->event = row->first;
		flush->how = how | KF_FLUSH_MORE;
		kf_file__fold(subject, flush);
	}
	flush->event = row->last;
	flush->how = how;
	kf_file__fold(subject, flush);
}

/* An operation on open files returns. `in` is NULL if none is read. event: kf_file__event, or a global
 * function around it where the verifier would else meet it too often. */
static __always_inline void kf_op__on_files(u32 op, struct file *in, struct file *out, long ret,
					    void (*event)(struct file *, enum kf_file_event))
{
	const struct kf_op_row *row = kf_op__row(op);

	if (!kf_op__succeeded(op, ret))
		return;
	if (row->events > 1)
		event(in, row->first);
	event(out, row->last);
}

static __always_inline void kf_op__on_file(u32 op, struct file *file, long ret)
{
	kf_op__on_files(op, NULL, file, ret, kf_file__event);
}

#endif
