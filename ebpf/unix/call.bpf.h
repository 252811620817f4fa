/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What system calls on UNIX sockets leave in the memory of the process: numbers and names of messages. */
#ifndef KF_UNIX_CALL_BPF_H
#define KF_UNIX_CALL_BPF_H

#include "syscalls.bpf.h"
#include "unix/aggregate.bpf.h"

#define KF_BATCH_MAX 1024 /* messages of one sendmmsg (UIO_MAXIOV), and of a recvmmsg, added up */

/* The same in the 32-bit ABI. */
struct kf_user_mmsghdr32 {
	u32 name;
	s32 name_len;
	u32 rest[5];
	u32 len;
};

static __always_inline u32 kf_unix_call__step(u32 compat)
{
	return compat ? sizeof(struct kf_user_mmsghdr32) : sizeof(struct kf_user_mmsghdr);
}

/* The messages of a call, which a loop goes through: how many bytes they have. */
struct kf_unix_lengths {
	u64 at; /* the next one */
	u64 step;
	u64 bytes; /* of those before */
	s64 failed; /* not 0: one could not be read */
};

static long kf_unix_call__add(u32 round, void *context)
{
	struct kf_unix_lengths *batch = context;
	u32 len = 0;

	batch->failed |= bpf_probe_read_user(&len, sizeof(len), (void *)batch->at);
	batch->bytes += len;
	batch->at += batch->step;
	return 0;
}

static __always_inline u32 kf_unix_call__bounded(u32 messages)
{
	return messages < KF_BATCH_MAX ? messages : KF_BATCH_MAX;
}

/* Bytes of the first messages of a sendmmsg or recvmmsg. Global: the verifier walks the loop once. */
__noinline u64 kf_unix_call__bytes(u64 vector, s32 messages, u32 compat)
{
	struct kf_unix_lengths batch = { .step = kf_unix_call__step(compat) };

	batch.at = vector + (compat ? offsetof(struct kf_user_mmsghdr32, len)
				    : offsetof(struct kf_user_mmsghdr, len));
	kf_loop(kf_unix_call__bounded(messages), kf_unix_call__add, &batch, KF_BATCH_MAX);
	if (batch.failed) /* once: in the loop it would be many paths for the verifier */
		kf_count(KF_CNT_READ_FAILED, 1);
	return batch.bytes;
}

/* What is needed of one message, in either ABI. */
struct kf_user_message {
	u64 name;
	s32 name_len;
	u32 len;
};

static __always_inline void kf_unix_call__read(struct kf_user_message *one, u64 at, u32 compat)
{
	struct kf_user_mmsghdr32 *narrow = (void *)at;
	struct kf_user_mmsghdr *wide = (void *)at;
	long failed;

	if (compat)
		failed = bpf_probe_read_user(&one->name, sizeof(narrow->name), &narrow->name) |
			 bpf_probe_read_user(&one->name_len, sizeof(u32), &narrow->name_len) |
			 bpf_probe_read_user(&one->len, sizeof(u32), &narrow->len);
	else
		failed = bpf_probe_read_user(&one->name, sizeof(one->name), &wide->hdr.name) |
			 bpf_probe_read_user(&one->name_len, sizeof(u32), &wide->hdr.name_len) |
			 bpf_probe_read_user(&one->len, sizeof(u32), &wide->len);
	if (failed)
		kf_count(KF_CNT_READ_FAILED, 1);
}

/*
 * One message that a datagram socket has sent by sendmmsg, to a destination of its own. Global: verified
 * once, so its arguments are numbers: the socket or NULL, its key, where the message is.
 */
__noinline int kf_unix_call__message(u64 socket, u64 sock, u64 ino, u64 at, u32 compat)
{
	struct kf_unix_message message = { .messages = 1, .sent = true };
	struct kf_unix_key key = { .sock = sock, .ino = ino };
	struct kf_user_message *one = (void *)message.to.words; /* there is no stack for more */
	void *name;
	s32 name_len;

	kf_unix_call__read(one, at, compat);
	message.socket = (struct socket *)socket;
	message.bytes = one->len;
	name = (void *)one->name;
	name_len = one->name_len;
	__builtin_memset(one, 0, sizeof(*one));
	if (name && name_len > KF_UNIX_FAMILY_LEN)
		kf_unix_name__read(&message.to, name, name_len, true);
	kf_unix__book(&key, &message);
	return 0;
}

/* The same, for a socket whose messages have destinations. Small: the stack is deep here. */
struct kf_unix_batch {
	u64 at;
	u64 socket;
	u64 sock;
	u64 ino;
	u64 compat;
};

static long kf_unix_call__each(u32 round, void *context)
{
	struct kf_unix_batch *batch = context;

	kf_unix_call__message(batch->socket, batch->sock, batch->ino, batch->at, batch->compat);
	batch->at += kf_unix_call__step(batch->compat);
	return 0;
}

#define KF_BATCH_COMPAT (1U << 31)

/* Each of the first messages of a sendmmsg; their number may have KF_BATCH_COMPAT. */
__noinline int kf_unix_call__messages(u64 socket, u64 sock, u64 ino, u64 vector, u32 messages)
{
	struct kf_unix_batch batch = { .at = vector, .socket = socket, .sock = sock, .ino = ino };

	batch.compat = messages & KF_BATCH_COMPAT;
	kf_loop(kf_unix_call__bounded(messages & ~KF_BATCH_COMPAT), kf_unix_call__each, &batch,
		KF_BATCH_MAX);
	return 0;
}

#endif
