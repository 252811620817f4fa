# SPDX-License-Identifier: Apache-2.0
"""TCP and UDP records, and the notice that a UDP socket was closed."""

from collections.abc import Callable

from kflowd.constants import IPPROTO_TCP
from kflowd.contract import layout, reader, span
from kflowd.model import (
    Flow,
    SocketAggregate,
    SocketClosed,
    SocketDirection,
    SocketFlag,
    TcpInfo,
)
from kflowd.records.header import RecordDecoder
from kflowd.records.process import ProcessReader
from kflowd.records.usage import usage_reader

RECORD = "struct kf_sock_record"
CLOSED = "struct kf_closed_record"
MEMBERS = (
    *("hdr.ts_ns", "key.cookie", "sock.first_ns", "sock.last_ns", "sock.local_addr"),
    *("sock.remote_addr", "sock.local_port", "sock.remote_port", "sock.family"),
    *("sock.protocol", "sock.flags", "sock.net_ns", "sock.role", "sock.state"),
    *("sock.drops", "sock.queued", "sock.isn_local", "sock.isn_remote"),
    *("sock.usage.rest_tx", "sock.usage.rest_rx"),
)
NO_TCP_INFO = TcpInfo(*([0] * len(TcpInfo.__struct_fields__)))


def socket_decoder(processes: ProcessReader) -> RecordDecoder:
    """Return the decoder of TCP and UDP records."""
    fixed = layout(RECORD).size
    process_at, _ = span(RECORD, "sock.proc")
    key_at, key_end = span(RECORD, "key")
    read = reader(RECORD, *MEMBERS)
    tx, rx = _direction("sock.tx"), _direction("sock.rx")
    tcp = _tcp_info()
    usage = usage_reader(processes, RECORD, "sock.usage")
    read_fold = reader(RECORD, "key.scope", "sock.folded", "sock.begun")

    def decode(batch: bytes, offset: int, size: int) -> SocketAggregate:
        # fmt: off
        (ts_ns, cookie, first_ns, last_ns, local_addr,
         remote_addr, local_port, remote_port, family,
         protocol, flags, net_ns, role, state,
         drops, queued, isn_local, isn_remote,
         rest_tx, rest_rx) = read(batch, offset)
        # fmt: on
        value = SocketAggregate(
            ts_ns=ts_ns,
            key=batch[offset + key_at : offset + key_end],
            cookie=cookie,
            process=processes.read(batch, offset + process_at),
            first_ns=first_ns,
            last_ns=last_ns,
            flow=Flow(local_addr, remote_addr, local_port, remote_port, family, protocol, net_ns),
            flags=flags,
            role=role,
            state=state,
            drops=drops,
            queued=queued,
            tx=tx(batch, offset),
            rx=rx(batch, offset),
            tcp=tcp(batch, offset) if protocol == IPPROTO_TCP else NO_TCP_INFO,
            isn_local=isn_local,
            isn_remote=isn_remote,
        )
        # a difference to this record may need its sums, if it is not the last one
        if size > fixed or rest_tx or rest_rx or not flags & SocketFlag.FINAL:
            value.usage = usage(batch, offset, size)
        if flags & SocketFlag.FOLDED:
            value.scope, value.folded, value.begun = read_fold(batch, offset)
        return value

    return RecordDecoder(fixed, decode)


def closed_decoder() -> RecordDecoder:
    """Return the decoder of the notice that a UDP socket was closed."""
    read = reader(CLOSED, "hdr.ts_ns", "cookie")

    def decode(batch: bytes, offset: int, _size: int) -> SocketClosed:
        ts_ns, cookie = read(batch, offset)
        return SocketClosed(ts_ns=ts_ns, cookie=cookie)

    return RecordDecoder(layout(CLOSED).size, decode)


def _direction(prefix: str) -> Callable[[bytes, int], SocketDirection]:
    """Return a function that reads one direction of a record."""
    names = (
        *("first_ns", "last_ns", "bytes", "ttl_sum", "packets", "packets_seen"),
        *("data_packets", "ifindex", "frags", "flag_bits"),
    )
    read = reader(RECORD, *(f"{prefix}.{name}" for name in names))
    read_counts = reader(RECORD, f"{prefix}.flag_counts")

    def direction(batch: bytes, offset: int) -> SocketDirection:
        # fmt: off
        (first_ns, last_ns, payload_bytes, ttl_sum, packets, packets_seen,
         data_packets, ifindex, frags, flag_bits) = read(batch, offset)
        # fmt: on
        return SocketDirection(
            first_ns=first_ns,
            last_ns=last_ns,
            payload_bytes=payload_bytes,
            ttl_sum=ttl_sum,
            packets=packets,
            packets_seen=packets_seen,
            data_packets=data_packets,
            ifindex=ifindex,
            frags=frags,
            flag_bits=flag_bits,
            flag_counts=read_counts(batch, offset),
        )

    return direction


def _tcp_info() -> Callable[[bytes, int], TcpInfo]:
    """Return a function that reads the kernel's counters of a record."""
    # the members have the names of the contract, in its order: see TcpInfo
    read = reader(RECORD, *(f"sock.tcp.{name}" for name in TcpInfo.__struct_fields__))

    def tcp_info(batch: bytes, offset: int) -> TcpInfo:
        return TcpInfo(*read(batch, offset))

    return tcp_info
