# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.protocols import APPLICATIONS, Direction
from kflowd.protocols.streams import StreamApplication

OVER_STREAMS = [it for it in APPLICATIONS.values() if isinstance(it, StreamApplication)]


@pytest.mark.parametrize("application", OVER_STREAMS, ids=lambda it: it.name)
def test_a_datagram_of_a_stream_is_flagged(application: StreamApplication) -> None:
    """By its application, with its length."""
    (message,) = application.datagram(Direction.RX, b"GET", 9, 7)
    assert (message.ts_ns, message.direction, message.length) == (7, Direction.RX, 9)
    assert message.members == {"_Exception": f"{application.name} Message Decoder"}
    assert message.notes == ["MALFORMED"]


def test_those_without_datagrams_are_such_applications() -> None:
    """The others have both."""
    assert {it.name for it in OVER_STREAMS} == {"HTTP", "TLS"}
