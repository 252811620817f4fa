# SPDX-License-Identifier: Apache-2.0
"""Destinations of records: one table, one line for each."""

from collections.abc import Callable

from kflowd.delivery.sinks.base import Sink
from kflowd.delivery.sinks.stdout import StdoutSink

SINKS: dict[str, Callable[[], Sink]] = {"stdout": StdoutSink}
