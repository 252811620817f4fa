# SPDX-License-Identifier: Apache-2.0
"""The values that pass between the stages.

Times are nanoseconds of CLOCK_BOOTTIME in integers unless a name says otherwise (`atime_ns` and its
like are nanoseconds since 1970). Text that came from the kernel as bytes is decoded as UTF-8 with
surrogateescape, whatever the locale: `os.fsencode` would encode it by the locale's charset.
"""

import msgspec

SECOND_NS = 1_000_000_000
UNSET_ID = 0xFFFFFFFF  # login uid that was never set


class FileFlag:
    """Flags of a file aggregate; the contract's KF_AGG_*."""

    PATH_SENT = 1
    PARTIAL = 2
    PATH_TRUNCATED = 4
    PATH_NO_MOUNT = 8
    ENDED = 16
    NO_INODE = 32
    STALE = 64
    NO_BASELINE = 128  # size and mtime before the first event are not known
    PATH_TEXT = 256
    PATH_UNKNOWN = 1 << 30  # ours, above what the kernel uses: no path came


class SocketFlag:
    """Flags of a socket aggregate; the contract's KF_SOCK_*."""

    FINAL = 1
    SNAPSHOT = 2
    NO_OWNER = 4
    HANDSHAKE = 8
    ENDED = 16
    FLAGS_FULL = 32
    STALE = 64
    # ours
    NO_TCP_INFO = 1 << 30  # nobody read the kernel's tcp_sock


class ProcessFlag:
    """Flags of a process: the contract's KF_PROC_*, and what the decoder found."""

    KTHREAD = 1
    ARGS_TRUNCATED = 1 << 30


class ProcessSource:
    """Where a process record comes from; the contract's enum kf_proc_source."""

    EXEC = 1
    FORK = 2
    SNAPSHOT = 3


class Role:
    """Side of a socket; the contract's enum kf_role."""

    NONE = 0
    CLIENT = 1
    SERVER = 2


class FileEvent:
    """Positions in `FileAggregate.counts` that a stage asks for; names are in serialize.fields."""

    OPEN_EXEC = 2
    CLOSE_WRITE = 6
    CLOSE_NOWRITE = 7
    MOVED_TO = 9
    DELETE = 10
    COUNT = 11


class Process(msgspec.Struct, frozen=True, gc=False):
    """A process as each record carries it; ids are those of the initial namespaces.

    `start_ns` (of the group leader) and `tgid` are its identity; `comm` has 15 bytes at most.
    """

    start_ns: int
    parent_start_ns: int
    tgid: int
    tid: int
    ppid: int
    uid: int
    gid: int
    flags: int
    comm: str


class ProcessSeen(msgspec.Struct, frozen=True, gc=False):
    """A process started, executed a program, or ran already.

    `exe` is "" for kernel threads, `exe_flags` are its FileFlag.PATH_*; `flags` are ProcessFlag;
    login and session are the audit system's, UNSET_ID if not set.
    """

    ts_ns: int
    process: Process
    cgroup_id: int
    source: int
    login_uid: int
    session_id: int
    mnt_ns: int
    pid_ns: int
    net_ns: int
    exe_flags: int
    flags: int
    exe: str
    args: tuple[str, ...]


class ProcessExit(msgspec.Struct, frozen=True, gc=False):
    """A process ended; `exit_code` is as wait(2) has it."""

    ts_ns: int
    process: Process
    exit_code: int


class FileKey(msgspec.Struct, frozen=True, gc=False):
    """Identity of a file aggregate; `dev` is the kernel's: major << 20 | minor."""

    ino: int
    start_ns: int
    tgid: int
    dev: int
    gen: int


class Inode(msgspec.Struct, frozen=True, gc=False):
    """Attributes of an inode at one moment; times are nanoseconds since 1970, maybe negative."""

    size: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int
    mode: int
    nlink: int
    uid: int
    gid: int
    magic: int


class FilePath(msgspec.Struct, frozen=True, gc=False):
    """The path of a file aggregate, sent ahead of it; `flags` are FileFlag.PATH_*."""

    ts_ns: int
    key: FileKey
    flags: int
    path: str


class FileAggregate(msgspec.Struct, frozen=True, gc=False):
    """What one process did to one file.

    Attributes:
        ts_ns: When it ended or was forced out.
        process: At the first event.
        size_first, mtime_first_ns: Before the first event (mtime since 1970).
        flags: FileFlag.
        inode: At the last event.
        counts: Events by enum kf_file_event.
        path: Full path with the name, "" if not known (yet).
        origin: Name before a rename, else "".
    """

    ts_ns: int
    key: FileKey
    process: Process
    first_ns: int
    last_ns: int
    size_first: int
    mtime_first_ns: int
    flags: int
    inode: Inode
    counts: tuple[int, ...]
    mnt_ns: int
    path: str
    origin: str


class SocketKey(msgspec.Struct, frozen=True, gc=False):
    """Identity of a socket aggregate: the cookie, for UDP with the peer."""

    cookie: int
    remote_addr: bytes
    remote_port: int
    family: int


class SocketDirection(msgspec.Struct, frozen=True, gc=False):
    """One direction of a socket; packets are segments on the wire.

    Attributes:
        payload_bytes: Seen in packets; for TCP the aggregator puts the kernel's exact count here.
        ttl_sum: Over `packets_seen`.
        packets: With the handshake packets that no hook sees.
        ifindex: Of the first packet, 0 unknown.
        flag_bits: One byte per slot: FIN 1 SYN 2 RST 4 PSH 8 ACK 16 URG 32.
        flag_counts: Packets with just these flags; 0: slot unused.
    """

    first_ns: int
    last_ns: int
    payload_bytes: int
    ttl_sum: int
    packets: int
    packets_seen: int
    data_packets: int
    ifindex: int
    frags: int
    flag_bits: bytes
    flag_counts: tuple[int, ...]


class TcpInfo(msgspec.Struct, frozen=True, gc=False):
    """Counters and estimates of the kernel's tcp_sock; `srtt_us` is eight times the value."""

    bytes_sent: int
    bytes_acked: int
    bytes_retrans: int
    bytes_received: int
    segs_out: int
    segs_in: int
    data_segs_out: int
    data_segs_in: int
    total_retrans: int
    dsack_dups: int
    reord_seen: int
    srtt_us: int
    rto_jiffies: int


class SocketAggregate(msgspec.Struct, frozen=True, gc=False):
    """What went over one TCP socket, or between one UDP socket and one peer.

    Attributes:
        ts_ns: When it ended or was taken.
        process: The owner: created, connected or accepted.
        local_addr, remote_addr: Network order, IPv4 in the first four of 16 bytes.
        family, protocol: AF_INET, AF_INET6; IPPROTO_TCP, IPPROTO_UDP.
        flags: SocketFlag.
        net_ns: Inode number of the socket's network namespace.
        state: TCP state by the kernel's numbering; UDP: 1 established, 7 close.
        drops: sk_drops.
        queued: Packets in the receive queue at the last rx event.
    """

    ts_ns: int
    key: SocketKey
    process: Process
    first_ns: int
    last_ns: int
    local_addr: bytes
    remote_addr: bytes
    local_port: int
    remote_port: int
    family: int
    protocol: int
    flags: int
    net_ns: int
    role: int
    state: int
    drops: int
    queued: int
    tx: SocketDirection
    rx: SocketDirection
    tcp: TcpInfo


class SocketClosed(msgspec.Struct, frozen=True, gc=False):
    """A UDP socket is gone."""

    ts_ns: int
    cookie: int


class UnixKey(msgspec.Struct, frozen=True, gc=False):
    """Identity of a UNIX socket aggregate: address of the socket, its inode, its peer."""

    sock: int
    ino: int
    peer_hash: int


class UnixAggregate(msgspec.Struct, frozen=True, gc=False):
    """What went over one UNIX socket; `address` is sun_path, abstract names begin with "@"."""

    ts_ns: int
    key: UnixKey
    process: Process
    first_ns: int
    last_ns: int
    tx_bytes: int
    rx_bytes: int
    tx_messages: int
    rx_messages: int
    flags: int
    type: int
    role: int
    address: str


class Counters(msgspec.Struct, frozen=True, gc=False):
    """The kernel's counters by enum kf_counter, and the program runs that it skipped."""

    ts_ns: int
    values: tuple[int, ...]
    missed: int


class HostFacts(msgspec.Struct, frozen=True, gc=False):
    """What a record says about the host and the program; recorded, so that replay need not ask."""

    host_name: str = ""
    host_ip: str = "0.0.0.0"
    system: str = ""
    kernel: str = ""
    version: str = ""


class Session(msgspec.Struct, frozen=True, gc=False):
    """First record of a recording: start of the agent (`ts_ns`), CLOCK_REALTIME minus
    CLOCK_BOOTTIME, jiffies per second of the kernel (0 unknown).
    """

    ts_ns: int
    realtime_offset_ns: int
    hz: int
    facts: HostFacts


class Tick(msgspec.Struct, frozen=True, gc=False):
    """The maps were swept at this time."""

    ts_ns: int


# what the decoder yields
Value = (
    ProcessSeen
    | ProcessExit
    | FilePath
    | FileAggregate
    | SocketAggregate
    | UnixAggregate
    | SocketClosed
    | Counters
    | Session
    | Tick
)


class Enriched(msgspec.Struct, gc=False):
    """An aggregate on its way through the enrichers, each of which fills in what it knows.

    Attributes:
        process: Of the aggregate; None if the socket has no known owner.
        at_ns: End of the age of the process.
        seen: What the process table knows of it, None if nothing.
        proc, parent, user, group: As in the contract's Proc fields.
    """

    process: Process | None
    at_ns: int
    seen: ProcessSeen | None = None
    proc: str = ""
    parent: str = ""
    user: str = ""
    group: str = ""


class EnrichedFile(Enriched, kw_only=True, gc=False):
    """A file aggregate with names; `flags` and `path` may have been corrected by an enricher."""

    aggregate: FileAggregate
    path: str
    flags: int
    device: str = ""
    file_user: str = ""
    file_group: str = ""


class EnrichedSocket(Enriched, kw_only=True, gc=False):
    """A TCP or UDP aggregate with names."""

    aggregate: SocketAggregate
    tx_interface: str = ""
    rx_interface: str = ""


class EnrichedUnix(Enriched, kw_only=True, gc=False):
    """A UNIX socket aggregate with names."""

    aggregate: UnixAggregate
