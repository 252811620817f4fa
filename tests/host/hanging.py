# SPDX-License-Identifier: Apache-2.0
"""A file system in user space (FUSE) with one file, which can stop answering."""

import ctypes
import errno
import os
import stat
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

NAME, CONTENT = b"program", b"#!/bin/true\n"
LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS = 1, 2, 3, 14, 15, 17
RELEASE, FLUSH, INIT, BATCH_FORGET = 18, 25, 26, 42
ROOT_NODE, FILE_NODE = 1, 2
# what is answered the same each time
SAME = {
    INIT: struct.pack("=IIII HHII HHI 28x", 7, 31, 0, 0, 4, 3, 4096, 1, 0, 0, 0),
    OPEN: bytes(16),
    STATFS: struct.pack("=QQQQQ IIII 24x", 9, 9, 9, 9, 9, 4096, 255, 4096, 0),
}
REQUEST_BYTES = 1 << 18
MNT_FORCE, MNT_DETACH = 1, 2

_libc = ctypes.CDLL(None, use_errno=True)


class HangingMount:
    """Mounts it and serves it by a thread, in a `with` block.

    Args:
        point: Where; an empty folder.
        valid_s: How long the kernel may keep a name without asking again.

    Attributes:
        unanswered: Requests since `hang`.
    """

    def __init__(self, point: Path, valid_s: int = 0) -> None:
        self._valid_s = valid_s
        self.unanswered: list[int] = []
        self.program = point / NAME.decode()
        self._point = point
        self._hangs = False
        self._released = threading.Event()
        self._device = -1
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0,allow_other"
        point = os.fsencode(self._point)
        if _libc.mount(b"kflowd-test", point, b"fuse", ctypes.c_ulong(0), options.encode()):
            raise OSError(number := ctypes.get_errno(), os.strerror(number))
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        _libc.umount2(os.fsencode(self._point), MNT_DETACH)
        # by that all who wait in it are let go
        os.close(self._device)

    def hang(self) -> None:
        """Answer no request from now on; the program was opened, and is closed by all."""
        # the kernel tells of that behind close(2)
        assert self._released.wait(10)
        self._hangs = True

    def let_go(self) -> None:
        """Let all go who wait in it, with an error."""
        _libc.umount2(os.fsencode(self._point), MNT_FORCE)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                request = os.read(self._device, REQUEST_BYTES)
                code, unique, node = struct.unpack_from("=4xIQQ", request)
                if code in (FORGET, BATCH_FORGET):
                    continue
                if code == RELEASE:
                    self._released.set()
                if self._hangs:
                    self.unanswered.append(code)
                    continue
                number, body = _answer(code, node, request[40:], self._valid_s)
                os.write(self._device, struct.pack("=IiQ", 16 + len(body), -number, unique) + body)


def _answer(code: int, node: int, body: bytes, valid_s: int) -> tuple[int, bytes]:
    if code == LOOKUP and body.rstrip(b"\0") == NAME:
        entry = struct.pack("=QQQQII", FILE_NODE, 1, valid_s, valid_s, 0, 0)
        return 0, entry + _attributes(FILE_NODE)
    if code == GETATTR:
        return 0, struct.pack("=QII", valid_s, 0, 0) + _attributes(node)
    if code == READ:
        offset, size = struct.unpack_from("=8xQI", body)
        return 0, CONTENT[offset : offset + size]
    if code in SAME:
        return 0, SAME[code]
    return {RELEASE: 0, FLUSH: 0, LOOKUP: errno.ENOENT}.get(code, errno.ENOSYS), b""


def _attributes(node: int) -> bytes:
    mode = stat.S_IFDIR | 0o755 if node == ROOT_NODE else stat.S_IFREG | 0o755
    size = 0 if node == ROOT_NODE else len(CONTENT)
    return struct.pack("=QQQ QQQ III IIIII II", node, size, 1, 9, 9, 9, 0, 0, 0, mode, 1, 0, 0, 0,
                       4096, 0)  # fmt: skip
