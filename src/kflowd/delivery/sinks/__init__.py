# SPDX-License-Identifier: Apache-2.0
"""Destinations of records, a module for each."""

from kflowd.delivery.sinks.base import RefusedError, Sink, SinkGoneError
from kflowd.delivery.sinks.stdout import StdoutSink
from kflowd.delivery.sinks.udp import UdpSink

__all__ = ["RefusedError", "Sink", "SinkGoneError", "StdoutSink", "UdpSink"]
