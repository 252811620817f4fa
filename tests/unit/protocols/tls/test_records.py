# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols.tls.records import LONGEST, Content, Fragment, NoRecordError, Records
from tests.unit.protocols.tls.make import record

STREAM = record(b"abc") + record(b"", 23) + record(b"\x02\x28", 21)


@given(st.lists(st.integers(1, 5), max_size=20))
def test_how_a_stream_is_split_says_nothing(sizes: list[int]) -> None:
    """The bytes of each record are the same, and nothing of them is kept."""
    found: dict[tuple[int, Content], bytes] = {}
    reader, at, number = Records(), 0, 0
    for size in (*sizes, len(STREAM)):
        for content, data, begins in reader.feed(STREAM[at : at + size]):
            number += begins
            found[number, content] = found.get((number, content), b"") + data
        at += size
    assert found == {
        (1, Content.HANDSHAKE): b"abc",
        (2, Content.APPLICATION_DATA): b"",
        (3, Content.ALERT): b"\x02\x28",
    }
    assert not reader.inside


def test_a_record_is_given_as_it_comes() -> None:
    """Its first bytes say so."""
    reader, data = Records(), record(b"abc")
    assert list(reader.feed(data[:7])) == [Fragment(Content.HANDSHAKE, b"ab", begins=True)]
    assert list(reader.feed(data[7:])) == [Fragment(Content.HANDSHAKE, b"c", begins=False)]


@pytest.mark.parametrize(
    "data",
    [
        b"G",
        b"\x19",
        b"\x16\x02",
        b"\x16\x03\x01\x00\x00",
        b"\x15\x03\x01\x00\x00",
        b"\x16\x03\x01" + (LONGEST + 1).to_bytes(2, "big"),
        record(b"abc") + b"x",
    ],
)
def test_what_is_no_record_is_told_at_once(data: bytes) -> None:
    """By the first byte that cannot be of one."""
    with pytest.raises(NoRecordError):
        list(Records().feed(data))
    reader = Records()
    assert list(reader.feed(data[:-1])) == list(Records().feed(data[:-1]))
