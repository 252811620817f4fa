# SPDX-License-Identifier: Apache-2.0
"""Asks each record what the rules ask, and leaves out events that nobody wants."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from kflowd.constants import ROOT_CGROUP
from kflowd.filters import subjects
from kflowd.model import (
    Actor,
    Enriched,
    EnrichedFile,
    EnrichedProcess,
    EnrichedSocket,
    EnrichedUnix,
    ProcessAggregate,
)
from kflowd.settings.rules import FILE_EVENTS, PROCESS_EVENTS, Rule

# Actors whose answer is kept; as many as are active within some seconds.
MAX_CACHED = 4096
_OF_ACTOR: dict[str, Callable[..., subjects.OfActor]] = {
    "exe": subjects.exe,
    "user": subjects.user,
    "cgroup": subjects.cgroup,
    "container": subjects.container,
}
# what rules on these hide is all that a group does
_OF_GROUP = {key: _OF_ACTOR[key] for key in ("cgroup", "container")}
_OF_FILE = {"path": subjects.path, "fstype": subjects.fstype}
Question = Callable[[Any], bool | None]
_OF_SOCKET = {"port": subjects.port, "net": subjects.net}


class Rules(msgspec.Struct, frozen=True):
    """Rules of a run.

    Attributes:
        include: A record that has what a key is about must match one of its values.
        exclude: One that matches any is hidden.
        user_ids: Numbers of the users that rules name, where a name service knows them.
    """

    include: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()
    user_ids: Mapping[str, int] = {}


class Asked:
    """The questions about one kind of thing: whether rules hide it.

    Args:
        make: What makes the question of a key.
        rules: As of a Filter.
    """

    def __init__(self, make: Mapping[str, Callable[..., Any]], rules: Iterable[Rules]) -> None:
        def questions(of: Iterable[Rule], ids: Mapping[str, int]) -> list[Question]:
            values: dict[str, tuple[str, ...]] = {}
            for rule in of:
                if rule.key in make:
                    values[rule.key] = values.get(rule.key, ()) + rule.values
            more = {"user": (ids,)}
            return [make[key](its, *more.get(key, ())) for key, its in values.items()]

        self._include: list[Question] = []
        self._exclude: list[Question] = []
        for each in rules:
            self._include += questions(each.include, each.user_ids)
            self._exclude += questions(each.exclude, each.user_ids)

    def __bool__(self) -> bool:
        """Say whether anything is asked."""
        return bool(self._include or self._exclude)

    def hide(self, thing: Any) -> bool:  # noqa: ANN401 - of the kind that it was made for
        """Say whether a thing is hidden."""
        return any(ask(thing) for ask in self._exclude) or any(
            ask(thing) is False for ask in self._include
        )


class Filter:
    """Hides records by rules.

    Args:
        rules: Of the run; of a replay those of the recorded run and its own, all of which hold.

    Attributes:
        hidden: How many records were hidden.
        on_group: Called with the number of a control group each time when something is hidden for
            the sake of the group; None: nobody wants to know.
    """

    def __init__(self, *rules: Rules) -> None:
        self.hidden = 0
        self.on_group: Callable[[int], None] | None = None
        self._actors = Asked(_OF_ACTOR, rules)
        self._groups = Asked(_OF_GROUP, rules)
        self._files = Asked(_OF_FILE, rules)
        self._sockets = Asked(_OF_SOCKET, rules)
        wanted = wanted_events(*rules)
        self._unwanted = tuple(name not in wanted for name in FILE_EVENTS)
        self._processes = {name: name in wanted for name in PROCESS_EVENTS}
        # by id of the actor, which is kept too so that the id stays its own
        self._known: dict[int, tuple[Actor, bool, int]] = {}

    def hides(self, value: EnrichedFile) -> bool:
        """Say whether a file's record is hidden by what is known of it now; it is not counted."""
        return self._hides(value) or not any(self._wanted_of(value.aggregate.counts))

    def _wanted_of(self, counts: tuple[int, ...]) -> tuple[int, ...]:
        """Return the counts of a file's events without those that are left out."""
        return tuple(
            0 if unwanted else count for unwanted, count in zip(self._unwanted, counts, strict=True)
        )

    def shows(self, value: Enriched) -> bool:
        """Say whether a record is shown; events that are left out are taken out of it."""
        shown = not self._hides(value) and self._leave_events(value)
        self.hidden += not shown
        return shown

    def _hides(self, value: Enriched) -> bool:
        if self._actors and self._hides_actor(value.actor):
            return True
        if isinstance(value, EnrichedFile):
            return self._files.hide(value)
        return isinstance(value, EnrichedSocket) and self._sockets.hide(value)

    def _hides_actor(self, actor: Actor) -> bool:
        known = self._known.get(id(actor))
        if known is None:
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            known = actor, self._actors.hide(actor), self._hidden_group(actor)
            self._known[id(actor)] = known
        if known[2] and self.on_group is not None:
            self.on_group(known[2])
        return known[1]

    def _hidden_group(self, actor: Actor) -> int:
        """Return the control group of an actor if rules hide it, else 0."""
        process = actor.process
        if process is None or process.cgroup_id <= ROOT_CGROUP or not actor.by_number:
            return 0
        if not self._groups.hide(actor):
            return 0
        return process.cgroup_id

    def _leave_events(self, value: Enriched) -> bool:
        """Take out unwanted events; return whether there are others."""
        if isinstance(value, EnrichedFile):
            return self._leave_of_file(value)
        if isinstance(value, EnrichedProcess):
            return self._leave_of_process(value)
        return isinstance(value, EnrichedSocket | EnrichedUnix)

    def _leave_of_file(self, value: EnrichedFile) -> bool:
        aggregate = value.aggregate
        counts = self._wanted_of(aggregate.counts)
        if counts == aggregate.counts:
            return True
        aggregate.counts, aggregate.events = counts, sum(counts)
        return aggregate.events > 0

    def _leave_of_process(self, value: EnrichedProcess) -> bool:
        aggregate: ProcessAggregate = value.aggregate
        wanted = self._processes
        if all(wanted.values()):
            return True
        left = msgspec.structs.replace(
            aggregate,
            execs=aggregate.execs if wanted["EXEC"] else 0,
            forks=aggregate.forks if wanted["FORK"] else 0,
            exit_told=wanted["EXIT"],
        )
        value.aggregate = left
        return bool(left.execs or left.forks or (left.end and left.exit_told))


def wanted_events(*rules: Rules) -> frozenset[str]:
    """Return the names of the events that rules leave.

    Events of files alone say nothing of those of processes, and the other way round.
    """
    wanted = {*FILE_EVENTS, *PROCESS_EVENTS}
    for each in rules:
        included = _events(each.include)
        for kind in (FILE_EVENTS, PROCESS_EVENTS):
            if included & set(kind):
                wanted -= set(kind) - included
        wanted -= _events(each.exclude)
    return frozenset(wanted)


def _events(rules: Iterable[Rule]) -> set[str]:
    return {value for rule in rules if rule.key == "event" for value in rule.values}
