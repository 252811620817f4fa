# SPDX-License-Identifier: Apache-2.0
"""Writer of "newc" cpio archives, the format of an initramfs; archives may be concatenated."""

import stat
from collections.abc import Mapping
from pathlib import PurePosixPath


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of executable files, with the directories that lead to them."""
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}
    parts = [_member(name, stat.S_IFDIR | 0o755, b"") for name in sorted(folders)]
    parts += [_member(name, stat.S_IFREG | 0o755, data) for name, data in files.items()]
    return b"".join([*parts, _member("TRAILER!!!", 0, b"")])


def _member(name: str, mode: int, data: bytes) -> bytes:
    """Return one member: 13 fields of 8 hex digits, the name and the data, each padded to 4."""
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
