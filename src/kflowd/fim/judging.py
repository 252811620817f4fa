# SPDX-License-Identifier: Apache-2.0
"""What became of names, by what was accepted and what was seen of all of them.

One change is one finding: an inode that has another name is one `renamed` and no two, and what a
new hard link does to the number of names is no finding of the others.
"""

from collections.abc import Callable, Iterator

import msgspec

from kflowd.fim import compare
from kflowd.fim.compare import Finding
from kflowd.fim.state import State, identity, state_of
from kflowd.fim.store import Row, Store


def judge(store: Store, watched: Callable[[bytes], bool]) -> Iterator[tuple[Row, Finding]]:
    """Yield the finding of each name that is not as accepted, in the order of names.

    Args:
        store: Of all names.
        watched: Says whether a name has a rule by now.

    Raises:
        FimError: What was accepted was changed by another program.
    """
    for row in store.differing():
        store.verify(row)
        if not watched(row.path):
            continue
        found = _finding(store, row)
        if found is not None:
            yield row, found


def _finding(store: Store, row: Row) -> Finding | None:
    before = state_of(row.accepted, row.path)
    after = state_of(row.seen_state, row.path)
    if before is None:
        return None if after is None else _new(store, row, after)
    if after is None:
        return _gone(store, row, before)
    found = compare.found_in_place(row.path, before, after)
    if found is None:
        return None
    if found.changed == ("links",) and _explained(store, row, before, after):
        return None
    if found.finding == "replaced":
        source = _source(store, row, after)
        if source is not None:
            return msgspec.structs.replace(found, old_path=source[0].path)
    return found


def _new(store: Store, row: Row, after: State) -> Finding:
    inode = identity(after)
    holder = store.holder_of(inode, row.key)
    if holder is not None and after.type != "directory":
        return compare.linked(row.path, after, holder.path)
    source = _source(store, row, after)
    if source is not None:
        return compare.renamed(source[0].path, source[1], row.path, after)
    first = store.taker_of(inode)
    if first is not None and first.key != row.key and after.links > 1:
        return compare.linked(row.path, after, first.path)
    return compare.created(row.path, after)


def _gone(store: Store, row: Row, before: State) -> Finding | None:
    """Return the finding of a name that is gone, None: that of its inode's new name tells of it."""
    inode = identity(before)
    taker = store.taker_of(inode)
    if taker is not None and store.holder_of(inode, row.key) is None:
        loser = store.loser_of(inode, taker.key)
        after = state_of(taker.seen_state, taker.path)
        told = loser is not None and loser.key == row.key
        if told and after is not None and compare.is_certain(before, after):
            return None
    return compare.deleted(row.path, before)


def _source(store: Store, row: Row, after: State) -> tuple[Row, State] | None:
    """Return the name that an inode had before it got this one, and its state there."""
    inode = identity(after)
    taker = store.taker_of(inode)
    if taker is None or taker.key != row.key or store.holder_of(inode, row.key) is not None:
        return None
    loser = store.loser_of(inode, row.key)
    if loser is None:
        return None
    store.verify(loser)
    before = state_of(loser.accepted, loser.path)
    if before is None or not compare.is_certain(before, after):
        return None
    return loser, before


def _explained(store: Store, row: Row, before: State, after: State) -> bool:
    """Say whether the number of names differs because of names that are told of."""
    inode = identity(before)
    if after.links > before.links:
        return store.taker_of(inode) is not None
    return store.loser_of(inode, row.key) is not None
