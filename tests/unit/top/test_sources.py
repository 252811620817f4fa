# SPDX-License-Identifier: Apache-2.0
import os
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from kflowd.errors import KflowdError, UsageError
from kflowd.top import sources
from kflowd.top.sources import MOST_SAID, Agent, File


def all_of(source: Agent | File) -> bytes:
    """Read a source to its end, as the loop does."""
    data, end = b"", time.monotonic() + 20
    while not source.ended:
        assert time.monotonic() < end
        for number in select.select(source.descriptors(), [], [], 1)[0]:
            data += source.read(number)
    return data


def agent(code: str) -> Agent:
    """Return an agent that is a Python program."""
    return Agent(["option"], command=[sys.executable, "-c", code])


def test_a_file_is_read(tmp_path: Path) -> None:
    """To its end; its records do not come as they happen."""
    path = tmp_path / "x"
    path.write_bytes(b"a" * 1_000_000)
    with File(str(path)) as source:
        assert not source.live
        assert all_of(source) == b"a" * 1_000_000
        assert source.descriptors() == ()
    source.close()


def test_a_stream_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input stays open for others; its records come as they happen."""
    reader, writer = os.pipe()
    os.write(writer, b"a")
    os.close(writer)
    saved = os.dup(0)
    try:
        os.dup2(reader, 0)
        with File("-") as source:
            assert source.live
            assert all_of(source) == b"a"
        os.fstat(0)
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(reader)
    monkeypatch.setattr(os, "isatty", lambda _number: True)
    with pytest.raises(UsageError, match="standard input is a terminal"):
        File("-")


def test_a_reader_that_does_not_wait(tmp_path: Path) -> None:
    """Nothing there yet is no end."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    with File(str(path)) as source:
        (number,) = source.descriptors()
        os.set_blocking(number, False)
        assert source.read(number) == b""
        assert source.descriptors() == (number,)
        source.stop()
        assert source.ended
    os.close(writer)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """One line says why."""
    with pytest.raises(KflowdError, match=r"reading .*: No such file"):
        File(str(tmp_path / "x"))
    with pytest.raises(KflowdError, match=r"reading .*: it is a directory"):
        File(str(tmp_path))
    with File("/proc/self/mem") as source, pytest.raises(KflowdError, match=r"reading .*mem: "):
        source.read(source.descriptors()[0])


def test_an_agent_is_read() -> None:
    """Records from standard output, words from standard error, its exit code."""
    code = "import sys; print(sys.argv[1]); print('kflowd: x', file=sys.stderr); sys.exit(4)"
    with agent(code) as source:
        assert all_of(source) == b"option\n"
        assert source.said() == ["kflowd: x"]
        assert source.exit_code() == 4


def test_what_an_agent_says_is_bounded() -> None:
    """The end of it is kept."""
    with agent("import sys; sys.stderr.write('x' * 1_000_000 + 'end')") as source:
        all_of(source)
        (line,) = source.said()
        assert len(line) == MOST_SAID
        assert line.endswith("xend")


def test_an_agent_is_asked_to_end() -> None:
    """What it writes then is read."""
    code = "import signal; signal.pthread_sigmask(0, [15]); print('ready', flush=True); "
    code += "signal.sigwait([15]); print('rest')"
    with agent(code) as source:
        assert select.select(source.descriptors(), [], [], 20)[0]
        source.stop()
        assert all_of(source) == b"ready\nrest\n"
        assert source.exit_code() == 0


def test_an_agent_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it does with SIGTERM, it is not there any more, and nobody waits for long."""
    monkeypatch.setattr(sources, "END_S", 0.3)
    code = "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.write(1, b'x'); "
    with agent(code + "time.sleep(60)") as source:
        assert select.select(source.descriptors(), [], [], 20)[0]
        process = source._process
    assert process.returncode == -signal.SIGKILL
    assert source.exit_code() == 128 + signal.SIGKILL
    source.close()


def test_an_agent_hears_no_key_of_the_terminal() -> None:
    """It has a session of its own."""
    with agent("import os; print(os.getsid(0) == os.getpid())") as source:
        assert all_of(source) == b"True\n"
