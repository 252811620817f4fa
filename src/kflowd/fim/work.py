# SPDX-License-Identifier: Apache-2.0
"""What the commands of `kflowd fim` do, without what is printed."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from kflowd.closeable import Closeable
from kflowd.errors import FimConfigError, FimUsageError
from kflowd.fim import database, exporting, judging, logs, names, secret, signing, store
from kflowd.fim.compare import Finding
from kflowd.fim.contents import Contents
from kflowd.fim.database import Database
from kflowd.fim.numbering import Numbering, Stored, broken_link
from kflowd.fim.reading import Reader
from kflowd.fim.rules import Explained, RuleSet
from kflowd.fim.scanning import BATCH, Progress, Scan, observed
from kflowd.fim.secret import Secret
from kflowd.fim.state import State, key_of, state_of
from kflowd.fim.store import Observed, Run, Store
from kflowd.fim.telling import document_of
from kflowd.fim.walking import Walk
from kflowd.settings.fim import FimSettings

# A comparison that was ended goes on where it was for so long; later it begins anew.
RESUMED_NS = 24 * 3600 * 1_000_000_000
Say = Callable[[str], None]
_FINGERPRINTS = b"fingerprints"


class Checked(NamedTuple):
    """What a comparison was.

    Attributes:
        names: How many names it looked at.
        resumed: It went on where an earlier one was ended.
        code: Exit code: the sum of what there is.
    """

    names: int
    resumed: bool
    code: int


class Status(NamedTuple):
    """How things stand."""

    names: int
    accepted: int
    differing: int
    waiting: int
    rejected: int
    last: Run | None
    unended: Run | None
    broken: int | None


class Explanation(NamedTuple):
    """All that is known of a path."""

    rules: Explained
    accepted: State | None
    seen: State | None


def rules_of(settings: FimSettings) -> RuleSet:
    """Return the rules.

    Raises:
        FimConfigError: There are none.
    """
    if not settings.rule:
        hint = "docs/fim.md has an example"
        raise FimConfigError("there are no rules: [[fim.rule]] in the file of settings", hint)
    return RuleSet(settings.rule)


def init(settings: FimSettings, progress: Progress, say: Say) -> int:
    """Make a state in which all is accepted that is there; return the number of names.

    Raises:
        FimConfigError: There are no rules.
        FimError: There is a state already, or it cannot be made.
    """
    rules = rules_of(settings)
    database.refuse_existing(settings.state)
    key = secret.make(settings.key)
    walk = _walk(rules, key, lambda path, error: say(_unlisted(path, error, "it is left out")))
    begun_ns, count = time.time_ns(), 0

    def counted() -> Iterator[Observed]:
        nonlocal count
        for seen in walk():
            count += 1
            if count % BATCH == 0:
                progress(count)
            yield observed(seen)

    with database.made(settings.state, key) as connection:
        store.fill(connection, key, counted())
        store.conclude(connection, _digest(settings, key), begun_ns, count)
    return count


class Session(Closeable):
    """A state that is open.

    Args:
        settings: Where it is, and the rules.
        write: Whether it is to be written.

    Raises:
        FimConfigError: There are no rules.
        FimError: The state or its key is not to be had or not to be trusted.
    """

    def __init__(self, settings: FimSettings, *, write: bool) -> None:
        self._settings = settings
        self._rules = rules_of(settings)
        self.key = secret.load(settings.key)
        self._database = Database(settings.state, self.key, write=write)
        self.store = Store(self._database, self.key)

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def check(self, progress: Progress, rest: Callable[[], None], say: Say) -> Checked:
        """Compare all names with what was accepted.

        Args:
            progress: Takes the number of names so far.
            rest: Called between names: holds back while others wait.
            say: Takes a line for each folder that cannot be listed.

        Raises:
            FimError: The state is damaged, or was changed by another program.
        """
        self._database.examine()
        digest = _digest(self._settings, self.key)
        run = self._resumed(digest)
        resumed = run is not None
        if run is None:
            run = self.store.begin_run(digest)
        scan = Scan(self.store, self._rules, run)

        def failed(path: bytes, error: OSError) -> None:
            scan.failed(path)
            say(_unlisted(path, error, "what was known of it stays"))

        def shown(count: int) -> None:
            progress(count)
            rest()

        walk = _walk(self._rules, self.key, failed, self._prefix, lambda _bytes: rest())
        run = scan(walk, shown)
        logs.settle(self.store, self._rules.owner)
        before = self.store.last_link()
        numbering = Numbering(self.key, run.number, before, time.time_ns())
        self.store.end_run(run, self._findings(), numbering)
        return Checked(run.names, resumed, self.store.bits())

    def findings(self, *, rejected: bool = True) -> Iterator[Stored]:
        """Yield the findings that stand, as of `Store.standing`."""
        return self.store.standing(rejected=rejected)

    def decide(self, paths: Sequence[bytes], status: str, *, every: bool = False) -> int:
        """Accept or reject what waits; return how many findings that were.

        Args:
            paths: Names; of a directory all below it, too.
            status: "accepted" or "rejected".
            every: All that wait, whatever their names.

        Raises:
            FimUsageError: Nothing waits at a path.
        """
        waiting = list(self.findings(rejected=status == "accepted"))
        chosen = waiting if every else [it for it in waiting if _is_at(it, paths)]
        for path in () if every else paths:
            if not any(_is_at(it, (path,)) for it in chosen):
                name = path.decode("utf-8", "backslashreplace")
                raise FimUsageError(
                    f"{name}: no finding waits there", "kflowd fim review lists all"
                )
        self.store.decide(chosen, status)
        return len(chosen)

    def decide_one(self, stored: Stored, status: str) -> None:
        """Accept or reject one finding."""
        self.store.decide([stored], status)

    def status(self) -> Status:
        """Return how things stand; reads all findings."""
        total, accepted, differing = self.store.counts()
        waiting = rejected = 0
        for it in self.store.standing():
            waiting += it.status == "open"
            rejected += it.status == "rejected"
        return Status(
            total,
            accepted,
            differing,
            waiting,
            rejected,
            self.store.last_run(ended=True) or self.store.last_run("init", ended=True),
            self.store.last_run(ended=False),
            self._broken(),
        )

    def explain(self, path: bytes) -> Explanation:
        """Return what is known of a path."""
        row = self.store.row(key_of(path))
        states = (None, None) if row is None else (row.accepted, row.seen_state)
        accepted, seen = (state_of(it, path) for it in states)
        return Explanation(self._rules.explain(path), accepted, seen)

    def export(self, path: Path, key: Path, about: dict[str, str]) -> int:
        """Write the accepted states and their signature; return the number of names.

        Raises:
            FimError: One of both files is there or cannot be written, or the key does not sign.
        """
        signer = signing.private_key(key)
        return exporting.write(path, self.store, about, lambda file: signing.sign(file, signer))

    def _resumed(self, digest: bytes) -> Run | None:
        run = self.store.last_run(ended=False)
        if run is None or run.rules != digest or run.position is None:
            return None
        return run if time.time_ns() - run.begun_ns < RESUMED_NS else None

    def _prefix(self, path: bytes) -> int | None:
        row = self.store.row(key_of(path))
        state = None if row is None else state_of(row.accepted, path)
        return None if state is None else state.size

    def _findings(self) -> Iterator[tuple[Finding, bytes]]:
        contents = _contents(self.key)
        for row, finding in judging.judge(self.store, self._is_watched):
            rule = self._rules.owner(row.path)
            assert rule is not None  # noqa: S101 - that is what was asked
            before = None if finding.finding in {"created", "linked"} else row.accepted_content
            after = None if finding.after is None else row.seen_content
            told = contents.told(rule, row.path, before, after, finding.finding)
            yield finding, document_of(finding, rule, told)

    def _is_watched(self, path: bytes) -> bool:
        return self._rules.owner(path) is not None

    def _broken(self) -> int | None:
        before, after = "", 0
        while found := self.store.findings(after):
            broken = broken_link(self.key, before, found)
            if broken is not None:
                return broken
            before, after = found[-1].chain, found[-1].sequence
        return None


def _walk(
    rules: RuleSet,
    key: Secret,
    failed: Callable[[bytes, OSError], None],
    prefix: Callable[[bytes], int | None] = lambda _path: None,
    spent: Callable[[int], None] = lambda _bytes: None,
) -> Walk:
    reader = Reader(names.users(), names.groups(), spent)
    return Walk(rules, reader, prefix, failed, _contents(key).keep)


def _contents(key: Secret) -> Contents:
    return Contents(key.digest(_FINGERPRINTS))


def _digest(settings: FimSettings, key: Secret) -> bytes:
    """Return what is the same as long as the rules are."""
    return key.digest(msgspec.json.encode(settings.rule))


def _unlisted(path: bytes, error: OSError, then: str) -> str:
    name = path.decode("utf-8", "backslashreplace")
    return f"reading {name}: {error.strerror}; {then}"


def _is_at(stored: Stored, paths: Sequence[bytes]) -> bool:
    for key in map(key_of, paths):
        below = key.rstrip(b"\0") + b"\0"
        for each in (stored.key, stored.old_key):
            if each is not None and (each == key or each.startswith(below)):
                return True
    return False
