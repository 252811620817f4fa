# SPDX-License-Identifier: Apache-2.0
"""Writes the screen of docs/top.md: what `kflowd top` shows in a terminal of 80 x 24."""

import tempfile
from pathlib import Path

from tests.unit.top.made import example
from tests.unit.top.screens import Screen
from tools.marked import marked

PAGE = Path(__file__).parents[1] / "docs" / "top.md"
BEGIN = "<!-- screen: begin, written by make docs -->"
END = "<!-- screen: end -->"
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


def page(text: str) -> str:
    """Return a page with the screen between its two marks."""
    return marked(text, BEGIN, END, f"```text\n{shown()}\n```\n")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    main()
