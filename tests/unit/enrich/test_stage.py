# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any, ClassVar, Self

import msgspec
import pytest

from kflowd.enrich import ENRICHERS, Enricher, Enrichment
from kflowd.enrich.devices import Devices
from kflowd.enrich.interfaces import Interfaces
from kflowd.enrich.processes import Processes
from kflowd.enrich.stage import recorded
from kflowd.enrich.users import IdNames, Users
from kflowd.model import (
    Actor,
    Counters,
    EnrichedFile,
    EnrichedProcess,
    EnrichedSocket,
    EnrichedUnix,
    FileAggregate,
    MountSeen,
    ProcessExit,
    ProcessSeen,
    SocketFlag,
    Tick,
    Value,
)
from tests.unit.make import SECOND, file, lived, process, seen, socket, unix

OPENED_TO_EXECUTE = (0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0)
SHELL = seen(process=process(tgid=50, start_ns=3 * SECOND, comm="bash"), exe="/usr/bin/bash")


class Facts(msgspec.Struct, frozen=True):
    """What the enricher below is recorded with."""

    noted: int = 0


class Notes(Enricher):
    """Notes what it is asked for; its names of processes change at an even time."""

    FACTS: ClassVar[type[msgspec.Struct]] = Facts

    def __init__(self, noted: int = 0) -> None:
        self.noted = noted
        self.asked: list[str] = []

    @classmethod
    def recorded(cls, facts: Facts) -> Self:
        return cls(facts.noted)

    def facts(self) -> dict[str, Any]:
        return {"noted": self.noted}

    def refresh(self, now_ns: int) -> bool:
        self.asked.append(f"refresh {now_ns}")
        return now_ns % 2 == 0

    def mounted(self, value: MountSeen) -> None:
        self.asked.append(f"mounted {value.mount}")

    def observe(self, value: ProcessSeen | ProcessExit) -> None:
        self.asked.append(f"observe {type(value).__name__}")

    def enrich_actor(self, actor: Actor) -> None:
        self.asked.append(f"actor {actor.proc}")

    def enrich_file(self, value: EnrichedFile) -> None:
        self.asked.append(f"file of {value.actor.proc}")

    def enrich_socket(self, value: EnrichedSocket) -> None:
        self.asked.append(f"socket of {value.actor.proc}")

    def enrich_unix(self, value: EnrichedUnix) -> None:
        self.asked.append(f"unix of {value.actor.proc}")

    def enrich_process(self, value: EnrichedProcess) -> None:
        self.asked.append(f"process of {value.actor.proc}")


def stage(*values: ProcessSeen) -> Enrichment:
    """Return a stage that knows these processes and nothing else."""
    made = Enrichment([Processes()])
    made.feed(values)
    return made


def names(made: Enrichment, value: FileAggregate) -> tuple[str, str]:
    """Return what a file record says of its process and the parent."""
    actor = made.file(value).actor
    return actor.proc, actor.parent


def test_aggregates_get_names_and_processes_end_in_the_table() -> None:
    """Each kind of value comes out as its kind, in order."""
    users = Users(IdNames("/nonexistent"), IdNames("/nonexistent"))
    enrichment = Enrichment([Processes(), users, Devices(str), Interfaces(list)])
    counters = Counters(1, (0,), 0)
    values: list[Value] = [
        seen(),
        file(),
        socket(),
        unix(),
        ProcessExit(1, process()),
        lived(),
        counters,
        Tick(1),
    ]
    out = enrichment.feed(values)
    assert [type(each) for each in out] == [
        *(EnrichedFile, EnrichedSocket, EnrichedUnix, EnrichedProcess, Counters, Tick)
    ]
    kinds = EnrichedFile | EnrichedSocket | EnrichedUnix | EnrichedProcess
    named = [each for each in out if isinstance(each, kinds)]
    assert {each.actor.proc for each in named} == {"curl"}
    assert len(enrichment.processes.images) == 1


def test_enrichers_are_asked_in_their_order_for_what_they_have() -> None:
    """An actor once, each record by its kind, processes as they come and go."""
    notes = Notes()
    enrichment = Enrichment([Processes(), notes])
    of = process()
    ended = ProcessExit(1, of)
    mount = MountSeen(1, 71, 5, "ext4", "/dev/sda1")
    values: list[Value] = [file(process=of), socket(process=of), unix(process=of)]
    enrichment.feed([seen(), mount, *values, lived(process=of), ended])
    assert notes.asked == [
        *("observe ProcessSeen", "mounted 71"),
        *("actor curl", "file of curl", "socket of curl", "unix of curl", "process of curl"),
        "observe ProcessExit",
    ]


class DearNotes(Notes):
    """Looks at files."""

    DEAR: ClassVar[bool] = True


class Asking(Enricher):
    """Has a question about the first file."""

    def __init__(self) -> None:
        self.left = 1

    def enrich_file(self, value: EnrichedFile) -> None:
        value.questions += ("name",) * self.left
        self.left = 0


def test_nothing_dear_is_done_for_what_is_hidden() -> None:
    """Unless a name that filters may ask for is still to come; all else is filled in first."""
    dear = DearNotes()
    hidden: list[str] = []

    def hides(value: EnrichedFile) -> bool:
        hidden.append(value.aggregate.path)
        return value.aggregate.path == "/hidden"

    enrichment = Enrichment([Processes(), dear, Asking()], hides=hides)
    for path in ("/hidden", "/hidden", "/shown"):
        enrichment.feed([file(process=process(), path=path)])
    assert hidden == ["/hidden", "/shown"]
    assert [each for each in dear.asked if each.startswith("file")] == ["file of curl"] * 2


def test_names_that_have_changed_are_found_anew() -> None:
    """A refresh that says so makes new actors, another one does not."""
    notes = Notes()
    enrichment = Enrichment([Processes(), notes])
    of = process()
    first = enrichment.file(file(process=of)).actor
    enrichment.refresh(1)
    assert enrichment.file(file(process=of)).actor is first
    enrichment.refresh(2)
    assert enrichment.file(file(process=of)).actor is not first
    assert [each for each in notes.asked if each.startswith("refresh")] == [
        "refresh 1",
        "refresh 2",
    ]


def test_facts_of_all_enrichers_make_the_same_enrichers() -> None:
    """What a recording keeps gives each enricher its own back."""
    kinds = (*ENRICHERS, Notes)
    enrichment = Enrichment([*(kind.live() for kind in ENRICHERS), Notes(7)])
    facts = msgspec.json.encode(enrichment.facts())
    again = recorded(kinds, facts)
    assert [type(each) for each in again] == list(kinds)
    assert msgspec.json.encode(Enrichment(again).facts()) == facts
    assert json.loads(facts)["noted"] == 7


@pytest.mark.parametrize("facts", [b"", b"{}", b'{"noted":"seven","users":1}', b"[" * 5000])
def test_facts_that_are_not_there_say_nothing(facts: bytes) -> None:
    """An older or damaged recording is replayed without the names."""
    *_, notes = recorded((*ENRICHERS, Notes), facts)
    assert notes.facts() == {"noted": 0}


def test_a_forked_process_is_named_after_what_its_parent_ran() -> None:
    """The program is that of the parent at the time of the fork, the task's name its own."""
    child = process(
        tgid=51, start_ns=6 * SECOND, ppid=50, parent_start_ns=3 * SECOND, comm="renamed"
    )
    forked = seen(ts_ns=6 * SECOND, process=child, source=2, exe="", args=())
    forked = msgspec.structs.replace(forked, creator=(50, 3 * SECOND))
    later = msgspec.structs.replace(SHELL, ts_ns=9 * SECOND, exe="/usr/bin/later")
    made = stage(SHELL, forked, later)
    assert names(made, file(process=child, first_ns=7 * SECOND)) == ("bash/renamed", "bash")


def test_a_file_is_named_after_its_process_and_the_parent() -> None:
    """The number of a process alone is not enough."""
    made = stage(SHELL, seen())
    assert names(made, file()) == ("curl", "bash")
    other = process(start_ns=99 * SECOND, parent_start_ns=98 * SECOND, comm="later")
    assert names(made, file(process=other)) == ("later", "")
    assert made.processes.stats.unknown == 1


def test_an_exec_is_named_after_the_program_it_starts() -> None:
    """The task's name at the first event is that of the caller of exec: it is not used."""
    made = stage(seen(ts_ns=8 * SECOND, process=process(execs=1)))
    before = process(comm="python3")
    value = file(process=before, image=1, first_ns=7 * SECOND, counts=OPENED_TO_EXECUTE)
    assert names(made, value)[0] == "curl"


def test_a_record_names_what_the_process_was_at_its_first_event() -> None:
    """An exec after the event does not change the record, one before it does."""
    forked = seen(exe="/usr/bin/bash", source=2, args=())
    made = stage(forked, seen(ts_ns=8 * SECOND))
    task = process(comm="bash")
    assert names(made, file(process=task, first_ns=7 * SECOND))[0] == "bash"
    assert names(made, file(first_ns=8 * SECOND))[0] == "curl"
    assert names(made, file(process=task, first_ns=1))[0] == "bash"


def test_sockets_are_named_as_of_the_end_of_their_record() -> None:
    """An exec before the record is taken counts, also if packets were seen before it."""
    made = stage(seen(exe="/usr/bin/bash", source=2), seen(ts_ns=8 * SECOND))
    assert made.socket(socket(first_ns=7 * SECOND)).actor.proc == "curl"
    assert made.unix(unix(first_ns=7 * SECOND)).actor.proc == "curl"
    assert made.unix(unix(ts_ns=7 * SECOND)).actor.proc == "bash/curl"


def test_a_socket_without_owner_has_no_process() -> None:
    """Nobody is guessed."""
    made = stage(SHELL, seen())
    for value in (
        made.socket(socket(flags=SocketFlag.NO_OWNER)),
        made.unix(unix(flags=SocketFlag.NO_OWNER)),
    ):
        actor = value.actor
        assert (actor.process, actor.seen, actor.proc, actor.parent) == (None, None, "", "")
    assert made.processes.stats.unknown == 0
