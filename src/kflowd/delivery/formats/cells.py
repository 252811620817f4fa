# SPDX-License-Identifier: Apache-2.0
"""Text cut and filled to cells of a terminal."""

from kflowd.delivery.formats.visible import cells, is_plain, pieces, visible

CUT = "…"


def fitted(text: str, width: int, head: int = 0) -> str:
    """Return visible text of at most so many cells; the end of a longer one is kept.

    Args:
        text: Any.
        width: Cells, 1 at least.
        head: Cells of the beginning that a longer one keeps, too; 0: it is cut on the left, the
            width or more: on the right.
    """
    # each character has one cell or more: of a longer text no more has to be looked at
    if len(text) <= width:
        shown = visible(text)
        if cells(shown) <= width:
            return shown
    head = min(head, width - 1)
    if is_plain(text):
        return text[:head] + CUT + text[len(text) - (width - 1 - head) :]
    begin = _from(text[:head], head)
    end = _from(text[: -(width + 1) : -1], width - 1 - head)
    return "".join((*begin, CUT, *reversed(end)))


def filled(shown: str, width: int) -> str:
    """Return a visible text with spaces up to a width."""
    return shown.ljust(width) if shown.isascii() else shown + " " * (width - cells(shown))


def _from(text: str, room: int) -> list[str]:
    """Return what the first characters are written as, so far as there is room."""
    found = []
    for shown, width in pieces(text):
        room -= width
        if room < 0:
            break
        found.append(shown)
    return found
