# SPDX-License-Identifier: Apache-2.0
"""Paths as they travel: components, leaf first, each ended by a NUL, without slashes."""

from kflowd.contract import layout, reader, span
from kflowd.model import FileFlag, FilePath
from kflowd.records.header import RecordDecoder

RECORD = "struct kf_path_record"


def path_text(raw: bytes) -> str:
    r"""Return `b"passwd\0etc\0"` as "/etc/passwd"; "" if there is none."""
    if not raw:
        return ""
    # the last piece of a complete path is empty and gives the leading slash
    parts = raw.split(b"\0")
    if parts[-1]:
        parts.append(b"")
    parts.reverse()
    # as `text` does; each call costs more than this
    return b"/".join(parts).decode("utf-8", "surrogateescape")


def plain_text(raw: bytes, flags: int) -> str:
    """Return the path of an aggregate; its leaf may be the text that a system call was given.

    That text is one component, with slashes, under the directory that follows; with a slash in
    front under the root of the process, which follows if chroot has moved it.
    """
    return path_text(raw.lstrip(b"/") if flags & FileFlag.PATH_TEXT else raw)


def path_decoder() -> RecordDecoder:
    """Return the decoder of path records."""
    fixed = layout(RECORD).size
    read = reader(RECORD, "hdr.ts_ns", "flags", "path_len")
    key_at, key_end = span(RECORD, "key")

    def decode(batch: bytes, offset: int, size: int) -> FilePath | None:
        ts_ns, flags, path_len = read(batch, offset)
        if fixed + path_len > size:
            return None
        start = offset + fixed
        path = plain_text(batch[start : start + path_len], flags)
        return FilePath(
            ts_ns=ts_ns, key=batch[offset + key_at : offset + key_end], flags=flags, path=path
        )

    return RecordDecoder(fixed, decode)
