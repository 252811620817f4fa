# SPDX-License-Identifier: Apache-2.0
"""Writes the table of options in README.md from the settings tree."""

import re
from collections.abc import Iterator

from kflowd.settings import Settings
from kflowd.settings.lines import OptionLine, option_lines
from kflowd.settings.walk import Tree
from tools.marked import Part


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


PART = Part("README.md", "options", lambda: "\n".join((*table(), "")))

if __name__ == "__main__":
    PART.write()
