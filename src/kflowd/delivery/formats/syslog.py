# SPDX-License-Identifier: Apache-2.0
"""The header of syslog (RFC 5424) in front of a record's text."""

import re
from collections.abc import Callable

from kflowd.constants import SECOND_NS
from kflowd.delivery.formats.times import instant
from kflowd.serialize import Record

DAEMON, INFORMATIONAL = 3, 6
PRIORITY = DAEMON << 3 | INFORMATIONAL
NOTHING = "-"
# 1*255PRINTUSASCII; what has other characters, or none, is not named
_HOST = re.compile(r"[!-~]{1,255}")


class SyslogFormat:
    """Makes messages of syslog; the text of the record is the message, without a BOM.

    Args:
        text: Makes the text of a record.
        process: PROCID: number of the process that sends.
        counted: With the length in front, as a stream has it (RFC 6587, octet counting).
    """

    def __init__(self, text: Callable[[Record], bytes], process: int, *, counted: bool) -> None:
        self._text = text
        self._process = process
        self._counted = counted

    def __call__(self, record: Record) -> bytes:
        """Return the message of a record; the time of its header has microseconds."""
        stamp = record.stamp
        second, fraction = divmod(stamp.InfoTimestamp, SECOND_NS)
        name = record.host.InfoHostName
        host = name if _HOST.fullmatch(name) else NOTHING
        head = (
            f"<{PRIORITY}>1 {instant(second)}.{fraction // 1000:06d}Z {host} kflowd "
            f"{self._process} {stamp.InfoMonitor} {NOTHING} "
        )
        message = head.encode() + self._text(record)
        return b"%d %s" % (len(message), message) if self._counted else message
