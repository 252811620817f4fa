# SPDX-License-Identifier: Apache-2.0
import socket
import urllib.request

from kflowd.delivery import Delivery
from kflowd.metrics import of_run
from kflowd.model import Counters
from kflowd.settings import Settings
from kflowd.settings.servers import Listen
from tests.unit.delivery.make import records
from tests.unit.metrics.make import pipeline


def test_what_a_run_has_counted() -> None:
    """At the moment of the question: the kernel's counters as they were noted last."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        listen = Listen("127.0.0.1", server.getsockname()[1])

    def asked() -> list[str]:
        with urllib.request.urlopen(f"http://{listen}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text.splitlines()

    with Delivery([]) as delivery:
        made = pipeline(Settings(), delivery)
        with of_run(listen, made, delivery):
            assert "kflowd_records_total 0.0" in asked()
            delivery.put(records(3))
            made.health.note(Counters(1, (7,) * 21, 11))
            found = asked()
    assert "kflowd_records_total 3.0" in found
    assert "kflowd_file_events_total 7.0" in found
    assert "kflowd_missed_runs_total 11.0" in found
