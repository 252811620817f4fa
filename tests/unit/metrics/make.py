# SPDX-License-Identifier: Apache-2.0
"""A pipeline that gets nothing."""

from kflowd.assembly import make_pipeline
from kflowd.delivery import Delivery
from kflowd.enrich.processes import Processes
from kflowd.pipeline import Pipeline
from kflowd.settings import Settings


def pipeline(settings: Settings, delivery: Delivery) -> Pipeline:
    """Return a pipeline of a run."""
    return make_pipeline(settings, [Processes()], delivery)
