/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which program image an event belongs to, where it is not the one that runs. exec opens and reads files for
 * the image that it starts, while the one that called it is still there. What that one leaves behind,
 * mappings and descriptors that close on exec, is closed at the end of exec, when the new one is there; so
 * is what exec itself has opened. Images of a process are numbered by self_exec_id.
 */
#ifndef KF_FILE_IMAGE_BPF_H
#define KF_FILE_IMAGE_BPF_H

#include "file/aggregate.bpf.h"
#include "syscalls.bpf.h"

static __always_inline u32 kf_image__beside(u32 execs, s32 distance)
{
	return (u16)(execs + distance);
}

/* Moves the key to another image of its process if that has done something to the file. */
static __always_inline bool kf_image__move(struct kf_file_key *key, s32 distance)
{
	u32 execs = key->execs;

	key->execs = kf_image__beside(execs, distance);
	if (bpf_map_lookup_elem(&kf_files, key))
		return true;
	key->execs = execs;
	return false;
}

/* What exec opens belongs to the image that it starts, the next one. */
static __always_inline int kf_image__starts(struct kf_file_key *key)
{
	key->execs = kf_image__beside(key->execs, 1);
	return 0;
}

/* So does what it reads of that. */
static __always_inline int kf_image__loads(struct kf_file_key *key)
{
	kf_image__move(key, 1);
	return 0;
}

/*
 * A file is closed. In exec that is by the image before, if exec has succeeded and nothing says that it was
 * opened by exec; if exec has failed, what exec has opened is that of the image it did not start.
 */
static __noinline int kf_image__execs(struct kf_file_key *key)
{
	if (kf_current__exiting())
		return 0;
	if (KF_CURRENT_RESULT() < 0) {
		kf_image__move(key, 1);
		return 0;
	}
	if (!kf_image__move(key, -1) && !kf_image__move(key, 0))
		key->execs = kf_image__beside(key->execs, -1);
	return 0;
}

static __always_inline int kf_image__closes(struct kf_file_key *key)
{
	if (kf_syscall__execs())
		kf_image__execs(key);
	return 0;
}

#endif
