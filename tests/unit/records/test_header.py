# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.model import Tick
from kflowd.records import Decoder
from kflowd.records.header import text
from tests.unit.make import record


@pytest.mark.parametrize("raw", [b"", b"plain", "hö".encode(), b"in\xff\xfe\xc3valid\n"])
def test_text_gives_its_bytes_back(raw: bytes) -> None:
    """Whatever a name consists of."""
    assert text(raw).encode("utf-8", "surrogateescape") == raw


def test_a_tick_is_a_header_alone() -> None:
    """It says when the maps were swept."""
    assert Decoder().decode(record("TICK", ts_ns=2**60)) == [Tick(2**60)]
