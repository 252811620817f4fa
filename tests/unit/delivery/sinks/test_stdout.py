# SPDX-License-Identifier: Apache-2.0
import os
import socket
from collections.abc import Iterator

import pytest

from kflowd.delivery.sinks.base import SinkGoneError
from kflowd.delivery.sinks.framing import RECORD as SEPARATOR
from kflowd.delivery.sinks.stdout import StdoutSink


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


def read_all(reader: int) -> bytes:
    os.set_blocking(reader, False)
    found = b""
    try:
        while piece := os.read(reader, 1 << 20):
            found += piece
    except BlockingIOError:
        pass
    return found


def test_each_record_is_followed_by_a_separator(pipe: tuple[int, int]) -> None:
    """The text, a line end, the record separator, a line end."""
    reader, writer = pipe
    sink = StdoutSink(writer)
    assert sink.write([b"{}", b"[]"], 0) == (2, 0)
    assert read_all(reader) == b"{}\n\x1e\n[]\n\x1e\n"
    sink.close()


@pytest.mark.parametrize("size", [1, 1000, 4096, 65531, 200_003])
def test_what_a_full_pipe_did_not_take_comes_next(size: int, pipe: tuple[int, int]) -> None:
    """No write waits; a record that is partly out is continued where it stopped."""
    reader, writer = pipe
    sink = StdoutSink(writer)
    texts = [bytes([65 + n % 26]) * size for n in range(max(7, 300_000 // (size + 3)))]
    found, at, offset, stalls = b"", 0, 0, 0
    while at < len(texts):
        whole, rest = sink.write(texts[at:], offset)
        if (whole, rest) == (0, offset):
            stalls += 1
            found += read_all(reader)
        at, offset = at + whole, rest
    found += read_all(reader)
    assert stalls
    assert found == b"".join(text + SEPARATOR for text in texts)
    assert os.get_blocking(writer)
    sink.close()


def test_lines_have_a_head(pipe: tuple[int, int]) -> None:
    """It comes once, ahead of the first."""
    reader, writer = pipe
    sink = StdoutSink(writer, separator=b"\n", head=b"HEAD\n")
    assert sink.write([b"a", b"b"], 0) == (2, 0)
    assert sink.write([b"c"], 0) == (1, 0)
    assert read_all(reader) == b"HEAD\na\nb\nc\n"
    sink.close()


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7])
def test_a_head_that_is_partly_taken_is_continued(
    step: int, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No byte comes twice, and none is missing, wherever a write ends."""
    _, writer = pipe
    sink = StdoutSink(writer, separator=b"\n", head=b"HEAD\n")
    found = bytearray()

    def write(data: memoryview) -> int:
        found.extend(data[:step])
        return min(step, len(data))

    monkeypatch.setattr(sink._descriptor, "write", write)
    texts, at, offset = [b"one", b"", b"three"], 0, 0
    while at < len(texts):
        whole, offset = sink.write(texts[at:], offset)
        at += whole
    assert bytes(found) == b"HEAD\none\n\nthree\n"
    sink.close()


def test_a_reader_that_went_away(pipe: tuple[int, int]) -> None:
    """A closed pipe and a closed descriptor are no errors."""
    reader, writer = pipe
    sink = StdoutSink(writer)
    os.close(reader)
    with pytest.raises(SinkGoneError):
        sink.write([b"{}"], 0)
    sink.close()
    os.close(writer)
    with pytest.raises(SinkGoneError):
        StdoutSink(writer).write([b"{}"], 0)


def test_a_peer_that_went_away() -> None:
    """A closed socket is the same."""
    ours, theirs = socket.socketpair()
    with ours:
        sink = StdoutSink(ours.fileno())
        theirs.close()
        with pytest.raises(SinkGoneError):
            sink.write([b"{}"], 0)
        sink.close()


def test_a_full_disk_is_an_error() -> None:
    """The caller decides whether to try again."""
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        StdoutSink(full).write([b"{}"], 0)
    os.close(full)
