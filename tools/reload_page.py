# SPDX-License-Identifier: Apache-2.0
"""Writes into docs/configuration.md which settings can change while kflowd runs."""

from collections.abc import Iterator

from kflowd.settings import Settings
from kflowd.settings.walk import Setting, Tree, settings_of
from tools.marked import Part

TOP = "none"


def table_of(setting: Setting) -> str:
    """Return the table that a setting stands in, as a file has it."""
    path = ".".join(str(key) for key in setting.place[:-1] if key != 0)
    if 0 in setting.place:
        return f"`[[{path}]]`"
    return f"`[{path}]`" if path else TOP


def table(tree: Tree = Settings) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| Table | Changes at once | Needs a restart |"
    yield "|---|---|---|"
    found: dict[str, tuple[list[str], list[str]]] = {}
    for setting in settings_of(tree):
        at_once, restart = found.setdefault(table_of(setting), ([], []))
        (at_once if setting.option.reload else restart).append(f"`{setting.key}`")
    for name, columns in found.items():
        yield f"| {name} | {' | '.join(map(', '.join, columns))} |"


PART = Part("docs/configuration.md", "reload", lambda: "\n".join((*table(), "")))

if __name__ == "__main__":
    PART.write()
