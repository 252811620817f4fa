# SPDX-License-Identifier: Apache-2.0
"""The plugin with faults, and scripts for it."""

from pathlib import Path

from kflowd.plugins.wire import Request, frame
from kflowd.protocols import Asked, Piece, Script
from tests.policy.tree import ROOT

FAULTY: Path = ROOT / "tests" / "data" / "plugins" / "faulty.py"
MEMCACHED: Path = ROOT / "docs" / "plugins" / "memcached.py"


def script(text: bytes, number: int = 1, word: str = "faulty") -> Script:
    """Return a script in which this is said."""
    piece = Piece(0, 0, 5, len(text), text)
    return Script(Asked(word, number, 0), joined=False, ended=True, pieces=(piece,))


def request(text: bytes, number: int) -> bytes:
    """Return the frame in which this is said."""
    asked = script(text, number)
    made = Request(
        number=number,
        word=asked.asked.word,
        conversation=number,
        joined=False,
        ended=True,
        user=0,
        shown=4,
        pieces=asked.pieces,
    )
    return frame(made)
