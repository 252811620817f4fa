# SPDX-License-Identifier: Apache-2.0
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.delivery.formats.times import second
from kflowd.serialize.record import RECORDS, record_keys
from kflowd.top.records import Seen, decode
from tests.unit.top.made import record

SAMPLES = Path(__file__).parents[2] / "data" / "samples"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_samples_are_read(path: Path) -> None:
    """Each field that is read has the value of the contract's sample."""
    values = json.loads(path.read_text())
    seen = decode(path.read_bytes())
    assert seen is not None
    for name in Seen.__struct_fields__:
        if name in values:
            assert getattr(seen, name) == values[name]


def test_fields_are_those_of_records() -> None:
    """No name is one that no record has."""
    known = {key for kind in RECORDS for key in record_keys(kind)}
    assert set(Seen.__struct_fields__) <= known


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b'{"InfoMonitor": 7}',
        b'{"InfoMonitor": "\xff"}',
        b'{"x": ' + b"[" * 100_000,
        record(ProcPID=-1),
        record(ProcPID="7"),
        record(ProcPID=1 << 63),
        record(Proc=None, ProcUser=[]),
        record(FileEventCount=1.5),
        record(FileNotes={"STALE": 1}),
        record(ProcEvents=["EXEC"]),
        record(ProcAge=-1),
        record(ProcAge=1e300),
    ],
)
def test_what_is_no_record(text: bytes) -> None:
    """Broken JSON and values of wrong types are no records, and no errors."""
    assert decode(text) is None


@given(data=st.binary())
def test_any_bytes(data: bytes) -> None:
    """Nothing is an error."""
    decode(data)


@given(seconds=st.integers(-(1 << 34), 1 << 37), ns=st.integers(0, 999_999_999))
def test_times_are_those_that_are_written(seconds: int, ns: int) -> None:
    """In the years that have four digits and that the calendar has."""
    seen = Seen(InfoMonitor="x", InfoTimestamp=f"{second(seconds)}.{ns:09d} UTC")
    assert seen.wall_ns == seconds * 1_000_000_000 + ns
    assert datetime.fromtimestamp(seconds, UTC).year < 10000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-04-04T15:34:35.643031330Z",
        "Thu, Apr 04 2024 15:34:35.64303133x UTC",
        "Thu, Apr 04 2024 15:34:35.643031330 CET",
        "Thu, Foo 04 2024 15:34:35.643031330 UTC",
        "Thu, Feb 30 2024 15:34:35.643031330 UTC",
        "Thu, Apr 04 0000 15:34:35.643031330 UTC",
        "Thu, Apr ٠٤ 2024 15:34:35.643031330 UTC",
    ],
)
def test_what_is_no_time(text: str) -> None:
    """A record without its time has none, and is a record."""
    assert Seen(InfoMonitor="x", InfoTimestamp=text).wall_ns is None


def test_when_a_process_began() -> None:
    """By its age, but for a file that was swept, or of which that is not known."""
    begun = 5_000_000_000
    assert Seen(InfoMonitor="socket", ProcAge=2.5).began_ns(begun) == 2_500_000_000
    file = Seen(InfoMonitor="filesystem", ProcAge=2.5, InfoTime="x")
    assert file.began_ns(begun) == 2_500_000_000
    for seen in (
        Seen(InfoMonitor="socket"),
        Seen(InfoMonitor="filesystem", ProcAge=2.5),
        Seen(InfoMonitor="filesystem", ProcAge=2.5, InfoTime="x", FileNotes=("STALE",)),
    ):
        assert seen.began_ns(begun) is None
