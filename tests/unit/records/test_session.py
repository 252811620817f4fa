# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.contract import layout
from kflowd.model import Session
from kflowd.recording import Recorder, Recording
from kflowd.records import Decoder
from kflowd.records.session import MAX_FACTS_BYTES, encode_session, fit_facts
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


@given(
    st.integers(0, 2**64 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.text(),
)
def test_what_is_written_is_read(ts_ns: int, offset_ns: int, hz: int, name: str) -> None:
    """A session record is padded, and gives the session back."""
    facts = msgspec.json.encode({"host_name": name})
    session = Session(ts_ns, offset_ns, hz, facts)
    raw = encode_session(session)
    assert len(raw) % 8 == 0
    assert len(raw) - 8 < layout(KINDS["SESSION"]).size + len(facts) <= len(raw)
    assert Decoder().decode(raw) == [session]


def test_what_a_record_has_no_room_for_is_left_out_and_told(tmp_path: Path) -> None:
    """The longest goes first, so that the others stay; what is written can be read."""
    mounts = "m" * (MAX_FACTS_BYTES - len('{"host_name":"dev","mountinfo":""}'))
    fitting = {"host_name": "dev", "mountinfo": mounts}
    facts, left_out = fit_facts({"users": "u" + mounts, **fitting})
    assert (msgspec.json.decode(facts), left_out) == (fitting, ["users"])
    assert len(facts) == MAX_FACTS_BYTES
    assert fit_facts({"a": 1, "b": [2]}) == (b'{"a":1,"b":[2]}', [])
    full = Session(1, 2, 250, b'{"x":"' + b"x" * (MAX_FACTS_BYTES - 8) + b'"}')
    with Recorder(tmp_path / "tape") as recorder:
        recorder.begin(encode_session(full))
    (first,) = Recording(tmp_path / "tape").batches()
    assert Decoder().decode(first) == [full]
    with pytest.raises(ValueError, match="have no room"):
        encode_session(msgspec.structs.replace(full, facts=full.facts + b" "))
