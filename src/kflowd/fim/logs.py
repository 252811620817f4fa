# SPDX-License-Identifier: Apache-2.0
"""Logs: what may happen to them becomes what is accepted.

They may grow, and be rotated: then another file beside it, maybe a compressed one, begins with all
that was accepted, whether it was renamed or copied there. What is neither stays a finding.
"""

import bz2
import gzip
import hashlib
import lzma
import os
import re
import zlib
from collections.abc import Callable
from typing import IO, Any, NamedTuple, Protocol

import msgspec

from kflowd.fim.compare import is_appended, same_inode
from kflowd.fim.files import opened
from kflowd.fim.state import State, key_of, state_of
from kflowd.fim.store import Row, Store
from kflowd.settings.fim import FimRule

# More generations of a log are not looked through.
MOST_BESIDE = 128
PIECE = 1 << 20
# what rotation puts behind the name of a log: .1, -20261128, .2.gz
_GENERATION = re.compile(rb"([.-][0-9]{1,14})?(\.(gz|xz|bz2))?$")


class Readable(Protocol):
    """What a content is read from, piece by piece."""

    def read(self, size: int, /) -> bytes:
        """Return some bytes, b"" at the end."""


_READERS: dict[bytes, Callable[[IO[bytes]], Readable]] = {
    b".gz": lambda file: gzip.GzipFile(fileobj=file),
    b".xz": lzma.LZMAFile,
    b".bz2": bz2.BZ2File,
}
_OF_CONTENT = ("size", "mtime_ns", "ctime_ns", "sha256", "sampled", "note")
_OF_INODE = ("device", "inode", "generation", "birth_ns", "links")


class Settled(NamedTuple):
    """What became of a log, and may.

    Attributes:
        row: Of its name.
        accepted: The state that is accepted from now on.
        seen: The one that was found.
        carrier: Key of the name that has the old content by now, None: the log has it.
        action: "appended" or "rotated".
    """

    row: Row
    accepted: State
    seen: State
    carrier: bytes | None
    action: str


def settle(store: Store, rule_of: Callable[[bytes], FimRule | None]) -> None:
    """Accept what may happen to logs.

    Args:
        store: Of all names, as a scan has left it.
        rule_of: Returns the rule of a path.
    """
    found: dict[bytes, Settled] = {}
    for row in store.differing():
        rule = rule_of(row.path)
        if rule is None or rule.policy != "append" or row.accepted is None or not row.seen:
            continue
        store.verify(row)
        settled = _settled(row)
        if settled is not None:
            found[row.key] = settled
    with store.database.writing():
        for it in found.values():
            store.replace(it.row, it.accepted, it.seen, it.action)
        for it in found.values():
            carrier = None if it.carrier is None else store.row(it.carrier)
            # a name that had content itself is explained if that is somewhere, too
            if carrier is not None and (carrier.accepted is None or carrier.key in found):
                rule = rule_of(carrier.path)
                if rule is not None and rule.policy == "append":
                    store.accept(carrier.key, it.action)


def _settled(row: Row) -> Settled | None:
    before, after = state_of(row.accepted, row.path), state_of(row.seen, row.path)
    if before is None or after is None or before.type != "regular" or after.type != "regular":
        return None
    seen = msgspec.structs.replace(after, prefix_size=None, prefix_sha256=None)
    if same_inode(before, after) and is_appended(before, after):
        accepted = _moved(before, seen, _OF_CONTENT)
        return Settled(row, accepted, seen, None, "appended")
    if None in {before.sha256, after.sha256}:
        return None  # of what was not read nothing is known
    if before.sha256 == after.sha256 and same_inode(before, after):
        return None
    carrier = carrier_of(row.path, before)
    if carrier is None and before.size:
        return None
    accepted = _moved(before, seen, _OF_CONTENT + _OF_INODE)
    return Settled(row, accepted, seen, None if carrier is None else key_of(carrier), "rotated")


def _moved(before: State, after: State, names: tuple[str, ...]) -> State:
    values: dict[str, Any] = {name: getattr(after, name) for name in names}
    return msgspec.structs.replace(before, **values)


def carrier_of(path: bytes, before: State) -> bytes | None:
    """Return the path beside a log that begins with all that was accepted of it, None: none does.

    Args:
        path: Of the log.
        before: Its accepted state.
    """
    folder, _, name = path.rpartition(b"/")
    stem = _GENERATION.sub(b"", name)
    try:
        names = sorted(os.listdir(folder or b"/"))
    except OSError:
        return None
    beside = [it for it in names if it != name and it.startswith(stem)][:MOST_BESIDE]
    for each in beside:
        if _begins_with(folder + b"/" + each, before):
            return folder + b"/" + each
    return None


def _begins_with(path: bytes, before: State) -> bool:
    try:
        with opened(path, follow=False) as file:
            unpack = _READERS.get(path[path.rfind(b".") :])
            if unpack is None and os.fstat(file.fileno()).st_size < before.size:
                return False
            return _digest(file if unpack is None else unpack(file), before.size) == before.sha256
    except (OSError, EOFError, lzma.LZMAError, ValueError, zlib.error):
        return False  # gone, not compressed, or damaged


def _digest(file: Readable, size: int) -> bytes | None:
    """Return the digest of the first bytes, None: there are not so many."""
    total = hashlib.sha256()
    left = size
    while left:
        piece = file.read(min(PIECE, left))
        if not piece:
            return None
        total.update(piece)
        left -= len(piece)
    return total.digest()
