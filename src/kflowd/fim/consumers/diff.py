# SPDX-License-Identifier: Apache-2.0
"""The unified diff of two contents, or why there is none."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kflowd.fim.consumers.edits import Edit, edits
from kflowd.fim.consumers.sensitive import private_key, secret_line, secret_path
from kflowd.fim.consumers.texts import MAX_CONTENT

CONTEXT = 3
# What a record may hold of it; a line of more bytes is cut.
MAX_DIFF = 64 << 10
MAX_LINE = 1024
BINARY_PREFIX = 8 << 10
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
NO_NEWLINE = "\\ No newline at end of file"


class Diff(NamedTuple):
    """A diff, or none.

    Attributes:
        text: In the unified form, with lines between line feeds; None: there is none.
        note: Why there is none, or what is missing in it; None: nothing is.
    """

    text: str | None
    note: str | None = None


class _Line(NamedTuple):
    """A line of a diff: what stands ahead of it, and itself with its end; or a heading."""

    mark: str
    raw: bytes


def diff(old: bytes, new: bytes, path: str) -> Diff:
    """Return what has changed in a file.

    There is none of a file that has secrets by its name or holds a private key, and none where any
    line that would be shown looks as if it held a secret: a rule that knows the name of a secret
    need not know all of it.

    Args:
        old: Its content before; empty if it is new.
        new: Its content; empty if it is gone.
        path: Of the file.
    """
    if note := _refused(old, new, path):
        return Diff(None, note)
    before, after = _LINE.findall(old), _LINE.findall(new)
    found = edits(before, after)
    if not found:
        return Diff(None, "equal")
    hunks = (_hunk(each, before, after) for each in _together(found))
    name = path.encode("unicode_escape", "surrogatepass").decode() if "\n" in path else path
    shown, note = _shown([f"--- {name}", f"+++ {name}"], hunks)
    return Diff("\n".join(shown), note) if shown else Diff(None, note)


def _refused(old: bytes, new: bytes, path: str) -> str | None:
    if secret_path(path):
        return "secret: a file of this name holds secrets"
    if max(len(old), len(new)) > MAX_CONTENT:
        return f"size: more than {MAX_CONTENT} bytes"
    if private_key(old) or private_key(new):
        return "secret: it holds a private key"
    if b"\0" in old[:BINARY_PREFIX] or b"\0" in new[:BINARY_PREFIX]:
        return "binary"
    return None


def _together(found: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Yield edits that lie so close that the lines around them meet."""
    hunk: list[Edit] = []
    for each in found:
        if hunk and each.begin - hunk[-1].end > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(each)
    if hunk:
        yield hunk


def _hunk(hunk: Sequence[Edit], old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[_Line]:
    ahead = min(CONTEXT, hunk[0].begin)
    begin, end = hunk[0].begin - ahead, min(len(old), hunk[-1].end + CONTEXT)
    new_begin = hunk[0].new_begin - ahead
    grown = sum((it.new_end - it.new_begin) - (it.end - it.begin) for it in hunk)
    ranges = _range(begin, end - begin), _range(new_begin, end - begin + grown)
    yield _Line("@@ -{} +{} @@".format(*ranges), b"\n")
    at = begin
    for each in hunk:
        yield from (_Line(" ", line) for line in old[at : each.begin])
        yield from (_Line("-", line) for line in old[each.begin : each.end])
        yield from (_Line("+", line) for line in new[each.new_begin : each.new_end])
        at = each.end
    yield from (_Line(" ", line) for line in old[at:end])


def _range(begin: int, count: int) -> str:
    first = begin + 1 if count else begin
    return str(first) if count == 1 else f"{first},{count}"


def _shown(heading: list[str], hunks: Iterator[Iterator[_Line]]) -> tuple[list[str], str | None]:
    """Return the lines of a diff and what to say of them; none if a secret would be among them."""
    shown = heading
    size, cut = sum(map(len, heading)) + len(heading), 0
    for number, line in enumerate((each for hunk in hunks for each in hunk), len(heading) + 1):
        # what stands behind its end can be no part of what is shown, and hides nothing there
        if secret_line(line.raw[: 2 * MAX_LINE]):
            return [], f"secret: line {number} of the diff looks as if it held one"
        text = line.mark + line.raw.removesuffix(b"\n").decode("utf-8", "backslashreplace")
        if len(text) > MAX_LINE:
            text, cut = f"{text[:MAX_LINE]}... ({len(line.raw)} bytes)", cut + 1
        size += len(text) + 1
        if size > MAX_DIFF:
            return shown, f"truncated: the rest of more than {MAX_DIFF} letters is missing"
        shown.append(text)
        if not line.raw.endswith(b"\n"):
            shown.append(NO_NEWLINE)
    return shown, f"truncated: {cut} long lines" if cut else None
