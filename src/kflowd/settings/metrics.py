# SPDX-License-Identifier: Apache-2.0
"""Settings of the table [metrics]."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from kflowd.errors import ContradictionError
from kflowd.settings.option import NS_PER_SECOND, SECONDS, Option, set_keys
from kflowd.settings.servers import Address, Listen

_OF_GRAPHITE = ("prefix", "interval")


def _key(field: str) -> str:
    return field.removesuffix("_ns")


class MetricsSettings(Struct, frozen=True, kw_only=True, rename=_key):
    """Who can ask how a run goes, and who is told."""

    listen: Annotated[
        Listen | None,
        Option(help="Answer GET /metrics, for Prometheus, at HOST:PORT or a UNIX socket /PATH"),
    ] = None
    graphite: Annotated[
        Address | None,
        Option(help="Send metrics to Graphite (carbon) at HOST:PORT, as plaintext over TCP"),
    ] = None
    # one host's: those of another need another one
    prefix: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200)],
        Option(help="With --graphite: what stands in front of each name there"),
    ] = "kflowd"
    interval_ns: Annotated[
        Annotated[int, Meta(ge=NS_PER_SECOND, le=3600 * NS_PER_SECOND)],
        Option(help="With --graphite: seconds between two sets of metrics", unit=SECONDS),
    ] = 10 * NS_PER_SECOND
    program_times: Annotated[
        bool,
        Option(
            help="Runs of each BPF program and their time among the metrics: the kernel counts "
            "them for all programs of this host meanwhile"
        ),
    ] = False

    @property
    def wanted(self) -> bool:
        """Whether anybody gets metrics."""
        return self.listen is not None or self.graphite is not None

    def contradictions(self) -> Iterator[ContradictionError]:
        """Yield what nobody would see: times without metrics, or what only Graphite has."""
        graphite = ("metrics", "graphite")
        if self.program_times and not self.wanted:
            cause = "only with --listen or --graphite"
            place = ("metrics", "program_times")
            yield ContradictionError(place, cause, ("metrics", "listen"), graphite)
        if self.graphite is None:
            for key in set_keys(self):
                if key in _OF_GRAPHITE:
                    yield ContradictionError(("metrics", key), "only with --graphite", graphite)
