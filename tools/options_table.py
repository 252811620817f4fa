# SPDX-License-Identifier: Apache-2.0
"""Writes the table of options in README.md from the settings tree."""

import re
from collections.abc import Iterator
from pathlib import Path

from kflowd.settings import Settings
from kflowd.settings.lines import OptionLine, option_lines
from kflowd.settings.walk import Tree
from tools.marked import marked

PAGE = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- options: begin, written by make docs -->"
END = "<!-- options: end -->"


def row(line: OptionLine) -> str:
    """Return the line of an option in the table."""
    *short, last = line.flags
    named = ", ".join(f"`{each}`" for each in (*short, f"{last} {line.metavar}".strip()))
    also = [each for each in line.settings[0].option.commands if each != "trace"]
    help_text = re.sub(r"(?<!\w)--?[a-z][\w-]*", r"`\g<0>`", line.help)
    cells = (named, help_text, line.values, line.default, ", ".join(also))
    return f"| {' | '.join(cells)} |"


def table(tree: Tree = Settings) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| Option | Meaning | Values | Default | Also of |"
    yield "|---|---|---|---|---|"
    yield from map(row, option_lines("trace", tree))


def page(text: str) -> str:
    """Return a page with the table between its two marks."""
    return marked(text, BEGIN, END, "\n".join((*table(), "")))


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    main()
