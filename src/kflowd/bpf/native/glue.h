/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libbpf alone does not give: one call that empties the ring, one that sweeps the maps, probes
 * of kernel features, and a few look-ups in BTF. The text between the marks is also what cffi
 * declares, so C and Python cannot disagree. Functions return 0 or a size, or -errno.
 */
#ifndef KF_GLUE_H
#define KF_GLUE_H

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "record.h"

/* cffi: begin */
/* glue_log.c: libbpf's messages, kept and not printed. */
void kf_log__set_verbose(int verbose); /* 1: warnings also go to stderr, 2: everything */
long kf_log__take(char *text, long size); /* copies the newest text, forgets all of it */

/* glue_object.c */
struct kf_var {
	const char *name;
	struct bpf_map *map; /* of the section */
	__u32 offset;
	__u32 size;
};

struct kf_member {
	const char *name;
	__u32 offset; /* bytes */
	__u32 size;
};

/* An object from its content, which may go afterwards; NULL with errno. */
struct bpf_object *kf_object__open(const char *name, const void *data, size_t size);
/* Variable number index of the section (".rodata", ".bss"); -ENOENT after the last one. */
int kf_object__var(struct bpf_object *obj, const char *section, int index, struct kf_var *var);
/* Size of a struct by its BTF, -ENOENT when it is not there. */
long kf_btf__size(const struct btf *btf, const char *type);
/* Member number index of a struct; -ENOENT after the last one. */
int kf_btf__member(const struct btf *btf, const char *type, int index, struct kf_member *member);
/* Number of arguments of a kernel function, -ENOENT when it is not there. */
int kf_btf__func_args(const struct btf *btf, const char *func);
/* Whether each argument has a size: else fentry refuses the function (btf_distill_func_proto). */
int kf_btf__func_sized(const struct btf *btf, const char *func);
/* What the kernel counts of a program; runs and their time only while somebody wants times. */
struct kf_prog_use {
	__u64 misses;
	__u64 runs;
	__u64 run_ns;
};
int kf_prog__use(int fd, struct kf_prog_use *use);
/* A descriptor: as long as it is open the kernel counts runs and their time, of all programs. */
int kf_prog__time(void);
int kf_iter__run(int link_fd);
/* Directory fd of the root of cgroup2 without a mount point. */
int kf_cgroup2__open(void);
/* O_PATH fd of the group with a number, by a directory fd of its hierarchy. */
int kf_cgroup2__open_group(int mount_fd, __u64 number);
/* Of kf_counters; standby_runs: KF_STANDBY_RUNS. */
int kf_counters__sum(int map_fd, __u64 *counters, __u64 *standby_runs);

/* glue_programs.c: all programs in the kernel, of whomever. */
struct kf_prog_stats {
	__u64 runs; /* while somebody wants times, as of kf_prog_use */
	__u64 run_ns;
	__u64 misses; /* runs that were skipped; 0 before 5.12 */
	__u32 id;
	__u32 type;
	__u32 bytes; /* of machine code */
	char name[16];
};
/* The first program whose id is larger; -ENOENT: there is none. */
int kf_prog__next(__u32 id, struct kf_prog_stats *stats);

/* glue_probe.c: does the kernel take a trivial program of this kind? 0 or -errno. */
enum kf_probe_kind {
	KF_PROBE_FENTRY = 0,
	KF_PROBE_TP_BTF = 1,
};
int kf_probe__tracing(enum kf_probe_kind kind, int btf_id);
int kf_probe__kprobe(const char *func);
int kf_probe__cgroup(void);
int kf_probe__helper(int helper);
int kf_probe__own_tgid(void);
int kf_probe__map(void);

/* glue_clock.c: the wall clock beside CLOCK_BOOTTIME as this process sees it. */
struct kf_clock_sample {
	__u64 boot_ns;
	__s64 offset_ns; /* CLOCK_REALTIME minus CLOCK_BOOTTIME */
	__u32 uncertain_ns;
	__u32 pad;
};
void kf_clock__sample(struct kf_clock_sample *sample);
int kf_clock__watch(void); /* a descriptor */
/* Waits until the clock is set (1) or stop can be read (0). */
int kf_clock__wait(int watch, int stop, struct kf_clock_sample *sample);
/* How far CLOCK_BOOTTIME is ahead of the kernel's own, which programs read: in a time namespace. */
int kf_clock__ahead(__s64 *shift_ns, __u64 *uncertain_ns);

/* glue_netns.c: moves the calling thread into a network namespace. */
int kf_netns__enter(int fd);

/* glue_reads.c: makes the section tp_btf_user known to libbpf; once is enough. */
int kf_reads__register(void);

/* glue_exited.c: processes that exited or ran a program, and sockets that were closed, bounded;
 * what does not fit is left to idling and counted. */
struct kf_exited;
struct kf_exited *kf_exited__new(void);
void kf_exited__free(struct kf_exited *exited);
void kf_exited__add_exit(struct kf_exited *exited, __u32 tgid, __u64 start_ns, __u64 ts_ns);
void kf_exited__add_closed(struct kf_exited *exited, __u64 cookie);
__u64 kf_exited__lost(const struct kf_exited *exited);

/*
 * glue_drain.c: empties the ring into a backlog, of which each call hands out a piece; record i + 1 at
 * align8 after record i. A record takes a third of its room in the ring there, and whoever reads the
 * backlog may be slow for some seconds while the ring has room all the time.
 */
struct kf_drain;
struct kf_drain *kf_drain__new(int ring_fd, struct kf_exited *exited);
void kf_drain__free(struct kf_drain *drain);
/* Bytes of the piece: 0 after timeout_ms without a record, or on a signal. */
long kf_drain__run(struct kf_drain *drain, int timeout_ms);
/* Empties the ring into the backlog and hands out nothing; returns the bytes that wait there. */
long kf_drain__fill(struct kf_drain *drain);
/* Runs an iterator that writes to the ring, and empties that meanwhile. */
int kf_drain__iterate(struct kf_drain *drain, int link_fd);
/* Appends records that are later than all in the backlog; -ENOSPC: no room. */
int kf_drain__append(struct kf_drain *drain, const char *data, size_t size);
const char *kf_drain__data(const struct kf_drain *drain);
__u64 kf_drain__bad(const struct kf_drain *drain); /* records of impossible size, skipped */
struct kf_drain_fill {
	__u64 oldest_ns; /* when the first record of the piece was made; 0: the piece is empty */
	__u64 ring_bytes; /* most that was in the ring when it was emptied, since the last question */
	__u64 backlog_bytes; /* behind the piece */
};
struct kf_drain_fill kf_drain__filled(struct kf_drain *drain);

/* glue_sweep.c: takes out of the maps what has ended, idled or aged, as records of the ring. */
struct kf_sweep_config {
	__u64 idle_ns;
	__u64 active_ns;
	int files_fd; /* -1: no such map */
	int tcp_fd;
	int udp_fd;
	int front_fd; /* of UDP, too */
	int names_fd;
	int unix_fd;
	int folds_fd;
	int unix_folds_fd;
	int users_fd;
	int owners_fd;
	int spill_fd;
	int shares_fd;
	int aios_fd;
	int followed_fd;
	int hidden_fd;
	int tcp_iter_fd; /* link of iter/tcp, which brings TCP counters up to date; -1: none */
	__u32 salt; /* kf_salt of the programs, by which files are counted */
	__u32 filters_sockets; /* there are rules on them */
	struct kf_filter filter; /* as the programs have it */
};
/* What sweeps have taken that is in no record. */
struct kf_swept {
	__u64 given_up; /* requests of AIO */
	__u64 hidden; /* file events that rules hide */
	__u64 sockets; /* those that rules hide */
};
struct kf_sweep;
/* The config is looked at by each run, which takes the times that it has by then. */
struct kf_sweep *kf_sweep__new(const struct kf_sweep_config *config, struct kf_exited *exited);
void kf_sweep__free(struct kf_sweep *sweep);
/* Bytes now in the buffer. final: everything goes, whatever its age. */
long kf_sweep__run(struct kf_sweep *sweep, __u64 now_ns, int final);
const char *kf_sweep__data(const struct kf_sweep *sweep);
struct kf_swept kf_sweep__swept(const struct kf_sweep *sweep);
/* cffi: end */

/* Entries of tables of sockets. The keys are those of the first user. */
struct kf_user_key kf_entry__socket_user(__u32 table, __u64 number);
struct kf_user_key kf_entry__unix_user(const struct kf_unix_key *key);
/* Members of a fold that are known to differ. */
__u32 kf_entry__members(const __u64 *members);
/* Whether rules hide a TCP or UDP socket for sure. */
int kf_entry__is_hidden(const struct kf_sweep_config *config, const struct kf_sock *sock);

/* Shared by the sources of the glue only. */
struct kf_export {
	__u64 cookie;
	__u64 ts_ns;
};

struct kf_export_list {
	struct kf_export *list;
	size_t used, room;
};

/* glue_gone.c */
struct kf_gone_process {
	__u64 start_ns;
	__u64 until_ns;
	__u32 tgid;
};

struct kf_gone {
	struct kf_gone_process *list;
	size_t used, room;
};
void kf_gone__add(struct kf_gone *gone, __u32 tgid, __u64 start_ns, __u64 now_ns);
void kf_gone__take(struct kf_gone *gone, int followed_fd, int hidden_fd, __u64 now_ns);
void kf_gone__free(struct kf_gone *gone);

struct kf_exports {
	struct kf_export_list old; /* of the last sweep, sorted by cookie */
	struct kf_export_list new; /* of the one that runs */
};

/* glue_front.c: UDP peers that are in no hash. */
struct kf_front *kf_front__map(int fd); /* NULL with errno */
void kf_front__unmap(struct kf_front *front);
/* Whether a peer has a place. front may be NULL. */
int kf_front__has(struct kf_front *front, __u64 number);
/* 0, or -ENOENT: it has no place, or a program takes it out. */
int kf_front__take(struct kf_front *front, __u64 number, struct kf_peer *out);
/* The number of the peer in a place, and a copy; 0: there is none. */
__u64 kf_front__peer(struct kf_front *front, __u32 place, struct kf_peer *out);

/* glue_shares.c: what the sweep finds in the tables, against what programs have counted. */
struct kf_share_count;
struct kf_share_count *kf_share_count__new(int shares_fd); /* NULL with errno */
void kf_share_count__free(struct kf_share_count *count);
void kf_share_count__begin(struct kf_share_count *count);
void kf_share_count__entry(struct kf_share_count *count, int table, const struct kf_charge *charge);
void kf_share_count__peer(struct kf_share_count *count, __u16 place);
void kf_share_count__give_aio(struct kf_share_count *count, const struct kf_charge *charge);
void kf_share_count__end(struct kf_share_count *count);

__u64 kf_exports__find(const struct kf_exports *exports, __u64 cookie); /* 0: never */
int kf_exports__add(struct kf_exports *exports, __u64 cookie, __u64 ts_ns);
void kf_exports__end(struct kf_exports *exports, int complete);
void kf_exports__free(struct kf_exports *exports);

/* Makes room for need items; the array stays as it was on -ENOMEM. */
int kf_grow(void **list, size_t *room, size_t need, size_t item);

/* Whether a process has exited, and has had the time to close what it had open. */
int kf_exited__has_exit(const struct kf_exited *exited, __u32 tgid, __u64 start_ns, __u64 now_ns);
int kf_exited__has_closed(const struct kf_exited *exited, __u64 cookie);
void kf_exited__sort(struct kf_exited *exited);
void kf_exited__clear(struct kf_exited *exited, __u64 now_ns);
void kf_exited__add_exec(struct kf_exited *exited, const struct kf_proc *proc, __u64 ts_ns);

/* An aggregate's image: it runs; another has taken its place, just now or some time ago. */
enum kf_image { KF_IMAGE_RUNS, KF_IMAGE_GOES, KF_IMAGE_GONE };
enum kf_image kf_exited__image(const struct kf_exited *exited, const struct kf_file_key *key,
			       __u64 now_ns);

static inline size_t kf_align8(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

#endif
