# SPDX-License-Identifier: Apache-2.0
from kflowd.enrich import begin_socket
from kflowd.enrich.interfaces import Interface, Interfaces, own_namespace, read_interfaces
from kflowd.model import EnrichedSocket
from tests.unit.make import SECOND, direction, socket

ETH = (4, "enp5s0", "0c:c4:7a:88:84:c2")
ETH_TEXT = "4:enp5s0:0c:c4:7a:88:84:c2"


def enriched(table: Interfaces, number: int, ts_ns: int = SECOND) -> EnrichedSocket:
    value = begin_socket(socket(ts_ns=ts_ns, tx=direction(ifindex=number), rx=direction()))
    table.enrich(value)
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


def test_this_host_has_a_loopback() -> None:
    """The interfaces of this namespace are read."""
    assert "lo" in {name for _, name, _ in read_interfaces()}
    assert own_namespace() > 0
