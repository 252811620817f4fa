# SPDX-License-Identifier: Apache-2.0
"""Paths as they travel: components, leaf first, each ended by a NUL, without slashes."""

from kflowd.contract import layout
from kflowd.model import FileFlag, FileKey, FilePath
from kflowd.records.header import RecordDecoder, picker, text


def path_text(raw: bytes) -> str:
    r"""Return `b"passwd\0etc\0"` as "/etc/passwd"; "" if there is none."""
    if not raw:
        return ""
    # the last piece of a complete path is empty and gives the leading slash
    parts = raw.split(b"\0")
    if parts[-1]:
        parts.append(b"")
    parts.reverse()
    return text(b"/".join(parts))


def plain_text(raw: bytes, flags: int) -> str:
    """Return the path of an aggregate; its leaf may be the text that a system call was given.

    That text is one component, with slashes, under the directory that follows; with a slash in
    front under the root of the process, which follows if chroot has moved it.
    """
    return path_text(raw.lstrip(b"/") if flags & FileFlag.PATH_TEXT else raw)


def path_decoder() -> tuple[int, RecordDecoder]:
    """Return the fixed size and the decoder of path records."""
    record = layout("struct kf_path_record")
    fixed = record.size
    pick = picker(record, "", ("hdr.ts_ns", "flags", "path_len"))
    pick_key = picker(record, "key", FileKey.__struct_fields__)

    def decode(batch: bytes, offset: int, size: int) -> FilePath | None:
        members = record.unpack_from(batch, offset)
        ts_ns, flags, path_len = pick(members)
        if fixed + path_len > size:
            return None
        start = offset + fixed
        path = plain_text(batch[start : start + path_len], flags)
        return FilePath(ts_ns, FileKey(*pick_key(members)), flags, path)

    return fixed, decode
