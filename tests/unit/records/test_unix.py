# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from kflowd.model import UnixAggregate
from kflowd.records import Decoder
from kflowd.records.unix import address_text
from tests.unit.make import record


def test_unix_records_hold_each_member_in_its_place() -> None:
    """Times, counters and address are read."""
    others = {"address", "usage"}
    names = [name for name in UnixAggregate.__struct_fields__[2:] if name not in others]
    members: dict[str, Any] = {f"unix_sock__{name}": 10 + i for i, name in enumerate(names)}
    raw = record(
        "UNIX", hdr__ts_ns=99, key__sock=2**64 - 1, key__ino=2, key__peer_hash=3,
        unix_sock__addr=b"/dev/log\0x", unix_sock__addr_len=8, **members,
    )  # fmt: skip
    (value,) = Decoder().decode(raw)
    assert isinstance(value, UnixAggregate)
    assert value.ts_ns == 99
    assert tuple(getattr(value, name) for name in names) == tuple(range(10, 20))
    assert value.address == "/dev/log"


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"", ""), (b"/a\0b", "/a"), (b"\0abstract", "@abstract"), (b"\0a\0b", "@a\0b")],
)
def test_abstract_names_begin_with_an_at_sign(raw: bytes, text: str) -> None:
    """A path ends at its NUL, an abstract name holds any byte."""
    assert address_text(raw) == text
