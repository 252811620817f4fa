# SPDX-License-Identifier: Apache-2.0
from kflowd.contract import layout
from kflowd.model import Payload
from kflowd.protocols import Direction
from kflowd.records import Decoder
from tests.unit.make import record

DATA = b"GET / HTTP/1.1\r\n"


def payload(data: bytes = DATA, **members: int) -> bytes:
    """Return a record with bytes behind it."""
    given = {"captured": len(data), "size": len(data), **members}
    return record("PAYLOAD", data, **given)


def test_payload_has_each_member_in_its_place() -> None:
    """And its bytes, no more."""
    raw = payload(
        hdr__ts_ns=9, key__cookie=8, uid=7, seq=6, size=500, local_port=5, remote_port=4,
        protocol=6, received=1, tcp_flags=3, tgid=2, start_ns=1,
    )  # fmt: skip
    (value,) = Decoder().decode(raw)
    assert value == Payload(
        ts_ns=9,
        key=(8).to_bytes(8, "little").ljust(layout("struct kf_sock_key").size, b"\0"),
        uid=7,
        direction=Direction.RX,
        protocol=6,
        local_port=5,
        remote_port=4,
        flags=3,
        seq=5,
        size=500,
        data=DATA,
        tgid=2,
        start_ns=1,
    )


def test_an_end_without_bytes_is_payload_too() -> None:
    """A FIN alone."""
    (value,) = Decoder().decode(payload(b"", tcp_flags=1))
    assert isinstance(value, Payload)
    assert (value.data, value.size, value.direction) == (b"", 0, Direction.TX)


def test_the_first_byte_is_behind_the_syn() -> None:
    """Whose number may be the last that there is."""
    for first, syn in ((1, 0), (0, 0xFFFFFFFF)):
        (value,) = Decoder().decode(payload(seq=first, tcp_flags=2))
        assert isinstance(value, Payload)
        assert value.seq == syn
    (value,) = Decoder().decode(payload(seq=9))
    assert isinstance(value, Payload)
    assert value.seq == 9


def test_what_contradicts_itself_is_counted() -> None:
    """More captured than there is, in the record or in the packet."""
    decoder = Decoder()
    assert decoder.decode(payload(captured=len(DATA) + 1, size=99)) == []
    assert decoder.decode(payload(size=len(DATA) - 1)) == []
    assert decoder.stats.short == 2
