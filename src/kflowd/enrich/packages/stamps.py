# SPDX-License-Identifier: Apache-2.0
"""What a package database is to whoever reads it, and how a change of its files shows."""

import os
from collections.abc import Iterable, Iterator
from typing import Protocol

from kflowd.enrich.packages.index import Package

# Equal as long as nothing has changed.
Stamp = tuple[object, ...]


class DatabaseError(Exception):
    """A package database is not what its manager writes."""


class Database(Protocol):
    """A package database; `name` is the manager's."""

    name: str

    def stamp(self) -> Stamp | None:
        """Return what is another one whenever the database is; None if there is none."""

    def read(self) -> Iterator[tuple[Package, Iterable[bytes]]]:
        """Yield each package whose files are in place, with their paths."""


def stamp_of(path: str) -> Stamp | None:
    """Return what tells one state of a file from another; None if it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
