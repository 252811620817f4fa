# SPDX-License-Identifier: Apache-2.0
from kflowd.protocols import DNS
from kflowd.protocols.base import NOTES, Direction, Limits
from kflowd.protocols.dns.application import Dns
from tests.fuzz.applications import fuzz
from tests.unit.protocols.dns.make import QUERY, RESPONSE, message, pointer, question, record


def test_a_datagram_is_one_message() -> None:
    """With its time and its direction; all of it is shown."""
    data = message(QUERY, [question("kflow.co")])
    (sent,) = DNS.datagram(Direction.TX, data, len(data), 7)
    assert (sent.ts_ns, sent.direction, sent.length, sent.notes) == (7, Direction.TX, 0, [])
    assert sent.members["ResourceRecords"] == [["A", "kflow.co"]]
    assert (DNS.name, DNS.key, DNS.stamped) == ("DNS", "Dns", True)


def test_what_follows_a_datagram_is_no_part_of_it() -> None:
    """Its true length counts, as with the padding of a short frame."""
    data = message(QUERY, [question("a")])
    assert DNS.datagram(Direction.TX, data + bytes(20), len(data), 0)[0].notes == []


def test_a_datagram_that_was_captured_in_part_says_so() -> None:
    """It is not malformed; its length is that on the wire."""
    data = message(RESPONSE, [question("a")], [record(pointer(12))] * 9)
    (part,) = DNS.datagram(Direction.RX, data[:100], len(data), 0)
    assert (part.notes, part.length) == (["CUT"], len(data))
    assert len(part.members["ResourceRecords"]) == 5
    assert part.members["AnswerCount"] == 9
    (cut,) = Dns(Limits(items=2)).datagram(Direction.RX, data, len(data), 0)
    assert (cut.notes, cut.length) == (["CUT"], len(data))
    (none,) = DNS.datagram(Direction.RX, b"none", 4, 0)
    assert (none.members, none.length) == ({"_Exception": "DNS Message Decoder"}, 4)


def test_no_bytes_are_too_strange() -> None:
    """A part of `python -m tests.fuzz`: nothing is raised, held or shown beyond the limits."""
    assert fuzz("DNS", 3000, seed=12) == 3000
    assert set(NOTES) > {"MALFORMED", "TRAILING"}
