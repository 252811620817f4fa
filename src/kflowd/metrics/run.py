# SPDX-License-Identifier: Apache-2.0
"""Joins what a run counts and who gets it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import kflowd
from kflowd.closeable import Closeable
from kflowd.delivery import Delivery
from kflowd.laps import Laps
from kflowd.metrics.families import Counted, Families
from kflowd.metrics.graphite import Graphite
from kflowd.metrics.server import MetricsServer
from kflowd.model import KernelLoad
from kflowd.pipeline import Pipeline
from kflowd.serialize.build import kernel_keys
from kflowd.settings import MetricsSettings


class RunMetrics(Closeable):
    """Metrics of a run, for those that its settings name. A context manager.

    Args:
        settings: Of the run's metrics.
        pipeline: Counts what was seen.
        delivery: Counts what went out.
        laps: Knows what each stage took.

    Raises:
        MetricsError: They cannot be given where they are wanted.
    """

    def __init__(
        self, settings: MetricsSettings, pipeline: Pipeline, delivery: Delivery, laps: Laps
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._delivery = delivery
        self._laps = laps
        self._keys = kernel_keys()
        # one reference, which any thread may take: the load, and when it was noted
        self._noted: tuple[KernelLoad, float] | None = None
        self._held = ExitStack()
        families = Families(self._count, kflowd.__version__)
        if settings.listen is not None:
            self._held.enter_context(MetricsServer(settings.listen, families))
        self._graphite: Graphite | None = None
        if settings.graphite is not None:
            self._graphite = Graphite(
                settings.graphite,
                families,
                prefix=settings.prefix,
                interval_ns=settings.interval_ns,
            )
            self._held.enter_context(self._graphite)

    def note(self, load: Callable[[], KernelLoad]) -> None:
        """Take how the kernel side does; nothing that goes wrong there is worth a run."""
        with suppress(Exception):
            self._noted = load(), time.monotonic()

    def close(self) -> None:
        """Answer and send no more."""
        self._held.close()

    def summary(self) -> Iterator[str]:
        """Yield a line if sets of metrics were lost, with the reasons."""
        if self._graphite is not None and (line := self._graphite.output.summary()):
            yield f"metrics, {line}"

    def _count(self) -> Counted:
        newest = self._pipeline.health.newest
        outputs = [*self._delivery.outputs]
        if self._graphite is not None:
            outputs.append(self._graphite.output)
        load, at = self._noted or (None, 0.0)
        return Counted(
            {} if newest is None else {key: newest.values[at] for key, at in self._keys.items()},
            0 if newest is None else newest.missed,
            self._pipeline.user_counters(),
            self._delivery.records,
            [output.counters() for output in outputs],
            {output.name: output.waiting() for output in outputs},
            {output.name: output.cpu_ns / 1e9 for output in outputs},
            self._laps.seconds(),
            load,
            time.monotonic() - at,
            self._settings.program_times,
        )
