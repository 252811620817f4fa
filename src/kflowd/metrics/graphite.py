# SPDX-License-Identifier: Apache-2.0
"""Sends metrics to Graphite (carbon), plaintext over TCP, as often as is wanted."""

import threading
import time
from contextlib import suppress

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector

from kflowd.closeable import Closeable
from kflowd.delivery import Output
from kflowd.delivery.sinks.tcp import TcpSink
from kflowd.metrics.lines import lines
from kflowd.settings import QueueSettings
from kflowd.settings.servers import Address

NS_PER_SECOND = 1_000_000_000
# Sets of metrics that wait for a server that is away: some ten kilobytes each.
QUEUE = QueueSettings(bytes=1 << 20, age_ns=600 * NS_PER_SECOND)
# The end waits no longer for the last set to be out, of the five seconds that a run has for it.
END_S = 0.5


class Graphite(Closeable):
    """A thread that makes a set of metrics each interval, in front of an output of its own.

    A set is sent whole or not at all; that of the end is the last. What becomes of them is counted
    as it is of records. A context manager.

    Args:
        address: Of the server.
        families: What there is, beside the memory and processor time of the process.
        prefix: In front of each name.
        interval_ns: From one set to the next.

    Attributes:
        output: Sends the sets.
    """

    def __init__(
        self, address: Address, families: Collector, *, prefix: str, interval_ns: int
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(families)
        ProcessCollector(registry=self._registry)
        self._prefix = prefix
        self._interval_s = interval_ns / NS_PER_SECOND
        self._closed = threading.Event()
        self.output = Output(
            f"graphite {address}", TcpSink(address, separator=b""), "json-min", queue=QUEUE
        )
        self._thread = threading.Thread(target=self._run, name="graphite", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send the last set if that is possible at once, and no more."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._thread.join(END_S)
        self.output.end()
        self.output.join(END_S)
        self.output.leave()

    def _run(self) -> None:
        while not self._closed.wait(self._interval_s):
            self._put()
        self._put()

    def _put(self) -> None:
        # metrics are worth no thread that ends with a traceback: the next set has what this lacks
        with suppress(Exception):
            text = lines(self._registry.collect(), self._prefix, int(time.time()))
            self.output.put([text], [])
