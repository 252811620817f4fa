# SPDX-License-Identifier: Apache-2.0
"""Joins what a run counts and who answers for it."""

import kflowd
from kflowd.delivery import Delivery
from kflowd.metrics.families import Counted, Families
from kflowd.metrics.server import MetricsServer
from kflowd.pipeline import Pipeline
from kflowd.serialize.build import kernel_keys
from kflowd.settings.servers import Listen


def of_run(listen: Listen, pipeline: Pipeline, delivery: Delivery) -> MetricsServer:
    """Return a server for a run.

    Args:
        listen: Where.
        pipeline: Counts what was seen.
        delivery: Counts what went out.

    Raises:
        MetricsError: It cannot listen there.
    """
    keys = kernel_keys()

    def count() -> Counted:
        newest = pipeline.health.newest
        kernel = {} if newest is None else {key: newest.values[at] for key, at in keys.items()}
        return Counted(
            kernel,
            0 if newest is None else newest.missed,
            pipeline.user_counters(),
            delivery.records,
            delivery.counters(),
        )

    return MetricsServer(listen, Families(count, kflowd.__version__))
