# SPDX-License-Identifier: Apache-2.0
from kflowd.enrich.base import Enricher, NoFacts
from kflowd.model import EnrichedProcess, ProcessExit
from tests.unit.make import actor, lived, named_file, named_socket, named_unix, process, seen


def test_an_enricher_without_methods_changes_nothing() -> None:
    """Whoever has nothing to say of a kind leaves it as it is."""
    for enricher in (Enricher.live(), Enricher.recorded(NoFacts())):
        owner, file, socket, unix = actor(), named_file(), named_socket(), named_unix()
        process_ = EnrichedProcess(actor(), lived())
        enricher.observe(seen())
        enricher.observe(ProcessExit(1, process()))
        enricher.enrich_actor(owner)
        enricher.enrich_file(file)
        enricher.enrich_socket(socket)
        enricher.enrich_unix(unix)
        enricher.enrich_process(process_)
        assert (owner, file, socket, unix, process_) == (
            *(actor(), named_file(), named_socket(), named_unix()),
            EnrichedProcess(actor(), lived()),
        )


def test_an_enricher_without_methods_says_nothing() -> None:
    """It has no facts for a recording, and none of its names change."""
    assert Enricher().facts() == {}
    assert not Enricher().refresh(1)
