# SPDX-License-Identifier: Apache-2.0
import os
import threading

import pytest

from kflowd.errors import SinkError
from kflowd.sinks.stdout import StdoutSink


def test_each_record_is_followed_by_a_separator() -> None:
    """The text, a line end, the record separator, a line end."""
    reader, writer = os.pipe()
    assert StdoutSink(writer).write([b"{}", b"[]"])
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert pipe.read() == b"{}\n\x1e\n[]\n\x1e\n"


def test_a_batch_larger_than_the_pipe_is_written_whole() -> None:
    """Partial writes are continued."""
    reader, writer = os.pipe()
    received = bytearray()

    def drain() -> None:
        with open(reader, "rb") as pipe:
            received.extend(pipe.read())

    thread = threading.Thread(target=drain)
    thread.start()
    assert StdoutSink(writer).write([b"x" * 1_000_000])
    os.close(writer)
    thread.join()
    assert len(received) == 1_000_003


def test_a_reader_that_went_away_ends_quietly() -> None:
    """A closed pipe and a closed descriptor are no errors."""
    reader, writer = os.pipe()
    os.close(reader)
    assert not StdoutSink(writer).write([b"{}"])
    os.close(writer)
    assert not StdoutSink(writer).write([b"{}"])


def test_a_full_disk_is_an_error() -> None:
    """Records that cannot be written are never lost in silence."""
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(SinkError, match="No space left"):
        StdoutSink(full).write([b"{}"])
    os.close(full)


def test_nothing_to_write_is_fine() -> None:
    """An empty batch makes no call."""
    assert StdoutSink(-1).write([])
