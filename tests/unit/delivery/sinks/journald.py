# SPDX-License-Identifier: Apache-2.0
"""A receiver of the journal's native protocol, written by its description alone."""

import array
import fcntl
import mmap
import os
import socket
from pathlib import Path

SEALED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
Entry = list[tuple[str, bytes]]


class Journald:
    """Has a socket at a path.

    Attributes:
        in_memory: How many entries came as a descriptor.
    """

    def __init__(self, path: Path) -> None:
        self.in_memory = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(10)

    def entry(self) -> Entry:
        """Return the next entry."""
        data, ancillary, flags, _ = self._socket.recvmsg(1 << 24, socket.CMSG_SPACE(64))
        assert not flags & socket.MSG_TRUNC
        if ancillary:
            ((level, kind, numbers),) = ancillary
            assert (level, kind, data) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, b"")
            (number,) = array.array("i", numbers)
            data = self._sealed(number)
        return parse(data)

    def _sealed(self, number: int) -> bytes:
        try:
            assert fcntl.fcntl(number, fcntl.F_GET_SEALS) & SEALED == SEALED
            self.in_memory += 1
            with mmap.mmap(number, 0, prot=mmap.PROT_READ) as mapped:
                return bytes(mapped)
        finally:
            os.close(number)

    def close(self) -> None:
        """Go away."""
        self._socket.close()


def parse(data: bytes) -> Entry:
    """Return the fields of an entry, in order."""
    found = []
    while data:
        line, end, data = data.partition(b"\n")
        assert end
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + size], data[8 + size :]
            assert len(value) == size
            assert data.startswith(b"\n")
            data = data[1:]
        assert 0 < len(name) <= 64
        assert name.isascii()
        assert name.replace(b"_", b"A").isalnum()
        assert name == name.upper()
        assert not name.startswith(b"_")
        assert not name[:1].isdigit()
        found.append((name.decode(), value))
    return found
