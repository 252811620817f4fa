# SPDX-License-Identifier: Apache-2.0
from collections.abc import Mapping, Sequence

from kflowd.enrich import Enrichment
from kflowd.enrich.plugins import FAILED, LATE, PluginFacts, Plugins, Read
from kflowd.enrich.processes import Processes
from kflowd.enrich.waiting import Waiting
from kflowd.model import EnrichedSocket, Messages, Tick
from kflowd.protocols import Asked, Direction, Message, Piece, Script
from kflowd.redact.messages import redact_message
from tests.unit.make import SECOND, named_file, named_socket, session, socket

ASKED = Asked("redis", 1, 0)
SCRIPT = Script(ASKED, joined=False, ended=True, pieces=(Piece(0, 0, 5, 1, b"a"),))
SPOKEN = (7, 1, {"Line": "ok", "password": "hunter2"}, ["GAP"], 9)


class Readers:
    """Stands for processes."""

    def __init__(self) -> None:
        self.asked: list[tuple[Script, int]] = []
        self.answers: list[Read] = []
        self.count = 0

    def ask(self, script: Script, user: int) -> None:
        self.asked.append((script, user))

    def news(self) -> Sequence[Read]:
        answers, self.answers = self.answers, []
        return answers

    def counters(self) -> Mapping[str, int]:
        return {"plugin_faults": self.count}


def stage(readers: Readers | None) -> tuple[Plugins, Enrichment]:
    plugins = Plugins()
    plugins.readers = readers
    plugins.redact = redact_message
    return plugins, Enrichment([Processes(), plugins], waiting=Waiting(SECOND))


def said() -> Messages:
    return Messages("REDIS", "Redis", stamped=True, messages=(), script=SCRIPT)


def sockets(values: Sequence[object]) -> list[EnrichedSocket]:
    return [it for it in values if isinstance(it, EnrichedSocket)]


def test_a_record_waits_for_what_a_plugin_reads() -> None:
    """What it holds is the reader's meanwhile; answers come through the stream."""
    readers = Readers()
    plugins, enrichment = stage(readers)
    aggregate = socket(messages=said())
    assert enrichment.feed([aggregate]) == []
    assert readers.asked == [(SCRIPT, aggregate.process.uid)]
    assert aggregate.messages is not None
    assert aggregate.messages.script is None
    readers.answers = [Read(ASKED, "", 3, [SPOKEN])]
    (record,) = sockets(enrichment.feed([session(**plugins.news())]))
    messages = record.aggregate.messages
    assert messages is not None
    assert messages.messages == (
        Message(7, Direction.RX, {"Line": "ok", "password": "***"}, ["GAP"], 9),
    )
    assert (messages.app, messages.more, record.notes) == ("REDIS", 3, ())


def test_a_replay_asks_nobody() -> None:
    """It has the answers at the same place."""
    readers = Readers()
    readers.answers = [Read(ASKED, "", 0, [SPOKEN])]
    news = stage(readers)[0].news()
    plugins, enrichment = Plugins.recorded(PluginFacts()), stage(None)[1]
    assert plugins.news() == {}
    assert enrichment.feed([socket(messages=said())]) == []
    (record,) = sockets(enrichment.feed([session(**news)]))
    assert record.aggregate.messages is not None
    assert len(record.aggregate.messages.messages) == 1


def test_a_record_goes_without_and_says_so() -> None:
    """When there is no answer in time, and when there is none."""
    readers = Readers()
    plugins, enrichment = stage(readers)
    aggregate = socket(messages=said())
    enrichment.feed([aggregate])
    (late,) = sockets(enrichment.feed([Tick(aggregate.ts_ns + 2 * SECOND)]))
    assert (late.aggregate.messages, late.notes) == (None, (LATE,))
    enrichment.feed([socket(messages=said())])
    readers.answers = [Read(ASKED, FAILED)]
    (failed,) = sockets(enrichment.feed([session(**plugins.news())]))
    assert (failed.aggregate.messages, failed.notes) == (None, (FAILED,))


def test_what_was_lost_is_told_when_it_changes() -> None:
    """Nothing is told as long as nothing was."""
    readers = Readers()
    plugins, _ = stage(readers)
    assert plugins.news() == {}
    readers.count = 2
    assert plugins.news() == {"plugin_faults": 2}
    assert plugins.news() == {}


def test_others_are_left_alone() -> None:
    """Sockets without such messages, answers for files, questions of other enrichers."""
    plugins, enrichment = stage(Readers())
    assert len(enrichment.feed([socket()])) == 1
    file, one = named_file(), named_socket()
    plugins.answer(file, Read(ASKED, FAILED))
    plugins.unanswered(one, ("another", 1))
    assert one.notes == ()
