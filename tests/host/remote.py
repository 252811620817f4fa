# SPDX-License-Identifier: Apache-2.0
"""Floods from another host with forged sources, and what has to be in records afterwards."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from tests.host import forged, fragments
from tests.host.agent import AS_NOBODY, Record
from tests.host.flooded import folded, of, total
from tests.host.link import FAR, FORGED, NEAR, Link
from tests.host.running import running

PROGRAM = forged.__file__
FIRST_PORT = 40000  # of the client that is real, and of the forged ones
BACKLOG = 8
SOURCES = 50000


class Flood(NamedTuple):
    """How much of everything.

    Attributes:
        packets: Forged ones, of each flood.
        real: Connections, and datagrams in fragments that are whole.
        listeners: Ports of a server, and UDP sockets.
    """

    packets: int
    real: int
    listeners: int


SMALL = Flood(700, 3, 4)
DEFAULT = Flood(20000, 60, 40)


def _joined(ports: Sequence[int]) -> str:
    return ",".join(map(str, ports))


def syns(net: Link, flood: Flood, *, cookies: int) -> Record:
    """Fill backlogs by SYNs from forged sources while a client is served.

    With cookies it is by the ports that are flooded; without, nobody is served there, so it is by
    those of another process. Served is root, whose share no flood of nobody's uses up.
    """
    net.syncookies(cookies)
    near, serve = (*net.here, *AS_NOBODY), ("accept", str(flood.listeners), str(BACKLOG))
    with (
        running(*serve, "0", prefix=near, program=PROGRAM) as flooded,
        running(*serve, str(flood.real), prefix=net.here, program=PROGRAM) as server,
    ):
        aimed, served = flooded.said(), server.said()
        ports = aimed["ports"] + (served["ports"] if cookies else [])
        sender = ("syns", NEAR["inet"], _joined(ports), str(flood.packets), str(FIRST_PORT))
        client = ("connect", NEAR["inet"], _joined(served["ports"]), str(flood.real))
        with running(*sender, str(SOURCES), prefix=net.there, program=PROGRAM) as attack:
            attack.said()
            with running(*client, str(FIRST_PORT), prefix=net.there, program=PROGRAM) as real:
                done = real.said()
            attack.go_on()
            sent = attack.said()
        server.said()
    return {"flooded": aimed, "server": served, "client": done, "sent": sent, "flood": flood}


def check_syns(records: list[Record], said: Record) -> None:
    """Who never came back has no record; each connection that is real has two that are whole."""
    assert said["sent"]["count"] >= said["flood"].packets
    tcp = [each for each in records if each.get("SockProtocol") == "TCP"]
    sources = ip_network(FORGED["inet"])
    assert not [each for each in tcp if ip_address(each.get("SockRemoteIP", "::")) in sources]
    ports = [FIRST_PORT + number for number in range(said["flood"].real)]
    assert of(records, [said["flooded"]["pid"]], "TCP") == []
    for whose, role, port, remote, ways in (
        ("client", "CLIENT", "SockLocalPort", NEAR["inet"], ("Tx", "Rx")),
        ("server", "SERVER", "SockRemotePort", FAR["inet"], ("Rx", "Tx")),
    ):
        mine = of(records, [said[whose]["pid"]], "TCP")
        assert sorted(each[port] for each in mine) == ports
        for each in mine:
            assert "SockNotes" not in each
            assert (each["SockRole"], each["SockRemoteIP"]) == (role, remote)
            asked, answered = (each[f"Sock{way}Bytes"] for way in ways)
            assert (asked, answered) == (len(forged.REQUEST), len(forged.REPLY))
            began, agreed = (each[f"Sock{way}Flags"] for way in ways)
            assert (began["SYN"], agreed["SYN-ACK"]) == (1, 1)
            for way in ways:
                assert each[f"Sock{way}Packets"] == sum(each[f"Sock{way}Flags"].values())


def datagrams(net: Link, flood: Flood) -> Record:
    """Send datagrams from forged sources to many ports, of which half are closed."""
    with running(
        "receive", "inet", str(flood.listeners), prefix=(*net.here, *AS_NOBODY), program=PROGRAM
    ) as receiver:
        said = receiver.said()
        ports = [port for both in zip(said["ports"], said["closed"], strict=True) for port in both]
        sender = ("datagrams", NEAR["inet"], _joined(ports), str(flood.packets))
        with running(*sender, prefix=net.there, program=PROGRAM) as attack:
            attack.said()
        receiver.go_on()
        return said | {"got": receiver.said()["sizes"], "flood": flood}


def check_datagrams(records: list[Record], said: Record) -> None:
    """What came to an open port is in a record, kept or dropped; a closed one has none."""
    size, sent = len(forged.DATAGRAM), said["flood"].packets // 2
    mine = of(records, [said["pid"]], "UDP")
    assert folded(mine)
    assert (total(mine, "SockRxPackets"), total(mine, "SockRxBytes")) == (sent, sent * size)
    assert total(mine, "SockRxPacketsDrop") == sent - said["got"].get(str(size), 0)
    ports = {each["SockLocalPort"] for each in mine if "SockLocalPort" in each}
    assert ports <= set(said["ports"])
    assert not [each for each in mine if "SockTxPackets" in each]


def torn(net: Link, flood: Flood, family: str) -> Record:
    """Send datagrams in fragments from forged sources, few of which are whole."""
    with running(
        "receive", family, "1", prefix=(*net.here, *AS_NOBODY), program=PROGRAM
    ) as receiver:
        said = receiver.said()
        sender = ("fragments", family, NEAR[family], _joined(said["ports"]), str(flood.real))
        prefix = net.there
        with running(*sender, str(flood.packets), prefix=prefix, program=PROGRAM) as attack:
            attack.said()
        receiver.go_on()
        return said | {"got": receiver.said()["sizes"], "flood": flood}


def check_torn(records: list[Record], said: Record) -> None:
    """Only what was whole is in records, and is known to have come in fragments."""
    whole = said["flood"].real
    assert said["got"] == {str(forged.LARGE): whole, str(len(forged.DATAGRAM)): whole}
    mine = of(records, [said["pid"]], "UDP")
    assert total(mine, "SockRxPackets") == 2 * whole
    assert total(mine, "SockRxBytes") == whole * (forged.LARGE + len(forged.DATAGRAM))
    if fragments.known():
        assert total(mine, "SockRxPacketsFrag") == whole


# name of the flood -> how it is made, and what has to be in records
FLOODS: dict[
    str, tuple[Callable[[Link, Flood], Record], Callable[[list[Record], Record], None]]
] = {
    "SYN": (lambda net, flood: syns(net, flood, cookies=0), check_syns),
    "SYN, cookies": (lambda net, flood: syns(net, flood, cookies=1), check_syns),
    "ports": (datagrams, check_datagrams),
    "fragments": (lambda net, flood: torn(net, flood, "inet"), check_torn),
    "fragments, IPv6": (lambda net, flood: torn(net, flood, "inet6"), check_torn),
}
