# SPDX-License-Identifier: Apache-2.0
"""What the decoders of applications cost: CPU of one message, without capture and streams."""

from collections.abc import Callable

from kflowd.protocols import DNS
from kflowd.protocols.base import Direction
from tests.bench.stages import microseconds
from tests.unit.protocols.dns.make import (
    QUERY,
    RESPONSE,
    framed,
    message,
    pointer,
    question,
    record,
)

COUNT = 2000
ASKED = [question("www.example.com")]
QUESTION = message(QUERY, ASKED)
ANSWER = message(RESPONSE, ASKED, [record(pointer(12))])
MANY = message(RESPONSE, ASKED, [record(pointer(12))] * 12)


def _datagram(data: bytes) -> Callable[[], object]:
    def run() -> None:
        for _ in range(COUNT):
            DNS.datagram(Direction.RX, data, len(data), 1)

    return run


def _stream(data: bytes) -> Callable[[], object]:
    def run() -> None:
        DNS.conversation(joined=False).feed(Direction.RX, data * COUNT, 1)

    return run


def application_costs() -> str:
    """Return the table of microseconds for a message."""
    costs = {
        "DNS query": _datagram(QUESTION),
        "DNS response, 1 answer": _datagram(ANSWER),
        "DNS response, 12 answers": _datagram(MANY),
        "DNS response, 1 answer, TCP": _stream(framed(ANSWER)),
    }
    lines = [f"{name:<32} {microseconds(run, COUNT):6.1f}" for name, run in costs.items()]
    return "\n".join(["microseconds of CPU per application message:", *lines])
