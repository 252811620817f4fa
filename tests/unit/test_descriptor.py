# SPDX-License-Identifier: Apache-2.0
import os
import pty
import select
import socket
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kflowd import descriptor
from kflowd.descriptor import Descriptor

DATA = memoryview(bytes(range(256)) * 4096)  # a MiB: more than any of them holds


class Ends(NamedTuple):
    """Both ends of what is written to, as descriptors."""

    reader: int
    writer: int


def pipe() -> Ends:
    return Ends(*os.pipe())


def stream() -> Ends:
    pair = socket.socketpair()
    return Ends(pair[0].detach(), pair[1].detach())


def terminal() -> Ends:
    ends = Ends(*pty.openpty())
    tty.setraw(ends.writer, termios.TCSANOW)
    return ends


@pytest.fixture(params=[pipe, stream, terminal], ids=lambda make: make.__name__)
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    make: Callable[[], Ends] = request.param
    made = make()
    yield made
    for number in made:
        os.close(number)


def transfer(writing: Descriptor, reader: int) -> tuple[bytes, int]:
    """Write DATA, read when nothing is taken; return what came out and how often that was."""
    os.set_blocking(reader, False)
    rest, found, stalls = DATA, b"", 0
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    while rest or len(found) < len(DATA):
        taken = writing.write(rest) if rest else 0
        rest = rest[taken:]
        if not taken:
            stalls += 1
            assert poller.poll(5000), "nothing comes and nothing goes"
            found += os.read(reader, 1 << 20)
    return found, stalls


def test_no_write_waits(ends: Ends) -> None:
    """A reader that stands still stops nobody, and nothing is lost or doubled."""
    writing = Descriptor(ends.writer)
    found, stalls = transfer(writing, ends.reader)
    assert found == DATA
    assert stalls > 1
    writing.close()


def test_the_descriptor_stays_as_it_is(ends: Ends) -> None:
    """Others who have it still wait when they write, and it stays open."""
    writing = Descriptor(ends.writer)
    while writing.write(DATA):
        pass
    assert os.get_blocking(ends.writer)
    writing.close()
    os.fstat(ends.writer)


def test_as_others_set_it(ends: Ends) -> None:
    """With O_NONBLOCK from a parent it is the same."""
    os.set_blocking(ends.writer, False)
    writing = Descriptor(ends.writer)
    found, _ = transfer(writing, ends.reader)
    writing.close()
    assert found == DATA
    assert not os.get_blocking(ends.writer)


def test_where_it_cannot_be_opened_once_more(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's pipe: then it is asked before each write, which is short."""
    monkeypatch.setattr(descriptor, "OWN_DESCRIPTORS", "/nonexistent")
    writing = Descriptor(ends.writer)
    found, stalls = transfer(writing, ends.reader)
    writing.close()
    assert found == DATA
    assert stalls > 1


def test_a_file_keeps_its_place(tmp_path: Path) -> None:
    """Who else has the file goes on where we stopped, so it is not opened once more."""
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as file:
        file.write(b"before ")
        writing = Descriptor(file.fileno())
        assert writing.write(memoryview(b"ours ")) == 5
        file.write(b"after")
        writing.close()
    assert path.read_bytes() == b"before ours after"


def test_what_is_not_for_writing_stays_so() -> None:
    """The reading end of a pipe does not become a writing one."""
    ends = pipe()
    with pytest.raises(OSError, match="Bad file descriptor"):
        Descriptor(ends.reader).write(memoryview(b"x"))
    for number in ends:
        os.close(number)


def test_a_closed_one_is_found_when_it_is_used() -> None:
    """To make it is no error."""
    ends = pipe()
    for number in ends:
        os.close(number)
    closed = Descriptor(ends.writer)
    with pytest.raises(OSError, match="Bad file descriptor"):
        closed.write(memoryview(b"x"))
