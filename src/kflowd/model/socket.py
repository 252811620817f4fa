# SPDX-License-Identifier: Apache-2.0
"""Sockets: what went over a TCP connection, between a UDP socket and a peer, over a UNIX socket."""

from collections.abc import Hashable

import msgspec

from kflowd.model.payload import Messages
from kflowd.model.process import Actor, Process


class SocketFlag:
    """Flags of a socket aggregate; the contract's KF_SOCK_*."""

    FINAL = 1
    SNAPSHOT = 2
    NO_OWNER = 4
    HANDSHAKE = 8
    ENDED = 16
    FLAGS_FULL = 32
    STALE = 64
    IDLE = 128  # STALE because nothing happened for long
    FRAGS = 256  # packets that came in IP fragments were counted
    FOLDED = 512  # the sums of many, see Scope
    NO_TCP_INFO = 1 << 30  # ours: nobody read the kernel's tcp_sock


class Role:
    """Side of a socket; the contract's enum kf_role."""

    NONE = 0
    CLIENT = 1
    SERVER = 2


class Scope:
    """What a folded record stands for; the contract's enum kf_scope."""

    NONE = 0
    SOCKET = 1
    PROCESS = 2
    USER = 3
    ALL = 4


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


class Flow(msgspec.Struct, frozen=True, gc=False):
    """Between whom: addresses and ports of both ends, seen from this host.

    Attributes:
        local_addr, remote_addr: Network order, IPv4 in the first four of 16 bytes.
        family, protocol: AF_INET, AF_INET6; IPPROTO_TCP, IPPROTO_UDP.
        net_ns: Inode number of the socket's network namespace.
    """

    local_addr: bytes
    remote_addr: bytes
    local_port: int
    remote_port: int
    family: int
    protocol: int
    net_ns: int


class SocketUser(msgspec.Struct, frozen=True, gc=False):
    """Bytes that one program image sent and received over a socket."""

    process: Process
    tx_bytes: int
    rx_bytes: int


class SocketUsage(msgspec.Struct, frozen=True, gc=False):
    """Who used a socket.

    Attributes:
        own_tx, own_rx: Bytes that the owner's image moved.
        rest_tx, rest_rx: Bytes of images that are not named.
        users: The others, by first use.
    """

    own_tx: int
    own_rx: int
    rest_tx: int
    rest_rx: int
    users: tuple[SocketUser, ...] = ()


class SocketAggregate(msgspec.Struct, gc=False):
    """What went over one TCP socket, or between one UDP socket and one peer; or FOLDED, over many.

    Attributes:
        ts_ns: When it ended or was taken.
        key: Its identity, the bytes of a struct kf_sock_key: compared, never read.
        cookie: Of the socket.
        process: The owner: created, connected or accepted.
        flags: SocketFlag.
        state: TCP state by the kernel's numbering; UDP: 1 established, 7 close.
        drops: Of TCP sk_drops, of UDP datagrams that were dropped.
        queued: Packets in the receive queue at the last rx event.
        scope: FOLDED: whose peers or sockets these are the sums of, Scope.
        folded: FOLDED: a lower bound of their number.
        begun: FOLDED: how many of them are known to have begun meanwhile.
        usage: As long as it may be part of a later difference; None: only the owner used it.
        isn_local, isn_remote: TCP, initial sequence numbers of both ends; both 0: not known.
        messages: What was said over it; None: nothing that was looked at.
        remote_names: The name that its owner asked for and got the remote address by, and those
            that it stood for, up to the one that has the address; (): not known.
    """

    ts_ns: int
    key: bytes
    cookie: int
    process: Process
    first_ns: int
    last_ns: int
    flow: Flow
    flags: int
    role: int
    state: int
    drops: int
    queued: int
    tx: SocketDirection
    rx: SocketDirection
    tcp: TcpInfo
    scope: int = 0
    folded: int = 0
    begun: int = 0
    usage: SocketUsage | None = None
    isn_local: int = 0
    isn_remote: int = 0
    messages: Messages | None = None
    remote_names: tuple[str, ...] = ()


class SocketClosed(msgspec.Struct, frozen=True, gc=False):
    """A UDP socket was closed."""

    ts_ns: int
    cookie: int


class UnixAggregate(msgspec.Struct, frozen=True, gc=False):
    """What went over one UNIX socket; `address` is sun_path, abstract names begin with "@".

    Attributes:
        type: SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5.
        folded: FOLDED: a lower bound of the number of sockets that these are the sums of.
        usage: As of a SocketAggregate.
    """

    ts_ns: int
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
    folded: int = 0
    usage: SocketUsage | None = None


class EnrichedSocket(msgspec.Struct, gc=False):
    """A TCP or UDP aggregate with names; `users` are those of its usage, in that order.

    Attributes:
        questions: What an enricher is to be told yet; the record waits for it.
        notes: Words that say what could not be learned.
    """

    actor: Actor
    aggregate: SocketAggregate
    users: tuple[Actor, ...] = ()
    tx_interface: str = ""
    rx_interface: str = ""
    questions: tuple[Hashable, ...] = ()
    notes: tuple[str, ...] = ()


class EnrichedUnix(msgspec.Struct, gc=False):
    """A UNIX socket aggregate with names; `questions` as above."""

    actor: Actor
    aggregate: UnixAggregate
    users: tuple[Actor, ...] = ()
    questions: tuple[Hashable, ...] = ()
