/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract: every struct and enum that crosses from the kernel to user space, through the ring
 * buffer or out of a map, and nothing else. The cffi declarations are cut from the text between
 * the two marks, and the layout is compared with the object's BTF at load.
 *
 * Rules: fixed width types only, every hole a named pad (-Wpadded is an error), strings last.
 * Times are nanoseconds of CLOCK_BOOTTIME unless a name says otherwise. A path travels as its
 * components, leaf first, each ended by a NUL, without slashes: "passwd\0etc\0".
 */
#ifndef KF_RECORD_H
#define KF_RECORD_H
/* cffi: begin */
#define KF_VERSION 11
#define KF_COMM_LEN 16
#define KF_NAME_LEN 256
#define KF_TTY_LEN 64
#define KF_PATH_MAX 4096
#define KF_ARGS_MAX 2048
#define KF_ADDR_LEN 16
#define KF_UNIX_PATH_LEN 108
#define KF_FLAG_SLOTS 12
#define KF_FOLD_WORDS 32 /* of 64 bits: which members of a fold are known to differ */
#define KF_USERS 8 /* images beside the owner's that a socket names */

enum kf_kind {
	KF_KIND_NONE = 0,
	KF_KIND_PROC = 1, /* struct kf_proc_record: exec, fork, snapshot */
	KF_KIND_EXIT = 2, /* struct kf_exit_record */
	KF_KIND_PATH = 3, /* struct kf_path_record: path of a file aggregate that stays open */
	KF_KIND_FILE = 4, /* struct kf_file_record: a file aggregate, ended or forced out */
	KF_KIND_SOCK = 5, /* struct kf_sock_record: TCP or UDP */
	KF_KIND_UNIX = 6, /* struct kf_unix_record */
	KF_KIND_SOCK_CLOSED = 7, /* struct kf_closed_record: a UDP socket is closed */
	KF_KIND_COUNTERS = 8, /* struct kf_counters_record: written by user space */
	KF_KIND_SESSION = 9, /* struct kf_session_record: first of a recording, by user space */
	KF_KIND_TICK = 10, /* struct kf_header alone: user space swept the maps at this time */
	KF_KIND_MOUNT = 11, /* struct kf_mount_record: ahead of the first path through a mount */
	KF_KIND_CLOCK = 12, /* struct kf_clock_record: the wall clock was set */
	KF_KIND_PAYLOAD = 13, /* struct kf_payload_record: of a packet of a port that is decoded */
	KF_KIND_END = 14,
};

/* Source of a process record. */
enum kf_proc_source {
	KF_PROC_EXEC = 1,
	KF_PROC_FORK = 2,
	KF_PROC_SNAPSHOT = 3, /* ran before kflowd: iter/task */
};

/* The order is the order of FileEvents in a record. */
enum kf_file_event {
	KF_FILE_CREATE = 0,
	KF_FILE_OPEN = 1,
	KF_FILE_OPEN_EXEC = 2,
	KF_FILE_ACCESS = 3,
	KF_FILE_ATTRIB = 4,
	KF_FILE_MODIFY = 5,
	KF_FILE_CLOSE_WRITE = 6,
	KF_FILE_CLOSE_NOWRITE = 7,
	KF_FILE_MOVED_FROM = 8,
	KF_FILE_MOVED_TO = 9,
	KF_FILE_DELETE = 10,
	KF_FILE_EVENTS = 11,
};

/* Flags of a file aggregate and its record. */
#define KF_AGG_PATH_SENT 1 /* a path record went out; the aggregate itself has none */
#define KF_AGG_PARTIAL 2 /* forced out early, more of the same key may follow or precede */
#define KF_AGG_PATH_TRUNCATED 4 /* path incomplete: too long, too deep, unreadable */
#define KF_AGG_PATH_NO_MOUNT 8 /* path ends at the root of its file system: mount unknown */
#define KF_AGG_ENDED 16 /* an ending event came but the ring was full: sweep it */
#define KF_AGG_NO_INODE 32 /* identity of the file unknown: key.ino and inode are 0 */
#define KF_AGG_STALE 64 /* swept by user space: idle, aged or its process exited */
#define KF_AGG_NO_BASELINE 128 /* size and mtime before the first event are not known */
#define KF_AGG_PATH_TEXT 256 /* path is the text a system call was given, not resolved */
#define KF_AGG_PATH_KEPT 512 /* the ring was full: the path lies in kf_names */
#define KF_AGG_PATH_DELETED 1024 /* the name was removed when the path was read, or never was one */
#define KF_AGG_PATH_UNREACHABLE 2048 /* path ends at no root of a mount namespace */
#define KF_AGG_PATH_GUESSED 4096 /* through one of several mounts, not known which */
#define KF_AGG_RENAMED 8192 /* it ends because its path is another now: by a rename */
#define KF_AGG_MODE_MOVED 16384 /* the mode was another than mode_first at some point */
#define KF_AGG_FAILED 32768 /* attempts that failed; mode_first is their errno */
#define KF_AGG_MAPPED 65536 /* mapped shared and writable, where not every store is told */
#define KF_AGG_STORED 131072 /* a store through a shared mapping was told, as a MODIFY */
#define KF_AGG_HIDDEN \
	262144 /* a rule hides its path, which was not sent: it never leaves the kernel */

/* Flags of an executable, beside KF_AGG_PATH_*: what it was when the record was made. */
#define KF_EXE_DELETED 16384 /* its name was gone, or it had never had one (O_TMPFILE) */
#define KF_EXE_FILELESS 32768 /* in a file system that nobody has mounted: a memfd */

/* Flags of a process. */
#define KF_PROC_KTHREAD 1

/* Flags of a socket record. */
#define KF_SOCK_FINAL 1 /* the socket or connection is closed: last record */
#define KF_SOCK_SNAPSHOT 2 /* existed before kflowd: totals are deltas since the start */
#define KF_SOCK_NO_OWNER 4 /* proc is empty: no process is known for this socket */
#define KF_SOCK_HANDSHAKE 8 /* handshake packets booked without being seen by a hook */
#define KF_SOCK_ENDED 16 /* to be swept: CLOSE reached, or the ring was full */
#define KF_SOCK_FLAGS_FULL 32 /* more flag combinations than slots: some are not listed */
#define KF_SOCK_STALE 64 /* swept by user space, no event ended it */
#define KF_SOCK_IDLE 128 /* with STALE: it was idle; else active for long, left alone, or the end */
#define KF_SOCK_FRAGS 256 /* rx.frags is counted; else it is not known */
#define KF_SOCK_FOLDED 512 /* sums of many that had no room of their own: see kf_fold */

/* Flags of a socket in the map, which no record has. */
#define KF_SOCK_NO_BASE 0x10000 /* SNAPSHOT: the base has not been sent yet */
#define KF_SOCK_COUNTED 0x20000 /* closed, and the counters of tcp_sock are in */
#define KF_SOCK_DROPS_DONE 0x40000 /* the peer has sent its last: what it sends now is no loss */
#define KF_SOCK_NAMED_TO 0x80000 /* UNIX: the name is a destination that a message had of its own */
#define KF_SOCK_MAP_ONLY 0xffff0000 /* all of them, and room for more */

/* Flags of captured payload: as TCP has them, but that SYN is of the first byte of a direction. */
#define KF_SEGMENT_FIN 1
#define KF_SEGMENT_SYN 2
#define KF_SEGMENT_RST 4
#define KF_SEGMENT_SKIPPED 8 /* bytes ahead of it were left out: they will not come */

/* What a fold stands for. */
enum kf_scope {
	KF_SCOPE_NONE = 0, /* no fold: one connection, one peer */
	KF_SCOPE_SOCKET = 1, /* peers of one UDP socket */
	KF_SCOPE_PROCESS = 2, /* sockets of one process */
	KF_SCOPE_USER = 3, /* sockets of one user, of processes that found no room for a fold */
	KF_SCOPE_ALL = 4, /* the rest */
};

enum kf_role {
	KF_ROLE_NONE = 0,
	KF_ROLE_CLIENT = 1,
	KF_ROLE_SERVER = 2,
};

/* Per-CPU counters, one array map. "events" are what hooks saw and accepted; each event is later
 * either inside a record that left the kernel or inside one of the lost counters. */
enum kf_counter {
	KF_CNT_FILE_EVENTS = 0, /* file events folded */
	KF_CNT_FILE_REPORTED = 1, /* file events in records; by user space, as all *_REPORTED */
	KF_CNT_FILE_LOST_MAP = 2, /* file events lost: aggregate map and ring full */
	KF_CNT_FILE_LOST_RING = 3, /* file events lost inside records refused by the ring */
	KF_CNT_FILE_LOST_PENDING = 4, /* operations not followed: table full, or no result seen */
	KF_CNT_PATH_LOST_RING =
		5, /* file records without a path: ring and kf_names full; by user space */
	KF_CNT_PATH_TRUNCATED = 6, /* paths that are not complete */
	KF_CNT_SOCK_CREATED = 7, /* connections and UDP peers begun, with or without an entry */
	KF_CNT_SOCK_REPORTED = 8, /* TCP and UDP aggregates reported */
	KF_CNT_SOCK_LOST_MAP = 9, /* connections and peers that found not even a fold */
	KF_CNT_SOCK_LOST_RING = 10, /* records refused by the ring (swept later) */
	KF_CNT_UNIX_CREATED = 11,
	KF_CNT_UNIX_REPORTED = 12,
	KF_CNT_UNIX_LOST_MAP = 13,
	KF_CNT_UNIX_LOST_RING = 14,
	KF_CNT_PROC_EVENTS = 15, /* exec, fork, exit seen */
	KF_CNT_PROC_LOST_RING = 16,
	KF_CNT_READ_FAILED = 17, /* kernel memory that could not be read */
	KF_CNT_FILE_HIDDEN = 18, /* file events that rules hide, which are in no record */
	KF_CNT_SOCK_HIDDEN = 19, /* connections and UDP peers that rules hide, the same */
	KF_CNT_PAYLOAD_LOST_RING = 20, /* packets whose payload found no room in the ring */
	KF_CNT_PAYLOAD_LOST_SHARE = 21, /* packets beyond the share of their process or user */
	KF_CNT_MAX = 22, /* those of a record; the map has more behind them */
};

/* Behind the counters, in the same map: user space works them into kf_counters_record.missed. */
enum kf_counter_behind {
	KF_STANDBY_RUNS =
		22, /* runs of primary programs that the kernel skipped and a standby made */
	KF_COUNTERS = 23, /* entries of the map */
};

struct kf_header {
	__u16 kind;
	__u16 version;
	__u32 size; /* of the record, its strings included */
	__u32 cpu;
	__u32 pad;
	__u64 ts_ns;
};

/* A process as each record carries it: who acts, and the state of the thread when it did. Identity is
 * (tgid, start_ns). Ids are those of the initial namespaces. */
struct kf_proc {
	__u64 start_ns; /* start_boottime of the thread group leader */
	__u64 parent_start_ns;
	__u64 cgroup_id; /* inode number, unified hierarchy */
	__u32 tgid;
	__u32 tid;
	__u32 ppid;
	__u32 uid;
	__u32 gid;
	__u32 euid;
	__u32 egid;
	__u32 login_uid; /* 4294967295: not set */
	__u32 session_id; /* of the audit system, as login_uid */
	__u32 mnt_ns; /* inode number; 0: it has left its namespaces, it exits */
	__u32 net_ns;
	__u16 flags; /* KF_PROC_* */
	__u16 execs; /* how many the kernel counts (self_exec_id): another image, another number */
	char comm[KF_COMM_LEN];
};

struct kf_proc_record {
	struct kf_header hdr;
	struct kf_proc proc;
	__u32 source; /* enum kf_proc_source */
	__u32 pid_ns; /* inode number of the namespace that its pid is of, for its whole life */
	__u64 creator_start_ns; /* FORK: whose program it runs; not its parent after CLONE_PARENT */
	__u32 creator_tgid;
	__u32 exe_flags; /* KF_AGG_PATH_*, KF_EXE_* */
	__u32 workdir_flags; /* KF_AGG_PATH_* */
	__u16 exe_len; /* FORK: 0, it is the creator's */
	__u16 workdir_len; /* 0: it has none, it exits */
	__u16 args_len; /* NUL separated arguments, cut at KF_ARGS_MAX */
	__u16 pad;
	__u32 pad2;
	char tty[KF_TTY_LEN]; /* controlling terminal, as the kernel calls it: "pts3"; "": none */
	/* exe components, those of the working directory, then args */
};

struct kf_exit_record {
	struct kf_header hdr;
	struct kf_proc proc;
	__u64 cpu_ns; /* of all threads, up to the scheduler's last look at those that ran */
	__u64 peak_rss; /* bytes */
	__u32 status; /* as wait(2) has it */
	__u32 pad;
};

struct kf_file_key {
	__u64 ino;
	__u64 start_ns; /* process */
	__u32 tgid;
	__u32 dev; /* as stat(2) has it: major << 20 | minor; 0: not known */
	__u32 gen; /* i_generation */
	__u32 execs; /* program image of the process, as kf_proc.execs */
	__u32 name; /* which of the file's names: of its dentry's address */
	__u32 apart; /* not 0: beside an aggregate that has all else in common and has to wait */
};

/* How an inode of overlayfs says which its lower file is. */
enum kf_ovl_path {
	KF_OVL_INODE, /* a pointer to the inode [before 5.19] */
	KF_OVL_FIRST, /* an ovl_path [before 6.5] */
	KF_OVL_LISTED, /* a pointer to an ovl_entry, which has a list of them */
};

/* Where structs of modules have what is needed, in bytes; 0: not known. Written by user space. */
struct kf_layouts {
	__u32 btrfs_root; /* how far a btrfs_inode's root lies ahead of its vfs_inode */
	__u32 btrfs_dev; /* anon_dev in a btrfs_root */
	__u32 ovl_xino; /* xino_mode in an ovl_fs */
	__u32 ovl_count; /* numfs in it */
	__u32 ovl_list; /* fs in it: an array of ovl_sb */
	__u32 ovl_size; /* of an ovl_sb; 0: nothing is known of overlayfs */
	__u32 ovl_sb; /* sb in it */
	__u32 ovl_dev; /* pseudo_dev in it */
	__u32 ovl_lower; /* how far an ovl_inode's lower file lies behind its vfs_inode */
	__u32 ovl_path; /* what is there, enum kf_ovl_path */
	__u32 ovl_dentry; /* dentry in an ovl_path; of KF_OVL_LISTED, in the first of the list */
};

#define KF_LEFT_OUT_MOST 16 /* a pipeline is shorter */

/*
 * Who reads what kflowd writes, and is not observed. Written by user space, while programs run. A process is
 * known by its number and by the tick of the clock in which it began, as proc tells it: one that gets the
 * number later is another, and one that runs another program the same.
 */
struct kf_left_out {
	__u64 bits; /* bit tgid % 64 of each */
	__u64 tick_ns;
	__u64 from_ns[KF_LEFT_OUT_MOST]; /* when the tick began, CLOCK_BOOTTIME */
	__u64 tgid[KF_LEFT_OUT_MOST]; /* 0: nobody */
};

#define KF_FILTER_MOST 16 /* values of a key that programs know */
#define KF_PATTERN_WORDS 16 /* of a pattern, 128 bytes */
#define KF_FILTER_WORDS 256 /* of all patterns */
#define KF_FILTER_NAMES 32 /* words of all names */
/* What a value belongs to, in `how`; 0: no value. */
#define KF_RULE_INCLUDE 1
#define KF_RULE_EXCLUDE 2
#define KF_RULE_PATH 4
#define KF_RULE_EXE 8
#define KF_RULE_NAME 16 /* the last component alone, else a path and what is below it */
#define KF_RULE_IPV4 32 /* a network */
#define KF_RULE_IPV6 64

/*
 * Rules of --include and --exclude that programs can decide. Written by user space, before load. A pattern
 * has components of a path, leaf first, as a path travels.
 */
struct kf_filter {
	__u64 text[KF_FILTER_WORDS]; /* KF_PATTERN_WORDS for each pattern */
	__u64 mask[KF_FILTER_WORDS]; /* which bits of it count */
	__u64 fstypes[KF_FILTER_NAMES]; /* two words for each name, filled up with NULs */
	__u32 lengths[KF_FILTER_MOST]; /* of patterns, bytes */
	__u32 patterns_how[KF_FILTER_MOST]; /* KF_RULE_* */
	__u32 fstypes_how[KF_FILTER_MOST];
	__u32 users[KF_FILTER_MOST];
	__u32 users_how[KF_FILTER_MOST];
	__u64 nets[KF_FILTER_NAMES]; /* two words for each, as kf_sock.remote_addr */
	__u64 net_masks[KF_FILTER_NAMES]; /* which bits of it count */
	__u32 nets_how[KF_FILTER_MOST];
	__u32 ports_low[KF_FILTER_MOST]; /* host order */
	__u32 ports_high[KF_FILTER_MOST]; /* the last one */
	__u32 ports_how[KF_FILTER_MOST];
};

struct kf_inode {
	__u64 size;
	__s64 atime_s;
	__s64 mtime_s;
	__s64 ctime_s;
	__u32 atime_ns;
	__u32 mtime_ns;
	__u32 ctime_ns;
	__u32 mode; /* i_mode: type and permissions */
	__u32 nlink;
	__u32 uid;
	__u32 gid;
	__u32 magic; /* s_magic of the file system */
};

struct kf_file_agg {
	struct kf_proc proc; /* of the first event */
	__u64 first_ns;
	__u64 last_ns;
	__u64 size_first; /* before the first event */
	__s64 mtime_first_s;
	__u32 mtime_first_ns;
	__u32 flags; /* KF_AGG_* */
	struct kf_inode inode; /* at the last event */
	__u32 counts[KF_FILE_EVENTS];
	__u32 share_uid; /* whose share the entry counts against: proc may have another user later */
	__u32 mode_first; /* i_mode before the first event, 0: not known; KF_AGG_FAILED: errno */
	__u32 named; /* events by a name: all of them, and nothing holds the file open */
	__u32 moves; /* renames on this host before the path was read; on 8 bytes, with mount */
	__u32 mount; /* number of the mount that the events went through, 0: not known */
	__u32 path; /* a hash of the path that was sent ahead */
	__u32 pad;
};

#define KF_KEPT_LEN 512 /* 256 bytes of components, and the last one reaches beyond them */

/* Name of an aggregate that the ring refused: user space joins the two when it sweeps. The first
 * members are those of the walk that writes it. */
struct kf_kept_name {
	__u64 dentry; /* not for user space */
	__u64 mnt; /* not for user space */
	__u16 path_len;
	__u16 below; /* as in kf_path_record */
	__u32 flags; /* KF_AGG_PATH_* */
	__u64 mount;
	__u32 origin_len; /* last component before a rename, with its NUL */
	__u32 pad;
	char path[KF_KEPT_LEN]; /* components */
	char origin[KF_NAME_LEN];
};

#define KF_BELOW_NONE 65535

struct kf_path_record {
	struct kf_header hdr;
	struct kf_file_key key;
	__u64 mount; /* as in kf_mount_record, 0: unknown */
	__u32 flags; /* KF_AGG_PATH_* */
	__u16 path_len;
	__u16 below; /* bytes of the path that lie below the mount point, or KF_BELOW_NONE */
	/* path components */
};

#define KF_TYPE_LEN 32

/* A mount through which a path goes. What is mounted for a moment only is known by it. */
struct kf_mount_record {
	struct kf_header hdr;
	__u64 mount; /* never given again */
	__u32 dev; /* s_dev of its file system */
	__u32 pad;
	char type[KF_TYPE_LEN]; /* strings end with a NUL */
	char subtype[KF_TYPE_LEN]; /* FUSE: of which program */
	char source[KF_NAME_LEN]; /* "": none */
};

struct kf_file_record {
	struct kf_header hdr;
	struct kf_file_key key;
	struct kf_file_agg agg;
	__u64 mount; /* as in kf_path_record */
	__u16 path_len; /* 0: see the path record of the same key */
	__u16 origin_len; /* last component before a rename, with its NUL */
	__u16 below; /* as in kf_path_record */
	__u16 pad;
	/* path components, then origin */
};

/* One direction of a TCP or UDP socket. Packets are segments on the wire: GSO counts. */
struct kf_sock_dir {
	__u64 first_ns;
	__u64 last_ns;
	__u64 bytes; /* payload seen in packets */
	__u64 ttl_sum; /* over packets_seen */
	__u32 packets; /* with booked handshake packets */
	__u32 packets_seen;
	__u32 data_packets;
	__u32 ifindex; /* of the first packet */
	__u32 frags; /* rx: packets that came in IP fragments, if KF_SOCK_FRAGS */
	__u32 pad;
	__u8 flag_bits
		[KF_FLAG_SLOTS]; /* FIN 1 SYN 2 RST 4 PSH 8 ACK 16 URG 32, by first appearance */
	__u32 flag_counts[KF_FLAG_SLOTS]; /* 0: slot unused */
	__u32 pad2;
};

/* Absolute values of tcp_sock; user space takes deltas for interim records. */
struct kf_tcp_info {
	__u64 bytes_sent; /* with retransmissions */
	__u64 bytes_acked;
	__u64 bytes_retrans;
	__u64 bytes_received;
	__u32 segs_out;
	__u32 segs_in;
	__u32 data_segs_out;
	__u32 data_segs_in;
	__u32 total_retrans;
	__u32 dsack_dups;
	__u32 reord_seen;
	__u32 srtt_us; /* as the kernel keeps it: eight times the value */
	__u32 rto_jiffies;
	__u32 old; /* for the kernel side: packets that brought nothing new, which sk_drops counts */
};

struct kf_sock_key {
	__u64 cookie; /* bit 63: an alias of a socket that had no cookie; a fold: kf_fold_key.id */
	__u8 remote_addr[KF_ADDR_LEN]; /* UDP: one aggregate per peer; TCP: 0 */
	__u16 remote_port;
	__u16 family; /* of the address: AF_INET also for ::ffff:a.b.c.d */
	__u32 scope; /* enum kf_scope, in records; 0 in the maps */
};

/* In kf_tcp the cookie alone is the key: a look-up by 32 bytes costs twice as much. */
struct kf_tcp_key {
	__u64 cookie; /* where it is in a struct kf_sock_key, which serves as well */
};

/* In kf_udp a number that is made of the struct kf_sock_key, which stands in the value. */
struct kf_udp_key {
	__u64 number;
};

/* Bytes that calls moved over a socket, by whom: program images, told apart by (tgid, start_ns, execs). */
struct kf_usage {
	__u64 own_tx; /* by the owner's */
	__u64 own_rx;
	__u64 rest_tx; /* by those for which there was no room in kf_users */
	__u64 rest_rx;
	__u32 users; /* entries of kf_users */
	__u32 based; /* TCP: the next two are set */
	__u32 write_seq; /* TCP: up to here it is known who wrote */
	__u32 copied_seq; /* TCP: and who read */
};

/* An image that is not the owner's. */
struct kf_user {
	struct kf_proc proc;
	__u64 tx_bytes;
	__u64 rx_bytes;
};

/* Whose shares an entry counts against: places in struct kf_share. */
struct kf_charge {
	__u16 process;
	__u16 user;
};

/* A read or write of Linux AIO from its submission to its completion, by the address of its kiocb. What
 * is between them may belong to any task: all that is said of who submitted is taken down ahead. */
struct kf_aio {
	struct kf_file_key key;
	__u64 since_ns; /* of the submission; 0: the entry is being made */
	__u32 op; /* enum kf_op */
	struct kf_charge charge;
	struct kf_file_agg agg; /* what an aggregate of the submitter begins with */
};

/* How much more payload of a socket is captured: so much in each turn, and in each second of a long one. */
struct kf_payload_way {
	__u32 left; /* bytes */
	__u32 skipped; /* 1: something was left out since the last captured byte */
};

struct kf_payload {
	__u64 since_ns; /* when both were last filled up; 0: never */
	struct kf_payload_way tx;
	struct kf_payload_way rx;
};

struct kf_sock {
	struct kf_proc proc; /* owner: created, connected or accepted */
	__u64 first_ns;
	__u64 last_ns;
	__u8 local_addr[KF_ADDR_LEN]; /* network order; IPv4 in the first four bytes */
	__u8 remote_addr[KF_ADDR_LEN];
	__u16 local_port; /* host order */
	__u16 remote_port;
	__u16 family; /* AF_INET, AF_INET6 */
	__u16 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	__u32 flags; /* KF_SOCK_* */
	__u32 net_ns; /* inode number of the socket's network namespace */
	__u8 role; /* enum kf_role */
	__u8 state; /* TCP state by kernel numbering, UDP: 1 established, 7 close */
	__u16 share_socket; /* UDP: whose peers an entry counts against, a place in kf_shares */
	__u32 drops; /* TCP: sk_drops, absolute; UDP: datagrams dropped */
	__u32 queued; /* packets in sk_receive_queue at the last rx event */
	struct kf_charge charge;
	__u32 folded; /* a fold's record: members known to differ, a lower bound of their number */
	__u32 begun; /* a fold: members whose beginning was seen */
	__u32 isn_local; /* TCP: initial sequence numbers; both 0: not known */
	__u32 isn_remote;
	struct kf_usage usage;
	struct kf_sock_dir tx;
	struct kf_sock_dir rx;
	struct kf_tcp_info tcp;
	struct kf_payload payload; /* for the kernel side */
};

/* A peer of a UDP socket. */
struct kf_peer {
	struct kf_sock sock;
	struct kf_sock_key key; /* cookie 0: the entry is being made */
};

#define KF_FRONT_BITS 10
#define KF_FRONT_PLACES 1024

/* A place for a peer in kf_front. */
struct kf_front {
	__u64 number; /* as the key in kf_udp; 0: free, or being made */
	__u32 claims; /* 1: it has a peer; more: some ask for it at this moment */
	__u32 ends; /* 1: its peer is being taken out */
	struct kf_peer peer;
};

/* A socket that others used than its owner has them behind it: hdr.size says how many. */
struct kf_sock_record {
	struct kf_header hdr;
	struct kf_sock_key key;
	struct kf_sock sock;
	/* struct kf_user, KF_USERS at most */
};

/* Which fold. id: cookie of a socket, start of a process; of: its tgid, or a uid. */
struct kf_fold_key {
	__u64 id;
	__u32 of;
	__u8 scope; /* enum kf_scope */
	__u8 protocol;
	__u8 role;
	__u8 pad;
};

/* What found no room of its own, added up. Its record is a kf_sock_record. */
struct kf_fold {
	struct kf_sock sock;
	__u64 members[KF_FOLD_WORDS]; /* a bit for each, by a hash */
};

/* Payload of one packet, or the next part of it; for UDP of one datagram. */
struct kf_payload_record {
	struct kf_header hdr;
	struct kf_sock_key key; /* of the aggregate, as in its record */
	__u64 start_ns; /* of the owner, as in struct kf_proc; 0: no process is known */
	__u32 tgid; /* of the owner */
	__u32 uid; /* of the owner */
	__u32 seq; /* TCP: of the first byte */
	__u32 size; /* of the part, with what was not captured at its end */
	__u32 captured; /* bytes that follow */
	__u16 local_port;
	__u16 remote_port;
	__u8 protocol;
	__u8 received;
	__u8 tcp_flags; /* KF_SEGMENT_*: FIN and RST with the packet's last part */
	__u8 pad[5];
	/* payload */
};

struct kf_closed_record {
	struct kf_header hdr;
	__u64 cookie;
};

struct kf_unix_key {
	__u64 sock; /* address of struct sock */
	__u64 ino; /* of the socket's inode: tells a reused address */
	__u64 peer_hash; /* datagram to changing destinations: one aggregate each; else 0 */
};

struct kf_unix {
	struct kf_proc proc;
	__u64 first_ns;
	__u64 last_ns;
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u32 tx_messages;
	__u32 rx_messages;
	__u32 flags; /* KF_SOCK_* */
	__u16 type; /* SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5 */
	__u8 role;
	__u8 addr_len; /* bytes of addr in use; a leading NUL: abstract */
	char addr[KF_UNIX_PATH_LEN]; /* sun_path, without an ending NUL */
	struct kf_charge charge;
	__u32 folded; /* as in kf_sock */
	__u32 pad;
	struct kf_usage usage;
};

struct kf_unix_fold {
	struct kf_unix unix_sock;
	__u64 members[KF_FOLD_WORDS];
};

struct kf_unix_record {
	struct kf_header hdr;
	struct kf_unix_key key;
	struct kf_unix unix_sock;
	/* struct kf_user, as in kf_sock_record */
};

/* Which user of which socket, in kf_users. */
struct kf_user_key {
	__u64 socket[4]; /* the key in its table, then 0 */
	__u32 table; /* enum kf_share_table: of which */
	__u32 place; /* of KF_USERS, from 0 on without a gap */
};

struct kf_used {
	struct kf_user user;
	struct kf_charge charge;
	__u32 pad;
};

struct kf_counters_record {
	struct kf_header hdr;
	__u64 counters[KF_CNT_MAX]; /* summed over CPUs */
	__u64 missed; /* runs the kernel skipped (recursion_misses) and no standby made */
};

/* From when on which difference of the clocks holds. By a program, or by user space, which finds it later. */
struct kf_clock_record {
	struct kf_header hdr;
	__u64 since_ns;
	__s64 realtime_offset_ns; /* CLOCK_REALTIME minus CLOCK_BOOTTIME */
	__u32 uncertain_ns; /* by how much the difference may be wrong */
	__u32 compared; /* 1: found by user space, which looks again and again: it may be no step */
};

/* What replay needs of the host, in place of asking it. JSON text follows. */
struct kf_session_record {
	struct kf_header hdr;
	__s64 realtime_offset_ns; /* CLOCK_REALTIME minus CLOCK_BOOTTIME, at hdr.ts_ns */
	__u32 hz; /* kernel HZ, 0 unknown */
	__u32 facts_len;
	/* facts: JSON object {host_name, host_ip, system, kernel, version} */
};
/* cffi: end */
_Static_assert(KF_FILTER_WORDS == KF_FILTER_MOST * KF_PATTERN_WORDS &&
		       KF_FILTER_NAMES == 2 * KF_FILTER_MOST,
	       "room for each value");
_Static_assert(KF_STANDBY_RUNS == KF_CNT_MAX, "the counters are those of a record, then others");

#endif
