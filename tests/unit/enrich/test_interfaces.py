# SPDX-License-Identifier: Apache-2.0
import os
from collections.abc import Iterator

import msgspec
import pytest

from kflowd.enrich import interfaces as module
from kflowd.enrich.interfaces import (
    Found,
    InterfaceFacts,
    Interfaces,
    own_namespace,
    read_interfaces,
)
from kflowd.enrich.links import Interface
from kflowd.model import EnrichedSocket
from kflowd.records.session import fit_facts
from tests.unit.make import SECOND, direction, flow, named_socket, process, seen

ETH = (4, "enp5s0", "0c:c4:7a:88:84:c2")
ETH_TEXT = "4:enp5s0:0c:c4:7a:88:84:c2"


def enriched(table: Interfaces, number: int, ts_ns: int = SECOND) -> EnrichedSocket:
    value = named_socket(ts_ns=ts_ns, tx=direction(ifindex=number), rx=direction())
    table.enrich_socket(value)
    return value


def test_interfaces_are_named() -> None:
    """Number, name and address; what no packet used is empty."""
    value = enriched(Interfaces(lambda: [ETH], net_ns=13), 4)
    assert (value.tx_interface, value.rx_interface) == (ETH_TEXT, "")


def test_numbers_of_other_namespaces_are_empty() -> None:
    """The same number means another interface elsewhere."""
    assert enriched(Interfaces(lambda: [ETH], net_ns=14), 4).tx_interface == ""


def test_unknown_numbers_are_looked_up_once_a_second() -> None:
    """An interface that came later is found."""
    answers: list[list[Interface]] = [[], [ETH]]
    table = Interfaces(lambda: answers.pop(0))
    assert enriched(table, 4).tx_interface == ""
    assert enriched(table, 4).tx_interface == ""
    assert enriched(table, 4, 2 * SECOND).tx_interface == ETH_TEXT


def test_both_directions_have_their_own() -> None:
    """A packet may go out where none comes in."""
    table = Interfaces(lambda: [(4, "out", "a"), (5, "in", "b")])
    value = named_socket(tx=direction(ifindex=4), rx=direction(ifindex=5))
    table.enrich_socket(value)
    assert (value.tx_interface, value.rx_interface) == ("4:out:a", "5:in:b")


def test_interfaces_of_a_recording_never_change() -> None:
    """What was there is known, with its namespace, and is not looked up again."""
    facts = Interfaces(lambda: [ETH], net_ns=13).facts()
    again = Interfaces.recorded(InterfaceFacts(tuple(facts["interfaces"]), facts["net_ns"]))
    assert enriched(again, 4).tx_interface == ETH_TEXT
    again._read = lambda: pytest.fail("read")
    assert enriched(again, 9).tx_interface == ""
    other = Interfaces.recorded(InterfaceFacts((ETH,), 14))
    assert enriched(other, 4).tx_interface == ""


def test_names_that_are_no_utf8_can_be_recorded() -> None:
    """A session is JSON, whatever an interface is called."""
    assert Interfaces(lambda: [(1, "a\udcff", "")]).facts()["interfaces"] == [(1, "a?", "")]


def test_this_host_has_a_loopback() -> None:
    """The interfaces of this namespace are read."""
    assert "lo" in {name for _, name, _ in read_interfaces()}
    assert own_namespace() > 0


class Elsewhere:
    """Stands for the thread: notes what is asked, and gives what it is told."""

    def __init__(self) -> None:
        self.lost = 0
        self.asked: list[tuple[int, int, int]] = []
        self.found: list[Found] = []

    def ask(self, net_ns: int, pid: int, user: int) -> None:
        self.asked.append((net_ns, pid, user))

    def news(self) -> Iterator[Found]:
        while self.found:
            yield self.found.pop(0)


@pytest.fixture
def table() -> Interfaces:
    """Return a table of namespace 14; sockets of the tests are in 13."""
    made = Interfaces(list, net_ns=14)
    made.elsewhere = Elsewhere()
    return made


def elsewhere(table: Interfaces) -> Elsewhere:
    assert isinstance(table.elsewhere, Elsewhere)
    return table.elsewhere


def tell(table: Interfaces, net_ns: int, *interfaces: Interface) -> None:
    """Let the stream bring the news of a namespace."""
    elsewhere(table).found.append((net_ns, 0, list(interfaces)))
    table.learn(msgspec.json.encode(dict(table.news())))


def test_another_namespace_is_known_when_it_was_looked_up(table: Interfaces) -> None:
    """The first record asks and is without names; asked again once a second until all is known."""
    assert enriched(table, 4).tx_interface == ""
    assert enriched(table, 4).tx_interface == ""
    owner = named_socket().aggregate.process
    assert elsewhere(table).asked == [(13, owner.tgid, owner.uid)]
    tell(table, 13, ETH)
    assert enriched(table, 4).tx_interface == ETH_TEXT
    assert enriched(table, 5, 2 * SECOND).tx_interface == ""
    assert len(elsewhere(table).asked) == 2


def test_changes_are_followed_and_only_they_are_news(table: Interfaces) -> None:
    """What is known is looked up again after ten seconds; the same is no news."""
    enriched(table, 4)
    tell(table, 13, ETH)
    enriched(table, 4, 10 * SECOND)
    assert len(elsewhere(table).asked) == 1
    enriched(table, 4, 11 * SECOND)
    assert len(elsewhere(table).asked) == 2
    elsewhere(table).found.append((13, 0, [ETH]))
    assert table.news() == {}
    tell(table, 13, (4, "new", ""))
    assert enriched(table, 4, 12 * SECOND).tx_interface == "4:new:"


def test_news_have_room_in_a_session(table: Interfaces) -> None:
    """However many namespaces were found, with names as long as can be: the others come later."""
    longest = ((1 << 31) - 1, "\x01" * 15, ":".join(["ff"] * 32))
    small = [longest] * 1024
    elsewhere(table).found += [(13, 5, small), (14, 0, [longest] * module.MAX_OWN)]
    elsewhere(table).found += [(number, 5, small) for number in range(30, 40)]
    told: list[int] = []
    while news := dict(table.news()):
        facts, left_out = fit_facts(news)
        assert left_out == []
        told += news["namespaces"]
        table.learn(facts)
    assert told == [13, 14, *range(30, 40)]


def test_own_interfaces_are_followed_too(table: Interfaces) -> None:
    """News of the own namespace replace what is known of it."""
    tell(table, 14, ETH)
    value = named_socket(flow=flow(net_ns=14), tx=direction(ifindex=4), rx=direction())
    table.enrich_socket(value)
    assert value.tx_interface == ETH_TEXT
    assert elsewhere(table).asked == [(14, os.getpid(), 0)]


def test_a_process_in_another_namespace_is_asked_for_at_once(table: Interfaces) -> None:
    """Its sockets come later; those of the own namespace need nobody to ask."""
    for net_ns in (14, 0, 13, 13):
        table.observe(seen(process=process(net_ns=net_ns)))
    assert [net_ns for net_ns, _, _ in elsewhere(table).asked] == [13]


def test_namespaces_are_bounded(table: Interfaces, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were asked for are."""
    monkeypatch.setattr(module, "MAX_NAMESPACES", 3)
    for net_ns in range(30, 40):
        table.observe(seen(process=process(net_ns=net_ns)))
    assert len(table._ask_at) == 3


def test_what_was_asked_in_vain_is_news_once(table: Interfaces) -> None:
    """It is told by the stream, and a namespace without a look-up is asked for again later."""
    elsewhere(table).lost = 3
    assert table.news() == {"lookups_lost": 3}
    assert table.news() == {}
    enriched(table, 4)
    enriched(table, 4)
    enriched(table, 4, 2 * SECOND)
    assert len(elsewhere(table).asked) == 2


def test_nobody_pays_for_a_socket_without_an_owner(table: Interfaces) -> None:
    """Others can make them; they share one place."""
    value = named_socket(process=process(tgid=0), tx=direction(ifindex=4), rx=direction())
    table.enrich_socket(value)
    assert elsewhere(table).asked == [(13, 0, -1)]


def test_without_a_way_elsewhere_nothing_is_asked() -> None:
    """As in a replay, which knows what the stream tells."""
    table = Interfaces(list, net_ns=14)
    table.observe(seen(process=process(net_ns=13)))
    assert table.news() == {}
    table.learn(msgspec.json.encode({"namespaces": {13: (0, [ETH])}}))
    assert enriched(table, 4).tx_interface == ETH_TEXT
