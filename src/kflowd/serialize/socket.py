# SPDX-License-Identifier: Apache-2.0
"""Socket records: TCP and UDP in two orders by role, UNIX."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from kflowd.model import (
    SECOND_NS,
    EnrichedSocket,
    EnrichedUnix,
    Role,
    SocketAggregate,
    SocketFlag,
)
from kflowd.serialize import contract
from kflowd.serialize.fields import APP, APP_RX, APP_TX, SOCKET_RX, SOCKET_TX
from kflowd.serialize.values import address, duration, tcp_flags

Block = tuple[Any, ...]

IPPROTO_TCP = 6
PROTOCOLS = {IPPROTO_TCP: "TCP", 17: "UDP"}
FAMILIES = {2: "AF_INET", 10: "AF_INET6"}
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

_NOTED = SocketFlag.SNAPSHOT | SocketFlag.FLAGS_FULL
_NO_TX = (UNSET,) * len(SOCKET_TX)
_NO_RX = (UNSET,) * len(SOCKET_RX)
_NO_APP = (UNSET,) * (len(APP) + len(APP_TX) + len(APP_RX))


def socket_record(
    value: EnrichedSocket, head: Block, process_extra: Block, hz: int
) -> msgspec.Struct:
    """Return the record of a TCP or UDP aggregate.

    Args:
        value: The aggregate with names.
        head: Info and Proc blocks.
        process_extra: What goes beyond the contract.
        hz: Jiffies per second, 0 unknown.
    """
    aggregate = value.aggregate
    tcp = aggregate.protocol == IPPROTO_TCP
    states = TCP_STATES if tcp else UDP_STATES
    tx = _tx(value, aggregate, hz, tcp=tcp) if aggregate.tx.packets else _NO_TX
    rx = _rx(value, aggregate, tcp=tcp) if aggregate.rx.packets else _NO_RX
    server = aggregate.role == Role.SERVER
    record = contract.ServerRecord if server else contract.ClientRecord
    return record(
        *head,
        PROTOCOLS.get(aggregate.protocol, ""),
        ROLES.get(aggregate.role, UNSET),
        states.get(aggregate.state, UNSET),
        FAMILIES.get(aggregate.family, UNSET),
        address(aggregate.family, aggregate.local_addr),
        aggregate.local_port,
        address(aggregate.family, aggregate.remote_addr),
        aggregate.remote_port,
        *((*rx, *tx) if server else (*tx, *rx)),
        duration(aggregate.ts_ns - aggregate.first_ns),
        *_NO_APP,
        *process_extra,
        aggregate.net_ns or UNSET,
        _notes(aggregate.flags, interim=tcp and not aggregate.flags & SocketFlag.FINAL),
    )


def unix_record(value: EnrichedUnix, head: Block, process_extra: Block) -> msgspec.Struct:
    """Return the record of a UNIX socket aggregate; arguments as for `socket_record`."""
    aggregate = value.aggregate
    server = aggregate.role == Role.SERVER
    record = contract.UnixServerRecord if server else contract.UnixClientRecord
    return record(
        *head,
        ROLES.get(aggregate.role, UNSET),
        aggregate.address,
        "AF_UNIX",
        aggregate.tx_bytes if aggregate.tx_messages else UNSET,
        aggregate.rx_bytes if aggregate.rx_messages else UNSET,
        duration(aggregate.ts_ns - aggregate.first_ns),
        *_NO_APP,
        *process_extra,
        TYPES.get(aggregate.type, UNSET),
        aggregate.tx_messages or UNSET,
        aggregate.rx_messages or UNSET,
        _notes(aggregate.flags, interim=False),
    )


def _tx(value: EnrichedSocket, aggregate: SocketAggregate, hz: int, *, tcp: bool) -> Block:
    """Return the fields of SOCKET_TX."""
    tx, info = aggregate.tx, aggregate.tcp
    known = tcp and not aggregate.flags & SocketFlag.NO_TCP_INFO
    rto_ms = (2000 * info.rto_jiffies + hz) // (2 * hz) if hz and known else 0
    return (
        value.tx_interface,
        tx.data_packets if tcp else UNSET,
        tx.packets,
        info.total_retrans if known else UNSET,
        info.dsack_dups if known else UNSET,
        tcp_flags(tx.flag_bits, tx.flag_counts) if tcp else UNSET,
        duration(tx.last_ns - tx.first_ns),
        tx.payload_bytes,
        info.bytes_acked if known else UNSET,
        info.bytes_retrans if known else UNSET,
        rto_ms or UNSET,
    )


def _rx(value: EnrichedSocket, aggregate: SocketAggregate, *, tcp: bool) -> Block:
    """Return the fields of SOCKET_RX."""
    rx, info = aggregate.rx, aggregate.tcp
    known = tcp and not aggregate.flags & SocketFlag.NO_TCP_INFO
    seen = rx.packets_seen
    return (
        value.rx_interface,
        rx.data_packets if tcp else UNSET,
        rx.packets,
        aggregate.queued,
        aggregate.drops,
        info.reord_seen if known else UNSET,
        rx.frags,
        tcp_flags(rx.flag_bits, rx.flag_counts) if tcp else UNSET,
        duration(rx.last_ns - rx.first_ns),
        rx.payload_bytes,
        (2 * rx.ttl_sum + seen) // (2 * seen) if seen else UNSET,
        duration(info.srtt_us * (SECOND_NS // 1_000_000) // 8) if known and info.srtt_us else UNSET,
    )


def _notes(flags: int, *, interim: bool) -> list[str] | UnsetType:
    if not interim and not flags & _NOTED:
        return UNSET
    words = ["INTERIM"] if interim else []
    if flags & SocketFlag.SNAPSHOT:
        words.append("SNAPSHOT")
    if flags & SocketFlag.FLAGS_FULL:
        words.append("FLAGS_INCOMPLETE")
    return words
