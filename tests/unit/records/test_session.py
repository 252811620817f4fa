# SPDX-License-Identifier: Apache-2.0
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.contract import layout
from kflowd.model import Session
from kflowd.records import Decoder
from kflowd.records.session import encode_session
from tests.unit.make import KINDS, record


def test_a_session_holds_clock_and_facts() -> None:
    """Facts are a JSON object; whoever knows a key of it reads it."""
    facts = b'{"host_name":"dev","kernel":"6.1.0","later":[1,{"x":2}]}'
    raw = record(
        "SESSION", facts, hdr__ts_ns=9, realtime_offset_ns=2**60, hz=250, facts_len=len(facts)
    )
    assert Decoder().decode(raw) == [Session(9, 2**60, 250, facts)]


@pytest.mark.parametrize("facts", [b"", b"[]", b"{", b'{"a":"\xff"}', b"[" * 5000])
def test_facts_that_are_no_object_are_no_session(facts: bytes) -> None:
    """A damaged session is counted as short."""
    decoder = Decoder()
    assert decoder.decode(record("SESSION", facts, facts_len=len(facts))) == []
    assert decoder.stats.short == 1


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.text())
def test_what_is_written_is_read(ts_ns: int, offset_ns: int, hz: int, name: str) -> None:
    """A session record is padded, and gives the session back."""
    facts = msgspec.json.encode({"host_name": name})
    session = Session(ts_ns, offset_ns, hz, facts)
    raw = encode_session(session)
    assert len(raw) % 8 == 0
    assert len(raw) - 8 < layout(KINDS["SESSION"]).size + len(facts) <= len(raw)
    assert Decoder().decode(raw) == [session]
