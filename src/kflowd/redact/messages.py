# SPDX-License-Identifier: Apache-2.0
"""Takes secrets out of application messages: headers, addresses and bodies of HTTP, lines of log.

A member is taken for a line "NAME: VALUE", as a header is one; what begins with "_" is of kflowd's
naming, and its value stands alone.
"""

from typing import Any

from kflowd.protocols import Message
from kflowd.redact import hint
from kflowd.redact.text import redact_text

HIDDEN = "***"
# Notes of a message whose last text may end within a secret.
CUT = {"CUT", "UNFINISHED", "GAP"}
_HINT = hint.pattern()


def redact_message(message: Message) -> None:
    """Replace the secrets in the members of a message, in place."""
    _redact(message.members, cut=bool(CUT & set(message.notes)))


def _redact(members: dict[str, Any], *, cut: bool) -> None:
    for key, value in members.items():
        if isinstance(value, str):
            members[key] = _text(key, value, cut=cut)
        elif isinstance(value, dict):
            _redact(value, cut=cut)


def _text(key: str, value: str, *, cut: bool) -> str:
    named = not key.startswith("_")
    line = f"{key}: {value}" if named else value
    try:
        raw = line.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no decoder makes one, and nobody reads it
        return HIDDEN
    if _HINT.search(raw.lower()) is None:
        return value
    redacted = redact_text(raw, line=named, cut=cut and not named)
    if redacted == raw:
        return value
    hidden = redacted.decode("utf-8", "surrogateescape")
    if not named:
        return hidden
    # a name that looks like a secret: its value is nobody's business either
    return hidden.removeprefix(f"{key}: ") if hidden.startswith(f"{key}: ") else HIDDEN
