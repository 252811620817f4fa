/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Switches that are known when an object is compiled. What the loader decides is in config.bpf.h.
 *
 *  switch            set by                      what it means
 *  ----------------  --------------------------  ----------------------------------------------------
 *  KF_DIRECT         fentry.bpf.c of each room,  arguments of the programs are typed pointers, which
 *                    process.bpf.c,              KF_READ follows without a helper (read.bpf.h)
 *                    socket.bpf.c
 *  KF_PACKETS        socket.bpf.c                programs for packets run here, to which no helper says which
 *                                              process is current, but which task (task.bpf.h)
 *  KF_NO_CAST        socket.bpf.c,               this object is for kernels too that have lockdown, but not yet
 *                    clock/fentry.bpf.c          bpf_rdonly_cast: it does without in the variant "cast"
 *  KF_CAST           Makefile, build variant     no probe reads of kernel memory, which
 *                    "cast"                      lockdown=confidentiality refuses: addresses get a
 *                                                type by bpf_rdonly_cast (read.bpf.h, string.bpf.h)
 *  KF_NO_LOOP        Makefile, build variant     no bpf_loop: loops have a smaller bound, and each
 *                    "noloop"                    round is verified (kf_loop in compat.bpf.h)
 *
 * The build variants of an object are those that its source names behind KF_VARIANTS; the Makefile and
 * the loader know them by the ending of its name.
 */
#ifndef KF_BUILD_BPF_H
#define KF_BUILD_BPF_H

/* KF_ENABLED(switch): 1 or 0, as the kernel's IS_ENABLED. */
#define KF_PLACEHOLDER_1 0,
#define KF_SECOND(ignored, value, ...) value
#define KF_ENABLED_3(argument_or_junk) KF_SECOND(argument_or_junk 1, 0)
#define KF_ENABLED_2(value) KF_ENABLED_3(KF_PLACEHOLDER_##value)
#define KF_ENABLED(option) KF_ENABLED_2(option)

#endif
