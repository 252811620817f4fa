# SPDX-License-Identifier: Apache-2.0
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kflowd.delivery import Output
from kflowd.delivery.output import State
from kflowd.delivery.sinks import JournalSink, RefusedError
from kflowd.delivery.sinks.journal import SOCKET
from tests.unit.delivery.make import until
from tests.unit.delivery.sinks.journald import Journald


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


@pytest.fixture
def journald(path: Path) -> Iterator[Journald]:
    made = Journald(path)
    yield made
    made.close()


def test_an_entry_is_a_datagram(journald: Journald, path: Path) -> None:
    """As it is."""
    sink = JournalSink(path)
    assert sink.write([b"A=1\nB=\n", b"A\n\x03\0\0\0\0\0\0\0x\ny\n"], 0) == (2, 0)
    assert journald.entry() == [("A", b"1"), ("B", b"")]
    assert journald.entry() == [("A", b"x\ny")]
    assert not journald.in_memory
    sink.close()


@pytest.mark.parametrize("size", [100, 200_000, 300_000, 5_000_000])
def test_what_is_too_large_for_a_datagram(size: int, journald: Journald, path: Path) -> None:
    """Goes as a descriptor of memory that is sealed; none stays open here."""
    sink = JournalSink(path)
    sink.write([b"A=1\n"], 0)
    journald.entry()
    before = os.listdir("/proc/self/fd")
    assert sink.write([b"A=" + b"x" * size + b"\n", b"B=2\n"], 0) == (2, 0)
    assert journald.entry() == [("A", b"x" * size)]
    assert journald.entry() == [("B", b"2")]
    assert journald.in_memory == (size > 250_000)
    assert os.listdir("/proc/self/fd") == before
    sink.close()


def test_a_journal_that_reads_nothing_is_waited_for(journald: Journald, path: Path) -> None:
    """Large entries too: none is lost, and none comes twice."""
    sink = JournalSink(path)
    output = Output("journal", sink, "json-min")
    texts = [b"N=%d\nX=%s\n" % (n, b"x" * (300_000 if n % 10 == 0 else 10)) for n in range(100)]
    output.put(texts, [])
    until(lambda: output.counts().written > 0)
    found = [int(dict(journald.entry())["N"]) for _ in range(100)]
    assert found == list(range(100))
    assert output.counts().written == 100
    output.leave()


def test_a_journal_that_is_begun_anew(journald: Journald, path: Path) -> None:
    """Another one has the socket then."""
    sink = JournalSink(path)
    sink.write([b"A=1\n"], 0)
    journald.close()
    path.unlink()
    with pytest.raises(RefusedError) as caught:
        sink.write([b"A=2\n"], 0)
    assert (caught.value.error.errno, caught.value.forever) == (errno.ECONNREFUSED, False)
    with pytest.raises(FileNotFoundError):
        sink.write([b"A=2\n"], 0)
    other = Journald(path)
    assert sink.write([b"A=2\n"], 0) == (1, 0)
    assert other.entry() == [("A", b"2")]
    other.close()
    sink.close()


def test_no_memory_for_a_large_entry(
    journald: Journald, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes later; what was opened for it is closed."""
    sink = JournalSink(path)
    write = os.write

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    large = b"A=" + b"x" * 1_000_000 + b"\n"
    sink.write([b"A=1\n"], 0)
    journald.entry()
    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RefusedError) as caught:
        sink.write([large], 0)
    assert (caught.value.error.errno, caught.value.forever) == (errno.ENOSPC, False)
    monkeypatch.setattr(os, "write", write)
    assert sink.write([large], 0) == (1, 0)
    assert len(journald.entry()[0][1]) == 1_000_000
    assert len(os.listdir("/proc/self/fd")) <= len(before)
    sink.close()


def test_without_a_journal(path: Path) -> None:
    """It may be there later."""
    output = Output("journal", JournalSink(path), "json-min")
    output.put([b"A=1\n"], [])
    until(lambda: output.state is State.RETRYING)
    output.leave()
    assert JournalSink()._path == SOCKET
