# SPDX-License-Identifier: Apache-2.0
"""The blocks of TCP, UDP and UNIX socket records."""

from typing import Any

from msgspec import UNSET, UnsetType

from kflowd.constants import AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, SECOND_NS
from kflowd.model import (
    Actor,
    EnrichedSocket,
    EnrichedUnix,
    Process,
    Role,
    Scope,
    SocketAggregate,
    SocketFlag,
)
from kflowd.serialize.blocks.socket import (
    SocketBlock,
    SocketExtra,
    SocketRoundTrip,
    SocketRx,
    SocketTx,
    UnixBlock,
    UnixExtra,
)
from kflowd.serialize.community import community_id
from kflowd.serialize.values import address, tcp_flags

PROTOCOLS = {IPPROTO_TCP: "TCP", IPPROTO_UDP: "UDP"}
FAMILIES = {AF_INET: "AF_INET", AF_INET6: "AF_INET6"}
ROLES = {Role.CLIENT: "CLIENT", Role.SERVER: "SERVER"}
TYPES = {1: "STREAM", 2: "DGRAM", 5: "SEQPACKET"}
TCP_STATES = {
    1: "TCP_ESTABLISHED",
    2: "TCP_SYN_SENT",
    3: "TCP_SYN_RECV",
    4: "TCP_FIN_WAIT1",
    5: "TCP_FIN_WAIT2",
    6: "TCP_TIME_WAIT",
    7: "TCP_CLOSE",
    8: "TCP_CLOSE_WAIT",
    9: "TCP_LAST_ACK",
    10: "TCP_LISTEN",
    11: "TCP_CLOSING",
    12: "TCP_NEW_SYN_RECV",
}
UDP_STATES = {1: "UDP_ESTABLISHED", 7: "UDP_CLOSE"}
MICROSECOND_NS = SECOND_NS // 1_000_000

_NOTED = SocketFlag.SNAPSHOT | SocketFlag.FLAGS_FULL | SocketFlag.FOLDED


def socket_block(aggregate: SocketAggregate) -> SocketBlock:
    """Return which connection it was."""
    if aggregate.flags & SocketFlag.FOLDED:
        return _folded_block(aggregate)
    flow = aggregate.flow
    states = TCP_STATES if flow.protocol == IPPROTO_TCP else UDP_STATES
    return SocketBlock(
        SockProtocol=PROTOCOLS.get(flow.protocol, ""),
        SockRole=ROLES.get(aggregate.role, UNSET),
        SockState=states.get(aggregate.state, UNSET),
        SockFamily=FAMILIES.get(flow.family, UNSET),
        SockLocalIP=address(flow.family, flow.local_addr),
        SockLocalPort=flow.local_port,
        SockRemoteIP=address(flow.family, flow.remote_addr),
        SockRemotePort=flow.remote_port,
    )


def _folded_block(aggregate: SocketAggregate) -> SocketBlock:
    """Return what all members of a fold have in common; what they have not is 0."""
    flow = aggregate.flow
    states = UDP_STATES if flow.protocol == IPPROTO_UDP else {}
    common = flow.family and any(flow.local_addr)
    return SocketBlock(
        SockProtocol=PROTOCOLS.get(flow.protocol, ""),
        SockRole=ROLES.get(aggregate.role, UNSET),
        SockState=states.get(aggregate.state, UNSET),
        SockFamily=FAMILIES.get(flow.family, UNSET),
        SockLocalIP=address(flow.family, flow.local_addr) if common else UNSET,
        SockLocalPort=flow.local_port or UNSET,
        SockRemoteIP=UNSET,
        SockRemotePort=UNSET,
    )


def socket_tx(value: EnrichedSocket, hz: int) -> SocketTx | None:
    """Return what was sent, None if nothing was.

    Args:
        value: The aggregate with names.
        hz: Jiffies per second, 0 unknown.
    """
    aggregate = value.aggregate
    tx, info = aggregate.tx, aggregate.tcp
    if not tx.packets:
        return None
    tcp = aggregate.flow.protocol == IPPROTO_TCP
    known = tcp and not aggregate.flags & SocketFlag.NO_TCP_INFO
    # the kernel has jiffies; rounded to the nearest millisecond
    rto_ms = (2000 * info.rto_jiffies + hz) // (2 * hz) if hz and tcp else 0
    return SocketTx(
        SockTxInterface=value.tx_interface,
        SockTxDataPackets=tx.data_packets if tcp else UNSET,
        SockTxPackets=tx.packets,
        SockTxPacketsRetrans=info.total_retrans if known else UNSET,
        SockTxPacketsDups=info.dsack_dups if known else UNSET,
        SockTxFlags=tcp_flags(tx.flag_bits, tx.flag_counts) if tcp else UNSET,
        SockTxDuration=tx.last_ns - tx.first_ns,
        SockTxBytes=tx.payload_bytes,
        SockTxBytesAcked=info.bytes_acked if known else UNSET,
        SockTxBytesRetrans=info.bytes_retrans if known else UNSET,
        SockTxRTO=rto_ms or UNSET,
    )


def socket_rx(value: EnrichedSocket) -> SocketRx | None:
    """Return what was received, None if nothing was."""
    aggregate = value.aggregate
    rx, info = aggregate.rx, aggregate.tcp
    if not rx.packets:
        return None
    tcp = aggregate.flow.protocol == IPPROTO_TCP
    known = tcp and not aggregate.flags & SocketFlag.NO_TCP_INFO
    seen = rx.packets_seen
    return SocketRx(
        SockRxInterface=value.rx_interface,
        SockRxDataPackets=rx.data_packets if tcp else UNSET,
        SockRxPackets=rx.packets,
        SockRxPacketsQueued=aggregate.queued,
        SockRxPacketsDrop=aggregate.drops,
        SockRxPacketsReorder=info.reord_seen if known else UNSET,
        SockRxPacketsFrag=rx.frags if aggregate.flags & SocketFlag.FRAGS else UNSET,
        SockRxFlags=tcp_flags(rx.flag_bits, rx.flag_counts) if tcp else UNSET,
        SockRxDuration=rx.last_ns - rx.first_ns,
        SockRxBytes=rx.payload_bytes,
        SockRxTTL=(2 * rx.ttl_sum + seen) // (2 * seen) if seen else UNSET,
    )


def socket_round_trip(aggregate: SocketAggregate) -> SocketRoundTrip | None:
    """Return how far the other end is, None if it is not known.

    The kernel's estimate is no sum: it says so also where sums began before kflowd.
    """
    if aggregate.flow.protocol != IPPROTO_TCP or not aggregate.tcp.srtt_us:
        return None
    return SocketRoundTrip(SockRTT=aggregate.tcp.srtt_us * MICROSECOND_NS // 8)


def socket_extra(value: EnrichedSocket) -> SocketExtra:
    """Return what goes beyond the contract."""
    aggregate = value.aggregate
    last = aggregate.flags & (SocketFlag.FINAL | SocketFlag.FOLDED)
    interim = aggregate.flow.protocol == IPPROTO_TCP and not last
    of_peers = aggregate.scope == Scope.SOCKET
    folded = aggregate.flags & SocketFlag.FOLDED
    return SocketExtra(
        SockNetNS=aggregate.flow.net_ns or UNSET,
        SockNotes=(*_notes(aggregate.flags, interim=interim), *value.notes) or UNSET,
        SockPeersFolded=aggregate.folded if of_peers else UNSET,
        SockSocketsFolded=UNSET if of_peers else max(aggregate.folded, aggregate.begun) or UNSET,
        SockUsers=_users(value),
        SockRemoteName=aggregate.remote_names or UNSET,
        SockCommunityID=UNSET if folded else community_id(aggregate.flow) or UNSET,
        SockTcpIsn=_isn(aggregate),
        AppMessages=_messages(aggregate),
    )


def _messages(aggregate: SocketAggregate) -> int | UnsetType:
    """Return how many messages there were, if they are not all shown."""
    said = aggregate.messages
    return UNSET if said is None or not said.more else len(said.messages) + said.more


def _isn(aggregate: SocketAggregate) -> tuple[int, ...] | UnsetType:
    """Return the client's initial sequence number and the server's."""
    ours, theirs = aggregate.isn_local, aggregate.isn_remote
    if not (ours or theirs):
        return UNSET
    return (theirs, ours) if aggregate.role == Role.SERVER else (ours, theirs)


def unix_block(value: EnrichedUnix) -> UnixBlock:
    """Return which UNIX socket it was, and what went over it."""
    aggregate = value.aggregate
    return UnixBlock(
        SockRole=ROLES.get(aggregate.role, UNSET),
        SockAddress=aggregate.address,
        SockFamily="AF_UNIX",
        SockTxBytes=aggregate.tx_bytes if aggregate.tx_messages else UNSET,
        SockRxBytes=aggregate.rx_bytes if aggregate.rx_messages else UNSET,
    )


def unix_extra(value: EnrichedUnix) -> UnixExtra:
    """Return what goes beyond the contract."""
    aggregate = value.aggregate
    return UnixExtra(
        SockType=TYPES.get(aggregate.type, UNSET),
        SockTxMessages=aggregate.tx_messages or UNSET,
        SockRxMessages=aggregate.rx_messages or UNSET,
        SockNotes=_notes(aggregate.flags, interim=False) or UNSET,
        SockSocketsFolded=aggregate.folded or UNSET,
        SockUsers=_users(value),
    )


def _users(value: EnrichedSocket | EnrichedUnix) -> list[dict[str, Any]] | UnsetType:
    """Return who used a socket, if not the owner alone."""
    usage = value.aggregate.usage
    if usage is None:
        return UNSET
    own_tx, own_rx = usage.own_tx, usage.own_rx
    others = []
    for user, actor in zip(usage.users, value.users, strict=True):
        if _is_image(user.process, value.actor.process):  # who it was known later than that
            own_tx, own_rx = own_tx + user.tx_bytes, own_rx + user.rx_bytes
        elif user.tx_bytes or user.rx_bytes:
            others.append(_user(actor, user.tx_bytes, user.rx_bytes))
    if usage.rest_tx or usage.rest_rx:
        others.append({"TxBytes": usage.rest_tx, "RxBytes": usage.rest_rx})
    if not others:
        return UNSET
    if own_tx or own_rx:
        others.insert(0, _user(value.actor, own_tx, own_rx))
    return others


def _is_image(process: Process, owner: Process | None) -> bool:
    """Say whether a process runs what the owner ran."""
    if owner is None or process.tgid != owner.tgid:
        return False
    return process.start_ns == owner.start_ns and process.execs == owner.execs


def _user(actor: Actor, tx_bytes: int, rx_bytes: int) -> dict[str, Any]:
    pid = actor.process.tgid if actor.process is not None else 0
    return {"Proc": actor.proc, "ProcPID": pid, "TxBytes": tx_bytes, "RxBytes": rx_bytes}


def _notes(flags: int, *, interim: bool) -> tuple[str, ...]:
    if not interim and not flags & _NOTED:
        return ()
    words = ["INTERIM"] if interim else []
    if flags & SocketFlag.SNAPSHOT:
        words.append("SNAPSHOT")
    if flags & SocketFlag.FLAGS_FULL:
        words.append("FLAGS_INCOMPLETE")
    if flags & SocketFlag.FOLDED:
        words.append("FOLDED")
    return tuple(words)
