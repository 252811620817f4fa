# SPDX-License-Identifier: Apache-2.0
"""From a walk to the store: all names of a new state, or what differs from what is known."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from kflowd.fim.rules import RuleSet
from kflowd.fim.state import encode, identity, key_of, path_of
from kflowd.fim.store import AS_ACCEPTED, Observed, Row, Run, Store
from kflowd.fim.walking import Seen, Walk

# What is written at once: some milliseconds, and some hundred kilobytes of memory.
BATCH = 1000
# Called with the number of names so far, between batches.
Progress = Callable[[int], None]


def observed(seen: Seen) -> Observed:
    """Return what the store keeps of a name."""
    return Observed(
        key_of(seen.path),
        seen.rule.name or "",
        encode(seen.state),
        identity(seen.state),
        seen.content,
    )


class Scan:
    """One walk over all names for a comparison.

    Args:
        store: That is written.
        rules: Of now.
        run: Of which it is a part; it has ended before, if it has a position.
    """

    def __init__(self, store: Store, rules: RuleSet, run: Run) -> None:
        self._store = store
        self._rules = rules
        self.run = run
        # folders that could not be listed: nothing is known of what is in them
        self._unlisted: set[bytes] = set()

    def failed(self, path: bytes) -> None:
        """Take note of a folder that cannot be listed."""
        self._unlisted.add(path)
        self.run = self.run._replace(unlisted=self.run.unlisted + 1)

    def __call__(self, walk: Walk, progress: Progress) -> Run:
        """Write what differs, batch by batch; return the run with its counts."""
        position = self.run.position
        found = walk(None if position is None else path_of(position))
        while batch := list(islice(found, BATCH)):
            seen = [observed(it) for it in batch]
            until = seen[-1].key
            self._write(seen, position, until)
            position = until
            progress(self.run.names)
        self._write([], position, None)
        return self.run

    def _write(self, seen: Sequence[Observed], after: bytes | None, until: bytes | None) -> None:
        rows = self._store.rows(after, until)
        changed = list(self._differing(rows, seen))
        self.run = self.run._replace(names=self.run.names + len(seen))
        position = until or after or b""
        self._store.observe(self.run, changed, position)

    def _differing(self, rows: Sequence[Row], seen: Iterable[Observed]) -> Iterator[Observed]:
        known = {row.key: row for row in rows}
        for it in seen:
            row = known.pop(it.key, None)
            if row is not None:
                self._store.verify(row)
            if row is None or _is_news(row, it):
                yield it
        for row in known.values():
            if row.seen is not None and self._is_gone(row):
                yield Observed(row.key, row.rule, None, None)

    def _is_gone(self, row: Row) -> bool:
        """Say whether a name that was not met is gone: it may be that no rule has it by now."""
        path = row.path
        if self._rules.owner(path) is None:
            return False
        return self._unlisted.isdisjoint(_with_parents(path))


def _with_parents(path: bytes) -> Iterator[bytes]:
    while path:
        yield path
        path = path.rpartition(b"/")[0]
    yield b"/"


def _is_news(row: Row, it: Observed) -> bool:
    if row.seen == AS_ACCEPTED:
        return it.state != row.accepted
    return it.state != row.seen or it.state == row.accepted
