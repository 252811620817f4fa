# SPDX-License-Identifier: Apache-2.0
from kflowd.protocols import TLS
from kflowd.protocols.base import Direction, Limits
from kflowd.protocols.tls import Tls
from tests.fuzz.applications import fuzz
from tests.unit.protocols.tls.make import TX, UNREADABLE, alpn, client_hello, record


def test_it_is_named_as_others_are() -> None:
    """App is TLS, the lists are AppTxTls and AppRxTls, with a time each."""
    assert (TLS.name, TLS.key, TLS.stamped) == ("TLS", "Tls", True)


def test_a_datagram_is_not_read() -> None:
    """TLS is a stream: a datagram says so, with its length."""
    (message,) = TLS.datagram(TX, record(client_hello()), 90, 7)
    assert (message.members, message.length, message.ts_ns) == (UNREADABLE, 90, 7)


def test_limits_are_those_given() -> None:
    """A list is cut where the limits of the application say."""
    talk = Tls(Limits(items=1)).conversation(joined=False)
    (message,) = talk.feed(Direction.RX, record(client_hello(alpn(b"h2", b"h3"))), 1)
    assert message.members["Alpn"] == ["h2"]
    assert message.notes == ["CUT"]


def test_no_bytes_are_too_strange() -> None:
    """A part of `python -m tests.fuzz`: nothing is raised, held or shown beyond the limits."""
    assert fuzz("TLS", 3000, seed=12) == 3000
