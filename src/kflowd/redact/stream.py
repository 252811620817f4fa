# SPDX-License-Identifier: Apache-2.0
"""Redacts batches of records as they left the kernel: a batch in, a batch out.

It is the one gate of a run: what keeps a record or makes another of it, a recording or the process
table, stands behind it. It never raises, whatever the bytes are.
"""

from collections.abc import Callable

from kflowd.constants import ALIGNMENT
from kflowd.contract import constants, layout, reader
from kflowd.redact import redact_args

HEADER = "struct kf_header"
RECORD = "struct kf_proc_record"
Redact = Callable[[bytes], bytes]


def unredacted(batch: bytes) -> bytes:
    """Return a batch as it is: --no-redact."""
    return batch


def redactor() -> Redact:
    """Return the function that redacts a batch.

    Records stay in their order; one whose arguments get another length gets another size. One that
    said that its arguments are cut (KF_ARGS_MAX bytes) keeps its size, filled up with zeros: by
    that the decoder still knows.
    """
    read = reader(HEADER, "kind", "version", "size")
    least, fixed = layout(HEADER).size, layout(RECORD).size
    kind_of_process, known = constants()["KF_KIND_PROC"], constants()["KF_VERSION"]

    def redact(batch: bytes) -> bytes:
        parts: list[bytes] = []
        offset, done, end = 0, 0, len(batch)
        while end - offset >= least:
            kind, version, size = read(batch, offset)
            if not least <= size <= end - offset:
                break  # the decoder gives up here, too
            following = offset + size + -size % ALIGNMENT
            if kind == kind_of_process and version == known and size >= fixed:
                record = batch[offset : offset + size]
                changed = redact_record(record)
                if changed is not record:
                    parts += (batch[done:offset], changed, bytes(-len(changed) % ALIGNMENT))
                    done = following
            offset = following
        return b"".join((*parts, batch[done:])) if parts else batch

    return redact


_READ = reader(RECORD, "exe_len", "workdir_len", "args_len")


def redact_record(record: bytes) -> bytes:
    """Return a process record with redacted arguments; the same object if nothing is to be hidden.

    Args:
        record: A struct kf_proc_record and what follows it.
    """
    fixed, most = layout(RECORD), constants()["KF_ARGS_MAX"]
    exe_len, workdir_len, args_len = _READ(record, 0)
    at = fixed.size + exe_len + workdir_len
    if at + args_len > len(record):  # it contradicts itself, which the decoder still is to find
        return record[: fixed.size] + bytes(len(record) - fixed.size)
    raw = record[at : at + args_len]
    cut = len(record) - at >= most
    args = redact_args(raw, cut=cut)
    if len(args) > most:
        cut = True
        args = redact_args(args[:most], cut=cut)[:most]
    if args == raw:
        return record
    values = list(fixed.unpack_from(record))
    tail = args + bytes(most - len(args) if cut else 0)
    values[fixed.index["hdr.size"]] = at + len(tail)
    values[fixed.index["args_len"]] = len(args)
    return fixed.unpacker.pack(*values) + record[fixed.size : at] + tail
