# SPDX-License-Identifier: Apache-2.0
"""Keys of TCP, UDP and UNIX socket records."""

from typing import Annotated, Any

from msgspec import UNSET, UnsetType

from kflowd.serialize.blocks.process import NOTED
from kflowd.serialize.keys import Block, Counts, Duration, Says

KNOWN = "it is known"
KNOWN_TCP = "TCP, it is known"
COMMON = "not FOLDED, or all have it in common"
ONE = "not FOLDED"
BEGUN_TCP = "TCP, not FOLDED, its handshake was seen"
BOTH_ENDS = "not FOLDED, addresses and ports of both ends are known"
PEERS_FOLDED = "FOLDED, of peers of one UDP socket"
SOCKETS_FOLDED = "FOLDED, of sockets of one process"
SENT = "something was sent"
SENT_TCP = "TCP, something was sent"
SENT_INFO = "TCP, something was sent, the kernel's counters are known"
SENT_HZ = "TCP, something was sent, it and the kernel's HZ are known"
RECEIVED = "something was received"
RECEIVED_HERE = "something was received, it is no flow of a capture"
RECEIVED_UDP = "UDP, something was received, the kernel allows a look"
RECEIVED_TCP = "TCP, something was received"
RECEIVED_INFO = "TCP, something was received, the kernel's counters are known"
USED = "not FOLDED, another image than the owner's moved bytes"
USERS_LEGEND = "bytes by program image: {Proc, ProcPID, TxBytes, RxBytes}"
REMOTE_NAME = "not FOLDED, DNS is read (-p), it told the owner so before it connected"
SAID = "a message on a port of -p was seen"
SAID_MORE = "there were more messages than are shown"
NOTES_LEGEND = "words that say what is not known or not complete"

SOCK_NOTES = {
    "INTERIM": "the connection goes on: counters are those since the record before",
    "SNAPSHOT": "existed before kflowd: counters are those since the start of kflowd",
    "FLAGS_INCOMPLETE": "more combinations of flags than are counted",
    "FOLDED": "sums of many, which are beyond the share of their socket or process",
    "PLUGIN_FAILED": "a plugin could not read the messages: docs/plugins.md tells why",
    "PLUGIN_LATE": "a plugin had not read the messages in time",
}


class SocketBlock(Block, frozen=True, kw_only=True, gc=False):
    """Which TCP connection, or which UDP socket and peer."""

    SockProtocol: Annotated[str, Says("TCP or UDP")]
    SockRole: Annotated[str | UnsetType, Says("CLIENT or SERVER", KNOWN)]
    SockState: Annotated[str | UnsetType, Says("state at the end of the record", KNOWN)]
    SockFamily: Annotated[str | UnsetType, Says("AF_INET or AF_INET6", KNOWN)]
    SockLocalIP: Annotated[str | UnsetType, Says("local address", COMMON)]
    SockLocalPort: Annotated[int | UnsetType, Says("local port", COMMON)]
    SockRemoteIP: Annotated[str | UnsetType, Says("remote address", ONE)]
    SockRemotePort: Annotated[int | UnsetType, Says("remote port", ONE)]


class SocketTx(Block, frozen=True, kw_only=True, gc=False):
    """What was sent; the block is there if there was a packet."""

    SockTxInterface: Annotated[str, Says("index, name, MAC of the first packet's way out", SENT)]
    SockTxDataPackets: Annotated[int | UnsetType, Says("packets with payload (TCP)", SENT_TCP)]
    SockTxPackets: Annotated[int, Says("packets sent", SENT)]
    SockTxPacketsRetrans: Annotated[int | UnsetType, Says("packets sent again (TCP)", SENT_INFO)]
    SockTxPacketsDups: Annotated[
        int | UnsetType, Says("packets the peer had twice, by DSACK (TCP)", SENT_INFO)
    ]
    SockTxFlags: Annotated[Counts | UnsetType, Says("packets by flags (TCP)", SENT_TCP)]
    SockTxDuration: Annotated[Duration, Says("from the first to the last packet sent", SENT)]
    SockTxBytes: Annotated[int, Says("payload sent, each byte once", SENT)]
    SockTxBytesAcked: Annotated[
        int | UnsetType, Says("bytes acknowledged, with SYN and FIN (TCP)", SENT_INFO)
    ]
    SockTxBytesRetrans: Annotated[int | UnsetType, Says("payload sent again (TCP)", SENT_INFO)]
    SockTxRTO: Annotated[
        int | UnsetType, Says("retransmission timeout in milliseconds (TCP)", SENT_HZ)
    ]


class SocketRx(Block, frozen=True, kw_only=True, gc=False):
    """What was received; the block is there if there was a packet."""

    SockRxInterface: Annotated[str, Says("index, name, MAC of the first packet's way in", RECEIVED)]
    SockRxDataPackets: Annotated[int | UnsetType, Says("packets with payload (TCP)", RECEIVED_TCP)]
    SockRxPackets: Annotated[int, Says("packets received", RECEIVED)]
    SockRxPacketsQueued: Annotated[
        int | UnsetType, Says("packets not read yet, at the last one", RECEIVED_HERE)
    ]
    SockRxPacketsDrop: Annotated[
        int | UnsetType,
        Says("packets dropped at the socket, but for what it had already", RECEIVED_HERE),
    ]
    SockRxPacketsReorder: Annotated[
        int | UnsetType, Says("times the order was found changed (TCP)", RECEIVED_INFO)
    ]
    SockRxPacketsFrag: Annotated[
        int | UnsetType, Says("packets that came in IP fragments (UDP)", RECEIVED_UDP)
    ]
    SockRxFlags: Annotated[Counts | UnsetType, Says("packets by flags (TCP)", RECEIVED_TCP)]
    SockRxDuration: Annotated[
        Duration, Says("from the first to the last packet received", RECEIVED)
    ]
    SockRxBytes: Annotated[int, Says("payload received, each byte once", RECEIVED)]
    SockRxTTL: Annotated[int | UnsetType, Says("mean TTL or hop limit", RECEIVED)]


class SocketRoundTrip(Block, frozen=True, kw_only=True, gc=False):
    """How far the other end is; of a record in which nothing was received, too."""

    SockRTT: Annotated[Duration, Says("smoothed round trip time (TCP)", KNOWN_TCP)]


class SocketAge(Block, frozen=True, kw_only=True, gc=False):
    """How long it has been known."""

    SockAge: Annotated[Duration, Says("from the first event of the socket to the record")]


class UnixBlock(Block, frozen=True, kw_only=True, gc=False):
    """Which UNIX socket, and what went over it."""

    SockRole: Annotated[str | UnsetType, Says("CLIENT or SERVER", KNOWN)]
    SockAddress: Annotated[str, Says("path of the socket; abstract names begin with @")]
    SockFamily: Annotated[str, Says("AF_UNIX")]
    SockTxBytes: Annotated[int | UnsetType, Says("bytes sent", SENT)]
    SockRxBytes: Annotated[int | UnsetType, Says("bytes received", RECEIVED)]


class App(Block, frozen=True, kw_only=True, gc=False):
    """Which application protocol."""

    App: Annotated[str, Says("application protocol: DNS, HTTP, SYSLOG, TLS or a plugin's", SAID)]


class AppTx(Block, frozen=True, kw_only=True, gc=False):
    """Application messages that were sent."""

    AppTxDns: Annotated[list[dict[str, Any]] | UnsetType, Says("DNS messages sent", SAID)] = UNSET
    AppTxHttp: Annotated[list[dict[str, Any]] | UnsetType, Says("HTTP messages sent", SAID)] = UNSET
    AppTxSyslog: Annotated[list[dict[str, Any]] | UnsetType, Says("syslog messages sent", SAID)] = (
        UNSET
    )
    AppTxTls: Annotated[list[dict[str, Any]] | UnsetType, Says("TLS hellos sent", SAID)] = UNSET


class AppRx(Block, frozen=True, kw_only=True, gc=False):
    """Application messages that were received."""

    AppRxDns: Annotated[list[dict[str, Any]] | UnsetType, Says("DNS messages received", SAID)] = (
        UNSET
    )
    AppRxHttp: Annotated[list[dict[str, Any]] | UnsetType, Says("HTTP messages received", SAID)] = (
        UNSET
    )
    AppRxSyslog: Annotated[
        list[dict[str, Any]] | UnsetType, Says("syslog messages received", SAID)
    ] = UNSET
    AppRxTls: Annotated[list[dict[str, Any]] | UnsetType, Says("TLS hellos received", SAID)] = UNSET


class SocketExtra(Block, frozen=True, kw_only=True, gc=False):
    """What goes beyond the contract."""

    SockNetNS: Annotated[
        int | UnsetType, Says("network namespace of the socket (its inode number)", KNOWN)
    ]
    SockNotes: Annotated[tuple[str, ...] | UnsetType, Says(NOTES_LEGEND, NOTED)]
    SockPeersFolded: Annotated[
        int | UnsetType, Says("peers in these sums, at least so many", PEERS_FOLDED)
    ] = UNSET
    SockSocketsFolded: Annotated[
        int | UnsetType, Says("sockets in these sums, at least so many", SOCKETS_FOLDED)
    ] = UNSET
    SockUsers: Annotated[list[dict[str, Any]] | UnsetType, Says(USERS_LEGEND, USED)] = UNSET
    SockRemoteName: Annotated[
        tuple[str, ...] | UnsetType,
        Says("name asked for, then its aliases up to the one with the address", REMOTE_NAME),
    ] = UNSET
    SockCommunityID: Annotated[
        str | UnsetType, Says("Community ID of the flow: version 1, seed 0", BOTH_ENDS)
    ]
    SockTcpIsn: Annotated[
        tuple[int, ...] | UnsetType,
        Says(
            "initial sequence numbers: client's, server's; the same at both ends",
            BEGUN_TCP,
        ),
    ]
    AppMessages: Annotated[
        int | UnsetType, Says("messages seen: the first of them are shown", SAID_MORE)
    ] = UNSET


class UnixExtra(Block, frozen=True, kw_only=True, gc=False):
    """What goes beyond the contract."""

    SockType: Annotated[str | UnsetType, Says("STREAM, DGRAM or SEQPACKET", KNOWN)]
    SockTxMessages: Annotated[int | UnsetType, Says("calls that sent", SENT)]
    SockRxMessages: Annotated[int | UnsetType, Says("calls that received", RECEIVED)]
    SockNotes: Annotated[tuple[str, ...] | UnsetType, Says(NOTES_LEGEND, NOTED)]
    SockSocketsFolded: Annotated[
        int | UnsetType, Says("sockets in these sums, at least so many", SOCKETS_FOLDED)
    ] = UNSET
    SockUsers: Annotated[list[dict[str, Any]] | UnsetType, Says(USERS_LEGEND, USED)] = UNSET
