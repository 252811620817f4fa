# SPDX-License-Identifier: Apache-2.0
"""The members that a record has for a syslog message, in their order."""

from typing import Any

import msgspec

from kflowd.protocols.base import Limits

EXCEPTION = "SYSLOG Message Decoder"
USER, NOTICE = 1, 5
DEFAULT_PRIORITY = USER << 3 | NOTICE  # RFC 3164 4.3.3
PRIORITIES = 192

FACILITIES = (
    "Kernel",
    "User",
    "Mail System",
    "System Daemon",
    "Security/Authorization",
    "Internal",
    "Line Printer",
    "Network News",
    "UUCP",
    "Clock Daemon",
    "Security/Authorization",
    "FTP Daemon",
    "NTP",
    "Log Audit",
    "Log Alert",
    "Clock Daemon",
    *(f"Local{number}" for number in range(8)),
)
SEVERITIES = (
    "Emergency",
    "Alert",
    "Critical",
    "Error",
    "Warning",
    "Notice",
    "Informational",
    "Debug",
)


class Fields(msgspec.Struct, gc=False):
    """What a message has; "" is absent, but for those that each record has."""

    priority: int
    version: int = 0
    timestamp: str = ""
    hostname: str = ""
    appname: str = ""
    procid: str = ""
    msgid: str = ""
    data: str = ""
    message: str = ""


def text_of(raw: bytes) -> str:
    """Return bytes as text; those that are no UTF-8 stay, as names of files do."""
    return raw.decode("utf-8", "surrogateescape")


def shortened(text: str, most: int) -> str:
    """Return text of so many bytes at most, cut between two characters."""
    if len(text) * 4 <= most:
        return text
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) <= most:
        return text
    # a character has one byte that does not begin with the bits 10, its first, and three more
    end = most
    while end > max(most - 3, 0) and raw[end] & 0xC0 == 0x80:
        end -= 1
    return text_of(raw[:end])


def members_of(fields: Fields, limits: Limits) -> tuple[dict[str, Any], bool]:
    """Return the members, and whether a value of them is cut."""
    most = limits.text_bytes
    cut = False
    members: dict[str, Any] = {
        "Facility": FACILITIES[fields.priority >> 3],
        "Severity": f"{SEVERITIES[fields.priority & 7]} ({fields.priority & 7})",
        "Priority": fields.priority,
        "Version": fields.version,
    }
    for key, text, always in (
        ("Timestamp", fields.timestamp, False),
        ("Hostname", fields.hostname, False),
        ("Appname", fields.appname, True),
        ("ProcId", fields.procid, False),
        ("MsgId", fields.msgid, False),
        ("Data", fields.data, False),
        ("Message", fields.message, True),
    ):
        if text or always:
            shown = shortened(text, most)
            cut = cut or len(shown) < len(text)
            members[key] = shown
    return members, cut


def undecodable(raw: bytes, limits: Limits) -> tuple[dict[str, Any], bool]:
    """Return the members of what is no message, and whether its text is cut."""
    text = text_of(raw)
    shown = shortened(text, limits.text_bytes)
    return {"_Exception": EXCEPTION, "_Message": shown}, len(shown) < len(text)
