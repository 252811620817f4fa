# SPDX-License-Identifier: Apache-2.0
"""Makes the stages of a run and joins them: the only place that knows them all."""

from collections.abc import Sequence

import msgspec

import kflowd
from kflowd.aggregate import Aggregator
from kflowd.aggregate.file import MAX_PATHS, PATHS_PER_ENTRY, FileAggregator
from kflowd.aggregate.socket import MAX_SOCKETS, SocketAggregator
from kflowd.delivery import Delivery
from kflowd.enrich import ENRICHERS, Enricher, Enrichment
from kflowd.enrich.host import host_facts
from kflowd.enrich.stage import recorded
from kflowd.model import facts_of
from kflowd.pipeline import Pipeline
from kflowd.serialize import Builder
from kflowd.settings import Settings, TraceSettings


class RunFacts(msgspec.Struct, frozen=True):
    """Settings of a recorded run that decide how its records look; 0: the default."""

    idle_ns: int = 0
    export_at: int = 0
    sock_entries: int = 0


def live_enrichers() -> list[Enricher]:
    """Return the enrichers, which look at this host and follow its changes."""
    return [kind.live() for kind in ENRICHERS]


def recorded_enrichers(facts: bytes) -> list[Enricher]:
    """Return the enrichers as of the host that a recording was made on; they never change."""
    return recorded(ENRICHERS, facts)


def session_facts(settings: Settings, enrichers: Sequence[Enricher], *, full: bool) -> bytes:
    """Return the facts of this host as a JSON object.

    Args:
        settings: Of the run.
        enrichers: Of the run.
        full: With what a replay needs, which takes some time and space.
    """
    facts = msgspec.structs.asdict(host_facts(f"kflowd-v{kflowd.__version__}"))
    if full:
        for each in enrichers:
            facts |= each.facts()
    facts |= msgspec.structs.asdict(_run_facts(settings.trace))
    return msgspec.json.encode(facts)


def _run_facts(trace: TraceSettings) -> RunFacts:
    return RunFacts(trace.idle_ns, trace.events or 0, trace.sock_entries)


def as_recorded(settings: Settings, facts: bytes) -> Settings:
    """Return settings with those of the recorded run that a replay cannot choose."""
    run = facts_of(RunFacts, facts)
    trace = msgspec.structs.replace(
        settings.trace,
        idle_ns=run.idle_ns or settings.trace.idle_ns,
        events=run.export_at or None,
        sock_entries=run.sock_entries or settings.trace.sock_entries,
    )
    return msgspec.structs.replace(settings, trace=trace)


def make_pipeline(
    settings: Settings, enrichers: Sequence[Enricher], delivery: Delivery
) -> Pipeline:
    """Return the stages of one run, joined."""
    trace = settings.trace
    files = FileAggregator(
        trace.idle_ns,
        trace.events or 0,
        max(MAX_PATHS, PATHS_PER_ENTRY * trace.file_entries),
    )
    aggregator = Aggregator(files, SocketAggregator(max(MAX_SOCKETS, 2 * trace.sock_entries)))
    return Pipeline(aggregator, Enrichment(enrichers), Builder(strict=settings.strict), delivery)
