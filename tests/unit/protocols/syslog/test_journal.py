# SPDX-License-Identifier: Apache-2.0
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols.base import Limits
from kflowd.protocols.syslog.journal import decode, split

LIMITS = Limits()


def counted(name: bytes, value: bytes) -> bytes:
    """Return a field in its binary form."""
    return name + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"


def of(raw: bytes, *, whole: bool = True) -> list[tuple[dict[str, Any], list[str]]]:
    """Return members and notes of each entry."""
    return decode(raw, LIMITS, whole=whole)


def test_an_entry_is_a_message() -> None:
    """Its other fields are no part of it."""
    raw = (
        b"PRIORITY=3\nSYSLOG_FACILITY=10\nCODE_FILE=x.c\nSYSLOG_IDENTIFIER=sshd\nSYSLOG_PID=77\n"
        b"SYSLOG_TIMESTAMP=Sep 16 14:30:01 \n" + counted(b"MESSAGE", b"two\nlines = 2")
    )
    ((members, notes),) = of(raw)
    assert members == {
        "Facility": "Security/Authorization",
        "Severity": "Error (3)",
        "Priority": 83,
        "Version": 0,
        "Timestamp": "Sep 16 14:30:01",
        "Appname": "sshd",
        "ProcId": "77",
        "Message": "two\nlines = 2",
    }
    assert list(members) == [
        "Facility", "Severity", "Priority", "Version", "Timestamp", "Appname", "ProcId", "Message",
    ]  # fmt: skip
    assert notes == []


def test_a_message_alone_is_one_of_a_user() -> None:
    """As systemd-journald takes it; numbers that are none are not there."""
    for raw in (
        b"MESSAGE=a=b",
        b"MESSAGE=a=b\nPRIORITY=8\nSYSLOG_FACILITY=24\n",
        b"PRIORITY=-1\nMESSAGE=a=b\nSYSLOG_FACILITY=x\nMESSAGE=second\n",
        counted(b"MESSAGE", b"a=b"),
    ):
        ((members, _),) = of(raw)
        assert (members["Priority"], members["Appname"], members["Message"]) == (14, "", "a=b")
        assert "ProcId" not in members


@pytest.mark.parametrize(
    "raw", [b"", b"MESSAGE=\nPRIORITY=3\n", b"PRIORITY=3\n", b"\n\n", counted(b"MESSAGE", b"")]
)
def test_an_entry_without_a_message_is_none(raw: bytes) -> None:
    """It is told by no record."""
    assert of(raw) == []


def test_a_datagram_may_have_several_entries() -> None:
    """Each ends with an empty line."""
    found = of(b"MESSAGE=a\n\nPRIORITY=1\n\nMESSAGE=b\nPRIORITY=2\n")
    assert [(it["Message"], it["Priority"]) for it, _ in found] == [("a", 14), ("b", 10)]


@pytest.mark.parametrize(
    "raw",
    [
        b"no field",
        b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffabc\n",
        b"MESSAGE\n\3\0\0\0",
        b"MESSAGE\n\2\0\0\0\0\0\0\0abc\n",
    ],
)
def test_what_is_no_field_is_told(raw: bytes) -> None:
    """Names without a value, counts that the bytes do not support."""
    assert of(raw)[-1] == (
        {
            "_Exception": "SYSLOG Message Decoder",
            "_Message": raw.decode("utf-8", "surrogateescape"),
        },
        ["MALFORMED"],
    )


def test_a_part_of_an_entry_is_no_malformed_one() -> None:
    """What is there of its message is shown."""
    raw = b"PRIORITY=3\n" + counted(b"MESSAGE", b"abcdef") + b"CODE_LINE=12\n"
    for end in range(len(raw)):
        found = of(raw[:end], whole=False)
        assert all(notes == [] for _, notes in found)
        shown = found[0][0]["Message"] if found else ""
        assert shown == "abcdef"[: max(0, end - 27)]
    assert decode(b"MESSAGE=abcdef", Limits(text_bytes=3), whole=True)[0][1] == ["CUT"]


@given(st.lists(st.tuples(st.sampled_from([b"MESSAGE", b"PRIORITY", b"SYSLOG_PID"]), st.binary())))
def test_fields_are_read_as_they_are_written(fields: list[tuple[bytes, bytes]]) -> None:
    """In either form, whatever is in the value; the first of a name counts."""
    raw = b"".join(
        counted(name, value) if b"\n" in value or len(value) % 2 else name + b"=" + value + b"\n"
        for name, value in fields
    )
    assert split(raw, whole=True) == ([dict(reversed(fields))], True)


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_are_read(raw: bytes, whole: bool) -> None:
    """To fields or not, and to their end."""
    of(raw, whole=whole)
