# SPDX-License-Identifier: Apache-2.0
"""Makes databases of dpkg, and what the reader of databases says."""

from pathlib import Path
from typing import Any

from kflowd.log import Log

INSTALLED = "install ok installed"


class Lines(Log):
    """Messages, kept."""

    def __init__(self) -> None:
        super().__init__("test")
        self.lines: list[str] = []

    def warning(self, event: str, **values: object) -> None:
        """Keep a message."""
        self.lines.append(f"{event}: {values['reason']}")


class Tree:
    """A database of dpkg in a folder; `admin` is its directory."""

    def __init__(self, folder: Path) -> None:
        self.admin = folder / "dpkg"
        (self.admin / "info").mkdir(parents=True)
        (self.admin / "updates").mkdir()
        self.stanzas: dict[str, str] = {}
        self.write()

    def add(self, name: str, version: str, *paths: str, **fields: Any) -> None:
        """Put a package into status, and its list into info; `same` is Multi-Arch: same."""
        architecture = fields.get("architecture", "amd64")
        same = fields.get("same", False)
        file = f"{name}:{architecture}" if same else name
        (self.admin / f"info/{file}.list").write_bytes(
            b"".join(path.encode("utf-8", "surrogateescape") + b"\n" for path in ("/.", *paths))
        )
        self.stanzas[f"{name}:{architecture}"] = stanza(
            name, version, architecture, fields.get("status", INSTALLED)
        )
        self.write()

    def write(self) -> None:
        """Write status as dpkg does: a new file in the place of the old one."""
        new = self.admin / "status-new"
        new.write_text("\n".join(self.stanzas.values()))
        new.rename(self.admin / "status")


def stanza(name: str, version: str, architecture: str, status: str) -> str:
    """Return a paragraph of status."""
    return (
        f"Package: {name}\nStatus: {status}\nPriority: optional\nMaintainer: x <x@example.org>\n"
        f"Architecture: {architecture}\nVersion: {version}\n"
        f"Conffiles:\n /etc/{name} 0123\nDescription: {name}\n Version: not this\n"
    )
