# SPDX-License-Identifier: Apache-2.0
"""Payload of packets, and what its decoders made of it."""

import msgspec

from kflowd.protocols import Direction, Message, Script


class Segment:
    """Flags of a captured packet, in TCP's own numbering; the contract's KF_SEGMENT_*."""

    FIN = 1
    SYN = 2
    RST = 4
    SKIPPED = 8


class Payload(msgspec.Struct, frozen=True, gc=False):
    """The payload of one packet of a socket, or the first part of it.

    Attributes:
        ts_ns: When the packet was seen.
        key: Of the aggregate it belongs to, as SocketAggregate.key.
        uid: Whose socket it is: what one user's sockets fill is not room of the others.
        direction: Sent or received.
        protocol: IPPROTO_TCP, IPPROTO_UDP.
        local_port, remote_port: They say which application it is.
        flags: TCP, Segment; SKIPPED: bytes ahead of it were left out, and will not come.
        seq: TCP, sequence number of the first byte (of the SYN itself, if it has that flag).
        size: Bytes of payload in the packet from here on, captured or not.
        data: Those that were captured, from the first on.
        tgid, start_ns: The process that the socket is of; both 0: none is known.
    """

    ts_ns: int
    key: bytes
    uid: int
    direction: Direction
    protocol: int
    local_port: int
    remote_port: int
    flags: int
    seq: int
    size: int
    data: bytes
    tgid: int = 0
    start_ns: int = 0


class Messages(msgspec.Struct, frozen=True, gc=False):
    """What went over a socket in the words of its application.

    Attributes:
        app: "DNS", as in the record's App.
        key: "Dns", as in AppTxDns.
        stamped: They have a _Timestamp.
        messages: In the order of their first bytes, both directions.
        more: How many messages beside those were seen, and are not shown.
        script: What a plugin is to read; there are no messages then.
    """

    app: str
    key: str
    stamped: bool
    messages: tuple[Message, ...]
    more: int = 0
    script: Script | None = None
