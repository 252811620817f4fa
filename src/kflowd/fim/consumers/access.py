# SPDX-License-Identifier: Apache-2.0
"""access.conf of pam_access(8): permission : users : origins, the first that fits decides."""

import re
from typing import Literal

from kflowd.fim.consumers.entries import AccessRule, Entries, Malformed
from kflowd.fim.consumers.texts import HASH, lines, shown, visible

EXCEPT = "EXCEPT"
_WORD = re.compile(r"[^\s,]+")
FIELDS = re.compile(rb":*([^:]+):+([^:]+):(.+)", re.DOTALL)


def rules(content: bytes, key: bytes) -> Entries:
    """Return the rules of a file, and lines that are none, in their order.

    Args:
        content: Of the file.
        key: Of keyed fingerprints of what is not shown.
    """
    found: list[AccessRule | Malformed] = []
    for raw in lines(content):
        line = raw.rstrip(b" \t\v\f")
        # a comment begins in the first column, as nothing else does that pam_access takes
        if line and not line.startswith(b"#"):
            found.append(_rule(line, key))
    return tuple(found)


def _rule(line: bytes, key: bytes) -> AccessRule | Malformed:
    fields = FIELDS.fullmatch(line)
    if fields is None:
        return _malformed("not three fields", line, key)
    if HASH.search(line):
        return _malformed("a hash of a password", line, key)
    sign = fields[1].rstrip(b" \t")
    permission: Literal["+", "-"]
    if sign == b"+":
        permission = "+"
    elif sign == b"-":
        permission = "-"
    else:
        return _malformed("neither + nor -", line, key)
    users, users_except = _list(fields[2])
    origins, origins_except = _list(fields[3])
    if not users or not origins:
        return _malformed("an empty list", line, key)
    return AccessRule(permission, users, origins, users_except, origins_except)


def _malformed(cause: str, line: bytes, key: bytes) -> Malformed:
    # somebody has named a file of another kind: shadow has fields between colons, too
    return Malformed("access_rule", cause, *visible(line, key))


def _list(raw: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of a list, and those behind its first EXCEPT."""
    words = tuple(_WORD.findall(shown(raw)))
    if EXCEPT not in words:
        return words, ()
    at = words.index(EXCEPT)
    return words[:at], words[at + 1 :]
