# SPDX-License-Identifier: Apache-2.0
"""Regular expressions of paths as globs, where they are simple enough."""

import re
from collections.abc import Iterator

MAX_GLOBS = 64
_PIECE = re.compile(
    r"\\(?P<plain>[^\w\s])(?![*+{])|(?P<any>\[\^/\][*+])|(?P<set>\[[\w.-]+\])(?![*+{])"
    r"|(?P<letter>[^\\\[\](){}.*+?^$|])(?![*+{])"
)
_GROUP = re.compile(r"\((?:\?:)?([^()]*)\)(?![*+{]|\?\?)")


def globs(expression: str) -> list[str] | None:
    """Return the globs of what an expression matches as a whole, None if there are none.

    Args:
        expression: Without "^" and "$".
    """
    found = [""]
    for choices in _parts(expression):
        if choices is None:
            return None
        found = [ahead + each for ahead in found for each in choices]
        if len(found) > MAX_GLOBS:
            return None
    # an empty choice may leave two slashes
    return list(dict.fromkeys(re.sub(r"/{2,}", "/", it) for it in found))


def _parts(expression: str) -> Iterator[list[str] | None]:
    at = 0
    while at < len(expression):
        if group := _GROUP.match(expression, at):
            each = [_plain(it) for it in group[1].split("|")]
            found = [it for it in each if it is not None]
            at = group.end()
            if len(found) < len(each):
                yield None
                return
        elif piece := _PIECE.match(expression, at):
            found, at = [_glob(piece)], piece.end()
        else:
            yield None
            return
        if expression[at : at + 1] == "?":
            found, at = [*found, ""], at + 1
        yield found


def _plain(text: str) -> str | None:
    """Return a text of an expression as a glob, None if it is none."""
    said = []
    at = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None or text[piece.end() : piece.end() + 1] == "?":
            return None
        said.append(_glob(piece))
        at = piece.end()
    return "".join(said)


def _glob(piece: re.Match[str]) -> str:
    if piece["any"]:
        return "*"
    if piece["set"]:
        return piece["set"]
    text = piece["plain"] or piece["letter"]
    return f"[{text}]" if text in "*?[" else text
