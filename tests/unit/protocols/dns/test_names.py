# SPDX-License-Identifier: Apache-2.0
import dns.exception
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.protocols.dns.names import (
    CHAIN,
    EndsError,
    UnreadableError,
    escaped,
    label_text,
    read_name,
    skip_name,
)
from tests.unit.protocols.dns.generate import LABELS
from tests.unit.protocols.dns.make import name, pointer

HEADER = bytes(12)


def theirs(data: bytes, at: int) -> tuple[str, int] | None:
    """Return what dnspython reads."""
    try:
        found, size = dns.name.from_wire(data, at)
    except dns.exception.DNSException:
        return None
    return found.to_text(omit_final_dot=True), at + size


@given(st.lists(LABELS, max_size=6))
def test_names_are_those_of_dnspython(labels: list[bytes]) -> None:
    """Whatever is in the labels."""
    wire = b"".join(bytes([len(it)]) + it for it in labels) + b"\0"
    data = HEADER + wire
    if len(wire) > 255:
        with pytest.raises(UnreadableError, match="more than 255"):
            read_name(data, 12, len(data))
        return
    assert read_name(data, 12, len(data)) == theirs(data, 12)
    assert skip_name(data, 12, len(data)) == len(data)


@given(st.binary(max_size=60), st.integers(12, 40))
def test_any_bytes_are_what_dnspython_takes_them_for(raw: bytes, at: int) -> None:
    """But for pointers into the header, where no name is; skipping goes as far as reading."""
    data = HEADER + raw
    known = theirs(data, at) if at < len(data) else None
    try:
        found = read_name(data, at, len(data))
    except UnreadableError:
        assert known is None or any(it >= 0xC0 for it in raw)
        return
    assert found == known
    assert skip_name(data, at, len(data)) == found[1]


def test_what_is_not_plain_is_escaped() -> None:
    r"""A dot in a label is `\.`, a byte without a sign `\DDD`, the root a dot."""
    assert label_text(b"a.b c\\\xc3\xa4;") == r"a\.b\032c\\\195\164\;"
    assert label_text(b"_sip-1") == "_sip-1"
    assert read_name(HEADER + b"\0", 12, 13) == (".", 13)
    assert escaped(b'a "b"\\\n\x7f') == r"a \"b\"\\\010\127"


def test_a_pointer_goes_back_and_past_no_end() -> None:
    """The name goes on where it points; what follows is behind the pointer."""
    data = HEADER + name("example.com") + b"\3www" + pointer(12) + b"more"
    assert read_name(data, 25, len(data)) == ("www.example.com", 31)
    # within the data of a record the end is that of the data, behind a pointer that of the message
    assert read_name(data, 25, 31) == ("www.example.com", 31)
    with pytest.raises(EndsError):
        read_name(data, 25, 30)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (pointer(12), "does not go back"),  # to itself
        (pointer(14) + pointer(12), "does not go back"),
        (pointer(200), "does not go back"),
        (pointer(3), "does not go back"),  # into the header
        (b"\1a" + pointer(12), "does not go back"),  # to its own beginning
        (b"\x40abc\0", "type that is not known"),
        (b"\x80abc\0", "type that is not known"),
        (b"\3ab", "ends early"),
        (b"\3abc", "ends early"),
        (b"\xc0", "ends early"),
        (b"", "ends early"),
        (b"\x3f" + b"a" * 63 + (b"\x3f" + b"a" * 63) * 3 + b"\0", "more than 255 bytes"),
    ],
)
def test_what_is_no_name_is_told(raw: bytes, complaint: str) -> None:
    """Reading ends at once, whatever the bytes are."""
    data = HEADER + raw
    with pytest.raises(UnreadableError, match=complaint):
        read_name(data, 12, len(data))
    if raw[:1] != b"\1" and raw != pointer(14) + pointer(12):
        with pytest.raises(UnreadableError, match=complaint):
            skip_name(data, 12, len(data))


def test_chains_of_pointers_are_bounded() -> None:
    """One of as many as are allowed is read, of one more it is not."""
    data = bytearray(HEADER + name("a"))
    ends = [12]
    for _ in range(CHAIN + 1):
        ends.append(len(data))
        data += pointer(ends[-2])
    assert read_name(bytes(data), ends[CHAIN], len(data))[0] == "a"
    with pytest.raises(UnreadableError, match="more than 20 pointers"):
        read_name(bytes(data), ends[CHAIN + 1], len(data))
