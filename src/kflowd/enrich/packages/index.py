# SPDX-License-Identifier: Apache-2.0
"""The paths of all packages, small: a hash and a number for each, 12 bytes, in sorted arrays."""

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

# several packages that have the path do not agree on a version
_NOBODY = 0xFFFF_FFFF
_HASH_BITS = 0xFFFF_FFFF_FFFF_FFFF
_NUMBER_BITS = 32


class Package(NamedTuple):
    """A package whose files are in place.

    Attributes:
        name: Unique in its database: with the architecture.
        version: As records have it.
        state: Another text whenever its files may have been put in place again.
    """

    name: str
    version: str
    state: str


class Origin(NamedTuple):
    """What the index says of a path.

    Attributes:
        version: As records have it.
        since_ns: Wall time since 1970; what was in place by then is of this version, what has come
            later is not known to be.
    """

    version: str
    since_ns: int


class Draft:
    """What an index is made of: a number for each path, no text."""

    def __init__(self) -> None:
        self.origins: list[Origin] = []
        self.entries: list[int] = []

    def add(self, origin: Origin, paths: Iterable[bytes]) -> None:
        """Add the paths of an origin."""
        number = len(self.origins)
        self.origins.append(origin)
        self.entries.extend(_hash(path) << _NUMBER_BITS | number for path in paths)

    def take(self, other: "Draft") -> None:
        """Add what is in another draft."""
        more = len(self.origins)
        self.origins += other.origins
        self.entries.extend(entry + more for entry in other.entries)


class Index:
    """Origins by path; complete when made. Paths are bytes, hashed with a key of this process.

    Args:
        draft: What it is made of; used up.
    """

    def __init__(self, draft: Draft | None = None) -> None:
        draft = draft or Draft()
        self._origins = draft.origins
        self._hashes = array("Q")
        self._numbers = array("I")
        draft.entries.sort()
        for each in draft.entries:
            self._add(each >> _NUMBER_BITS, each & _NOBODY)
        draft.entries.clear()

    def __len__(self) -> int:
        return len(self._hashes)

    def _add(self, hashed: int, number: int) -> None:
        if not self._hashes or self._hashes[-1] != hashed:
            self._hashes.append(hashed)
            self._numbers.append(number)
            return
        # of several architectures, which share what is the same, or a conflict
        other = self._numbers[-1]
        if other == _NOBODY or self._origins[other].version != self._origins[number].version:
            self._numbers[-1] = _NOBODY
        elif self._origins[other].since_ns < self._origins[number].since_ns:
            self._numbers[-1] = number

    def find(self, path: bytes) -> Origin | None:
        """Return whose a path is, None if it is of no package or of several versions."""
        hashed = _hash(path)
        at = bisect_left(self._hashes, hashed)
        if at == len(self._hashes) or self._hashes[at] != hashed:
            return None
        number = self._numbers[at]
        return None if number == _NOBODY else self._origins[number]


def _hash(path: bytes) -> int:
    return hash(path) & _HASH_BITS


class Directories:
    """Resolves the directories of paths, as the kernel shows them: /bin is /usr/bin.

    Args:
        root: Of the tree that is looked at, "/" this host's.
    """

    def __init__(self, root: str = "/") -> None:
        self._root = os.fsencode(root.rstrip("/"))
        self._known: dict[bytes, bytes] = {b"": b""}

    def resolve(self, path: bytes) -> bytes:
        """Return an absolute path with its directory resolved; the last name stays as it is."""
        directory, _, name = path.rpartition(b"/")
        return self._directory(directory) + b"/" + name

    def _directory(self, path: bytes) -> bytes:
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._look(path)
        return known

    def _look(self, path: bytes) -> bytes:
        parent, _, name = path.rpartition(b"/")
        if parent.count(b"/") > 64:
            return path
        here = self._directory(parent) + b"/" + name
        try:
            os.readlink(self._root + here)
        except (OSError, ValueError):
            # no link, or not there
            return here
        real = os.path.realpath(self._root + here)
        inside = real == self._root or real.startswith(self._root + b"/")
        return real[len(self._root) :].rstrip(b"/") if inside else here
