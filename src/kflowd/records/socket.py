# SPDX-License-Identifier: Apache-2.0
"""TCP and UDP records, and the notice that a UDP socket is gone."""

from collections.abc import Callable
from typing import Any

from kflowd.contract import Layout, constants, layout
from kflowd.model import SocketAggregate, SocketClosed, SocketDirection, SocketKey, TcpInfo
from kflowd.records.header import RecordDecoder, maker, picker
from kflowd.records.process import ProcessReader

IPPROTO_TCP = 6
NO_TCP_INFO = TcpInfo(*([0] * len(TcpInfo.__struct_fields__)))
# of struct kf_sock_dir, in the order of SocketDirection, with flag_counts to follow
_DIRECTION = (
    *("first_ns", "last_ns", "bytes", "ttl_sum", "packets", "packets_seen", "data_packets"),
    *("ifindex", "frags", "flag_bits"),
)


def socket_decoder(processes: ProcessReader) -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of TCP and UDP records."""
    record = layout("struct kf_sock_record")
    process_at, ts = record.offset["sock.proc"], record.index["hdr.ts_ns"]
    pick_key = picker(record, "key", SocketKey.__struct_fields__)
    names = SocketAggregate.__struct_fields__
    pick = picker(record, "sock", names[names.index("first_ns") : names.index("tx")])
    pick_tcp = picker(record, "sock.tcp", TcpInfo.__struct_fields__)
    protocol = record.index["sock.protocol"]
    tx, rx = _direction(record, "sock.tx"), _direction(record, "sock.rx")
    unpack = record.unpacker.unpack_from

    make = maker(SocketAggregate)

    def decode(batch: bytes, offset: int, _size: int) -> SocketAggregate:
        members = unpack(batch, offset)
        return make(
            members[ts],
            SocketKey(*pick_key(members)),
            processes.read(batch, offset + process_at),
            *pick(members),
            tx(members),
            rx(members),
            TcpInfo(*pick_tcp(members)) if members[protocol] == IPPROTO_TCP else NO_TCP_INFO,
        )

    return record.size, decode


def closed_decoder() -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of the notice that a UDP socket is gone."""
    record = layout("struct kf_closed_record")
    pick = picker(record, "", ("hdr.ts_ns", "cookie"))

    def decode(batch: bytes, offset: int, _size: int) -> SocketClosed:
        return SocketClosed(*pick(record.unpack_from(batch, offset)))

    return record.size, decode


def _direction(record: Layout, prefix: str) -> Callable[[tuple[Any, ...]], SocketDirection]:
    """Return a function that makes one direction of an unpacked record."""
    pick = picker(record, prefix, _DIRECTION)
    counts = record.index[f"{prefix}.flag_counts"]
    counts_end = counts + constants()["KF_FLAG_SLOTS"]

    make = maker(SocketDirection)

    def direction(members: tuple[Any, ...]) -> SocketDirection:
        return make(*pick(members), members[counts:counts_end])

    return direction
