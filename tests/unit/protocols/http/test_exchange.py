# SPDX-License-Identifier: Apache-2.0
from kflowd.protocols.http.exchange import PIPELINED, Exchange, Waits
from kflowd.protocols.http.framing import Asked
from kflowd.protocols.http.startline import ANSWER, EITHER, REQUEST
from tests.unit.protocols.http.talk import RX, TX


def test_responses_are_for_requests_in_order() -> None:
    """The oldest request is answered first, and knows it."""
    exchange = Exchange(loose=False)
    first, second = Asked("GET"), Asked("HEAD")
    exchange.ask(first)
    exchange.ask(second)
    assert exchange.next is first
    exchange.answer()
    assert (first.answered, second.answered) == (True, False)
    assert exchange.next is second
    exchange.answer()
    exchange.answer()
    assert exchange.next is None


def test_requests_without_an_answer_are_bounded() -> None:
    """Above a number the oldest one is forgotten, and no response waits any more."""
    exchange = Exchange(loose=False)
    requests = [Asked("GET") for _ in range(PIPELINED + 3)]
    for asked in requests:
        exchange.ask(asked)
    assert exchange.loose
    assert exchange.next is requests[3]
    assert [it.answered for it in requests[:4]] == [True, True, True, False]


def test_each_direction_is_looked_at_for_its_own() -> None:
    """Either is looked for until it is known who the client is."""
    exchange = Exchange(loose=False)
    assert (exchange.wanted(TX), exchange.serves(TX)) == (EITHER, False)
    exchange.client = TX
    assert (exchange.wanted(TX), exchange.serves(TX)) == (REQUEST, False)
    assert (exchange.wanted(RX), exchange.serves(RX)) == (ANSWER, True)


def test_what_is_waited_for() -> None:
    """A response waits for a request, what tells nothing for the other direction."""
    exchange = Exchange(loose=False)
    assert exchange.waits(server=False, request=True) is Waits.NOTHING
    assert exchange.waits(server=False, request=False) is Waits.ROLE
    assert exchange.waits(server=True, request=False) is Waits.REQUEST
    assert not exchange.tells(Waits.ROLE)
    assert not exchange.tells(Waits.REQUEST)
    exchange.client = TX
    exchange.ask(Asked("GET"))
    assert exchange.tells(Waits.ROLE)
    assert exchange.tells(Waits.REQUEST)
    assert exchange.waits(server=False, request=False) is Waits.NOTHING
    assert exchange.waits(server=True, request=False) is Waits.NOTHING


def test_all_are_forgotten_when_responses_are_missing() -> None:
    """None waits, and none is waited for."""
    exchange = Exchange(loose=False)
    asked = Asked("GET")
    exchange.ask(asked)
    exchange.forget()
    assert exchange.loose
    assert exchange.next is None
    assert asked.answered
