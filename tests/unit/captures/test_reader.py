# SPDX-License-Identifier: Apache-2.0
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.captures.reader import MAX_BLOCK, MAX_FRAME, Frame, frames
from kflowd.errors import CaptureError
from tests.unit.captures.make import (
    SECOND,
    Order,
    block,
    enhanced,
    interface,
    number,
    option,
    pcap,
    section,
)

TIME = 1_700_000_000 * SECOND + 123_456_789
MICROSECONDS = TIME // 1000 * 1000


def read(raw: bytes) -> list[Frame]:
    return list(frames(io.BytesIO(raw)))


def refused(raw: bytes) -> tuple[list[Frame], str]:
    """Return what is given out ahead of the damage, and what it is."""
    found: list[Frame] = []
    with pytest.raises(CaptureError) as caught:
        found.extend(frames(io.BytesIO(raw)))
    return found, str(caught.value)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("nanoseconds", [True, False])
def test_pcap(order: Order, nanoseconds: bool) -> None:
    """In both orders of bytes and both units of time; what was not captured is known."""
    raw = pcap(
        [(TIME, b"abcdef"), (TIME, b"gh")],
        order=order, nanoseconds=nanoseconds, link=101, snap=4,
    )  # fmt: skip
    ts_ns = TIME if nanoseconds else MICROSECONDS
    assert read(raw) == [Frame(ts_ns, 101, 6, b"abcd"), Frame(ts_ns, 101, 2, b"gh")]
    assert read(pcap([])) == []


@pytest.mark.parametrize("order", ["little", "big"])
def test_pcapng(order: Order) -> None:
    """Blocks of packets of each kind, unknown blocks, and interfaces with links of their own."""
    nanoseconds = option(9, b"\x09", order) + option(14, number(5, 8, order), order)
    raw = b"".join(
        (
            section(order),
            interface(1, 3, order=order),
            block(0xBAD, b"unknown", order),
            interface(101, options=nanoseconds + option(0, b"", order), order=order),
            enhanced(TIME // 1000, b"abcde", order=order),
            enhanced(TIME, b"fg", which=1, order=order),
            block(3, number(6, 4, order) + b"hij", order),
            block(
                2,
                number(1, 2, order) + bytes(2) + number(TIME >> 32, 4, order)
                + number(TIME & 0xFFFFFFFF, 4, order) + number(2, 4, order) * 2 + b"kl",
                order,
            ),
        )
    )  # fmt: skip
    later = TIME + 5 * SECOND
    assert read(raw) == [
        Frame(MICROSECONDS, 1, 5, b"abcde"),
        Frame(later, 101, 2, b"fg"),
        Frame(0, 1, 6, b"hij"),
        Frame(later, 101, 2, b"kl"),
    ]


def test_a_section_has_its_own_interfaces_and_order() -> None:
    """As when files are put behind each other."""
    one = section() + interface(101) + enhanced(1, b"a")
    two = section("big") + interface(228, order="big") + enhanced(2, b"b", order="big")
    assert [it.link for it in read(one + two)] == [101, 228]
    assert refused(one + section() + enhanced(1, b"a"))[1] == (
        "block 5 is of an interface that is not described"
    )


def test_times_in_powers_of_two() -> None:
    """As the format has them, too."""
    raw = section() + interface(options=option(9, b"\x8a")) + enhanced(1536, b"a")
    assert read(raw)[0].ts_ns == 1_500_000_000


GOOD = pcap([(TIME, b"abcd"), (TIME, b"ef")])
NEXT = section() + interface() + enhanced(1, b"abcd")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is no capture: neither pcap nor pcapng"),
        (b"\x7fELF and more", "is no capture: neither pcap nor pcapng"),
        (b"\x1f\x8b\x08\0", "is compressed by gzip"),
        (GOOD[:10], "ends inside its header"),
        (GOOD[:30], "ends inside packet 1"),
        (GOOD[:42], "ends inside packet 1"),
        (GOOD[:-1], "ends inside packet 2"),
        (GOOD[:32] + number(MAX_FRAME + 1, 4, "little"), "ends inside packet 1"),
        (GOOD[:32] + b"\xff" * 20, "packet 1 claims 4294967295 bytes"),
        (section()[:6], "ends inside block 1"),
        (section()[:8] + bytes(20), "block 1 has no byte order"),
        (NEXT[:-1], "ends inside block 3"),
        (NEXT + b"x", "ends inside block 4"),
        (section() + number(1, 4, "little") + number(11, 4, "little"), "block 2 claims 11 bytes"),
        (
            section() + number(1, 4, "little") + number(MAX_BLOCK + 4, 4, "little"),
            f"block 2 claims {MAX_BLOCK + 4} bytes",
        ),
        (section() + block(1, b"abcd"), "block 2 is too short"),
        (section() + interface() + block(6, b"abcd"), "block 3 is too short"),
        (
            section() + interface() + block(6, bytes(12) + b"\xff" * 8),
            "block 3 claims a packet of 4294967295 bytes",
        ),
        (section() + interface(options=option(9, b"\x7f")), "block 2 has times of no known unit"),
    ],
)
def test_what_is_damaged_is_one_line(raw: bytes, message: str) -> None:
    """It says where, and what is ahead of it is read."""
    found, said = refused(raw)
    assert said == message
    assert len(found) == ("packet 2" in message) + (raw.startswith(NEXT))


@given(st.sampled_from([GOOD, NEXT]), st.data())
def test_any_bytes_end(good: bytes, data: st.DataObject) -> None:
    """Whatever is changed, and wherever it is cut: frames, or one error."""
    raw = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    except CaptureError as error:
        assert "\n" not in str(error)
