# SPDX-License-Identifier: Apache-2.0
"""A syslog message of RFC 5424, or of RFC 3164 as it is found in the wild, becomes members."""

import re
from typing import Any

from kflowd.protocols.base import Limits
from kflowd.protocols.syslog.members import (
    DEFAULT_PRIORITY,
    PRIORITIES,
    Fields,
    members_of,
    text_of,
    undecodable,
)

# Ends of lines and of C strings that senders put behind a message.
TRAILERS = b"\0\r\n"
PRI = re.compile(r"<([0-9]++)>")
# Version, timestamp, host, application, process, message ID, each behind a blank (RFC 5424 6).
HEADER = re.compile(
    r"([1-9][0-9]{0,2}) (-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+Z-]++)"
    r" ([^ ]++) ([^ ]++) ([^ ]++) ([^ ]++) "
)
# A quote in a value is escaped; that a bracket has to be, not all senders know.
STRUCTURED = re.compile(
    r'(?:-|(?:\[[^ =\]"]++(?: ++[^ =\]"]++="(?:[^"\\]|\\.)*+")*+ *+\])++)(?= |\Z)', re.DOTALL
)
NIL = "-"
BOM = "\ufeff"

# As RFC 3164 has it, with a year, a fraction, a zone; or as RFC 3339, with a blank for the T.
TIMESTAMP = re.compile(
    r"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9]?[0-9](?: [0-9]{4})?"
    r" [0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?: [A-Z]{3,5}(?=:))?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?)(?P<colon> ?:)?(?: ++|\Z)"
)
# Name, process, colon; a process in brackets needs no colon.
TAG = re.compile(r"([^\s:\[\]]{1,128}+)(?:\[([^\]\s]{0,128}+)\](?::? |:|\Z)|:(?: |\Z))")
HOST = re.compile(r"(\[?[0-9A-Za-z][\w.:%-]*+\]?|::[\w.:%-]*+) ++(?=.)", re.DOTALL | re.ASCII)


def decode(raw: bytes, limits: Limits, *, local: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Return the members and the notes of a message.

    Args:
        raw: The message, without what its transport has around it.
        limits: How much of it is shown.
        local: It is for this host's /dev/log: one without a tag has no host name either.
    """
    raw = raw.rstrip(TRAILERS)
    fields = parse(text_of(raw), local=local)
    if fields is None:
        members, cut = undecodable(raw, limits)
        return members, ["MALFORMED", "CUT"] if cut else ["MALFORMED"]
    members, cut = members_of(fields, limits)
    return members, ["CUT"] if cut else []


def parse(text: str, *, local: bool) -> Fields | None:
    """Return the fields of a message, None if it is none.

    None are no bytes, a priority beyond 191, and structured data that do not end.
    """
    begun = PRI.match(text)
    if not begun:
        fields = Fields(DEFAULT_PRIORITY)
        if text:
            # what has no priority is all content, if it does not begin as a message
            _traditional(text, fields, local=local, tagged=False)
        return fields if text else None
    digits = begun[1]
    if len(digits) > 3 or int(digits) >= PRIORITIES:
        return None
    fields = Fields(int(digits))
    header = HEADER.match(text, begun.end())
    if header:
        return fields if _structured(text, header, fields) else None
    _traditional(text[begun.end() :], fields, local=local, tagged=True)
    return fields


def _structured(text: str, header: re.Match[str], fields: Fields) -> bool:
    """Take the fields of RFC 5424; say whether its structured data are some."""
    version, *words = header.groups()
    fields.version = int(version)
    fields.timestamp, fields.hostname, fields.appname, fields.procid, fields.msgid = (
        "" if word == NIL else word for word in words
    )
    data = STRUCTURED.match(text, header.end())
    if not data:
        return False
    fields.data = "" if data[0] == NIL else data[0]
    fields.message = text[data.end() + 1 :].removeprefix(BOM)
    return True


def _traditional(text: str, fields: Fields, *, local: bool, tagged: bool) -> None:
    """Take the fields of RFC 3164; a host name is there if a tag is behind it, or if it may be."""
    stamp = TIMESTAMP.match(text)
    tag = None
    if stamp:
        fields.timestamp = text[: stamp.end()].rstrip(" ")
        if stamp["colon"]:
            fields.timestamp = text[: stamp.start("colon")]
        text = text[stamp.end() :]
        tag = TAG.match(text)
        host = None if tag or stamp["colon"] else HOST.match(text)
        if host:
            tag = TAG.match(text, host.end())
            if tag or not local:
                fields.hostname = host[1]
                text = text[host.end() :]
                tag = TAG.match(text)
        text = text.removeprefix(": ")  # host : %ASA-6-302013: ...
        tag = tag or TAG.match(text)
    elif tagged:
        tag = TAG.match(text)
    if tag:
        fields.appname, fields.procid = tag[1], tag[2] or ""
        text = text[tag.end() :]
        if tag[0].endswith(":"):
            text = text.removeprefix(" ")
    fields.message = text.removeprefix(BOM)
