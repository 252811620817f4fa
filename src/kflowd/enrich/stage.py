# SPDX-License-Identifier: Apache-2.0
"""Runs the enrichers over what the aggregators complete."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

from kflowd.enrich.actors import Actors
from kflowd.enrich.base import Enricher
from kflowd.enrich.processes import Processes
from kflowd.enrich.waiting import Waiting
from kflowd.faults import Faults
from kflowd.model import (
    Actor,
    Enriched,
    EnrichedFile,
    EnrichedProcess,
    EnrichedSocket,
    EnrichedUnix,
    FileAggregate,
    FileEvent,
    Moment,
    MountSeen,
    Process,
    ProcessAggregate,
    ProcessExit,
    ProcessSeen,
    Session,
    SocketAggregate,
    SocketFlag,
    Tick,
    UnixAggregate,
    Value,
    facts_of,
)

# What leaves the stage: aggregates with names, and what others act on.
Output = Enriched | Moment


class Enrichment:
    """The enrichers of a run.

    Args:
        enrichers: In their order; the first Processes among them finds the actors.
        faults: Counts what an internal error of an enricher costs.
        waiting: Keeps the records whose questions are not answered yet.
        hides: Says whether filters hide a file's record by what is known of it; None: there are
            none.

    Attributes:
        processes: The process table.
        waiting: As above.
    """

    def __init__(
        self,
        enrichers: Sequence[Enricher],
        faults: Faults | None = None,
        waiting: Waiting[Enriched] | None = None,
        hides: Callable[[EnrichedFile], bool] | None = None,
    ) -> None:
        self.waiting = waiting or Waiting()
        self._faults = faults or Faults()
        self._hides = hides
        self._enrichers = tuple(enrichers)
        self.processes = next(each for each in enrichers if isinstance(each, Processes))
        self._actors = Actors(self.processes, _own(enrichers, "enrich_actor"), self._faults)
        self._observe = _own(enrichers, "observe")
        self._mounted = _own(enrichers, "mounted")
        self._learn = _own(enrichers, "learn")
        self._refresh = _own(enrichers, "refresh")
        self._file = _own([each for each in enrichers if not each.DEAR], "enrich_file")
        self._dear = _own([each for each in enrichers if each.DEAR], "enrich_file")
        self._socket = _own(enrichers, "enrich_socket")
        self._unix = _own(enrichers, "enrich_unix")
        self._process = _own(enrichers, "enrich_process")
        self._asking = tuple(
            each for each in enrichers if type(each).answers is not Enricher.answers
        )

    def feed(self, values: Iterable[Value]) -> list[Output]:
        """Return the values with names; processes that come and go end here."""
        output: list[Output] = []
        self._faults.survive(lambda rest: self._feed(rest, output.append), values)
        return output

    def _feed(self, values: Iterator[Value], append: Callable[[Output], None]) -> None:
        for value in values:
            if isinstance(value, FileAggregate):
                self._hold(self.file(value), append)
            elif isinstance(value, SocketAggregate):
                self._hold(self.socket(value), append)
            elif isinstance(value, UnixAggregate):
                self._hold(self.unix(value), append)
            elif isinstance(value, ProcessSeen | ProcessExit):
                for observe in self._observe:
                    observe(value)
            elif isinstance(value, ProcessAggregate):
                self._hold(self.process(value), append)
            elif isinstance(value, MountSeen):
                for mounted in self._mounted:
                    mounted(value)
            elif isinstance(value, Moment):
                self._moment(value, append)

    def _moment(self, value: Moment, append: Callable[[Output], None]) -> None:
        if isinstance(value, Session):
            for learn in self._learn:
                learn(value.facts)
            self._answer(append)
        elif isinstance(value, Tick):
            self._go(self.waiting.due(value.ts_ns), append)
        append(value)

    def _hold(self, value: Enriched, append: Callable[[Output], None]) -> None:
        """Let a record wait for its answers, or behind one of the same object that does."""
        if not value.questions and not self.waiting.count:
            append(value)
            return
        user, at_ns = value.aggregate.process.uid, value.aggregate.ts_ns
        self._go(self.waiting.hold(value, _thing(value), user, value.questions, at_ns), append)

    def _answer(self, append: Callable[[Output], None]) -> None:
        """Fill in what was learned, and let go what has waited for that."""
        for each in self._asking:
            things: dict[Hashable, None] = {}
            for question, answer in each.answers():
                for value in self.waiting.waiters(question):
                    value.questions = tuple(it for it in value.questions if it != question)
                    each.answer(value, answer)
                    things[_thing(value)] = None
            self._go(self.waiting.ready(things), append)

    def _go(self, values: Iterable[Enriched], append: Callable[[Output], None]) -> None:
        for value in values:
            for question in value.questions:
                for each in self._asking:
                    each.unanswered(value, question)
            value.questions = ()
            append(value)

    def close(self) -> list[Output]:
        """Return what still waits; it goes without answers."""
        output: list[Output] = []
        self._go(self.waiting.close(), output.append)
        return output

    def file(self, value: FileAggregate) -> EnrichedFile:
        """Return a file aggregate with names: those of its first event, or of what it starts."""
        if value.counts[FileEvent.OPEN_EXEC]:
            actor = self._actors.executed(value.process, value.image, value.last_ns)
        else:
            actor = self._actors.at(value.process, value.first_ns)
        enriched = EnrichedFile(actor, value)
        self._fill(enriched, self._file)
        if self._dear and not self._hidden(enriched):
            self._fill(enriched, self._dear)
        return enriched

    def socket(self, value: SocketAggregate) -> EnrichedSocket:
        """Return a TCP or UDP aggregate with the names of its owner and users."""
        owner = self._owner(value.process, value.flags, value.ts_ns)
        enriched = EnrichedSocket(owner, value, self._users(value))
        self._fill(enriched, self._socket)
        return enriched

    def unix(self, value: UnixAggregate) -> EnrichedUnix:
        """Return a UNIX socket aggregate with the names of its owner and users."""
        owner = self._owner(value.process, value.flags, value.ts_ns)
        enriched = EnrichedUnix(owner, value, self._users(value))
        self._fill(enriched, self._unix)
        return enriched

    def process(self, value: ProcessAggregate) -> EnrichedProcess:
        """Return a process aggregate with the names of what the process ran last."""
        enriched = EnrichedProcess(self._actors.at(value.process, value.ts_ns), value)
        self._fill(enriched, self._process)
        return enriched

    def _hidden(self, value: EnrichedFile) -> bool:
        """Say whether it is sure already that filters will hide a record."""
        return self._hides is not None and not value.questions and self._hides(value)

    def _fill(self, value: Enriched, methods: Iterable[Callable[[Any], None]]) -> None:
        try:
            for enrich in methods:
                enrich(value)
        except Exception as error:  # noqa: BLE001 - the record goes out with fewer names
            self._faults.name(error)

    def refresh(self, now_ns: int) -> None:
        """Let the enrichers follow changes; time is that of the stream (CLOCK_BOOTTIME)."""
        changed = False
        for refresh in self._refresh:
            try:
                changed |= refresh(now_ns)
            except Exception as error:  # noqa: BLE001 - names stay as they are known
                self._faults.name(error)
        if changed:
            self._actors.forget()

    def facts(self) -> dict[str, Any]:
        """Return what a recording needs to know of this host, by key."""
        return {key: fact for each in self._enrichers for key, fact in each.facts().items()}

    def _owner(self, process: Process, flags: int, at_ns: int) -> Actor:
        if flags & SocketFlag.NO_OWNER:
            return self._actors.unowned
        return self._actors.at(process, at_ns)

    def _users(self, value: SocketAggregate | UnixAggregate) -> tuple[Actor, ...]:
        if value.usage is None or not value.usage.users:
            return ()
        at = self._actors.at
        return tuple(at(user.process, value.ts_ns) for user in value.usage.users)


def _thing(value: Enriched) -> Hashable:
    """Return what a record tells of: records of one keep their order."""
    aggregate = value.aggregate
    if isinstance(aggregate, FileAggregate):
        return aggregate.inode.dev, aggregate.inode.ino
    if isinstance(aggregate, SocketAggregate):
        return aggregate.key
    process = aggregate.process.tgid, aggregate.process.start_ns
    return process if isinstance(aggregate, ProcessAggregate) else (*process, aggregate.address)


def recorded(kinds: Iterable[type[Enricher]], facts: bytes) -> list[Enricher]:
    """Return enrichers that know the facts of a session; facts of a wrong type say nothing."""
    return [kind.recorded(facts_of(kind.FACTS, facts)) for kind in kinds]


def _own(enrichers: Iterable[Enricher], method: str) -> tuple[Callable[[Any], Any], ...]:
    """Return a method of the enrichers that have their own."""
    return tuple(
        getattr(each, method)
        for each in enrichers
        if getattr(type(each), method) is not getattr(Enricher, method)
    )
