# SPDX-License-Identifier: Apache-2.0
"""Workloads for files by Linux AIO: a request counts as the system call would, once it is done."""

import ctypes
import errno
import mmap
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from tests.host import aio, compat
from tests.host.aio import Context, Request
from tests.host.case import Case, with_unmoved
from tests.host.ring import pieces
from tests.host.workloads import Facts

BLOCK = 4096
# what moves something: past the cache, 13 writes over what one has written, and 11 reads
WRITTEN, READ, STRAIGHT_WRITTEN, STRAIGHT_READ = 7, 5, 14, 11
HELD = 2053  # more requests than a process may have on their way
LEFT = 13  # requests of who ends, or runs a program, before they are done


class _Memory:
    """Whole blocks of memory, by their address."""

    def __init__(self, size: int, fill: bytes) -> None:
        self._memory = mmap.mmap(-1, size)
        self._memory.write(fill * size)
        self._view = (ctypes.c_char * size).from_buffer(self._memory)
        self.at = ctypes.addressof(self._view)


def _open(path: str, flags: int = 0) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | flags, 0o600)


def moves(path: str) -> Facts:
    """Write and read 7 and 5 times; all that fails, moves nothing or is no file adds nothing."""
    context, memory = Context(16), _Memory(BLOCK, b"a")
    at = memory.at
    writer, reader = _open(path), os.open(path, os.O_RDONLY)
    heard = os.eventfd(0)
    two = pieces((at, 3), (at, 4))
    vector = ctypes.addressof(two)
    results = context.run(
        Request(aio.WRITE, writer, at, 11),
        Request(aio.WRITEV, writer, vector, 2, 11),
        Request(aio.WRITE, writer, at, 13, 18, eventfd=heard),
        Request(aio.FSYNC, writer),
        Request(aio.WRITE, writer, at, 17, 31, how=aio.DSYNC),
        Request(aio.WRITE, writer, at, 19, how=aio.APPEND),
    )
    assert results == [11, 7, 13, 0, 17, 19]
    assert struct.unpack("=Q", os.read(heard, 8)) == (1,)
    # one is taken of three: the second may not write
    wrong = Request(aio.WRITE, reader, at, 1)
    assert context.submit(Request(aio.WRITE, writer, at, 23, 67), wrong, wrong) == 1
    assert context.results(1) == [23]
    refused = _refused(context, writer, reader, at)
    results = context.run(
        Request(aio.READ, reader, at, 11),
        Request(aio.READV, reader, vector, 2, 11),
        Request(aio.READ, reader, at, 13, 18, eventfd=heard),
        Request(aio.FDSYNC, reader),
        Request(aio.READ, reader, at, BLOCK, 31),  # what there is
        Request(aio.READ, reader, at, 1, 90),
        Request(aio.READ, writer, at, 19),
    )
    assert results == [11, 7, 13, 0, 59, 0, 19]
    _channels(context, at)
    full = _full(writer, reader, at)
    assert context.run(Request(aio.WRITE, writer, at, 29)) == [29]
    context.close()
    for descriptor in (writer, reader, heard):
        os.close(descriptor)
    return {"failed": refused + full + 1}


def _refused(context: Context, writer: int, reader: int, at: int) -> int:
    """Submit what is refused, or fails when it is done; return how many."""
    refused = [
        (Request(aio.WRITE, reader, at, 1), errno.EBADF),
        (Request(aio.READ, 1 << 20, at, 1), errno.EBADF),
        (Request(aio.NO_SUCH, writer, at, 1), errno.EINVAL),
        (Request(aio.WRITE, writer, at, 1, -1), errno.EINVAL),
        (Request(aio.READ, reader, at, 1, how=1 << 30), errno.EOPNOTSUPP),
        (Request(aio.WRITEV, writer, 8, 1), errno.EFAULT),
    ]
    assert [context.error(each) for each, _ in refused] == [it for _, it in refused]
    assert context.run(Request(aio.WRITE, writer, 8, 1)) == [-errno.EFAULT]
    return len(refused) + 1


def _channels(context: Context, at: int) -> None:
    """Write to a pipe and a socket, and read from them."""
    first, second = socket.socketpair()
    receiver, sender = os.pipe()
    with first, second:
        for one, other in ((first.fileno(), second.fileno()), (sender, receiver)):
            moved = context.run(Request(aio.WRITE, one, at, 5), Request(aio.READ, other, at, 5))
            assert moved == [5, 5]
    os.close(receiver)
    os.close(sender)


def _full(writer: int, reader: int, at: int) -> int:
    """Fill a context with polls, each where a request has failed before. Return how many fail."""
    context, (receiver, sender) = Context(HELD), os.pipe()
    taken = 0
    wrong, poll = Request(aio.WRITE, reader, at, 1), Request(aio.POLL, receiver, 1)
    while context.error(wrong) == errno.EBADF and not context.error(poll):
        taken += 1
    assert taken >= HELD
    assert context.error(Request(aio.WRITE, writer, at, 1)) == errno.EAGAIN
    os.write(sender, b"p")
    context.close()
    os.close(receiver)
    os.close(sender)
    return 2


def straight(path: str) -> Facts:
    """Write and read past the cache 14 and 11 times, many at once."""
    context = Context(32)
    memory = _Memory(BLOCK * STRAIGHT_WRITTEN, b"d")
    at = memory.at
    descriptor = _open(path, os.O_DIRECT)
    size = BLOCK * STRAIGHT_WRITTEN
    assert context.run(Request(aio.WRITE, descriptor, at, size)) == [size]
    places = [number * BLOCK for number in range(STRAIGHT_WRITTEN - 1)]
    wrote = [Request(aio.WRITE, descriptor, at + it, BLOCK, it) for it in places]
    assert context.run(*wrote) == [BLOCK] * len(wrote)
    read = [Request(aio.READ, descriptor, at + it, BLOCK, it) for it in places[:STRAIGHT_READ]]
    end = Request(aio.READ, descriptor, at, BLOCK, size)
    assert context.run(*read, end) == [*[BLOCK] * len(read), 0]
    assert context.error(Request(aio.WRITE, descriptor, at, 1 << 63)) == errno.EINVAL
    os.close(descriptor)
    context.close()
    return {"failed": 1}


def by_compat(path: str) -> Facts:
    """Write twice and read once by calls of the 32-bit ABI; one request of three is taken."""
    compat_call, context = compat.Calls(), b"\0" * 4
    setup, destroy, getevents, submit = compat.AIO
    descriptor = _open(path)
    other = os.open(path, os.O_RDONLY)
    compat_call(setup, 4, context)
    (context_id,) = struct.unpack("=I", ctypes.string_at(compat_call.low, 4))
    sent = (
        ((aio.WRITE, descriptor, 11, 0), (aio.READ, other, 5, 3), (aio.FSYNC, other, 0, 0)),
        ((aio.WRITE, descriptor, 13, 11), (aio.WRITE, other, 1, 0), (aio.WRITE, other, 1, 0)),
    )
    for requests, taken in zip(sent, (3, 1), strict=True):
        data = compat_call.low + 4 * len(requests) + 64 * len(requests)
        packed = [
            Request(opcode, to, 0 if opcode == aio.FSYNC else data, length, place).packed(number)
            for number, (opcode, to, length, place) in enumerate(requests)
        ]
        first = compat_call.low + 4 * len(requests)
        listed = [struct.pack("=I", first + 64 * number) for number in range(len(requests))]
        memory = b"".join((*listed, *packed, b"c" * 16))
        assert compat_call(submit, context_id, len(requests), memory) == taken
        assert compat_call(getevents, context_id, taken, taken, b"\0" * 32 * taken, 0) == taken
    compat_call(destroy, context_id)
    os.close(descriptor)
    os.close(other)
    return {"failed": 1}


def leaves(path: str, *program: str) -> Facts:
    """In a child, submit 13 writes past the cache and end at once, or run a program."""
    child = os.fork()
    if child == 0:
        descriptor = os.open(path, os.O_WRONLY | os.O_DIRECT)
        memory = _Memory(BLOCK * LEFT, b"l")
        places = [number * BLOCK for number in range(LEFT)]
        writes = [Request(aio.WRITE, descriptor, memory.at + it, BLOCK, it) for it in places]
        Context(LEFT).submit(*writes)
        if program:
            os.execv(program[0], program)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return {"child": child}


def _filled(path: Path) -> Path:
    """Make a file that is on its device: what is written over it is done by that, later."""
    with path.open("wb") as file:
        file.write(b"f" * BLOCK * LEFT)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o644)
    return path


_OPENED = {"CREATE": 1, "OPEN": 1, "CLOSE_WRITE": 1}
_MOVED = _OPENED | {"OPEN": 2, "MODIFY": WRITTEN, "ACCESS": READ, "CLOSE_NOWRITE": 1}
_STRAIGHT = _OPENED | {"MODIFY": STRAIGHT_WRITTEN, "ACCESS": STRAIGHT_READ}
_COMPAT = _MOVED | {"MODIFY": 2, "ACCESS": 1}
_LEFT = {"OPEN": 1, "MODIFY": LEFT, "CLOSE_WRITE": 1}


def _case(name: str, workload: Callable[..., Facts], counts: dict[str, int], *more: str) -> Case:
    events, traced = with_unmoved({"a": counts})
    prepare = _filled if counts is _LEFT else Path
    return Case(name, workload, lambda d: [prepare(d / "a"), *more], events, traced=traced)


CASES = (
    _case("aio", moves, _MOVED),
    _case("aio-tmpfs", moves, _MOVED),
    _case("aio-straight", straight, _STRAIGHT),
    _case("aio-ended", leaves, _LEFT),
    _case("aio-executed", leaves, _LEFT, "/bin/true"),
    *compat.HAS_COMPAT * (_case("aio-compat", by_compat, _COMPAT),),
)
