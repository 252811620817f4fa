/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Constants that the loader sets before load; the verifier drops the code they switch off. */
#ifndef KF_CONFIG_BPF_H
#define KF_CONFIG_BPF_H

#include "record.h"

const volatile u32 kf_self_tgid = 0; /* kflowd itself: not observed */
const volatile u8 kf_pseudo_fs = 0; /* 1: proc, sysfs and their like are reported too */
const volatile u8 kf_directories = 0; /* 1: directories are reported too */
const volatile u8 kf_follow = 0; /* 1: of files only what a process and its descendants do */
const volatile u8 kf_has_standby = 0; /* 1: tracing programs are loaded twice: see standby.bpf.h */
const volatile u8 kf_is_standby = 0; /* 1: this is the second copy */
const volatile u32 kf_page_size = 4096;
const volatile u32 kf_export_at = 0; /* -e: events until a file aggregate is flushed, 0: never */
const volatile u32 kf_sock_entries = 1; /* of kf_tcp and of kf_udp */
const volatile u32 kf_unix_entries = 1; /* of kf_unix */
/* 1: programs at the kernel's functions see who uses TCP and UDP, and who takes a datagram out of a queue */
const volatile u8 kf_takes_datagrams = 0;
const volatile u8 kf_sees_stores =
	0; /* 1: a program sees stores through shared mappings of files */
const volatile u8 kf_watches_clock =
	0; /* 1: system calls that set the wall clock are looked at here */
const volatile u32 kf_salt = 0; /* of this run */
const volatile u64 kf_secrets[6] = {}; /* of this run */
const volatile u32 kf_wakeup_bytes = 1 << 16; /* ring fill at which the consumer is woken */

/* Looked at where kf_self_tgid is: to read a variable of a section costs no look-up. */
struct kf_left_out kf_left_out SEC(".bss.left_out");

#define KF_PRIME \
	0x9e3779b97f4a7c15ULL /* 2^64 over the golden ratio: the high bits of a product are a hash */

#endif
