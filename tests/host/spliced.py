# SPDX-License-Identifier: Apache-2.0
"""A workload that moves files through pipes: splice, tee, vmsplice, and sendfile to a pipe."""

import ctypes
import os

from tests.host.operations import refused
from tests.host.workloads import Facts

INTO_PIPE, TO_PIPE, OUT_OF_PIPE = 5, 2, 7
SPLICE_BYTES = 13


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def splice(source: str, target: str) -> Facts:
    """Move a file into a pipe and a pipe into a file; what is between pipes is no file's.

    Of the source there are 5 calls of splice(2) and 2 of sendfile(2), of the target 7; 5 calls
    fail, and one finds the end of the file.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    reader = os.open(source, os.O_RDONLY)
    writer = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    appending = os.open(target, os.O_WRONLY | os.O_APPEND)
    first, second = os.pipe(), os.pipe()
    for number in range(INTO_PIPE):
        offset = None if number % 2 else number
        assert os.splice(reader, first[1], SPLICE_BYTES, offset_src=offset) == SPLICE_BYTES
    for _ in range(TO_PIPE):
        assert os.sendfile(first[1], reader, 0, SPLICE_BYTES) == SPLICE_BYTES
    assert os.splice(reader, first[1], SPLICE_BYTES, offset_src=os.stat(source).st_size) == 0
    moved = (INTO_PIPE + TO_PIPE) * SPLICE_BYTES
    # between pipes, of memory into a pipe and of a pipe into memory
    assert libc.tee(first[0], second[1], moved, 0) == moved
    assert os.read(second[0], moved) == os.splice(first[0], second[1], moved) * b"k"
    assert os.splice(second[0], first[1], 1, flags=os.SPLICE_F_NONBLOCK) == 1
    memory = ctypes.create_string_buffer(b"v" * moved, moved)
    piece = _Piece(ctypes.addressof(memory), moved - 1)
    assert libc.vmsplice(first[1], ctypes.byref(piece), 1, 0) == moved - 1
    piece.length = moved
    assert libc.vmsplice(second[0], ctypes.byref(piece), 1, 0) == moved - 1
    for number in range(OUT_OF_PIPE):
        offset = None if number % 2 else number * SPLICE_BYTES
        assert os.splice(first[0], writer, SPLICE_BYTES, offset_dst=offset) == SPLICE_BYTES
    failed = refused(
        lambda: os.splice(first[0], writer, 1, flags=os.SPLICE_F_NONBLOCK),  # empty
        lambda: os.splice(first[0], reader, 1),  # not open to be written
        lambda: os.splice(writer, first[1], 1),  # nor to be read
        lambda: os.splice(first[0], appending, 1),
        lambda: os.splice(reader, writer, 1),  # neither is a pipe
    )
    for descriptor in (reader, writer, appending, *first, *second):
        os.close(descriptor)
    return {"failed": failed}
