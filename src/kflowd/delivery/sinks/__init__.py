# SPDX-License-Identifier: Apache-2.0
"""Destinations of records: one table, one line for each."""

from collections.abc import Callable

from kflowd.delivery.sinks.base import RefusedError, Sink, SinkGoneError
from kflowd.delivery.sinks.file import FileSink
from kflowd.delivery.sinks.http import HttpSink
from kflowd.delivery.sinks.journal import JournalSink
from kflowd.delivery.sinks.stdout import StdoutSink
from kflowd.delivery.sinks.tcp import TcpSink
from kflowd.delivery.sinks.tls import TlsSink
from kflowd.delivery.sinks.udp import UdpSink
from kflowd.delivery.sinks.unix import UnixDatagramSink, UnixSink

# By OutputSettings.carrier; each is made with what its settings say: a path, an address, what
# stands between records.
SINKS: dict[str, Callable[..., Sink]] = {
    "stdout": StdoutSink,
    "file": FileSink,
    "udp": UdpSink,
    "tcp": TcpSink,
    "unix": UnixSink,
    "unixgram": UnixDatagramSink,
    "tls": TlsSink,
    "http": HttpSink,
    "journal": JournalSink,
}

__all__ = [
    "SINKS",
    "FileSink",
    "HttpSink",
    "JournalSink",
    "RefusedError",
    "Sink",
    "SinkGoneError",
    "StdoutSink",
    "TcpSink",
    "TlsSink",
    "UdpSink",
    "UnixDatagramSink",
    "UnixSink",
]
