# SPDX-License-Identifier: Apache-2.0
"""What a terminal sends for keys, as their names."""

import codecs
import re

LEFT, RIGHT, ENTER, ESCAPE, BACKSPACE, INTERRUPT = (
    *("left", "right", "enter"),
    *("escape", "backspace", "interrupt"),
)
NAMES = {"\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\b": BACKSPACE, "\x03": INTERRUPT}
ARROWS = {"C": RIGHT, "D": LEFT}
# Control sequences of ECMA-48, and those of keypads; a part of one can come alone.
SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)([@-~])")
BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
# no key has a longer one
MOST_BEGUN = 32


class Keys:
    """Makes names of bytes: a letter is its own name, what has none is passed over."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that are whole with these bytes."""
        text, self._rest = self._rest + self._decoder.decode(data), ""
        found, at = [], 0
        while at < len(text):
            if sequence := SEQUENCE.match(text, at):
                found.append(ARROWS.get(sequence[1], ""))
                at = sequence.end()
            elif (begun := BEGUN.match(text, at)) and len(begun[0]) < MOST_BEGUN:
                self._rest, at = begun[0], len(text)
            else:
                found.append(_name(text[at]))
                at += 1
        return [key for key in found if key]

    def flush(self) -> list[str]:
        """Return what began and did not go on for a while: the key Escape."""
        rest, self._rest = self._rest, ""
        return [ESCAPE] if rest else []


def _name(letter: str) -> str:
    if letter == "\x1b":
        return ESCAPE
    return NAMES.get(letter) or (letter if letter.isprintable() else "")
