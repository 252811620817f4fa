# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from kflowd.contract import layout
from kflowd.model import Tick
from kflowd.records import Decoder
from kflowd.records.header import HEADER, picker, text, time_ns
from tests.unit.make import record


def test_members_are_picked_in_the_wanted_order() -> None:
    """Also those of a struct within the record."""
    header = layout(HEADER)
    values = header.unpack_from(record("TICK", ts_ns=5, cpu=7))
    assert picker(header, "", ("ts_ns", "cpu"))(values) == (5, 7)
    assert picker(header, "", ("cpu", "ts_ns"))(values) == (7, 5)
    exited = layout("struct kf_exit_record")
    values = exited.unpack_from(record("EXIT", proc__tgid=11, proc__tid=13))
    assert picker(exited, "proc", ("tid", "tgid"))(values) == (13, 11)


@pytest.mark.parametrize("raw", [b"", b"plain", "hö".encode(), b"in\xff\xfe\xc3valid\n"])
def test_text_gives_its_bytes_back(raw: bytes) -> None:
    """Whatever a name consists of."""
    assert os.fsencode(text(raw)) == raw


def test_times_are_nanoseconds() -> None:
    """Before 1970 too."""
    assert (time_ns(3, 7), time_ns(-1, 5)) == (3_000_000_007, -999_999_995)


def test_a_tick_is_a_header_alone() -> None:
    """It says when the maps were swept."""
    assert Decoder().decode(record("TICK", ts_ns=2**60)) == [Tick(2**60)]
