# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.enrich.interfaces import (
    Interface,
    InterfaceFacts,
    Interfaces,
    own_namespace,
    read_interfaces,
)
from kflowd.model import EnrichedSocket
from tests.unit.make import SECOND, direction, named_socket

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
