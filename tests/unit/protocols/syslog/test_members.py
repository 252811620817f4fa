# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols.base import Limits
from kflowd.protocols.syslog.members import (
    FACILITIES,
    SEVERITIES,
    Fields,
    members_of,
    shortened,
    text_of,
    undecodable,
)

LIMITS = Limits()


def test_members_stand_in_their_order() -> None:
    """Those that are absent are not there, but for application and message."""
    full = Fields(165, 1, "time", "host", "app", "1", "id", "[a]", "text")
    assert members_of(full, LIMITS) == (
        {
            "Facility": "Local4",
            "Severity": "Notice (5)",
            "Priority": 165,
            "Version": 1,
            "Timestamp": "time",
            "Hostname": "host",
            "Appname": "app",
            "ProcId": "1",
            "MsgId": "id",
            "Data": "[a]",
            "Message": "text",
        },
        False,
    )
    assert list(members_of(full, LIMITS)[0])[4:] == [
        "Timestamp", "Hostname", "Appname", "ProcId", "MsgId", "Data", "Message",
    ]  # fmt: skip
    bare, _ = members_of(Fields(0), LIMITS)
    assert list(bare) == ["Facility", "Severity", "Priority", "Version", "Appname", "Message"]
    assert (bare["Facility"], bare["Severity"]) == ("Kernel", "Emergency (0)")


@pytest.mark.parametrize("priority", [0, 13, 85, 86, 165, 191])
def test_a_priority_is_facility_and_severity(priority: int) -> None:
    """Of 24 and 8."""
    members, _ = members_of(Fields(priority), LIMITS)
    assert members["Facility"] == FACILITIES[priority // 8]
    assert members["Severity"] == f"{SEVERITIES[priority % 8]} ({priority % 8})"
    assert (len(FACILITIES), len(SEVERITIES), FACILITIES[23]) == (24, 8, "Local7")


@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode), st.integers(0, 40))
def test_text_is_cut_between_characters(raw: bytes, most: int) -> None:
    """What is left has the same bytes; of characters none is a part."""
    text = text_of(raw)
    cut = shortened(text, most)
    shown = cut.encode("utf-8", "surrogateescape")
    assert raw.startswith(shown)
    assert len(shown) <= most
    assert len(shown) > most - 4 or shown == raw
    if not any(0xDC80 <= ord(it) <= 0xDCFF for it in text):
        assert text.startswith(cut)


def test_what_is_no_message_is_shown_as_it_is() -> None:
    """Cut as any text is, with bytes that are no UTF-8."""
    assert undecodable(b"a\xff", LIMITS) == (
        {"_Exception": "SYSLOG Message Decoder", "_Message": "a\udcff"},
        False,
    )
    assert undecodable(b"abcdef", Limits(text_bytes=4))[0]["_Message"] == "abcd"
    assert members_of(Fields(1, message="abcdef"), Limits(text_bytes=4))[1]
