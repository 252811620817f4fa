# SPDX-License-Identifier: Apache-2.0
"""Destinations of records: one table, one line for each."""

from collections.abc import Callable

from kflowd.delivery.sinks.base import RefusedError, Sink, SinkGoneError
from kflowd.delivery.sinks.stdout import StdoutSink
from kflowd.delivery.sinks.udp import UdpSink

# each is made with what its settings say: nothing, a server
SINKS: dict[str, Callable[..., Sink]] = {"stdout": StdoutSink, "udp": UdpSink}

__all__ = ["SINKS", "RefusedError", "Sink", "SinkGoneError", "StdoutSink", "UdpSink"]
