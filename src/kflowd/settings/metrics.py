# SPDX-License-Identifier: Apache-2.0
"""Settings of the table [metrics]."""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import fields

from kflowd.errors import ContradictionError
from kflowd.settings.option import NS_PER_SECOND, SECONDS, Option
from kflowd.settings.servers import Address, Listen


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

    def __post_init__(self) -> None:
        """Refuse what nobody would see.

        Raises:
            ContradictionError: Times of programs without metrics, or what only Graphite has
                without it.
        """
        if self.program_times and not self.wanted:
            cause = "only with --listen or --graphite"
            raise ContradictionError(("metrics", "program_times"), cause, ("metrics", "listen"))
        if self.graphite is None:
            for key in ("prefix", "interval_ns"):
                if getattr(self, key) != _default(MetricsSettings, key):
                    place = ("metrics", _key(key))
                    raise ContradictionError(place, "only with --graphite", ("metrics", "graphite"))


def _default(of: type[Struct], name: str) -> object:
    return next(field.default for field in fields(of) if field.name == name)
