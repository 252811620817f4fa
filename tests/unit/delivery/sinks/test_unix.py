# SPDX-License-Identifier: Apache-2.0
import errno
import socket
from pathlib import Path

import pytest

from kflowd.delivery.sinks import RefusedError, UnixDatagramSink, UnixSink
from tests.unit.delivery.sinks.servers import Lines, send_all


def listener(path: Path, backlog: int = 8) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen(backlog)
    return made


def receiver(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(str(path))
    made.settimeout(10)
    return made


def test_records_over_a_stream(tmp_path: Path) -> None:
    """A reader that began anew has another socket at the same path."""
    path = tmp_path / "socket"
    sink = UnixSink(path)
    with pytest.raises(FileNotFoundError):
        send_all(sink, [b"1"])
    for text in (b"1", b"2"):
        with Lines(listener(path)) as server:
            send_all(sink, [text])
            assert server.read(2) == text + b"\n"
        path.unlink()
    sink.close()


def test_who_has_others_to_accept_first_is_waited_for(tmp_path: Path) -> None:
    """The system says so in another way than of TCP."""
    path = tmp_path / "socket"
    with Lines(listener(path, backlog=0)) as server:
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(str(path))
            sink = UnixSink(path)
            assert sink.write([b"1"], 0) == (0, 0)
            assert sink.write([b"1"], 0) == (0, 0)
            assert server.read(0) == b""
        server.hang_up()
        send_all(sink, [b"1"])
        assert server.read(2) == b"1\n"
        sink.close()


def test_records_as_datagrams(tmp_path: Path) -> None:
    """A receiver that began anew is found; one that is slow is waited for."""
    path = tmp_path / "socket"
    sink = UnixDatagramSink(path)
    with pytest.raises(FileNotFoundError):
        sink.write([b"1"], 0)
    for text in (b"1", b"2"):
        with receiver(path) as server:
            if text == b"2":
                with pytest.raises(RefusedError) as refused:
                    sink.write([text], 0)
                assert (refused.value.written, refused.value.forever) == (0, False)
            assert sink.write([text], 0) == (1, 0)
            assert server.recv(9) == text
        path.unlink()
    with receiver(path) as server:
        sink.close()
        many = [b"x"] * 5000
        written, _ = sink.write(many, 0)
        assert 0 < written < 5000
        for _ in range(written):
            assert server.recv(9) == b"x"
        with pytest.raises(RefusedError) as refused:
            sink.write([b"y" * (1 << 24)], 0)
        assert refused.value.forever
        assert refused.value.error.errno == errno.EMSGSIZE
    sink.close()
