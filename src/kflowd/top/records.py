# SPDX-License-Identifier: Apache-2.0
"""The fields of a record that the table needs, out of its JSON."""

from datetime import date
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta

from kflowd.constants import SECOND_NS
from kflowd.delivery.formats.times import DAY_S, MONTHS

FILE, SOCKET, PROCESS, HEALTH = "filesystem", "socket", "process", "health"
# letters of a time up to its second (Thu, Apr 04 2024 15:34:35), and of all of it
SECOND_TEXT, TIME_TEXT = 25, 39
TIME_END = " UTC"
EPOCH = date(1970, 1, 1).toordinal()
# records that come together share seconds
CACHED = 1024

# a counter of the kernel's that is larger has no meaning
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Seconds = Annotated[float, Meta(ge=0, le=1e12)]


class Seen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is read of a record; the names are those of docs/fields.md."""

    InfoMonitor: str
    InfoTimestamp: str = ""
    InfoTime: str = ""
    InfoHostName: str = ""
    Proc: str = ""
    ProcUser: str = ""
    ProcExe: str = ""
    ProcPID: Count | None = None
    ProcUID: Count | None = None
    ProcAge: Seconds | None = None
    ProcEvents: dict[str, Count] = {}
    FileEventCount: Count = 0
    FileNotes: tuple[str, ...] = ()
    SockProtocol: str = ""
    SockLocalIP: str = ""
    SockLocalPort: Count = 0
    SockRemoteIP: str = ""
    SockRemotePort: Count = 0
    SockTxBytes: Count = 0
    SockRxBytes: Count = 0
    SockNotes: tuple[str, ...] = ()
    SockPeersFolded: Count = 0
    SockSocketsFolded: Count = 0

    @property
    def wall_ns(self) -> int | None:
        """When it happened, nanoseconds since 1970; None: it does not say."""
        text = self.InfoTimestamp
        if len(text) != TIME_TEXT or not text.endswith(TIME_END):
            return None
        second, fraction = _second(text[:SECOND_TEXT]), text[SECOND_TEXT + 1 : -len(TIME_END)]
        if second is None or not _is_number(fraction):
            return None
        return second * SECOND_NS + int(fraction)

    def began_ns(self, wall_ns: int) -> int | None:
        """Return when its process was forked, if that follows from its age and this time.

        The age is that of the last event, which is earlier than the time of a file's record that a
        sweep ended; whether one did is not told by records of `--strict`.
        """
        swept = self.InfoMonitor == FILE and ("STALE" in self.FileNotes or not self.InfoTime)
        if self.ProcAge is None or swept:
            return None
        return wall_ns - int(self.ProcAge * SECOND_NS)


_decode = msgspec.json.Decoder(Seen).decode


def decode(text: bytes) -> Seen | None:
    """Return what a record says; None: it is none."""
    try:
        return _decode(text)
    # nested too deep; bytes that are no UTF-8
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


@lru_cache(CACHED)
def _second(text: str) -> int | None:
    """Return seconds since 1970 for `Thu, Apr 04 2024 15:34:35`, None: it is no time."""
    month, numbers = text[5:8], (text[9:11], text[12:16], text[17:19], text[20:22], text[23:25])
    if month not in MONTHS or not all(map(_is_number, numbers)):
        return None
    day, year, hour, minute, second = map(int, numbers)
    try:
        days = date(year, MONTHS.index(month) + 1, day).toordinal() - EPOCH
    except ValueError:
        return None
    return days * DAY_S + hour * 3600 + minute * 60 + second


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
