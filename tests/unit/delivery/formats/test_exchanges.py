# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from kflowd.delivery.formats.exchanges import exchange_records, exchanges
from kflowd.model import Role
from tests.unit.delivery.formats.said import (
    ANSWERED,
    ASKED,
    FIRST,
    GET,
    MS,
    OK,
    Said,
    received,
    record,
    sent,
)
from tests.unit.delivery.make import health
from tests.unit.make import named_socket
from tests.unit.serialize.text import builder

OTHER = {**GET, "_Url": "/other"}
GONE = {**OK, "_Status": 404}
GO_ON = {**OK, "_Status": 100}
SWITCHED = {**OK, "_Status": 101}
UNREADABLE = {"_Exception": "HTTP Message Decoder"}


def pairs(key: str, *said: Said, strict: bool = False) -> list[tuple[Any, Any]]:
    """Return what tells questions and answers."""
    found = exchanges(record(key, *said, strict=strict))
    names = ("_Url", "_Status") if key == "Http" else ("TransactionId", "TransactionId")
    return [(it.question.get(names[0]), it.answer.get(names[1])) for it in found]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([sent(GET), received(OK)], [("/a?b=c", 200)]),
        ([received(GET), sent(OK)], [("/a?b=c", 200)]),
        (
            [sent(GET), sent(OTHER), received(OK), received(GONE)],
            [("/a?b=c", 200), ("/other", 404)],
        ),
        ([sent(GET), received(GO_ON), received(OK)], [("/a?b=c", 200)]),
        ([sent(GET), received(SWITCHED)], [("/a?b=c", 101)]),
        ([received(OK), sent(GET)], [(None, 200), ("/a?b=c", None)]),
        ([sent(GET), sent(OK)], [("/a?b=c", None), (None, 200)]),
        ([sent(GET), received(UNREADABLE)], [("/a?b=c", None)]),
        ([sent(GET, "GAP"), received(OK)], [("/a?b=c", None), (None, 200)]),
        (
            [sent({**GET, "_Version": "HTTP/2"}), received({**OK, "_Version": "HTTP/2"})],
            [("/a?b=c", None), (None, 200)],
        ),
    ],
)  # fmt: skip
def test_answers_of_http_come_in_order(said: list[Said], expected: list[tuple[Any, Any]]) -> None:
    """Where that is not known they stand alone."""
    assert pairs("Http", *said) == expected


def test_headers_that_are_called_as_members_of_dns() -> None:
    """A peer chooses them: a response stays one, and what is no message stays none."""
    named = {"OpCode": "QUERY", "ResponseCode": "NOERROR", "TransactionId": "7"}
    said = (sent(GET | named), received(OK | named), received({**OK, "_Status": "x"} | named))
    assert pairs("Http", *said) == [("/a?b=c", 200)]
    assert len(exchange_records(record("Http", *said))) == 1


def test_without_notes_nobody_knows_what_is_missing() -> None:
    """--strict leaves them out."""
    said = (sent(GET), received(OK))
    assert pairs("Http", *said, strict=True) == [("/a?b=c", None), (None, 200)]
    assert pairs("Dns", sent(ASKED), received(ANSWERED), strict=True) == [(7, 7)]


def test_answers_of_dns_have_a_number() -> None:
    """Whatever their order, and each question has one answer at most."""
    eight = {"TransactionId": 8}
    said = [
        sent(ASKED), sent(ASKED | eight), received(ANSWERED | eight), received(ANSWERED),
        received(ANSWERED), sent(ANSWERED | eight),
    ]  # fmt: skip
    assert pairs("Dns", *said) == [(7, 7), (8, 8), (None, 7), (None, 8)]


def test_when_and_by_whom() -> None:
    """Times are those of the messages; who asks need not be the client."""
    it, other = exchanges(record("Http", sent(GET), received(OK), received(GET)))
    assert (it.question_ns, it.answer_ns, it.ns) == (
        FIRST + 5 * MS,
        FIRST + 10 * MS,
        FIRST + 10 * MS,
    )
    assert (it.asked, other.asked) == (True, False)
    assert other.ns == FIRST + 15 * MS
    (early,) = exchanges(record("Dns", sent(ASKED), role=Role.SERVER))
    assert early.asked


def test_a_record_for_each() -> None:
    """It has all but traffic; of what has no exchanges there is none."""
    whole = record("Dns", sent(ASKED), received(ANSWERED), sent(ASKED))
    first, second = exchange_records(whole)
    assert (first.stamp, first.process) == (whole.stamp, whole.process)
    assert [first.exchange, second.exchange] == exchanges(whole)
    assert exchange_records(health()) == []
    assert exchange_records(builder().socket(named_socket())) == []
    assert exchange_records(record("Syslog", sent({"Message": "x"}))) == []
