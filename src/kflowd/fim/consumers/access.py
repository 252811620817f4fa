# SPDX-License-Identifier: Apache-2.0
"""access.conf of pam_access(8): permission : users : origins, the first that fits decides."""

import re
from typing import Literal

from kflowd.fim.consumers.entries import AccessRule, Entries, Malformed
from kflowd.fim.consumers.texts import lines, shown

EXCEPT = "EXCEPT"
_WORD = re.compile(r"[^\s,]+")
FIELDS = re.compile(rb":*([^:]+):+([^:]+):(.+)", re.DOTALL)


def rules(content: bytes) -> Entries:
    """Return the rules of a file, and lines that are none, in their order."""
    found: list[AccessRule | Malformed] = []
    for raw in lines(content):
        line = raw.rstrip(b" \t\v\f")
        # a comment begins in the first column, as nothing else does that pam_access takes
        if line and not line.startswith(b"#"):
            found.append(_rule(line))
    return tuple(found)


def _rule(line: bytes) -> AccessRule | Malformed:
    fields = FIELDS.fullmatch(line)
    if fields is None:
        return Malformed("access_rule", "not three fields", shown(line))
    sign = fields[1].rstrip(b" \t")
    permission: Literal["+", "-"]
    if sign == b"+":
        permission = "+"
    elif sign == b"-":
        permission = "-"
    else:
        return Malformed("access_rule", "neither + nor -", shown(line))
    users, users_except = _list(fields[2])
    origins, origins_except = _list(fields[3])
    if not users or not origins:
        return Malformed("access_rule", "an empty list", shown(line))
    return AccessRule(permission, users, origins, users_except, origins_except)


def _list(raw: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of a list, and those behind its first EXCEPT."""
    words = tuple(_WORD.findall(shown(raw)))
    if EXCEPT not in words:
        return words, ()
    at = words.index(EXCEPT)
    return words[:at], words[at + 1 :]
