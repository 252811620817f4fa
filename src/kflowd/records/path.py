# SPDX-License-Identifier: Apache-2.0
"""Paths as they travel: components, leaf first, each ended by a NUL, without slashes."""

from functools import lru_cache

from kflowd.contract import layout, reader, span
from kflowd.model import FileFlag, FilePath, MountSeen
from kflowd.records.header import RecordDecoder, text

RECORD = "struct kf_path_record"
MOUNT = "struct kf_mount_record"
DELETED = " (deleted)"
ROOT = b"/\0"  # of a namespace or a file system: a directory without a name
_ODD = FileFlag.PATH_TEXT | FileFlag.PATH_UNREACHABLE | FileFlag.PATH_DELETED
_NOWHERE = FileFlag.PATH_UNREACHABLE | FileFlag.PATH_TRUNCATED | FileFlag.PATH_NO_MOUNT


def path_text(raw: bytes) -> str:
    r"""Return `b"passwd\0etc\0"` as "/etc/passwd", `b"/\0"` as "/"; "" if there is none."""
    if not raw:
        return ""
    if raw == ROOT:
        return "/"
    # the last piece of a complete path is empty and gives the leading slash
    parts = raw.split(b"\0")
    if parts[-1]:
        parts.append(b"")
    parts.reverse()
    # as `text` does; each call costs more than this
    return b"/".join(parts).decode("utf-8", "surrogateescape")


def plain_text(raw: bytes, flags: int) -> str:
    """Return the path of an aggregate, as d_path of the kernel has it.

    The leaf may be the text that a system call was given: one component, with slashes, under the
    directory that follows; with a slash in front under the root of the process, which follows if
    chroot has moved it.
    """
    if not flags & _ODD:
        return path_text(raw)
    if flags & FileFlag.PATH_TEXT:
        raw = raw.lstrip(b"/")
    if flags & FileFlag.PATH_UNREACHABLE:
        # what a file handle has opened, and has no parent: it is called "/"
        raw = raw[:-2] if raw == b"/\0" or raw.endswith(b"\0/\0") else raw
    path = path_text(raw) or ("/" if flags & FileFlag.PATH_UNREACHABLE else "")
    return path + DELETED if flags & FileFlag.PATH_DELETED else path


def mount_point(raw: bytes, below: int, flags: int) -> str:
    """Return where the mount of a path is, "" if that is nowhere or not known.

    Args:
        raw: The path.
        below: How many of its bytes lie below the mount point.
        flags: FileFlag.PATH_*.
    """
    if below >= len(raw):
        return "" if below > len(raw) or flags & _NOWHERE else "/"
    return "" if flags & _NOWHERE else _point_text(raw[below:])


@lru_cache(maxsize=1024)
def _point_text(raw: bytes) -> str:
    return path_text(raw)


def path_decoder() -> RecordDecoder:
    """Return the decoder of path records."""
    fixed = layout(RECORD).size
    read = reader(RECORD, "hdr.ts_ns", "mount", "flags", "path_len", "below")
    key_at, key_end = span(RECORD, "key")

    def decode(batch: bytes, offset: int, size: int) -> FilePath | None:
        ts_ns, mount, flags, path_len, below = read(batch, offset)
        if fixed + path_len > size:
            return None
        start = offset + fixed
        raw = batch[start : start + path_len]
        return FilePath(
            ts_ns=ts_ns,
            key=batch[offset + key_at : offset + key_end],
            flags=flags,
            path=plain_text(raw, flags),
            mount=mount,
            point=mount_point(raw, below, flags) if mount else "",
        )

    return RecordDecoder(fixed, decode)


def mount_decoder() -> RecordDecoder:
    """Return the decoder of mounts."""
    read = reader(MOUNT, "hdr.ts_ns", "mount", "dev", "type", "subtype", "source")

    def decode(batch: bytes, offset: int, _size: int) -> MountSeen:
        ts_ns, mount, dev, *strings = read(batch, offset)
        kind, under, source = (text(each.partition(b"\0")[0]) for each in strings)
        fstype = f"{kind}.{under}" if under else kind
        return MountSeen(ts_ns=ts_ns, mount=mount, dev=dev, fstype=fstype, source=source or "none")

    return RecordDecoder(layout(MOUNT).size, decode)
