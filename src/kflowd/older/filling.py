# SPDX-License-Identifier: Apache-2.0
"""Puts arguments into records of processes that were listed at the start: batch in, batch out.

It stands ahead of redaction and of the recording, which so take them for what an exec tells.
"""

from collections.abc import Mapping

from kflowd.constants import ALIGNMENT, SECOND_NS
from kflowd.contract import constants, layout, reader
from kflowd.older.reading import Found
from kflowd.records.header import HEADER
from kflowd.records.path import DELETED, path_text
from kflowd.records.process import RECORD


class Filler:
    """Fills the records of the first listing.

    Args:
        found: What was the same ahead of that listing and behind it, by tgid.
        hertz: Clock ticks of a second.
        ahead_ns: How far CLOCK_BOOTTIME of who has read proc is ahead of the kernel's.
        until_ns: When all was read for the second time began, by the kernel's clock: what is listed
            later may be of another program.
    """

    def __init__(
        self, found: Mapping[int, Found], hertz: int, ahead_ns: int, until_ns: int
    ) -> None:
        self._found = dict(found)
        self._tick_ns = SECOND_NS // hertz
        self._ahead_ns = ahead_ns
        self._until_ns = until_ns
        self._head = reader(HEADER, "kind", "size")
        self._read = reader(
            RECORD,
            *("hdr.ts_ns", "proc.start_ns", "proc.tgid", "source"),
            *("exe_len", "workdir_len", "args_len"),
        )
        known = constants()
        self._most, self._listed = known["KF_ARGS_MAX"], known["KF_PROC_SNAPSHOT"]
        self._process, self._tick = known["KF_KIND_PROC"], known["KF_KIND_TICK"]

    def fill(self, batch: bytes) -> bytes:
        """Return a batch with arguments; the same object if none are missing."""
        if not self._found:
            return batch
        least, fixed = layout(HEADER).size, layout(RECORD).size
        parts: list[bytes] = []
        offset, done, end = 0, 0, len(batch)
        while end - offset >= least:
            kind, size = self._head(batch, offset)
            if not least <= size <= end - offset:
                break  # the decoder gives up here, too
            following = offset + size + -size % ALIGNMENT
            if kind == self._process and size >= fixed:
                record = self._filled(batch[offset : offset + size])
                if record:
                    parts += (batch[done:offset], record, bytes(-len(record) % ALIGNMENT))
                    done = following
            elif kind == self._tick:
                self._found.clear()  # the listing is older than the first sweep
            offset = following
        return b"".join((*parts, batch[done:])) if parts else batch

    def _filled(self, record: bytes) -> bytes:
        """Return a record with its arguments, b"" if nothing is to be added."""
        fixed = layout(RECORD)
        (ts_ns, start_ns, tgid, source, exe_len, workdir_len, args_len) = self._read(record, 0)
        found = self._found.get(tgid)
        workdir_at = fixed.size + exe_len
        end = workdir_at + workdir_len
        if found is None or source != self._listed or args_len or end != len(record):
            return b""
        began = (start_ns + self._ahead_ns) // self._tick_ns
        exe = path_text(record[fixed.size : workdir_at])
        if ts_ns > self._until_ns or began != found.ticks or exe != _plain(found.exe):
            return b""
        args = found.args[: self._most]
        values = list(fixed.unpack_from(record))
        values[fixed.index["hdr.size"]] = end + len(args)
        values[fixed.index["args_len"]] = len(args)
        return fixed.unpacker.pack(*values) + record[fixed.size :] + args


def _plain(exe: bytes) -> str:
    """Return the path of an executable, whether or not it has been removed since."""
    return exe.decode("utf-8", "surrogateescape").removesuffix(DELETED)
