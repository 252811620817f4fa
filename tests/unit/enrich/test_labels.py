# SPDX-License-Identifier: Apache-2.0
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from kflowd.enrich import Enrichment
from kflowd.enrich.labels import (
    AGAIN_NS,
    FAILED_AGAIN_NS,
    LabelFacts,
    Labelled,
    Labels,
    PluginLabels,
    facts_by,
)
from kflowd.enrich.processes import Processes
from kflowd.enrich.waiting import Waiting
from kflowd.model import LABELLED_BY, Actor, Enriched, Tick, Value
from kflowd.serialize.process import details_of
from tests.unit.make import SECOND, actor, file, lived, process, seen, session, socket, unix

ASKED = Labelled("owners", (1000,))
PAIRS = (("owners.Team", "payments"),)


class Labellers:
    """Stands for processes."""

    def __init__(self) -> None:
        self.asked: list[Labelled] = []
        self.answers: list[Labels] = []

    def enrichers(self) -> Mapping[str, Sequence[str]]:
        return {"owners": ["uid"]}

    def label(self, asked: Labelled, user: int) -> None:
        assert user == 1000
        self.asked.append(asked)

    def labels(self) -> Sequence[Labels]:
        answers, self.answers = self.answers, []
        return answers

    def say(self, labels: dict[str, str] | None) -> None:
        self.answers.append(Labels(ASKED, 1000, labels))


class Stage:
    """The enricher at work."""

    def __init__(self) -> None:
        self.labellers, self.labels = Labellers(), PluginLabels()
        self.labels.begin(self.labellers)
        self.enrichment = Enrichment([Processes(), self.labels], waiting=Waiting(SECOND))

    def feed(self, *values: Value) -> list[Enriched]:
        found = self.enrichment.feed(values)
        return [it for it in found if isinstance(it, Enriched)]

    def answer(self, labels: dict[str, str] | None) -> list[Enriched]:
        self.labellers.say(labels)
        return self.feed(session(**self.labels.news()))


OF_ONE = process(uid=1000)


@pytest.mark.parametrize(
    "value",
    [file(process=OF_ONE), socket(process=OF_ONE), unix(process=OF_ONE), lived(process=OF_ONE)],
)
def test_each_kind_of_record_waits_for_labels(value: Value) -> None:
    """They are asked once; who comes later has them at once."""
    stage = Stage()
    assert stage.feed(value) == []
    assert stage.labellers.asked == [ASKED]
    (waited,) = stage.answer({"Team": "payments"})
    assert waited.actor.labels == PAIRS
    assert details_of(waited.actor).ProcLabels == dict(PAIRS)
    (later,) = stage.feed(value)
    assert later.actor.labels == PAIRS
    assert len(stage.labellers.asked) == 1


def test_a_record_goes_without_and_says_so() -> None:
    """When there is no answer in time, and when there is none; then nothing waits for a while."""
    stage = Stage()
    value = file(process=OF_ONE)
    stage.feed(value)
    (late,) = stage.feed(Tick(value.ts_ns + 2 * SECOND))
    assert (late.actor.labels, late.actor.labels_late) == ((), True)
    assert "LABEL_MISSING" in (details_of(late.actor).ProcNotes or ())
    assert stage.answer(None) == []
    (failed,) = stage.feed(value)
    assert failed.actor.labels_late
    assert len(stage.labellers.asked) == 1


def test_labels_are_asked_again_behind_the_records() -> None:
    """What was true is taken for true until another answer comes."""
    stage = Stage()
    stage.feed(file(process=OF_ONE))
    stage.answer({"Team": "payments"})
    assert stage.labels.refresh(AGAIN_NS)
    assert not stage.labels.refresh(AGAIN_NS)
    (value,) = stage.feed(file(process=OF_ONE))
    assert (value.actor.labels, len(stage.labellers.asked)) == (PAIRS, 2)
    stage.answer(None)
    assert not stage.labels.refresh(AGAIN_NS + FAILED_AGAIN_NS)
    (value,) = stage.feed(file(process=OF_ONE))
    assert (value.actor.labels, len(stage.labellers.asked)) == (PAIRS, 3)
    stage.answer({})
    assert stage.labels.refresh(AGAIN_NS + FAILED_AGAIN_NS)
    (value,) = stage.feed(file(process=OF_ONE))
    assert (value.actor.labels, value.actor.labels_late) == ((), False)


def test_a_replay_asks_nobody() -> None:
    """It knows the enrichers of the recorded run, but for those that ask by something else."""
    stage = Stage()
    assert stage.labels.facts() == {"labellers": {"owners": ("uid",)}}
    facts = LabelFacts(labellers={"owners": ("uid",), "odd": ("pid",)})
    replayed = PluginLabels.recorded(facts)
    assert replayed.news() == {}
    enrichment = Enrichment([Processes(), replayed], waiting=Waiting(SECOND))
    assert enrichment.feed([file(process=OF_ONE)]) == []
    stage.labellers.say({"Team": "payments"})
    found = enrichment.feed([session(**stage.labels.news())])
    assert [it.actor.labels for it in found if isinstance(it, Enriched)] == [PAIRS]


def test_without_plugins_nothing_is_asked() -> None:
    """Nor is there anything in the facts, or of who has no process."""
    labels = PluginLabels()
    assert (labels.facts(), labels.news()) == ({}, {})
    labels.learn(b'{"labels": [["owners", [1000], 0, {"a": "b"}]]}')
    one = actor()
    labels.enrich_actor(one)
    assert one.labels == ()
    stage = Stage()
    nobody = Actor(None)
    stage.labels.enrich_actor(nobody)
    assert nobody.labels == ()
    assert tuple(facts_by(nobody)) == LABELLED_BY


def test_facts_are_text_that_json_takes() -> None:
    """Any user names programs, groups of processes and their like."""
    one = Actor(OF_ONE, user="ä", seen=seen(exe="/tmp/to\udcffuch"), unit="a\udc80.service")
    found = facts_by(one)
    assert (found["exe"], found["user"], found["unit"]) == (
        "/tmp/to\ufffduch",
        "ä",
        "a\ufffd.service",
    )
    assert msgspec.json.encode(found)


def test_what_nobody_answers_is_asked_again_after_a_while() -> None:
    """A question that found no room is not lost for ever; who asks for many asks for no other's."""
    stage = Stage()
    stage.feed(file(process=OF_ONE))
    stage.feed(file(process=OF_ONE))
    assert len(stage.labellers.asked) == 1
    stage.labels.refresh(FAILED_AGAIN_NS)
    stage.feed(file(process=OF_ONE))
    assert len(stage.labellers.asked) == 2
