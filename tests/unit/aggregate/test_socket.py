# SPDX-License-Identifier: Apache-2.0
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.aggregate import socket as module
from kflowd.aggregate.socket import (
    SocketAggregator,
    delta,
    received_payload,
    settle,
    since,
)
from kflowd.model import Scope, SocketAggregate, SocketClosed, SocketFlag
from kflowd.records.socket import NO_TCP_INFO
from tests.unit.make import SECOND, direction, flow, key, socket, tcp_info

U32 = st.integers(0, 2**32 - 1)


def totals(step: int, **changes: Any) -> SocketAggregate:
    """Return a connection after `step` equal intervals."""
    one = direction(
        first_ns=SECOND, last_ns=step * 10 * SECOND, payload_bytes=100 * step, ttl_sum=640 * step,
        packets=10 * step, packets_seen=10 * step, data_packets=step, frags=step,
        flag_bits=bytes([2, 16, *([0] * 10)]), flag_counts=(1, 10 * step - 1, *([0] * 10)),
    )  # fmt: skip
    info = tcp_info(
        bytes_sent=110 * step, bytes_retrans=10 * step, bytes_acked=100 * step,
        bytes_received=100 * step, total_retrans=step, srtt_us=8 * step, rto_jiffies=51,
    )  # fmt: skip
    base = socket(flags=SocketFlag.STALE, drops=step, tx=one, rx=one, tcp=info)
    return msgspec.structs.replace(base, **changes)


def add(aggregator: SocketAggregator, value: SocketAggregate) -> SocketAggregate:
    out = aggregator.add(value)
    assert out is not None
    return out


def test_interim_records_hold_what_happened_since_the_last() -> None:
    """The sum of all records of a connection is its totals."""
    aggregator = SocketAggregator()
    final = SocketFlag.FINAL
    records = [add(aggregator, each) for each in (totals(1), totals(2), totals(5, flags=final))]
    assert [each.tx.payload_bytes for each in records] == [100, 100, 300]
    assert [each.rx.packets for each in records] == [10, 10, 30]
    assert [sum(each.tx.flag_counts) for each in records] == [10, 10, 30]
    assert [each.tcp.total_retrans for each in records] == [1, 1, 3]
    assert [each.drops for each in records] == [1, 1, 3]
    assert [each.tx.last_ns - each.tx.first_ns for each in records] == [
        *(9 * SECOND, 10 * SECOND, 30 * SECOND)
    ]
    assert records[-1].tcp.srtt_us == 40
    assert records[-1].first_ns == records[0].first_ns


def test_a_final_record_ends_the_state() -> None:
    """A cookie that comes again is another connection."""
    aggregator = SocketAggregator()
    add(aggregator, totals(5, flags=SocketFlag.FINAL))
    assert add(aggregator, totals(1)).tx.packets == 10


def test_a_connection_from_before_begins_at_its_base() -> None:
    """The base is no record; what was before it is not reported, packets seen before it are."""
    aggregator = SocketAggregator()
    seen = direction(packets=1, payload_bytes=7, flag_bits=b"\x10" + bytes(11))
    seen = msgspec.structs.replace(seen, flag_counts=(1, *([0] * 11)))
    base = totals(5, flags=SocketFlag.SNAPSHOT, tx=seen, rx=direction())
    assert aggregator.add(base) is None
    later = direction(packets=3, flag_bits=b"\x10" + bytes(11), flag_counts=(3, *([0] * 11)))
    flags = SocketFlag.SNAPSHOT | SocketFlag.FINAL
    value = add(aggregator, totals(6, flags=flags, tx=later, rx=direction()))
    assert value.tx.packets == sum(value.tx.flag_counts) == 3
    assert value.tx.payload_bytes == 107
    assert value.tcp.total_retrans == 1
    assert value.drops == 1


def test_a_connection_from_before_without_a_base_counts_packets() -> None:
    """Totals that began before kflowd are never reported as if they had not."""
    value = add(SocketAggregator(), totals(5, flags=SocketFlag.SNAPSHOT | SocketFlag.FINAL))
    assert value.flags & SocketFlag.NO_TCP_INFO
    assert value.tx.payload_bytes == 500


def test_payload_of_tcp_is_the_kernels() -> None:
    """Packets count retransmissions, tcp_sock does not; without it packets are what is known."""
    seen = direction(payload_bytes=999)
    value = settle(socket(tx=seen, rx=seen, tcp=tcp_info(bytes_sent=82, bytes_retrans=10)))
    assert value.tx.payload_bytes == 72
    assert value.rx.payload_bytes == 0
    nobody = msgspec.structs.replace(tcp_info(), segs_out=0)
    value = settle(socket(tx=seen, rx=seen, tcp=nobody))
    assert value.flags & SocketFlag.NO_TCP_INFO
    assert value.tx.payload_bytes == 999
    value = settle(socket(tx=seen, tcp=tcp_info(bytes_acked=1000)))  # bytes_sent was missed
    assert value.tx.payload_bytes == 999


@pytest.mark.parametrize(
    ("received", "seen", "fins", "payload"),
    [(343, 342, 1, 342), (342, 342, 0, 342), (343, 400, 1, 342), (342, 342, 1, 342), (0, 5, 1, 0)],
)
def test_a_received_fin_is_no_payload(received: int, seen: int, fins: int, payload: int) -> None:
    """bytes_received counts the FIN, if it was taken in."""
    rx = direction(
        payload_bytes=seen, flag_bits=bytes([17] + [0] * 11), flag_counts=(fins, *([0] * 11))
    )
    assert received_payload(received, rx) == payload


@given(U32, U32)
def test_counters_wrap_and_resets_are_zero(earlier: int, growth: int) -> None:
    """The increase of a 32-bit counter is found across its end."""
    later = (earlier + growth) % 2**32
    assert since(later, earlier) == (growth if growth < 2**31 else 0)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_deltas_add_up(steps: list[int]) -> None:
    """However a connection is cut into records, nothing is counted twice or left out."""
    aggregator = SocketAggregator()
    ends = [sum(steps[: i + 1]) for i in range(len(steps))]
    records = [add(aggregator, totals(end)) for end in ends]
    assert sum(each.rx.payload_bytes for each in records) == 100 * ends[-1]
    assert sum(each.tx.packets for each in records) == 10 * ends[-1]
    assert all(sum(each.tx.flag_counts) == each.tx.packets for each in records)


def test_a_delta_is_never_negative() -> None:
    """Counters that went back, against all rules, give 0."""
    value = delta(totals(1), totals(2))
    assert value.tx.payload_bytes == value.tx.packets == value.tcp.bytes_acked == 0


def udp(**changes: Any) -> SocketAggregate:
    values = {"flow": flow(protocol=17), "state": 1, "flags": SocketFlag.STALE}
    return socket(**{**values, **changes})


def test_udp_is_closed_when_idle_or_gone() -> None:
    """Active peers are established, idle and closed ones are not."""
    aggregator = SocketAggregator()
    assert add(aggregator, udp()).state == 1
    assert add(aggregator, udp(flags=SocketFlag.STALE | SocketFlag.IDLE)).state == 7
    assert add(aggregator, udp(flags=SocketFlag.FINAL)).state == 7
    aggregator.closed(SocketClosed(1, udp().cookie))
    for state in (7, 7, 1):
        assert add(aggregator, udp()).state == state
        aggregator.tick()


def test_closed_sockets_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those a peer that leaves for its age alone is told to be established."""
    monkeypatch.setattr(module, "MAX_CLOSED", 10)
    aggregator = SocketAggregator()
    for cookie in range(23):
        aggregator.closed(SocketClosed(1, cookie))
    assert [add(aggregator, udp(cookie=cookie)).state for cookie in (9, 10)] == [7, 1]
    assert aggregator.stats.ends_lost == 13


def test_udp_drops_are_of_one_peer() -> None:
    """The kernel counts them in the entry of a peer, which leaves with its record."""
    aggregator = SocketAggregator()
    assert add(aggregator, udp(drops=5)).drops == 5
    other = key("sock", cookie=1, remote_addr=bytes([9] * 16), remote_port=53, family=2)
    assert add(aggregator, udp(drops=3, key=other)).drops == 3


def test_folds_leave_the_kernel_with_their_record() -> None:
    """Each has its own sums, of TCP too; those of processes have no state, idle or not."""
    aggregator = SocketAggregator(max_sockets=1)
    flags = SocketFlag.FOLDED | SocketFlag.STALE | SocketFlag.IDLE
    sums = {"tx": direction(packets=5, payload_bytes=70), "tcp": NO_TCP_INFO}
    for _ in range(3):
        value = add(aggregator, socket(flags=flags, scope=Scope.PROCESS, **sums))
        assert (value.tx.packets, value.tx.payload_bytes) == (5, 70)
        assert value.flags & SocketFlag.NO_TCP_INFO
    assert aggregator.stats.sockets_evicted == 0
    of_process = udp(flags=flags, scope=Scope.PROCESS, state=0)
    assert add(aggregator, of_process).state == 0
    assert add(aggregator, udp(flags=flags, scope=Scope.SOCKET, state=1)).state == 7


def test_tables_are_bounded_and_what_falls_out_is_counted() -> None:
    """Ten times the limit makes evictions and no growth."""
    aggregator = SocketAggregator(max_sockets=10)
    for cookie in range(100):
        aggregator.add(totals(1, key=key("sock", cookie=cookie), cookie=cookie))
    assert aggregator.stats.sockets_evicted == 90
