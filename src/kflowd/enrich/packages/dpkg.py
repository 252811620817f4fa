# SPDX-License-Identifier: Apache-2.0
"""The database of dpkg: which package put which file in place, in which version.

Formats: dpkg's lib/dpkg/parse.c (status, updates/), db-fsys-files.c (info/*.list) and
db-fsys-divert.c (diversions).
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

from kflowd.enrich.packages.index import Package
from kflowd.enrich.packages.stamps import DatabaseError, Stamp, stamp_of

ADMIN = "/var/lib/dpkg"
# The files of a package in one of these states are those of its Version. Half-installed ones are
# being replaced, and of what has left its configuration (config-files) there is no program.
IN_PLACE = frozenset(
    ("installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending")
)
MAX_BYTES = 256 << 20
_FIELDS = (b"package", b"status", b"architecture", b"version")


class Stanza(NamedTuple):
    """A package as status has it."""

    package: str
    architecture: str
    version: str
    status: str

    @property
    def state(self) -> str:
        """The last word of Status: "want ok installed"."""
        return self.status.rpartition(" ")[2]


class Diversion(NamedTuple):
    """Where a path of other packages is; `package` is whose it is itself, "" nobody's."""

    target: bytes
    package: str


def parse_status(data: bytes) -> Iterator[Stanza]:
    """Yield the packages in the text of status; stanzas without name or status are skipped."""
    for paragraph in data.replace(b"\r\n", b"\n").split(b"\n\n"):
        found: dict[bytes, str] = {}
        for line in paragraph.split(b"\n"):
            if line[:1] in (b" ", b"\t"):
                continue
            name, colon, value = line.partition(b":")
            if colon and (field := name.lower()) in _FIELDS:
                found[field] = value.strip().decode("utf-8", "replace")
        if found.get(b"package") and found.get(b"status"):
            rest = (found.get(b"architecture", ""), found.get(b"version", ""), found[b"status"])
            yield Stanza(found[b"package"], *rest)


def parse_list(data: bytes) -> Iterator[bytes]:
    """Yield the absolute paths of an info/*.list."""
    for line in data.split(b"\n"):
        if line[:1] == b"/" and line != b"/." and b"\0" not in line:
            yield line


def parse_diversions(data: bytes) -> dict[bytes, Diversion]:
    """Return what was moved away, by path: three lines each; a torn one at the end is none."""
    lines = data.split(b"\n")
    diversions: dict[bytes, Diversion] = {}
    for at in range(0, len(lines) - 2, 3):
        path, target, package = lines[at : at + 3]
        if path[:1] == b"/" and target[:1] == b"/" and package:
            owner = "" if package == b":" else package.decode("utf-8", "replace")
            diversions[path] = Diversion(target, owner)
    return diversions


class Dpkg:
    """Reads a database of dpkg.

    Args:
        admin: Its directory.
    """

    name = "dpkg"

    def __init__(self, admin: str = ADMIN) -> None:
        self._admin = admin

    def stamp(self) -> Stamp | None:
        """Return what is another one whenever the database is; None if there is none."""
        status = stamp_of(self._path("status"))
        if status is None and not os.path.isdir(self._path("info")):
            return None
        return status, *(stamp_of(self._path(name)) for name in ("updates", "info", "diversions"))

    def read(self) -> Iterator[tuple[Package, Iterator[bytes]]]:
        """Yield each package whose files are in place, with their paths.

        Raises:
            DatabaseError: If that which tells of the packages is not what dpkg writes.
            OSError: If it cannot be read.
        """
        stanzas = self._stanzas()
        diversions = parse_diversions(self._optional("diversions"))
        lists = self._lists()
        for stanza in stanzas:
            if stanza.state not in IN_PLACE or not stanza.version:
                continue
            name = f"{stanza.package}:{stanza.architecture}"
            file = next((each for each in (name, stanza.package) if each in lists), None)
            if file is None:
                continue
            # it may still get other modes and owners while it is configured
            done = stanza.state not in {"unpacked", "half-configured"}
            state = f"{stanza.version} {done} {lists[file]}"
            paths = self._paths(file, stanza.package, diversions)
            yield Package(name, stanza.version, state), paths

    def _stanzas(self) -> list[Stanza]:
        """Return the packages; updates/ has what has changed since status was written.

        It is read first: dpkg empties it when all is in status. So what is returned of a package
        was so at a moment since the call, also while dpkg runs.
        """
        newer = {
            (each.package, each.architecture): each
            for name in self._updates()
            for each in _whole(self._optional(f"updates/{name}"), f"updates/{name}")
        }
        data = self._bytes("status")
        known = {(each.package, each.architecture): each for each in _whole(data, "status")}
        if data.strip() and not known:
            raise DatabaseError("status has no package")
        return list((known | newer).values())

    def _updates(self) -> list[str]:
        try:
            names = os.listdir(self._path("updates"))
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name.isascii() and name.isdigit())

    def _lists(self) -> dict[str, int]:
        """Return when each package's list was written (or came to be here), by its file's name."""
        with os.scandir(self._path("info")) as entries:
            return {
                entry.name.removesuffix(".list"): entry.stat().st_ctime_ns
                for entry in entries
                if entry.name.endswith(".list")
            }

    def _paths(
        self, file: str, package: str, diversions: dict[bytes, Diversion]
    ) -> Iterator[bytes]:
        for path in parse_list(self._optional(f"info/{file}.list")):
            diverted = diversions.get(path)
            if diverted is not None and diverted.package != package:
                yield diverted.target
            else:
                yield path

    def _path(self, name: str) -> str:
        return f"{self._admin}/{name}"

    def _bytes(self, name: str) -> bytes:
        with open(self._path(name), "rb") as file:
            return file.read(MAX_BYTES)

    def _optional(self, name: str) -> bytes:
        """Return what is in a file that may have gone meanwhile."""
        try:
            return self._bytes(name)
        except FileNotFoundError:
            return b""


def _whole(data: bytes, name: str) -> Iterator[Stanza]:
    if data and not data.endswith(b"\n"):
        # the last value may be a part of one
        raise DatabaseError(f"{name} is cut short")
    return parse_status(data)
