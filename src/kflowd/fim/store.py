# SPDX-License-Identifier: Apache-2.0
"""The states of all names: what was accepted, what was seen last, and what became of it.

All that belongs together is written in one transaction, so that an end at any moment leaves what
was, or what is.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from kflowd.errors import FimError
from kflowd.fim.compare import Finding, changes
from kflowd.fim.database import Database
from kflowd.fim.numbering import Numbering, Stored, mark_of
from kflowd.fim.secret import Secret
from kflowd.fim.state import State, encode, identity, path_of, state_of

# `seen` of a name that is as it was accepted
AS_ACCEPTED = b""
_COLUMNS = "key, rule, accepted, mac, seen, accepted_content, seen_content"
_LOST = "(seen IS NULL OR (seen_identity IS NOT NULL AND seen_identity != accepted_identity))"
_HELD = "(seen = X'' OR seen_identity = accepted_identity)"


class Row(NamedTuple):
    """What is known of a name; states are bytes of `kflowd.fim.state.encode`.

    Attributes:
        key: Of the name.
        rule: That it had last.
        accepted: None: nothing is.
        mac: Binds it and its content to the name, by our key.
        seen: None: it is gone; AS_ACCEPTED.
        accepted_content: What a consumer keeps of the content that was accepted.
        seen_content: The same of what was seen.
    """

    key: bytes
    rule: str
    accepted: bytes | None
    mac: bytes | None
    seen: bytes | None
    accepted_content: bytes | None
    seen_content: bytes | None

    @property
    def path(self) -> bytes:
        """The name."""
        return path_of(self.key)

    @property
    def seen_state(self) -> bytes | None:
        """What was seen last, as bytes of a state."""
        return self.accepted if self.seen == AS_ACCEPTED else self.seen


class Observed(NamedTuple):
    """What a walk has found of a name.

    Attributes:
        key: Of the name.
        rule: Its rule's name.
        state: Bytes of a state, None: it is gone.
        identity: Of the inode.
        content: What a consumer keeps.
    """

    key: bytes
    rule: str
    state: bytes | None
    identity: bytes | None
    content: bytes | None = None


class Run(NamedTuple):
    """One comparison."""

    number: int
    kind: str
    rules: bytes
    begun_ns: int
    ended_ns: int | None
    position: bytes | None
    names: int
    unlisted: int


def fill(connection: sqlite3.Connection, secret: Secret, observed: Iterable[Observed]) -> None:
    """Write rows of a new database: all that was found is accepted."""
    connection.executemany(
        "INSERT INTO entry (key, rule, accepted, accepted_identity, mac, accepted_content, seen) "
        "VALUES (?, ?, ?, ?, ?, ?, X'')",
        (
            (it.key, it.rule, it.state, it.identity, _mac_of(secret, it), it.content)
            for it in observed
        ),
    )


def conclude(connection: sqlite3.Connection, rules: bytes, begun_ns: int, names: int) -> None:
    """Write that a new database has all names."""
    now = time.time_ns()
    connection.execute(
        "INSERT INTO run (kind, rules, begun_ns, ended_ns, names) VALUES ('init', ?, ?, ?, ?)",
        (rules, begun_ns, now, names),
    )
    _note(connection, "init", None, None, str(names).encode())


def _mac(secret: Secret, key: bytes, state: bytes, content: bytes | None) -> bytes:
    return secret.seal(key, state, *(() if content is None else (content,)))


def _mac_of(secret: Secret, it: Observed) -> bytes | None:
    return None if it.state is None else _mac(secret, it.key, it.state, it.content)


def _note(
    connection: sqlite3.Connection,
    action: str,
    key: bytes | None,
    before: bytes | None,
    after: bytes | None,
) -> None:
    connection.execute(
        "INSERT INTO history (time_ns, user, action, key, before, after) VALUES (?, ?, ?, ?, ?, ?)",
        (time.time_ns(), os.getuid(), action, key, before, after),
    )


class Store:
    """What is known of all names.

    Args:
        database: Of this host.
        secret: Its key.
    """

    def __init__(self, database: Database, secret: Secret) -> None:
        self.database = database
        self._secret = secret

    def rows(self, after: bytes | None, until: bytes | None) -> list[Row]:
        """Return the names behind one key up to another, in order; None: from or to the end."""
        query = f"SELECT {_COLUMNS} FROM entry WHERE key > ?"
        values: list[bytes] = [after or b""]
        if until is not None:
            query += " AND key <= ?"
            values.append(until)
        return self._rows(f"{query} ORDER BY key", *values)

    def row(self, key: bytes) -> Row | None:
        """Return what is known of a name."""
        return next(iter(self._rows(f"SELECT {_COLUMNS} FROM entry WHERE key = ?", key)), None)

    def differing(self) -> Iterator[Row]:
        """Yield the names that were seen otherwise than accepted, in order."""
        after = b""
        query = (
            f"SELECT {_COLUMNS} FROM entry INDEXED BY entry_differs "
            "WHERE seen IS NOT X'' AND key > ? ORDER BY key LIMIT 1000"
        )
        while rows := self._rows(query, after):
            yield from rows
            after = rows[-1].key

    def everything(self) -> Iterator[Row]:
        """Yield all names in order."""
        after = b""
        while rows := self._rows(
            f"SELECT {_COLUMNS} FROM entry WHERE key > ? ORDER BY key LIMIT 1000", after
        ):
            yield from rows
            after = rows[-1].key

    def counts(self) -> tuple[int, int, int]:
        """Return how many names there are, are accepted, and differ."""
        with self.database.reading():
            found = self.database.used.execute(
                "SELECT COUNT(*), COUNT(accepted), COUNT(*) FILTER (WHERE seen IS NOT X'') "
                "FROM entry"
            ).fetchone()
        return found[0], found[1], found[2]

    def losers_of(self, inode: bytes) -> list[Row]:
        """Return the first two names that were accepted with an inode and have it no longer."""
        return self._two(f"accepted_identity = ? AND {_LOST}", inode)

    def holders_of(self, inode: bytes) -> list[Row]:
        """Return the first two names that were accepted with an inode and have it still."""
        return self._two(f"accepted_identity = ? AND {_HELD}", inode)

    def takers_of(self, inode: bytes) -> list[Row]:
        """Return the first two names that have an inode and were not accepted with it."""
        return self._two("seen_identity = ? AND accepted_identity IS NOT seen_identity", inode)

    def same_inode(self, inode: bytes) -> list[Row]:
        """Return names that were accepted with an inode, some hundred at most."""
        query = f"SELECT {_COLUMNS} FROM entry WHERE accepted_identity = ? ORDER BY key LIMIT 256"
        return self._rows(query, inode)

    def last_run(self, kind: str = "check", *, ended: bool) -> Run | None:
        """Return the last run of a kind that has ended, or has not."""
        what = "NOT NULL" if ended else "NULL"
        with self.database.reading():
            found = self.database.used.execute(
                "SELECT number, kind, rules, begun_ns, ended_ns, position, names, unlisted "
                f"FROM run WHERE kind = ? AND ended_ns IS {what} ORDER BY number DESC LIMIT 1",
                (kind,),
            ).fetchone()
        return None if found is None else Run(*found)

    def begin_run(self, rules: bytes) -> Run:
        """Begin a comparison; one that has not ended is given up."""
        now = time.time_ns()
        with self.database.writing() as used:
            used.execute("DELETE FROM run WHERE ended_ns IS NULL")
            number = used.execute(
                "INSERT INTO run (kind, rules, begun_ns) VALUES ('check', ?, ?)", (rules, now)
            ).lastrowid
        return Run(number or 0, "check", rules, now, None, None, 0, 0)

    def observe(self, run: Run, observed: Sequence[Observed], position: bytes) -> None:
        """Write what a walk has found up to a position; what is as before is left out."""
        with self.database.writing() as used:
            for it in observed:
                _observe(used, it)
            used.execute(
                "UPDATE run SET position = ?, names = ?, unlisted = ? WHERE number = ?",
                (position, run.names, run.unlisted, run.number),
            )

    def verify(self, row: Row) -> None:
        """Refuse what was accepted by others than us.

        Raises:
            FimError: The state was changed, or is another name's.
        """
        if row.accepted is None:
            return
        if row.mac != _mac(self._secret, row.key, row.accepted, row.accepted_content):
            path = row.path.decode("utf-8", "backslashreplace")
            raise FimError(
                f"using {self.database.path}: the accepted state of {path} was changed by another "
                "program",
                "restore the database from a copy, or move it away: kflowd fim init",
            )

    def standing(self, *, rejected: bool = True) -> Iterator[Stored]:
        """Yield the findings that are neither accepted nor undone, in order.

        Args:
            rejected: Those too; else what waits for a decision alone.
        """
        words = "('open', 'rejected')" if rejected else "('open')"
        after = 0
        while found := self._findings(f"status IN {words} AND sequence > ?", after, limit=500):
            yield from found
            after = found[-1].sequence

    def bits(self) -> int:
        """Return the sum of the bits of all findings that stand."""
        with self.database.reading():
            found = self.database.used.execute(
                "SELECT DISTINCT bit FROM finding WHERE status IN ('open', 'rejected')"
            ).fetchall()
        return sum(bit for (bit,) in found)

    def found_by(self, mark: bytes) -> Stored | None:
        """Return the finding that stands already with a mark."""
        found = self._findings("mark = ? AND status IN ('open', 'rejected')", mark)
        return found[0] if found else None

    def findings(self, after: int) -> list[Stored]:
        """Return findings behind a number, some hundred at most."""
        return self._findings("sequence > ?", after, limit=500)

    def last_link(self) -> tuple[int, str]:
        """Return number and chain of the last finding; (0, "") before the first."""
        with self.database.reading():
            found = self.database.used.execute(
                "SELECT sequence, chain FROM finding ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
        return (0, "") if found is None else (found[0], found[1])

    def end_run(
        self, run: Run, findings: Iterable[tuple[Finding, bytes]], numbering: Numbering
    ) -> None:
        """End a comparison with what it found.

        What was found before and is found again is the same finding; else that one is undone.

        Args:
            run: That ends.
            findings: Each with its fields as JSON.
            numbering: Makes new ones.
        """
        with self.database.writing() as used:
            used.execute("CREATE TEMP TABLE IF NOT EXISTS stands (sequence INTEGER PRIMARY KEY)")
            used.execute("DELETE FROM stands")
            for finding, document in findings:
                stands = self.found_by(mark_of(finding, document))
                if stands is None:
                    stands = numbering(finding, document)
                    used.execute(
                        "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", stands
                    )
                used.execute("INSERT OR IGNORE INTO stands VALUES (?)", (stands.sequence,))
            used.execute(
                "UPDATE finding SET status = 'undone' WHERE status IN ('open', 'rejected') "
                "AND sequence NOT IN (SELECT sequence FROM stands)"
            )
            used.execute(
                "UPDATE run SET ended_ns = ?, names = ?, unlisted = ? WHERE number = ?",
                (time.time_ns(), run.names, run.unlisted, run.number),
            )

    def decide(self, findings: Sequence[Stored], status: str) -> None:
        """Accept or reject findings: to accept moves the accepted state, to reject keeps it.

        Args:
            findings: That wait.
            status: "accepted" or "rejected".
        """
        numbers = {it.sequence for it in findings}
        others = {it.key for it in self.standing() if it.sequence not in numbers}
        with self.database.writing() as used:
            for it in findings:
                used.execute(
                    "UPDATE finding SET status = ? WHERE sequence = ?", (status, it.sequence)
                )
                if status != "accepted":
                    _note(used, status, it.key, None, it.document)
                    continue
                self.accept(it.key, "accept")
                if it.old_key is not None and it.old_key not in others:
                    self.accept(it.old_key, "accept")

    def accept(self, key: bytes, action: str) -> None:
        """Accept a name as it was seen; inside of a transaction.

        Other names of its inode follow where nothing but the number of names differs.
        """
        row = self.row(key)
        if row is None or row.seen == AS_ACCEPTED:
            return
        states = [state_of(it, row.path) for it in (row.accepted, row.seen)]
        self._take(row, action)
        for state in filter(None, states):
            for other in self.same_inode(identity(state)):
                if other.key != key and other.seen and _only_links(other):
                    self._take(other, action)

    def _take(self, row: Row, action: str) -> None:
        used = self.database.used
        _note(used, action, row.key, row.accepted, row.seen)
        if row.seen is None:
            used.execute("DELETE FROM entry WHERE key = ?", (row.key,))
            return
        used.execute(
            "UPDATE entry SET accepted = ?, accepted_identity = seen_identity, mac = ?, "
            "accepted_content = seen_content, seen = X'', seen_identity = NULL, "
            "seen_content = NULL WHERE key = ?",
            (row.seen, _mac(self._secret, row.key, row.seen, row.seen_content), row.key),
        )

    def replace(self, row: Row, accepted: State, seen: State, action: str) -> None:
        """Accept another state than the one that was seen; inside of a transaction."""
        used = self.database.used
        state, found = encode(accepted), encode(seen)
        same = found == state
        _note(used, action, row.key, row.accepted, state)
        used.execute(
            "UPDATE entry SET accepted = ?, accepted_identity = ?, mac = ?, seen = ?, "
            "seen_identity = ? WHERE key = ?",
            (
                state,
                identity(accepted),
                _mac(self._secret, row.key, state, row.accepted_content),
                AS_ACCEPTED if same else found,
                None if same else identity(seen),
                row.key,
            ),
        )

    def _rows(self, query: str, *values: object) -> list[Row]:
        with self.database.reading():
            return [Row(*it) for it in self.database.used.execute(query, values)]

    def _two(self, where: str, inode: bytes) -> list[Row]:
        query = f"SELECT {_COLUMNS} FROM entry WHERE {where} ORDER BY key LIMIT 2"
        return self._rows(query, inode)

    def _findings(self, where: str, *values: object, limit: int = -1) -> list[Stored]:
        query = f"SELECT * FROM finding WHERE {where} ORDER BY sequence LIMIT {limit}"
        with self.database.reading():
            return [Stored(*it) for it in self.database.used.execute(query, values)]


def _observe(used: sqlite3.Connection, it: Observed) -> None:
    if it.state is None:
        # what was never accepted leaves nothing behind
        used.execute("DELETE FROM entry WHERE key = ? AND accepted IS NULL", (it.key,))
        used.execute(
            "UPDATE entry SET seen = NULL, seen_identity = NULL, seen_content = NULL WHERE key = ?",
            (it.key,),
        )
        return
    used.execute(
        "INSERT INTO entry (key, rule, seen, seen_identity, seen_content) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (key) DO UPDATE SET rule = excluded.rule,"
        " seen_content = excluded.seen_content,"
        " seen = CASE WHEN accepted = excluded.seen THEN X'' ELSE excluded.seen END,"
        " seen_identity = CASE WHEN accepted = excluded.seen THEN NULL"
        " ELSE excluded.seen_identity END",
        (it.key, it.rule, it.state, it.identity, it.content),
    )


def _only_links(row: Row) -> bool:
    before, after = state_of(row.accepted, row.path), state_of(row.seen, row.path)
    return before is not None and after is not None and changes(before, after) == ("links",)
