# SPDX-License-Identifier: Apache-2.0
"""Decoders of application protocols: bytes in, messages out.

To add one is to add a module here and a line in APPLICATIONS.
"""

from kflowd.protocols.base import (
    NOTES,
    Application,
    Conversation,
    Direction,
    Limits,
    Message,
)
from kflowd.protocols.deferred import Asked, Deferred, Piece, PieceKind, Script, Transcript
from kflowd.protocols.dns import DNS
from kflowd.protocols.http import HTTP
from kflowd.protocols.syslog import DEV_LOG, JOURNAL, SYSLOG
from kflowd.protocols.tls import TLS

# by their key in the settings
APPLICATIONS: dict[str, Application] = {"dns": DNS, "http": HTTP, "syslog": SYSLOG, "tls": TLS}

__all__ = [
    "APPLICATIONS",
    "DEV_LOG",
    "DNS",
    "HTTP",
    "JOURNAL",
    "NOTES",
    "SYSLOG",
    "TLS",
    "Application",
    "Asked",
    "Conversation",
    "Deferred",
    "Direction",
    "Limits",
    "Message",
    "Piece",
    "PieceKind",
    "Script",
    "Transcript",
]
