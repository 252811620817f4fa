# SPDX-License-Identifier: Apache-2.0
"""A process whose threads wait for ever, in each of the calls that can.

What a probe holds for a call it holds for as long as the call waits: what others do meanwhile must
be seen all the same.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WAITING = 24  # of each; a kretprobe has ten instances, or two for each processor
KINDS = 9
SECONDS = 60.0


@contextmanager
def blocked(folder: Path) -> Iterator[int]:
    """Let threads wait for pipes, sockets and a FIFO, in each kind of call; yield their process."""
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "sent").write_bytes(b"b" * 65536)
    child = os.fork()
    if child == 0:
        try:
            os.closerange(3, 1 << 16)  # the other end of a connection of ours waits for its end
            _wait_for_ever(folder)
        finally:
            os._exit(1)
    try:
        _await_sleep(child)
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _wait_for_ever(folder: Path) -> None:
    """Start all threads; each is alone with its descriptors, which stay open."""
    threading.stack_size(128 * 1024)
    empty, _keep_writer = os.pipe()
    _keep_reader, full = os.pipe()
    stream, _keep_stream = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    datagram, _keep_datagram = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    slow, _keep_slow = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    source = os.open(folder / "sent", os.O_RDONLY)
    target = os.open(folder / "received", os.O_CREAT | os.O_WRONLY)
    _fill(full)
    _fill(slow.fileno())
    calls: tuple[Callable[[], object], ...] = (
        lambda: os.read(empty, 1),
        lambda: os.write(full, b"x"),
        lambda: stream.recv(1),
        lambda: datagram.recv(1),
        lambda: os.open(folder / "fifo", os.O_RDONLY),
        lambda: os.sendfile(slow.fileno(), source, 0, 65536),
        lambda: os.sendfile(full, source, 0, 65536),
        lambda: os.splice(source, full, 65536, offset_src=0),
        lambda: os.splice(empty, target, 1),
    )
    assert len(calls) == KINDS
    for call in calls:
        for _ in range(WAITING):
            threading.Thread(target=_repeat, args=(call,)).start()
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)


def _repeat(call: Callable[[], object]) -> None:
    """Make a call until it waits: old kernels let some pages through to a socket that is full."""
    while True:
        call()


def _fill(descriptor: int) -> None:
    """Write until there is no room."""
    os.set_blocking(descriptor, False)
    for size in (4096, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(descriptor, b"f" * size)
    os.set_blocking(descriptor, True)


def _await_sleep(process: int) -> None:
    """Wait until all threads of a process are there and asleep."""
    end = time.monotonic() + SECONDS
    states: list[str] = []
    while time.monotonic() < end:
        tasks = Path(f"/proc/{process}/task").iterdir()
        states = [(task / "stat").read_text().rpartition(") ")[2][0] for task in tasks]
        if len(states) == KINDS * WAITING + 1 and set(states) == {"S"}:
            return
        time.sleep(0.1)
    raise AssertionError(f"{len(states)} threads are in the states {''.join(states)}")
