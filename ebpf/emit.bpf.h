/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records on their way to user space. A record is written in place, in ring memory reserved at a
 * constant size (the verifier wants that); hdr.size says how much of it is meant, and the drain
 * copies no more. Writing in place needs no per-CPU scratch, so nothing can overwrite a record
 * when a program is preempted.
 */
#ifndef KF_EMIT_BPF_H
#define KF_EMIT_BPF_H

#include "maps.bpf.h"

/* What is written in place never gets into BTF by itself; the layout check at load needs it there. */
#define KF_ANCHOR(type) const struct type *const volatile kf_anchor__##type = 0
KF_ANCHOR(kf_proc_record);
KF_ANCHOR(kf_exit_record);
KF_ANCHOR(kf_path_record);
KF_ANCHOR(kf_mount_record);
KF_ANCHOR(kf_file_record);
KF_ANCHOR(kf_sock_record);
KF_ANCHOR(kf_payload_record);
KF_ANCHOR(kf_closed_record);
KF_ANCHOR(kf_unix_record);
KF_ANCHOR(kf_clock_record);

/* The clock costs as much as a probe read: an event that has asked it passes what it said. */
static __always_inline void kf_header__fill_at(struct kf_header *hdr, enum kf_kind kind, u32 size,
					       u64 now_ns)
{
	hdr->kind = kind;
	hdr->version = KF_VERSION;
	hdr->size = size;
	hdr->cpu = bpf_get_smp_processor_id();
	hdr->pad = 0;
	hdr->ts_ns = now_ns;
}

static __always_inline void kf_header__fill(struct kf_header *hdr, enum kf_kind kind, u32 size)
{
	kf_header__fill_at(hdr, kind, size, bpf_ktime_get_boot_ns());
}

/* More than the largest record: none can step over the window in which the consumer is woken. */
#define KF_WAKEUP_WINDOW (16 << 10)

/*
 * Waking the consumer costs twenty times the record. Else it polls; it is woken while the fill
 * passes a mark, and not any more above it, where it has been woken and is only not fast enough.
 */
static __always_inline u64 kf_wakeup_flags(void)
{
	u64 used = bpf_ringbuf_query(&kf_ring, BPF_RB_AVAIL_DATA);

	if (used >= kf_wakeup_bytes && used < kf_wakeup_bytes + KF_WAKEUP_WINDOW)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

/* Fixed-size record that is complete in memory. Returns 0, or -1 and has counted the refusal. */
static __always_inline int kf_emit(void *rec, u64 size, enum kf_counter lost)
{
	if (bpf_ringbuf_output(&kf_ring, rec, size, kf_wakeup_flags()) == 0)
		return 0;
	kf_count(lost, 1);
	return -1;
}

static __always_inline void kf_submit(void *rec)
{
	bpf_ringbuf_submit(rec, kf_wakeup_flags());
}

/* What is not sent takes its room until the consumer has passed it: it wakes like what is sent. */
static __always_inline void kf_discard(void *rec)
{
	bpf_ringbuf_discard(rec, kf_wakeup_flags());
}

#endif
