# SPDX-License-Identifier: Apache-2.0
"""The plugins of a run: who reads which application, and what they answered."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from kflowd.closeable import Closeable
from kflowd.constants import SECOND_NS
from kflowd.enrich.labels import Labelled, Labels
from kflowd.enrich.plugins import FAILED, LATE, Read
from kflowd.errors import UsageError
from kflowd.plugins.answers import Answers
from kflowd.plugins.places import Place, places_of
from kflowd.plugins.runner import START_S, Answered, Limits, Runner
from kflowd.plugins.wire import SHOWN
from kflowd.protocols import Script
from kflowd.settings.plugins import PluginSettings

Identity = tuple[int, int]


class PluginRow(msgspec.Struct, frozen=True):
    """A plugin as doctor shows it.

    Attributes:
        name: Of the plugin.
        version: As it calls it, "" if it does not.
        state: What it does.
        reads: The applications that it can read.
        labels: Its enrichers.
        why: Its last fault, "" if there was none.
    """

    name: str
    version: str
    state: str
    reads: tuple[str, ...]
    labels: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        name = f"{self.name} {self.version}".strip()
        reads = f", reads {', '.join(self.reads)}" if self.reads else ""
        labels = f", labels {', '.join(self.labels)}" if self.labels else ""
        return f"{name}: {self.state}{reads}{labels}{': ' if self.why else ''}{self.why}"


class Service(Closeable):
    """Asks the plugins of a run; returns when they are ready, or known not to be.

    Args:
        places: Of the plugins.
        limits: What each may take.
        say: Is given lines for the user.
        changed: Is given the processes whenever these are others, by any thread.
    """

    def __init__(
        self,
        places: Iterable[Place],
        limits: Limits,
        say: Callable[[str], None],
        changed: Callable[[Sequence[Identity]], None] = lambda _processes: None,
    ) -> None:
        self._reads: Answers[Read] = Answers()
        self._labels: Answers[Labels] = Answers()
        self._unread = 0
        self._changing = threading.Lock()
        self.changed = changed
        self._runners: list[Runner] = []
        for each in places:
            self._runners.append(Runner(each, limits, self._put, say, self._tell))
        until = time.monotonic() + START_S
        for runner in self._runners:
            runner.settle(max(0.0, until - time.monotonic()))

    @property
    def words(self) -> frozenset[str]:
        """Applications that can be read."""
        return frozenset(word for it in self._runners for word in it.hello.words)

    @property
    def whole(self) -> bool:
        """Whether all plugins have said what they read."""
        return all(it.hello.words or it.hello.enrichers for it in self._runners)

    def ask(self, script: Script, user: int) -> None:
        """Have a script read; returns at once."""
        for runner in self._runners:
            # the first that reads it, also if that was started late
            if script.asked.word in runner.hello.words:
                runner.ask(script, user)
                return
        self._unread += 1
        self._put(user, Read(script.asked, FAILED), 0)

    def news(self) -> list[Read]:
        """Return the answers since the last call, some of them if there are many."""
        return self._reads.fetch()

    def answer(self, script: Script, timeout_s: float) -> Read:
        """Return the answer to one script, for who can wait and asks nothing meanwhile."""
        self.ask(script, 0)
        until = time.monotonic() + timeout_s
        while (read := self._reads.wait(max(0.0, until - time.monotonic()))) is not None:
            if read.asked == script.asked:  # else it is of one that was given up
                return read
        return Read(script.asked, LATE)

    def enrichers(self) -> Mapping[str, Sequence[str]]:
        """Return the enrichers with what each asks by; of several of one name the first."""
        found: dict[str, Sequence[str]] = {}
        for runner in reversed(self._runners):
            found |= runner.hello.enrichers
        return found

    def label(self, asked: Labelled, user: int) -> None:
        """Have a process labelled; returns at once."""
        for runner in self._runners:
            if asked.name in runner.hello.enrichers:
                runner.ask(asked, user)
                return
        self._unread += 1
        self._put(user, Labels(asked, user, None), 0)

    def labels(self) -> list[Labels]:
        """Return the answers to that since the last call, some of them if there are many."""
        return self._labels.fetch()

    def counters(self) -> Mapping[str, int]:
        """Return how many faults there were, and what they cost: members of model.Lost."""
        counters = [runner.counters for runner in self._runners]
        return {
            "plugin_faults": sum(it.faults for it in counters),
            "plugin_parts_lost": sum(
                (self._unread, self._reads.lost, self._labels.lost, *(it.lost for it in counters))
            ),
            "plugins_disabled": sum(it.disabled for it in counters),
        }

    def rows(self) -> list[PluginRow]:
        """Return the plugins as they are."""
        return [
            PluginRow(
                it.place.name,
                it.hello.version,
                it.state,
                tuple(sorted(it.hello.words)),
                tuple(sorted(it.hello.enrichers)),
                it.why,
            )
            for it in self._runners
        ]

    def follow(self, changed: Callable[[Sequence[Identity]], None]) -> None:
        """Have something told of the processes, now and whenever they are others."""
        self.changed = changed
        self._tell()

    def close(self) -> None:
        """End all processes."""
        for runner in self._runners:
            runner.close()

    def _put(self, user: int, answer: Answered, size: int) -> None:
        if isinstance(answer, Labels):
            self._labels.put(user, answer, size, answer._replace(labels=None))
        else:
            self._reads.put(user, answer, size, Read(answer.asked, LATE))

    def _tell(self) -> None:
        with self._changing:
            processes = [it.process for it in self._runners if it.process]
            self.changed([one for it in processes if (one := it.identity) is not None])


def open_plugins(
    settings: PluginSettings,
    say: Callable[[str], None],
    own: Iterable[str],
    *,
    shown: int = SHOWN,
) -> Service | None:
    """Return the plugins of a run, None if it has none.

    Args:
        settings: Which are loaded, and what they read.
        say: Is given lines for the user.
        own: What kflowd reads itself, for a message.
        shown: Messages of a record.

    Raises:
        UsageError: A file is not safe, or nothing reads an application that is asked for.
    """
    places = places_of(settings)
    if not places:
        _refuse(settings, (), own)
        return None
    limits = Limits(settings.plugin_wait_ns / SECOND_NS, settings.plugin_bytes, shown)
    service = Service(places, limits, say)
    for row in service.rows():
        if row.why:
            say(f"plugin {row}")
    if service.whole:
        try:
            _refuse(settings, service.words, own)
        except UsageError:
            service.close()
            raise
    return service


def _refuse(settings: PluginSettings, words: Iterable[str], own: Iterable[str]) -> None:
    """Refuse applications that nobody reads.

    Raises:
        UsageError: There is one.
    """
    known = set(words)
    for each in settings.plugin_ports:
        if each.word not in known:
            readers = ", ".join([*own, *sorted(known)])
            hint = "plugins are loaded by -P/--plugins or --entry-points; docs/plugins.md"
            raise UsageError(f"-p: no plugin reads {each.word}; APP: {readers}", hint)
