# SPDX-License-Identifier: Apache-2.0
"""Writes the screen of docs/top.md: what `kflowd top` shows in a terminal of 80 x 24."""

import tempfile
from pathlib import Path

from tests.unit.top.made import example
from tests.unit.top.screens import Screen
from tools.marked import Part

FILE = "records.json"


def shown() -> str:
    """Return the lines of the screen."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / FILE).write_bytes(example())
        with Screen(FILE, place=place) as screen:
            lines = screen.until(lambda lines: "(end)" in lines[0])
            screen.press("q")
            screen.wait()
    return "\n".join(lines)


PART = Part("docs/top.md", "screen", lambda: f"```text\n{shown()}\n```\n")

if __name__ == "__main__":
    PART.write()
