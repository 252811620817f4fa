# SPDX-License-Identifier: Apache-2.0
import socket
import time
from collections.abc import Iterator

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from kflowd.delivery import State
from kflowd.metrics import graphite as module
from kflowd.metrics.graphite import Graphite
from kflowd.settings import QueueSettings
from kflowd.settings.servers import Address
from tests.unit.delivery.make import until

WIDE = 1 << 20
OFTEN_NS = 50_000_000
NEVER_NS = 1_000_000_000_000


class Numbered:
    """A family whose number is how often it was asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def collect(self) -> Iterator[Metric]:
        self.asked += 1
        if self.asked == 2:
            raise RuntimeError("it fails once")
        yield GaugeMetricFamily("one", "It.", value=self.asked)


def address(server: socket.socket) -> Address:
    """Return where a server listens."""
    return Address("127.0.0.1", server.getsockname()[1])


def received(server: socket.socket) -> list[str]:
    """Return the lines of a whole connection."""
    connection, _ = server.accept()
    with connection, connection.makefile() as text:
        return text.read().splitlines()


def test_sets_are_sent_as_long_as_it_is_open() -> None:
    """One each interval, over one connection; one that cannot be made costs itself alone."""
    families = Numbered()
    with socket.create_server(("127.0.0.1", 0)) as server:
        before = int(time.time())
        with Graphite(address(server), families, prefix="p", interval_ns=OFTEN_NS) as graphite:
            until(lambda: graphite.output.counts().written >= 3)
        found = received(server)
    ours = [line.split() for line in found if line.startswith("p.one ")]
    assert [int(value) for _, value, _ in ours][:3] == [1, 3, 4]
    assert int(ours[-1][1]) == families.asked
    assert all(before <= int(at) <= time.time() for _, _, at in ours)
    assert any(line.startswith("p.process_resident_memory_bytes ") for line in found)


def test_the_last_set_is_that_of_the_end() -> None:
    """Also of a run that is shorter than the interval."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with Graphite(address(server), Numbered(), prefix="p", interval_ns=NEVER_NS) as graphite:
            assert graphite.output.counts().put == 0
        assert [line for line in received(server) if line.startswith("p.one 1 ")]
    assert graphite.output.summary() == ""


def test_a_server_that_is_away_gets_what_waits_for_it() -> None:
    """It is tried each second."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = address(server)
    with Graphite(where, Numbered(), prefix="p", interval_ns=OFTEN_NS) as graphite:
        until(lambda: graphite.output.state is State.RETRYING)
        with socket.create_server(("127.0.0.1", where.port)) as server:
            until(lambda: graphite.output.counts().written)
            graphite.close()
            found = received(server)
    assert any(line.startswith("p.one 1 ") for line in found)


@pytest.mark.parametrize("listens", [False, True])
def test_a_server_that_takes_nothing_is_counted_and_left(
    listens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits has a bound, what is lost a number, and the end does not wait for it."""
    monkeypatch.setattr(module, "QUEUE", QueueSettings(bytes=4096))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        where = address(server)
        if not listens:
            server.close()
        graphite = Graphite(where, Wide(), prefix="p", interval_ns=1_000_000)
        until(lambda: sum(graphite.output.counts().lost.values()) > 10)
        # one set always has room, and is larger than the queue here
        assert graphite.output.waiting().bytes < 2 * WIDE
        began = time.monotonic()
        graphite.close()
        assert time.monotonic() - began < 2
    counts = graphite.output.counts()
    assert counts.put == counts.written + sum(counts.lost.values())
    assert f" {sum(counts.lost.values())} lost (" in graphite.output.summary()


class Wide:
    """Families that fill the buffers of a connection."""

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("wide", "It.", labels=["name"])
        for number in range(WIDE // 64):
            family.add_metric([f"{number:040d}"], number)
        yield family
