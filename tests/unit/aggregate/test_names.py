# SPDX-License-Identifier: Apache-2.0
from ipaddress import ip_address
from typing import Any

import pytest

from kflowd.aggregate.names import (
    LEAST_TTL_S,
    MAX_ADDRESSES,
    MAX_ANSWERS,
    MAX_CHAIN,
    MOST_TTL_S,
    RemoteNames,
    led_to,
    packed_address,
)
from kflowd.constants import AF_INET, AF_INET6, IPPROTO_UDP
from kflowd.model import Payload, Role, SocketAggregate, SocketFlag
from kflowd.protocols import Direction, Message
from tests.unit.make import SECOND, flow, payload, process, socket

OWNER = {"tgid": 100, "start_ns": 7}
KEY = b"dns".ljust(32, b"\0")
ADDRESS = "192.0.2.7"
Row = list[Any]


def a(name: str, address: str = ADDRESS, ttl: int = 300) -> Row:
    """Return a record of an address."""
    return ["AAAA" if ":" in address else "A", name, ttl, "IN", address]


def cname(name: str, target: str, ttl: int = 300) -> Row:
    """Return a record of an alias."""
    return ["CNAME", name, ttl, "IN", target]


def said(ts_ns: int, **changes: Any) -> Payload:
    """Return the packet of a message."""
    given = {"key": KEY, "protocol": IPPROTO_UDP, "remote_port": 53, "ts_ns": ts_ns, **OWNER}
    return payload(**{**given, **changes})


def ask(
    names: RemoteNames, ts_ns: int, name: str = "www.example.com", number: int = 1, **changes: Any
) -> None:
    """Send a question."""
    kind = changes.pop("kind", "A")
    members = {
        "TransactionId": number,
        "OpCode": "QUERY",
        "Flags": ["RD"],
        "ResourceRecords": [[kind, name]],
        **changes.pop("members", {}),
    }
    names.hear(said(ts_ns, **changes), [Message(ts_ns, Direction.TX, members)])


def answer(names: RemoteNames, ts_ns: int, *rows: Row, number: int = 1, **changes: Any) -> None:
    """Receive an answer."""
    members = {
        "TransactionId": number,
        "ResponseCode": "NOERROR",
        "Flags": ["QR"],
        "AnswerCount": len(rows),
        "ResourceRecords": list(rows),
        **changes.pop("members", {}),
    }
    message = Message(ts_ns, Direction.RX, members, changes.pop("notes", []))
    names.hear(said(ts_ns, **changes), [message])


def resolve(names: RemoteNames, ts_ns: int, name: str, *rows: Row, **changes: Any) -> None:
    """Send a question and receive its answer at a time."""
    ask(names, ts_ns - 1, name, **changes)
    answer(names, ts_ns, *(rows or (a(name),)), **changes)


def connection(first_ns: int, address: str = ADDRESS, **changes: Any) -> SocketAggregate:
    """Return the record of a connection to an address that began at a time."""
    owner = {**OWNER, **changes.pop("owner", {})}
    packed = ip_address(address).packed
    family = AF_INET6 if len(packed) == 16 else AF_INET
    given = {
        "first_ns": first_ns,
        "process": process(**owner),
        "flow": flow(remote_addr=packed.ljust(16, b"\0"), family=family),
        "role": Role.CLIENT,
        "flags": SocketFlag.FINAL,
    }
    return socket(**{**given, **changes})


def known(names: RemoteNames, first_ns: int, address: str = ADDRESS, **changes: Any) -> Any:
    """Return the names of a connection."""
    return names.of(connection(first_ns, address, **changes))


def test_the_name_that_was_asked_for() -> None:
    """From behind the answer to the end of its TTL."""
    names = RemoteNames()
    resolve(names, 10 * SECOND, "www.example.com")
    assert known(names, 10 * SECOND) == ()
    assert known(names, 10 * SECOND + 1) == ("www.example.com",)
    assert known(names, 310 * SECOND) == ("www.example.com",)
    assert known(names, 310 * SECOND + 1) == ()
    assert known(names, 11 * SECOND, "192.0.2.8") == ()


@pytest.mark.parametrize(
    ("ttl", "holds"),
    [(0, LEAST_TTL_S), (1, LEAST_TTL_S), (61, 61), (1 << 30, MOST_TTL_S), (1 << 31, LEAST_TTL_S)],
)
def test_a_ttl_has_bounds(ttl: int, holds: int) -> None:
    """Of a TTL of 0 the address is used once, and that takes a while."""
    names = RemoteNames()
    resolve(names, 1, "www.example.com", a("www.example.com", ttl=ttl))
    assert known(names, 1 + holds * SECOND)
    assert not known(names, 2 + holds * SECOND)


@pytest.mark.parametrize("owner", [{"tgid": 101}, {"start_ns": 8}])
def test_what_another_process_was_told_does_not_count(owner: dict[str, int]) -> None:
    """Nor one that has its number later; also where the user is the same."""
    names = RemoteNames()
    resolve(names, 1, "www.example.com")
    assert known(names, 2, owner=owner) == ()
    assert known(names, 2, owner={"uid": 0}) == ("www.example.com",)


def test_a_socket_without_a_known_owner_tells_nothing() -> None:
    """As in a capture: else all of them were one process."""
    names = RemoteNames()
    resolve(names, 1, "www.example.com", tgid=0, start_ns=0)
    assert known(names, 2, owner={"tgid": 0, "start_ns": 0}) == ()


def test_the_names_that_it_stands_for() -> None:
    """In any order of the records and spelling, up to the name with the address."""
    names = RemoteNames()
    resolve(
        names, 1, "WWW.Example.com",
        a("b.example.net", ttl=600), a("other.example.net", "192.0.2.8"),
        cname("A.example.net", "b.EXAMPLE.net", 90), cname("www.example.com", "a.example.net"),
    )  # fmt: skip
    assert known(names, 2) == ("www.example.com", "a.example.net", "b.example.net")
    assert known(names, 1 + 90 * SECOND)
    assert not known(names, 2 + 90 * SECOND)
    assert known(names, 2, "192.0.2.8") == ()


def test_both_families() -> None:
    """Each has its question; IPv4 in IPv6 is IPv4, in an answer and of a connection."""
    names = RemoteNames()
    ask(names, 1, number=1)
    ask(names, 1, number=2, kind="AAAA")
    answer(names, 2, a("www.example.com", "2001:db8::7"), number=2)
    answer(names, 2, a("www.example.com"), number=1)
    resolve(names, 2, "m.example.com", a("m.example.com", "::ffff:192.0.2.9"))
    assert known(names, 3, "2001:db8::7") == ("www.example.com",)
    assert known(names, 3, "::ffff:192.0.2.7") == ("www.example.com",)
    assert known(names, 3, "192.0.2.9") == ("m.example.com",)


def test_the_latest_answer_ahead_of_the_connection_counts() -> None:
    """Also if later ones came until the record; where it holds no more, one that does."""
    names = RemoteNames()
    resolve(names, 10 * SECOND, "one.example.com", a("one.example.com", ttl=500))
    resolve(names, 20 * SECOND, "two.example.com", a("two.example.com", ttl=100))
    assert known(names, 15 * SECOND) == ("one.example.com",)
    assert known(names, 21 * SECOND) == ("two.example.com",)
    assert known(names, 121 * SECOND) == ("one.example.com",)


def test_an_answer_that_is_repeated_holds_longer() -> None:
    """And takes no more room: of others so many are known."""
    names = RemoteNames()
    for turn in range(1000):
        resolve(names, (1 + turn * 200) * SECOND, "one.example.com")
    assert known(names, 2 * SECOND) == ("one.example.com",)
    for turn in range(MAX_ANSWERS):
        resolve(names, (1000 + turn) * 1000 * SECOND, f"{turn}.example.com")
    assert known(names, 2 * SECOND) == ()
    assert known(names, 1_000_001 * SECOND) == ("0.example.com",)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 2},
        {"key": b"other".ljust(32, b"\0")},
        {"members": {"ResponseCode": "NXDOMAIN"}},
        {"members": {"_Exception": "DNS Message Decoder: answer 1 of 1: name ends early"}},
        {"notes": ["OVERLAP"]},
    ],
)
def test_what_is_no_answer_to_a_question(changes: dict[str, Any]) -> None:
    """Of another number or peer, of no name, or not as it was sent."""
    names = RemoteNames()
    ask(names, 1)
    answer(names, 2, a("www.example.com"), **changes)
    assert known(names, 3) == ()


def test_what_nobody_asked_for() -> None:
    """An answer alone, a second one, one to another name, and what a server says itself."""
    names = RemoteNames()
    answer(names, 2, a("www.example.com"))
    ask(names, 3)
    answer(names, 4, a("evil.example.com"))
    answer(names, 5, a("www.example.com"))
    ask(names, 6, members={"OpCode": "NOTIFY"})
    answer(names, 7, a("www.example.com"))
    ask(names, 8, kind="MX")
    answer(names, 9, a("www.example.com"))
    assert known(names, 10) == ()


def test_a_server_learns_nothing_from_those_who_ask_it() -> None:
    """Its own answers go out, questions come in."""
    names = RemoteNames()
    question = {
        "TransactionId": 1, "OpCode": "QUERY", "Flags": [], "ResourceRecords": [["A", "x.example"]],
    }  # fmt: skip
    response = {
        "TransactionId": 1, "ResponseCode": "NOERROR", "Flags": ["QR"], "AnswerCount": 1,
        "ResourceRecords": [a("x.example")],
    }  # fmt: skip
    names.hear(said(1), [Message(1, Direction.RX, question)])
    names.hear(said(2), [Message(2, Direction.TX, response)])
    assert known(names, 3) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"role": Role.SERVER},
        {"role": Role.NONE},
        {"flags": SocketFlag.FOLDED},
        {"flags": SocketFlag.SNAPSHOT},
    ],
)
def test_a_connection_that_the_process_did_not_begin_has_none(changes: dict[str, Any]) -> None:
    """Nor sums of many, nor one whose beginning nobody saw."""
    names = RemoteNames()
    resolve(names, 1, "www.example.com")
    assert known(names, 2, **changes) == ()


def test_a_connection_that_goes_on_keeps_its_names() -> None:
    """Though all answers are forgotten; the last record ends that."""
    names = RemoteNames()
    resolve(names, 1, "www.example.com")
    assert known(names, 2, flags=0, ts_ns=1) == ("www.example.com",)
    names._answers.forget(1 << 60)
    assert known(names, 2, flags=SocketFlag.STALE | SocketFlag.IDLE) == ("www.example.com",)
    assert known(names, 2) == ("www.example.com",)
    assert known(names, 2) == ()


def test_a_udp_peer_that_goes_on_keeps_its_names() -> None:
    """Each record begins anew; one that went silent is another."""
    names = RemoteNames()
    resolve(names, 1, "www.example.com")
    address = bytes((192, 0, 2, 7)).ljust(16, b"\0")
    given: dict[str, Any] = {"flow": flow(remote_addr=address, protocol=IPPROTO_UDP)}
    late = 999 * SECOND
    assert known(names, 2, flags=SocketFlag.STALE, **given) == ("www.example.com",)
    assert known(names, late, role=Role.SERVER, flags=SocketFlag.STALE, **given)
    assert known(names, late, flags=SocketFlag.STALE | SocketFlag.IDLE, **given)
    assert known(names, late, flags=SocketFlag.STALE, **given) == ()


def test_a_user_cannot_push_out_what_others_know() -> None:
    """Whatever is asked, and however many answers come."""
    names = RemoteNames(total_bytes=100_000)
    resolve(names, 1, "www.example.com")
    for number in range(1000):
        name = f"{number}.example.com"
        resolve(names, 2, name, a(name, f"10.0.{number >> 8}.{number & 255}"), uid=9, tgid=9)
    assert known(names, 3) == ("www.example.com",)
    assert names.evicted > 500
    assert names._answers.held <= 100_000
    names.tick(1 << 60)
    assert names._answers.held == names._questions.held == names._connections.held == 0


def test_aliases_that_lead_nowhere() -> None:
    """A loop ends, a chain is bounded, and data that are no address are none."""
    assert led_to("a", [cname("a", "b"), cname("b", "a"), a("c")]) == {}
    long = [cname(f"n{at}", f"n{at + 1}") for at in range(50)]
    assert led_to("n0", [*long, a(f"n{MAX_CHAIN}")]) == {}
    ((names, _),) = led_to("n0", [*long, a(f"n{MAX_CHAIN - 1}")]).values()
    assert len(names) == MAX_CHAIN
    assert led_to("a", [["A", "a", 9, "IN", "\\# 3 c00002"], ["A", "a", 9, "CH", ADDRESS]]) == {}
    assert packed_address("nonsense") == b""


def test_one_answer_has_so_many_addresses() -> None:
    """And its names take room once."""
    names, long = RemoteNames(), "x" * 100_000
    rows = [a(long, f"10.0.0.{number}") for number in range(100)]
    assert len(led_to(long, [cname("x", long), *rows])) == MAX_ADDRESSES
    resolve(names, 1, long, *rows)
    assert len(long) < names._answers.held < 2 * len(long)
