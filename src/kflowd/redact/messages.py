# SPDX-License-Identifier: Apache-2.0
"""Takes secrets out of application messages: headers, addresses and bodies of HTTP, lines of log.

A member is taken for a line "NAME: VALUE", as a header is one; what begins with "_" is of kflowd's
naming, and its value stands alone. Of a member that is called as a secret nothing is shown.
"""

import re
from typing import Any

from kflowd.protocols import Message
from kflowd.redact import hint, rules
from kflowd.redact.forms import redact_forms
from kflowd.redact.text import PEM, SCHEME, redact_text
from kflowd.redact.words import redact_words

HIDDEN = "***"
# What a member is called whose whole value is secret, but for the scheme of a header.
SECRET_NAME = re.compile(
    rb"(?:(?P<header>" + b"|".join(rules.HEADERS) + rb")|(?:" + b"|".join(rules.NAMES) + rb"))"
    rb"(?:" + rules.BEHIND + rb")?\Z",
    re.IGNORECASE,
)
# Headers that say which secret is wanted, in the words of those that have one.
CHALLENGES = {b"www-authenticate", b"proxy-authenticate"}
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
    try:
        name, raw = (it.encode("utf-8", "surrogateescape") for it in (key, value))
    except UnicodeEncodeError:  # no decoder makes one, and nobody reads it
        return HIDDEN
    if named and (found := SECRET_NAME.search(name)) is not None:
        scheme = _scheme(raw) if found["header"] else ""
        return scheme + HIDDEN if value else value
    if name.lower() in CHALLENGES:
        return value
    redacted = _lines(raw, name + b": " if named else b"", cut=cut)
    return value if redacted == raw else redacted.decode("utf-8", "surrogateescape")


def _scheme(value: bytes) -> str:
    """Return the word ahead of the secret in a header, with a blank behind it; "" if none is."""
    found = SCHEME.match(value)
    return found[0].strip().decode() + " " if found is not None else ""


def _lines(raw: bytes, head: bytes, *, cut: bool) -> bytes:
    """Return a text without secrets; each line stands alone, but for keys that have several."""
    raw = redact_forms(raw, lambda name: SECRET_NAME.search(name) is not None)
    if _HINT.search((head + raw).lower()) is None:
        return raw
    if b"-----BEGIN" in raw:
        raw = PEM.sub(HIDDEN.encode(), raw)
    lines = raw.split(b"\n")
    last = len(lines) - 1
    return b"\n".join(
        _line(line, head, cut=cut and number == last) for number, line in enumerate(lines)
    )


def _line(line: bytes, head: bytes, *, cut: bool) -> bytes:
    # a log tells of command lines, and one is read wherever its program is named
    redacted, _ = redact_words(line.replace(b"\0", b" ")) if b" -" in line else (line, set())
    redacted = redact_text(redacted, line=True, cut=cut)
    if not head:
        return redacted
    whole = redact_text(head + redacted, line=True)
    return whole.removeprefix(head) if whole.startswith(head) else HIDDEN.encode()
