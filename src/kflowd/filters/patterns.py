# SPDX-License-Identifier: Apache-2.0
"""Patterns of paths: a path and all below it, a glob over the whole path, or a name."""

import re
from collections.abc import Callable, Iterable

from kflowd.settings.rules import is_glob


def path_matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return what says whether a path matches one of some patterns.

    `/etc` is that path and what lies below; `*`, `?` and `[...]` stand for characters of one
    component, `**` for any; a pattern without a slash is about the last component alone.
    """
    matches = re.compile("|".join(map(_expression, patterns)), re.DOTALL).fullmatch
    return lambda path: matches(path) is not None


def _expression(pattern: str) -> str:
    if "/" not in pattern:
        return rf"(?:.*/)?(?:{translated(pattern)})"
    if is_glob(pattern):
        return f"(?:{translated(pattern)})"
    return rf"{re.escape(pattern.rstrip('/'))}(?:/.*)?"


def translated(pattern: str) -> str:
    """Return the regular expression of a glob."""
    out = []
    at = 0
    while at < len(pattern):
        rest = pattern[at:]
        if rest.startswith("**/"):
            out.append("(?:.*/)?")
            at += 3
        elif rest.startswith("**"):
            out.append(".*")
            at += 2
        elif rest[0] == "*":
            out.append("[^/]*")
            at += 1
        elif rest[0] == "?":
            out.append("[^/]")
            at += 1
        elif rest[0] == "[" and (end := _class_end(pattern, at)) > 0:
            out.append(_class(pattern[at + 1 : end]))
            at = end + 1
        else:
            out.append(re.escape(rest[0]))
            at += 1
    return "".join(out)


def _class_end(pattern: str, at: int) -> int:
    """Return where the class that begins at a bracket ends, -1: it is none.

    A bracket that closes it first stands for itself, and no class has a slash.
    """
    end = pattern.find("]", at + (3 if pattern.startswith("!", at + 1) else 2))
    return -1 if "/" in pattern[at:end] else end


def _class(inner: str) -> str:
    """Return the expression of [abc], [a-z], [!abc]; never a slash, as in a shell."""
    negated = inner[0] == "!"
    body = inner[1:] if negated else inner
    ranges = []
    at = 0
    while at < len(body):
        several = body[at + 1 : at + 2] == "-" and at + 2 < len(body)
        first, last = body[at], body[at + 2] if several else body[at]
        # one that runs backwards has nothing in it
        if first <= last:
            ranges.append(f"{re.escape(first)}-{re.escape(last)}")
        at += 3 if several else 1
    if not ranges:
        return "[^/]" if negated else "(?!)"
    return f"(?:(?!/)[{'^' if negated else ''}{''.join(ranges)}])"
