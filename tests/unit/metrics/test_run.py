# SPDX-License-Identifier: Apache-2.0
import socket
import urllib.request

import pytest

from kflowd.delivery import Delivery
from kflowd.errors import MetricsError
from kflowd.laps import Laps
from kflowd.metrics import RunMetrics
from kflowd.model import Counters, KernelLoad, Waited
from kflowd.settings import MetricsSettings, Settings
from kflowd.settings.servers import Address, Listen
from tests.unit.delivery.make import Sink, narrow, records, until
from tests.unit.make import COUNTERS
from tests.unit.metrics.make import pipeline

LOAD = KernelLoad({}, {}, 0, 1 << 23, Waited())


def free() -> Listen:
    """Return an address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return Listen("127.0.0.1", server.getsockname()[1])


def asked(listen: Listen) -> list[str]:
    """Return the lines of the answer."""
    with urllib.request.urlopen(f"http://{listen}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    return text.splitlines()


def test_what_a_run_has_counted() -> None:
    """At the moment of the question: the kernel's counters as they were noted last."""
    listen, laps = free(), Laps()
    output = narrow(1 << 20, "other", Sink())
    with Delivery([output], lap=laps) as delivery:
        made = pipeline(Settings(), delivery)
        with RunMetrics(MetricsSettings(listen=listen), made, delivery, laps) as metrics:
            before = asked(listen)
            assert "kflowd_records_total 0.0" in before
            assert not any(line.startswith("kflowd_ring_size_bytes") for line in before)
            delivery.put(records(3))
            until(lambda: output.counts().written == 3)
            made.health.note(Counters(1, (7,) * COUNTERS, 11))
            metrics.note(lambda: LOAD)
            found = asked(listen)
    assert "kflowd_records_total 3.0" in found
    assert "kflowd_file_events_total 7.0" in found
    assert "kflowd_missed_runs_total 11.0" in found
    assert "kflowd_ring_size_bytes 8.388608e+06" in found
    assert 'kflowd_output_queue_age_seconds{output="other"} 0.0' in found
    values = dict(line.rsplit(" ", 1) for line in found if not line.startswith("#"))
    assert 0 < float(values['kflowd_stage_cpu_seconds_total{stage="serialize"}']) < 60
    assert 0 <= float(values["kflowd_kernel_age_seconds"]) < 60


def test_what_goes_wrong_in_a_look_at_the_kernel_ends_no_run() -> None:
    """What was seen before stays, with its age."""
    listen, laps = free(), Laps()

    def fails() -> KernelLoad:
        raise OSError("no descriptor is left")

    with Delivery([]) as delivery:
        made = pipeline(Settings(), delivery)
        with RunMetrics(MetricsSettings(listen=listen), made, delivery, laps) as metrics:
            metrics.note(lambda: LOAD)
            metrics.note(fails)
            assert "kflowd_ring_size_bytes 8.388608e+06" in asked(listen)


def test_an_address_that_somebody_has() -> None:
    """It is told before the run begins."""
    laps = Laps()
    with socket.create_server(("127.0.0.1", 0)) as server, Delivery([]) as delivery:
        settings = MetricsSettings(listen=Listen("127.0.0.1", server.getsockname()[1]))
        with pytest.raises(MetricsError, match="already in use"):
            RunMetrics(settings, pipeline(Settings(), delivery), delivery, laps)


def test_graphite_is_one_more_output() -> None:
    """Its sets are counted as records of others are, and a loss is said at the end."""
    listen, away = free(), free()
    settings = MetricsSettings(listen=listen, graphite=Address(away.host, away.port))
    with Delivery([]) as delivery:
        made = pipeline(Settings(), delivery)
        with RunMetrics(settings, made, delivery, Laps()) as metrics:
            name = f"graphite {away}"
            assert f'kflowd_output_written_total{{output="{name}"}} 0.0' in asked(listen)
            assert list(metrics.summary()) == []
    (line,) = metrics.summary()
    assert line.startswith(f"metrics, {name}: 0 written, 1 lost (")


def test_without_graphite_there_is_nothing_to_say() -> None:
    """Who asks loses nothing."""
    with Delivery([]) as delivery:
        made = pipeline(Settings(), delivery)
        with RunMetrics(MetricsSettings(listen=free()), made, delivery, Laps()) as metrics:
            assert list(metrics.summary()) == []
