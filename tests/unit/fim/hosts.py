# SPDX-License-Identifier: Apache-2.0
"""A host in a folder: a tree, its settings, and what a check finds in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from kflowd.fim import work
from kflowd.fim.numbering import Stored
from kflowd.settings.fim import FimRule, FimSettings, parse_glob


class Host:
    """A tree that is watched.

    Args:
        folder: Where all is.
        rule: What the rule says beside its paths.
    """

    def __init__(self, folder: Path, **rule: Any) -> None:
        self.tree = folder / "tree"
        self.tree.mkdir(exist_ok=True)
        made = FimRule(**{"name": "r", "paths": (parse_glob(str(self.tree)),), **rule})
        self.settings = FimSettings(
            state=folder / "state" / "fim.db", key=folder / "state" / "fim.key", rule=(made,)
        )
        self.said: list[str] = []
        self.code = 0

    def init(self) -> int:
        """Accept all."""
        return work.init(self.settings, lambda _count: None, self.said.append)

    def check(self) -> list[dict[str, Any]]:
        """Return the findings of a check, with paths below the tree."""
        with work.Session(self.settings, write=True) as session:
            checked = session.check(lambda _count: None, lambda: None, self.said.append)
            self.code = checked.code
            return list(map(self._shown, session.findings()))

    def found(self) -> list[tuple[str, ...]]:
        """Return kind and path of each finding of a check, and the old path if there is one."""
        keys = ("FimFinding", "FimPath", "FimOldPath")
        return [tuple(it[key] for key in keys if key in it) for it in self.check()]

    def decide(self, status: str, *paths: bytes) -> int:
        """Accept or reject findings at paths, or all."""
        with work.Session(self.settings, write=True) as session:
            return session.decide(paths, status, every=not paths)

    def path(self, name: str) -> bytes:
        """Return the path of a name in the tree."""
        return bytes(self.tree / name)

    def write(self, **contents: str) -> None:
        """Write files."""
        for name, content in contents.items():
            (self.tree / name).write_text(content)

    def _shown(self, stored: Stored) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(stored.document)
        for key in ("FimPath", "FimOldPath"):
            if key in found:
                found[key] = found[key].removeprefix(f"{self.tree}").lstrip("/")
        return found


def kinds(found: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the kinds of findings alone."""
    return [it[0] for it in found]
