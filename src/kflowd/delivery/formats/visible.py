# SPDX-License-Identifier: Apache-2.0
r"""Text of others made harmless for a line and a terminal.

Names of files, users and programs are chosen by those who are watched. What would drive a terminal,
end a line, change the order of letters or hide is written as an escape: `\x1b`, `\u202e`. A
backslash is written twice, so that nobody can write what looks like an escape.
"""

import re
from collections.abc import Iterator
from unicodedata import category, east_asian_width

# others choose the characters: what is known of them must not grow with it
MOST_KNOWN = 4096
MARKS = {"Mn", "Mc", "Me"}  # they join with the character before, and have no cell of their own
# printable as Python has it, and yet not one or two cells for sure: grapheme joiners and fillers
# (Hangul's vowels and finals, which join), the empty Braille pattern, what is wide since Unicode 16
# (trigrams, hexagrams, counting rods), letters that become flags in pairs, modifiers of emoji
UNSURE = (
    (0x115F, 0x11FF),
    (0x2630, 0x2637),
    (0x268A, 0x268F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0x4DC0, 0x4DFF),
    (0xD7B0, 0xD7FF),
    (0xFFA0, 0xFFA0),
    (0x1D300, 0x1D376),
    (0x1F1E6, 0x1F1FF),
    (0x1F3FB, 0x1F3FF),
)
# what nearly all text is: one cell for each character, nothing to escape
is_plain = re.compile(r"[ -\[\]-~]*").fullmatch
_is_token = re.compile(r"[!#-\[\]-~]+").fullmatch


class _Shown(dict[int, str]):
    """What each character is written as."""

    def __missing__(self, code: int) -> str:
        if len(self) >= MOST_KNOWN:
            self.clear()
        shown = self[code] = _shown(code)
        return shown


def visible(text: str) -> str:
    """Return text in which each character can be seen."""
    return text if is_plain(text) else text.translate(_SHOWN)


def token(text: str) -> str:
    """Return text that a space ends: in quotes if it holds one, or nothing."""
    if _is_token(text):
        return text
    shown = text.translate(_SHOWN)
    if not shown or " " in shown or '"' in shown:
        return '"' + shown.replace('"', '\\"') + '"'
    return shown


def cells(shown: str) -> int:
    """Return how many cells a visible text takes."""
    return len(shown) + sum(map(_is_wide, shown)) if not shown.isascii() else len(shown)


def pieces(text: str) -> Iterator[tuple[str, int]]:
    """Yield what each character is written as, and its cells."""
    for letter in text:
        shown = _SHOWN[ord(letter)]
        yield shown, cells(shown)


def _shown(code: int) -> str:
    letter = chr(code)
    if letter == "\\":
        return "\\\\"
    if letter.isprintable() and category(letter) not in MARKS and not _is_unsure(code):
        return letter
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as Python carries it
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_unsure(code: int) -> bool:
    return any(first <= code <= last for first, last in UNSURE)


def _is_wide(letter: str) -> bool:
    return east_asian_width(letter) in {"W", "F"}


_SHOWN = _Shown()
