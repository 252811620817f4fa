# SPDX-License-Identifier: Apache-2.0
"""Keeps an index of the package databases, in a thread that follows their changes.

Nothing waits for it but the start, some seconds at most. What it makes is complete, and takes the
place of the last one at once.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Sequence

from kflowd.enrich.packages.index import Directories, Draft, Index, Origin
from kflowd.enrich.packages.stamps import Database, DatabaseError, Stamp
from kflowd.log import Log

LOOK_S = 1.0
# Of one core a sixth, also while a package manager changes its database all the time.
PAUSES = 5
# Python's lock is let go so often while reading.
BREATHE = 16
TRIES = 3
RETRY_S = 60.0


class Reader:
    """Reads the databases, and again when they have changed.

    Args:
        databases: Which.
        log: Gets a line when one cannot be read: one for each way of failing.
        root: Of the tree that their paths are in.
        clock: Wall time since 1970 in nanoseconds.

    Attributes:
        index: The newest.
    """

    def __init__(
        self,
        databases: Sequence[Database],
        log: Log,
        root: str = "/",
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.index = Index()
        self._databases = databases
        self._log = log
        self._root = root
        self._clock = clock
        self._stamps: tuple[Stamp | None, ...] | None = None
        # when to read what could not be read, unless it changes before (time.monotonic)
        self._again = math.inf
        # since when, by manager, then by name and state
        self._since: dict[str, dict[tuple[str, str], int]] = {}
        self._said: set[str] = set()
        self._ready = threading.Event()

    def start(self) -> None:
        """Begin, in a thread that ends with the program."""
        threading.Thread(target=self._run, name="packages", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait until the databases were read for the first time; say whether they were."""
        return self._ready.wait(seconds)

    def look(self) -> bool:
        """Read the databases if they are others than last time; say whether they are."""
        stamps = self._look()
        if stamps == self._stamps and time.monotonic() < self._again:
            return False
        self._again = math.inf
        for _ in range(TRIES):
            self._stamps = stamps
            index = self._read(stamps)
            stamps = self._look()
            if stamps == self._stamps:
                break
            # changed while it was read: once more, or a little later
        self.index = index
        return True

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            began = time.monotonic()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - no version then; the run goes on
                self.index = Index()
                self._again = time.monotonic() + RETRY_S
                self._say("packages", error)
            self._ready.set()
            time.sleep(max(LOOK_S, PAUSES * (time.monotonic() - began)))

    def _look(self) -> tuple[Stamp | None, ...]:
        return tuple(each.stamp() for each in self._databases)

    def _read(self, stamps: Sequence[Stamp | None]) -> Index:
        now_ns = self._clock()
        directories = Directories(self._root)
        if not any(stamps):
            self._say("packages", "no package database on this host")
        draft = Draft()
        for database, stamp in zip(self._databases, stamps, strict=True):
            if stamp is None:
                continue
            try:
                draft.take(self._drafted(database, directories, now_ns))
            except (OSError, DatabaseError) as error:
                self._again = time.monotonic() + RETRY_S
                self._say(database.name, error)
        return Index(draft)

    def _drafted(self, database: Database, directories: Directories, now_ns: int) -> Draft:
        """Return the origins of a database with their paths: all, or an error.

        A package that is as it was keeps the time since when we know what it has put in place:
        what has come to its paths meanwhile is not of the package.
        """
        draft = Draft()
        before = self._since.get(database.name, {})
        since: dict[tuple[str, str], int] = {}
        for count, (package, paths) in enumerate(database.read()):
            key = package.name, package.state
            since[key] = before.get(key, now_ns)
            draft.add(Origin(package.version, since[key]), map(directories.resolve, paths))
            if count % BREATHE == 0:
                time.sleep(0)
        self._since[database.name] = since
        return draft

    def _say(self, part: str, what: object) -> None:
        line = f"{part}: {what}"
        if line not in self._said and len(self._said) < 64:
            self._said.add(line)
            self._log.warning("no package versions", reason=line)
