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
from types import TracebackType
from typing import Self

NAME, CONTENT = b"program", b"#!/bin/true\n"
LOOKUP, FORGET, GETATTR, OPEN, READ = 1, 2, 3, 14, 15
RELEASE, FLUSH, INIT, BATCH_FORGET = 18, 25, 26, 42
ROOT_NODE, FILE_NODE = 1, 2
REQUEST_BYTES = 1 << 18
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


class HangingMount:
    """Mounts it and serves it by a thread, in a `with` block.

    Args:
        point: Where; an empty folder.

    Attributes:
        unanswered: Requests since `hang`.
    """

    def __init__(self, point: Path) -> None:
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _libc.umount2(os.fsencode(self._point), MNT_DETACH)
        # by that all who wait in it are let go
        os.close(self._device)

    def hang(self) -> None:
        """Answer no request from now on; the program was opened, and is closed by all."""
        # the kernel tells of that behind close(2)
        assert self._released.wait(10)
        self._hangs = True

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
                number, body = _answer(code, node, request[40:])
                os.write(self._device, struct.pack("=IiQ", 16 + len(body), -number, unique) + body)


def _answer(code: int, node: int, body: bytes) -> tuple[int, bytes]:
    if code == INIT:
        return 0, struct.pack("=IIII HHII HHI 28x", 7, 31, 0, 0, 4, 3, 4096, 1, 0, 0, 0)
    if code == LOOKUP and body.rstrip(b"\0") == NAME:
        # names and attributes are asked for again each time
        return 0, struct.pack("=QQQQII", FILE_NODE, 1, 0, 0, 0, 0) + _attributes(FILE_NODE)
    if code == GETATTR:
        return 0, struct.pack("=QII", 0, 0, 0) + _attributes(node)
    if code == OPEN:
        return 0, bytes(16)
    if code == READ:
        offset, size = struct.unpack_from("=8xQI", body)
        return 0, CONTENT[offset : offset + size]
    return {RELEASE: 0, FLUSH: 0, LOOKUP: errno.ENOENT}.get(code, errno.ENOSYS), b""


def _attributes(node: int) -> bytes:
    mode = stat.S_IFDIR | 0o755 if node == ROOT_NODE else stat.S_IFREG | 0o755
    size = 0 if node == ROOT_NODE else len(CONTENT)
    return struct.pack("=QQQ QQQ III IIIII II", node, size, 1, 9, 9, 9, 0, 0, 0, mode, 1, 0, 0, 0,
                       4096, 0)  # fmt: skip
