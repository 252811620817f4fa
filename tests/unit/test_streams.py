# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
import threading
import time

import pytest

from kflowd import streams
from kflowd.streams import Messages

SCRIPT = """
import os, sys
from kflowd.streams import reserve
for number in map(int, sys.argv[1:]):
    os.close(number)
reserve()
same = [os.fstat(number).st_ino == os.stat(os.devnull).st_ino for number in (0, 1, 2)]
os.write(saved, repr((same, os.open(os.devnull, os.O_RDONLY))).encode())
"""


@pytest.mark.parametrize("closed", [(), (0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_what_is_closed_is_kept_from_others(closed: tuple[int, ...]) -> None:
    """Closed standard streams lead to /dev/null, open ones stay, and no file gets their number."""
    script = f"import os\nsaved = os.dup(1)\n{SCRIPT}"
    command = [sys.executable, "-c", script, *map(str, closed)]
    done = subprocess.run(command, check=True, stdin=subprocess.PIPE, capture_output=True)
    same, following = eval(done.stdout)
    assert same == [number in closed for number in (0, 1, 2)]
    assert following > 2


@pytest.mark.parametrize("blocking", [True, False])
def test_all_is_written_however_slow_the_reader(blocking: bool) -> None:
    """Also where a parent has set O_NONBLOCK."""
    reader, writer = os.pipe()
    os.set_blocking(writer, blocking)
    found = bytearray()

    def read() -> None:
        while piece := os.read(reader, 30_011):
            found.extend(piece)
            time.sleep(0.001)

    thread = threading.Thread(target=read)
    thread.start()
    assert streams.write(writer, b"x" * 1_000_003)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert len(found) == 1_000_003


def test_patience_ends() -> None:
    """With a limit the caller gets away from a reader that stands still."""
    reader, writer = os.pipe()
    began = time.monotonic()
    assert not streams.write(writer, bytes(1 << 20), 0.2)
    assert 0.2 <= time.monotonic() - began < 2
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        streams.write(writer, b"x")
    os.close(writer)


def test_messages_are_dropped_once_nobody_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first waits a little, the others do not; none raises."""
    reader, writer = os.pipe()
    monkeypatch.setattr(streams, "STDERR", writer)
    messages = Messages()
    messages.write("heard\n")
    began = time.monotonic()
    for _ in range(11):
        messages.write("x" * (1 << 20))
    assert time.monotonic() - began < 3 * streams.PATIENCE_S
    assert os.read(reader, 6) == b"heard\n"
    os.close(reader)
    messages.write("x")
    os.close(writer)


def test_messages_have_what_the_locale_lacks_as_escapes(capfd: pytest.CaptureFixture[str]) -> None:
    """A name in a message can hold anything."""
    Messages().write("\udcff\n")
    assert capfd.readouterr().err == "\\udcff\n"
