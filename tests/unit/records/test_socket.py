# SPDX-License-Identifier: Apache-2.0
from typing import Any

import msgspec

from kflowd.model import Flow, SocketAggregate, SocketClosed, SocketDirection, SocketFlag, TcpInfo
from kflowd.records import Decoder
from tests.unit.make import key, record

FIELDS = SocketDirection.__struct_fields__
ADDRESS = bytes(range(16))


def _direction(name: str, first: int) -> dict[str, Any]:
    members = ["bytes" if each == "payload_bytes" else each for each in FIELDS[:9]]
    values: dict[str, Any] = {f"sock__{name}__{each}": first + i for i, each in enumerate(members)}
    values[f"sock__{name}__flag_bits"] = bytes(range(12))
    values[f"sock__{name}__flag_counts"] = tuple(range(first, first + 12))
    return values


def test_socket_records_hold_each_member_in_its_place() -> None:
    """Key, addresses, both directions and the counters of TCP are read."""
    flow = {"local_port": 1000, "remote_port": 2000, "family": 10, "protocol": 6, "net_ns": 5}
    rest = {"flags": SocketFlag.FOLDED, "role": 2, "state": 7, "drops": 8, "queued": 9}
    rest |= {"folded": 11, "begun": 12}
    members: dict[str, Any] = {f"sock__{n}": v for n, v in (flow | rest).items()}
    members |= {f"sock__tcp__{n}": 50 + i for i, n in enumerate(TcpInfo.__struct_fields__)}
    raw = record(
        "SOCK", hdr__ts_ns=99, key__cookie=1, key__remote_addr=ADDRESS, key__remote_port=2,
        key__family=3, key__scope=2, sock__first_ns=4, sock__last_ns=5, sock__local_addr=ADDRESS,
        sock__remote_addr=ADDRESS[::-1], **members, **_direction("tx", 100),
        **_direction("rx", 200),
    )  # fmt: skip
    (value,) = Decoder().decode(raw)
    assert isinstance(value, SocketAggregate)
    assert value.key == key("sock", cookie=1, remote_addr=ADDRESS, remote_port=2, family=3, scope=2)
    assert value.scope == 2
    assert value.cookie == 1
    assert (value.ts_ns, value.first_ns, value.last_ns) == (99, 4, 5)
    assert value.flow == Flow(local_addr=ADDRESS, remote_addr=ADDRESS[::-1], **flow)
    assert {name: getattr(value, name) for name in rest} == rest
    assert msgspec.structs.astuple(value.tx) == (
        *range(100, 109),
        bytes(range(12)),
        tuple(range(100, 112)),
    )
    assert value.rx.first_ns == 200
    assert value.tcp == TcpInfo(*range(50, 63))


def test_udp_has_no_tcp_counters_whatever_the_bytes_say() -> None:
    """The members of TCP are not read for UDP."""
    (value,) = Decoder().decode(record("SOCK", sock__protocol=17, sock__tcp__segs_in=9))
    assert isinstance(value, SocketAggregate)
    assert value.tcp.segs_in == 0


def test_the_end_of_a_udp_socket_is_read() -> None:
    """The notice holds the cookie."""
    assert Decoder().decode(record("SOCK_CLOSED", hdr__ts_ns=1, cookie=2)) == [SocketClosed(1, 2)]
