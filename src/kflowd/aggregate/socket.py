# SPDX-License-Identifier: Apache-2.0
"""Socket aggregates: exact payload of TCP, and what happened since the record before.

The kernel keeps one TCP entry for the life of the connection with absolute counters; a record that
comes before the end ("interim") holds only what happened since the last one. A UDP entry leaves the
kernel with its record, and so does a fold.
"""

from functools import lru_cache

import msgspec

from kflowd.aggregate.usage import usage_since, with_unseen
from kflowd.constants import IPPROTO_TCP
from kflowd.model import (
    Scope,
    SocketAggregate,
    SocketClosed,
    SocketDirection,
    SocketFlag,
    TcpInfo,
)

TCP_FIN = 1
UDP_CLOSE = 7
# Connections that had an interim record, some 2 kB each. They are in the kernel's map as well: a
# table twice as large is never full, so nobody's connections push out those of others.
MAX_SOCKETS = 32768
# Two sweeps after a socket was closed its last records have come.
TICKS_AFTER_CLOSE = 2
# More than come within two ticks, some 25 MB then. Of those beyond, which are counted, a peer that
# the sweep takes for its age alone is told to be established, and not closed.
MAX_CLOSED = 1 << 18
# Short connections share a few histograms of flags.
MAX_HISTOGRAMS = 4096
_U32_HALF = 1 << 31


class SocketStats(msgspec.Struct):
    """What fell out of the tables.

    Attributes:
        sockets_evicted: Connections whose next record repeats totals, because the state that
            deltas need was dropped.
        ends_lost: Closed sockets that were not noted.
    """

    sockets_evicted: int = 0
    ends_lost: int = 0


class SocketAggregator:
    """Turns absolute counters into deltas; time is that of the records."""

    def __init__(self, max_sockets: int = MAX_SOCKETS) -> None:
        self.stats = SocketStats()
        self._max = max_sockets
        self._tcp: dict[bytes, SocketAggregate] = {}
        self._closed: dict[int, int] = {}

    def add(self, value: SocketAggregate) -> SocketAggregate | None:
        """Take an aggregate; return it with what happened since the last one of the socket.

        None: it only says where the counters of a connection stood that existed before kflowd.
        """
        if value.flow.protocol != IPPROTO_TCP:
            return self._udp(value)
        return settle(value) if value.flags & SocketFlag.FOLDED else self._tcp_delta(value)

    def closed(self, value: SocketClosed) -> None:
        """Note that a UDP socket was closed; its last records may still come."""
        if len(self._closed) < MAX_CLOSED:
            self._closed[value.cookie] = TICKS_AFTER_CLOSE
        else:
            self.stats.ends_lost += 1

    def tick(self) -> None:
        """Forget sockets whose last records have come."""
        self._closed = {cookie: left - 1 for cookie, left in self._closed.items() if left > 1}

    def _tcp_delta(self, value: SocketAggregate) -> SocketAggregate | None:
        settled = settle(value)
        earlier = self._tcp.pop(value.key, None)
        if not value.flags & SocketFlag.FINAL:
            base = is_base(value)
            self._tcp[value.key] = base_of(value, settled) if base else settled
            if len(self._tcp) > self._max:
                del self._tcp[next(iter(self._tcp))]
                self.stats.sockets_evicted += 1
            if base:
                return None
        if earlier is not None:
            return delta(settled, earlier)
        if value.flags & SocketFlag.SNAPSHOT:
            # the kernel's counters began before kflowd: only packets say what happened since
            value.flags |= SocketFlag.NO_TCP_INFO
            return value
        return settled

    def _udp(self, value: SocketAggregate) -> SocketAggregate:
        one = value.scope in {Scope.NONE, Scope.SOCKET}
        ended = value.flags & (SocketFlag.IDLE | SocketFlag.FINAL)
        if one and (ended or value.cookie in self._closed):
            value.state = UDP_CLOSE
        if value.usage is not None:
            value.usage = with_unseen(value.usage, value.tx.payload_bytes)
        return value


def settle(value: SocketAggregate) -> SocketAggregate:
    """Put the exact payload of a TCP socket in place of what was seen in packets."""
    info = value.tcp
    if not (info.segs_out or info.segs_in or info.bytes_sent or info.bytes_received):
        return msgspec.structs.replace(value, flags=value.flags | SocketFlag.NO_TCP_INFO)
    # the kernel skips a program that would interrupt itself; then packets are all that is known
    sent = (
        max(info.bytes_sent - info.bytes_retrans, 0) if info.bytes_sent else value.tx.payload_bytes
    )
    received = received_payload(info.bytes_received, value.rx)
    if sent == value.tx.payload_bytes and received == value.rx.payload_bytes:
        return value
    return msgspec.structs.replace(
        value,
        tx=msgspec.structs.replace(value.tx, payload_bytes=sent),
        rx=msgspec.structs.replace(value.rx, payload_bytes=received),
    )


def is_base(value: SocketAggregate) -> bool:
    """Say whether a record tells where the counters of a connection stood when kflowd met it."""
    met = value.flags & (SocketFlag.SNAPSHOT | SocketFlag.FINAL | SocketFlag.STALE)
    return met == SocketFlag.SNAPSHOT


def base_of(value: SocketAggregate, settled: SocketAggregate) -> SocketAggregate:
    """Return what deltas of a connection begin from: packets seen before are part of the next."""
    return msgspec.structs.replace(
        settled,
        tx=_base_direction(settled.tx, value.tx),
        rx=_base_direction(settled.rx, value.rx),
        usage=None,
    )


def received_payload(bytes_received: int, rx: SocketDirection) -> int:
    """Return the payload in tcp_sock.bytes_received, which counts a received FIN as one byte.

    A FIN that was seen on the wire may not have been taken in (the socket was closed already): then
    the packets hold just as much payload as the kernel counted.
    """
    if not bytes_received or bytes_received == rx.payload_bytes:
        return bytes_received
    return bytes_received - _has_fin(rx.flag_bits, rx.flag_counts)


@lru_cache(MAX_HISTOGRAMS)
def _has_fin(bits: bytes, counts: tuple[int, ...]) -> bool:
    return any(count and slot & TCP_FIN for slot, count in zip(bits, counts, strict=True))


def delta(value: SocketAggregate, earlier: SocketAggregate) -> SocketAggregate:
    """Return what happened between two records of one socket, with the state of the later."""
    return msgspec.structs.replace(
        value,
        drops=since(value.drops, earlier.drops),
        tx=_direction_delta(value.tx, earlier.tx),
        rx=_direction_delta(value.rx, earlier.rx),
        tcp=_tcp_info_delta(value.tcp, earlier.tcp),
        usage=usage_since(value.usage, earlier.usage),
    )


def since(value: int, earlier: int) -> int:
    """Return the increase of an unsigned 32-bit counter; 0 if it was reset."""
    increase = (value - earlier) & 0xFFFFFFFF
    return increase if increase < _U32_HALF else 0


def _direction_delta(value: SocketDirection, earlier: SocketDirection) -> SocketDirection:
    """Durations add up, too: the interval begins at the last packet of the one before."""
    return SocketDirection(
        first_ns=earlier.last_ns if earlier.packets else value.first_ns,
        last_ns=value.last_ns,
        payload_bytes=max(value.payload_bytes - earlier.payload_bytes, 0),
        ttl_sum=max(value.ttl_sum - earlier.ttl_sum, 0),
        packets=since(value.packets, earlier.packets),
        packets_seen=since(value.packets_seen, earlier.packets_seen),
        data_packets=since(value.data_packets, earlier.data_packets),
        ifindex=value.ifindex,
        frags=since(value.frags, earlier.frags),
        flag_bits=value.flag_bits,
        flag_counts=tuple(map(since, value.flag_counts, earlier.flag_counts)),
    )


def _base_direction(settled: SocketDirection, seen: SocketDirection) -> SocketDirection:
    return SocketDirection(
        first_ns=seen.first_ns,
        last_ns=seen.first_ns,
        payload_bytes=max(settled.payload_bytes - seen.payload_bytes, 0),
        ttl_sum=0,
        packets=0,
        packets_seen=0,
        data_packets=0,
        ifindex=seen.ifindex,
        frags=0,
        flag_bits=seen.flag_bits,
        flag_counts=(0,) * len(seen.flag_counts),
    )


def _tcp_info_delta(value: TcpInfo, earlier: TcpInfo) -> TcpInfo:
    return TcpInfo(
        bytes_sent=max(value.bytes_sent - earlier.bytes_sent, 0),
        bytes_acked=max(value.bytes_acked - earlier.bytes_acked, 0),
        bytes_retrans=max(value.bytes_retrans - earlier.bytes_retrans, 0),
        bytes_received=max(value.bytes_received - earlier.bytes_received, 0),
        segs_out=since(value.segs_out, earlier.segs_out),
        segs_in=since(value.segs_in, earlier.segs_in),
        data_segs_out=since(value.data_segs_out, earlier.data_segs_out),
        data_segs_in=since(value.data_segs_in, earlier.data_segs_in),
        total_retrans=since(value.total_retrans, earlier.total_retrans),
        dsack_dups=since(value.dsack_dups, earlier.dsack_dups),
        reord_seen=since(value.reord_seen, earlier.reord_seen),
        srtt_us=value.srtt_us,
        rto_jiffies=value.rto_jiffies,
    )
