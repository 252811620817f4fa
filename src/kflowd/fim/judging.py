# SPDX-License-Identifier: Apache-2.0
"""What became of names, by what was accepted and what was seen of all of them.

One change is one finding: an inode that has another name is one `renamed` and no two, and what a
new hard link does to the number of names is no finding of the others.
"""

import functools
from collections.abc import Callable, Iterator

import msgspec

from kflowd.fim import compare
from kflowd.fim.compare import Finding
from kflowd.fim.state import State, identity, state_of
from kflowd.fim.store import Row, Store

# of so many inodes at a time it is kept who has them
MOST_INODES = 1024


def judge(store: Store, watched: Callable[[bytes], bool]) -> Iterator[tuple[Row, Finding]]:
    """Yield the finding of each name that is not as accepted, in the order of names.

    Args:
        store: Of all names.
        watched: Says whether a name has a rule by now.

    Raises:
        FimError: What was accepted was changed by another program.
    """
    names = _Names(store)
    for row in store.differing():
        store.verify(row)
        if not watched(row.path):
            continue
        found = _finding(names, row)
        if found is not None:
            yield row, found


class _Names:
    """Finds names of inodes, by what a scan has left.

    An inode is looked up once: somebody may have given one tens of thousands of names. What is
    kept of them is small, without contents.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        cached = functools.lru_cache(MOST_INODES)
        self._losers = cached(lambda inode: self._kept(store.losers_of(inode)))
        self._holders = cached(lambda inode: self._kept(store.holders_of(inode)))
        self._takers = cached(lambda inode: self._kept(store.takers_of(inode)))

    def taker_of(self, inode: bytes) -> Row | None:
        return next(iter(self._takers(inode)), None)

    def loser_of(self, inode: bytes, but: bytes) -> Row | None:
        return next((it for it in self._losers(inode) if it.key != but), None)

    def holder_of(self, inode: bytes, but: bytes) -> Row | None:
        return next((it for it in self._holders(inode) if it.key != but), None)

    def _kept(self, rows: list[Row]) -> list[Row]:
        for it in rows:
            self._store.verify(it)
        return [it._replace(accepted_content=None, seen_content=None) for it in rows]


def _finding(names: _Names, row: Row) -> Finding | None:
    before = state_of(row.accepted, row.path)
    after = state_of(row.seen_state, row.path)
    if before is None:
        return None if after is None else _new(names, row, after)
    if after is None:
        return _gone(names, row, before)
    found = compare.found_in_place(row.path, before, after)
    if found is None:
        return None
    if found.changed == ("links",) and _explained(names, row, before, after):
        return None
    if found.finding == "replaced":
        source = _source(names, row, after)
        if source is not None:
            return msgspec.structs.replace(found, old_path=source[0].path)
    return found


def _new(names: _Names, row: Row, after: State) -> Finding:
    inode = identity(after)
    holder = names.holder_of(inode, row.key)
    if holder is not None and after.type != "directory":
        return compare.linked(row.path, after, holder.path)
    source = _source(names, row, after)
    if source is not None:
        return compare.renamed(source[0].path, source[1], row.path, after)
    first = names.taker_of(inode)
    if first is not None and first.key != row.key and after.links > 1:
        return compare.linked(row.path, after, first.path)
    return compare.created(row.path, after)


def _gone(names: _Names, row: Row, before: State) -> Finding | None:
    """Return the finding of a name that is gone, None: that of its inode's new name tells of it."""
    inode = identity(before)
    taker = names.taker_of(inode)
    if taker is not None and names.holder_of(inode, row.key) is None:
        loser = names.loser_of(inode, taker.key)
        after = state_of(taker.seen_state, taker.path)
        told = loser is not None and loser.key == row.key
        if told and after is not None and compare.is_certain(before, after):
            return None
    return compare.deleted(row.path, before)


def _source(names: _Names, row: Row, after: State) -> tuple[Row, State] | None:
    """Return the name that an inode had before it got this one, and its state there."""
    inode = identity(after)
    taker = names.taker_of(inode)
    if taker is None or taker.key != row.key or names.holder_of(inode, row.key) is not None:
        return None
    loser = names.loser_of(inode, row.key)
    if loser is None:
        return None
    before = state_of(loser.accepted, loser.path)
    if before is None or not compare.is_certain(before, after):
        return None
    return loser, before


def _explained(names: _Names, row: Row, before: State, after: State) -> bool:
    """Say whether the number of names differs because of names that are told of."""
    inode = identity(before)
    if after.links > before.links:
        return names.taker_of(inode) is not None
    return names.loser_of(inode, row.key) is not None
