# SPDX-License-Identifier: Apache-2.0
"""What the forms for people are written on, and their colours."""

from typing import NamedTuple

LEAST_WIDTH = 80
RESET = "\x1b[0m"
COLOURS = {
    "file": "\x1b[36m",
    "tcp": "\x1b[32m",
    "udp": "\x1b[32m",
    "unix": "\x1b[34m",
    "process": "\x1b[33m",
    "health": "\x1b[35m",
    "fim": "\x1b[31m",
}


class Screen(NamedTuple):
    """A terminal, or what is none.

    Attributes:
        width: Cells of a line.
        colours: Whether it shows them.
    """

    width: int = LEAST_WIDTH
    colours: bool = False


PAPER = Screen()


def painted(word: str, kind: str, screen: Screen) -> str:
    """Return a word in the colour of a kind of record, where there are colours."""
    colour = COLOURS.get(kind, "") if screen.colours else ""
    return f"{colour}{word}{RESET}" if colour else word
