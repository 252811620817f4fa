# SPDX-License-Identifier: Apache-2.0
from kflowd.enrich.asking import OwnerAsker
from kflowd.enrich.processes import Processes
from kflowd.enrich.stage import Enrichment
from kflowd.model import Enriched
from tests.unit.make import file, lived, session, socket, unix


class Told(OwnerAsker):
    """Notes whom it is asked for, and learns at each session."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Enriched] = []

    def enrich_owner(self, value: Enriched) -> None:
        self.asked.append(value)
        value.questions += ("who",)

    def learn(self, facts: bytes) -> None:
        self.learned("who", len(facts) > 0)

    def answer(self, value: Enriched, answer: bool) -> None:
        assert answer
        value.actor.user = "known"


def test_all_kinds_have_one_owner() -> None:
    """Files have more than that, so who asks says it there."""
    it = Told()
    enrichment = Enrichment([Processes(), it])
    assert len(enrichment.feed([file()])) == 1
    assert enrichment.feed([socket(), unix(), lived()]) == []
    assert [type(each).__name__ for each in it.asked] == [
        *("EnrichedSocket", "EnrichedUnix", "EnrichedProcess")
    ]
    found = [each for each in enrichment.feed([session()]) if isinstance(each, Enriched)]
    assert [each.actor.user for each in found] == ["known"] * 3
    assert list(it.answers()) == []
