# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from kflowd.model import EnrichedSocket, Scope, SocketFlag
from kflowd.serialize.blocks.socket import SOCK_NOTES, SocketRx, SocketTx
from kflowd.serialize.keys import keys_of
from tests.unit.make import direction, flow, named_socket, named_unix, session, tcp_info
from tests.unit.serialize.text import builder, keys, of_socket


def busy(**changes: Any) -> EnrichedSocket:
    one = direction(packets=2, packets_seen=2, ttl_sum=129, first_ns=1, last_ns=3)
    info = tcp_info(rto_jiffies=51, srtt_us=2**32 - 1, bytes_acked=4)
    return named_socket(**{"tx": one, "rx": one, "tcp": info, **changes})


def test_blocks_are_present_if_there_were_packets() -> None:
    """A direction without packets has no fields."""
    values = of_socket()
    assert not {key for key in values if key.startswith(("SockTx", "SockRx", "SockRTT"))}


def test_derived_values_of_tcp() -> None:
    """Milliseconds by HZ, 64-bit round trip times, the rounded mean of the TTL."""
    values = keys(builder().socket(busy()))
    assert values["SockTxRTO"] == 204
    assert values["SockRTT"] == 536.870911875
    assert values["SockRxTTL"] == 65
    assert values["SockTxBytesAcked"] == 4
    assert values["SockState"] == "TCP_CLOSE"
    assert values["SockLocalIP"] == "127.0.0.1"
    assert "SockNotes" not in values


def test_unknown_values_of_tcp_are_absent() -> None:
    """Without HZ there is no RTO, without tcp_sock no counter of it."""
    unknown = session()
    unknown = type(unknown)(unknown.ts_ns, 0, 0, unknown.facts)
    value = busy(flags=SocketFlag.NO_TCP_INFO | SocketFlag.FINAL, state=99, role=0, tcp=tcp_info())
    values = keys(builder(unknown).socket(value))
    absent = {"SockTxRTO", "SockTxPacketsRetrans", "SockRxPacketsReorder", "SockRTT"}
    absent |= {"SockState", "SockRole"}
    assert not absent & set(values)
    assert "SockTxRTO" not in keys(builder(unknown).socket(busy()))


def test_estimates_are_no_sums() -> None:
    """Round trip and timeout are known where sums are not, and without anything received."""
    values = keys(builder().socket(busy(flags=SocketFlag.NO_TCP_INFO | SocketFlag.FINAL)))
    assert (values["SockTxRTO"], values["SockRTT"]) == (204, 536.870911875)
    assert not {"SockTxPacketsRetrans", "SockRxPacketsReorder"} & set(values)
    values = keys(builder().socket(busy(rx=direction(packets=0))))
    assert values["SockRTT"] == 536.870911875
    assert not {key for key in values if key.startswith("SockRx")}


@pytest.mark.parametrize(("role", "behind"), [(1, "SockAge"), (2, "SockTxInterface")])
def test_round_trip_is_behind_what_was_received(role: int, behind: str) -> None:
    """As it is in a record of either side."""
    values = list(keys(builder().socket(busy(role=role))))
    place = values.index("SockRTT")
    assert values[place - 1 : place + 2] == ["SockRxTTL", "SockRTT", behind]


def test_packets_that_came_in_the_wrong_order_took_no_time() -> None:
    """Two CPUs may take the times; what was a bare 0 is one."""
    one = direction(packets=2, first_ns=7, last_ns=5)
    values = keys(builder().socket(busy(tx=one, rx=one, ts_ns=3, first_ns=4)))
    assert (values["SockTxDuration"], values["SockRxDuration"], values["SockAge"]) == (0, 0, 0)


def test_servers_have_what_they_received_first() -> None:
    """The order of the blocks follows the role."""
    values = list(keys(builder().socket(busy(role=2))))
    assert values.index("SockRxInterface") < values.index("SockTxInterface")


def test_udp_has_no_fields_of_tcp() -> None:
    """What only TCP has is absent."""
    values = keys(
        builder().socket(busy(flow=flow(protocol=17), state=1, flags=1 | SocketFlag.FRAGS))
    )
    assert values["SockState"] == "UDP_ESTABLISHED"
    legends = {key.name: key.legend for key in (*keys_of(SocketTx), *keys_of(SocketRx))}
    assert not {name for name, legend in legends.items() if "(TCP)" in legend} & set(values)
    assert "SockRTT" not in values
    assert {name for name, legend in legends.items() if "(TCP)" not in legend} <= set(values)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (SocketFlag.STALE, ["INTERIM"]),
        (SocketFlag.SNAPSHOT | SocketFlag.FINAL, ["SNAPSHOT"]),
        (SocketFlag.FLAGS_FULL | SocketFlag.FINAL, ["FLAGS_INCOMPLETE"]),
    ],
)
def test_notes_say_what_is_not_complete(flags: int, words: list[str]) -> None:
    """Each word is in the table."""
    assert of_socket(flags=flags)["SockNotes"] == words
    assert set(words) <= set(SOCK_NOTES)


def test_only_tcp_goes_on() -> None:
    """A UDP record before the end of the socket is complete in itself."""
    assert "SockNotes" not in of_socket(flags=SocketFlag.STALE, flow=flow(protocol=17))


def test_unix_bytes_are_present_if_there_were_messages() -> None:
    """An empty message is one."""
    values = keys(builder().unix(named_unix(tx_bytes=0, rx_messages=0, role=2)))
    assert values["SockTxBytes"] == 0
    assert "SockRxBytes" not in values
    assert (values["SockRole"], values["SockType"]) == ("SERVER", "DGRAM")


def test_what_a_unix_socket_does_not_tell_is_absent() -> None:
    """A type or role that nobody knows, messages that were not sent."""
    values = keys(builder().unix(named_unix(type=99, role=0, tx_messages=0)))
    assert not {"SockRole", "SockType", "SockTxBytes", "SockTxMessages"} & set(values)


def test_folds_have_what_their_members_have_in_common() -> None:
    """There is no remote end; local address and port are there if they are known."""
    flags = SocketFlag.FOLDED | SocketFlag.STALE
    values = keys(builder().socket(busy(flags=flags, scope=Scope.PROCESS, state=0, folded=9)))
    assert not {"SockRemoteIP", "SockRemotePort", "SockState", "SockPeersFolded"} & set(values)
    assert (values["SockLocalIP"], values["SockLocalPort"]) == ("127.0.0.1", 43302)
    assert (values["SockNotes"], values["SockSocketsFolded"]) == (["FOLDED"], 9)
    assert list(values)[-1] == "SockSocketsFolded"
    mixed = flow(local_addr=bytes(16), local_port=0, family=0, protocol=17)
    value = busy(flags=flags, scope=Scope.SOCKET, state=7, flow=mixed, folded=5, begun=3)
    values = keys(builder().socket(value))
    assert not {"SockLocalIP", "SockLocalPort", "SockFamily", "SockSocketsFolded"} & set(values)
    assert (values["SockState"], values["SockPeersFolded"]) == ("UDP_CLOSE", 5)


def test_members_that_began_are_a_lower_bound_too() -> None:
    """Of both bounds the greater one is told."""
    value = busy(flags=SocketFlag.FOLDED, scope=Scope.PROCESS, folded=9, begun=11)
    assert keys(builder().socket(value))["SockSocketsFolded"] == 11
    unix = keys(builder().unix(named_unix(flags=SocketFlag.FOLDED, folded=7)))
    assert (unix["SockNotes"], unix["SockSocketsFolded"]) == (["FOLDED"], 7)


def test_the_name_that_was_asked_for_is_beyond_the_contract() -> None:
    """With the aliases that it stood for; absent where none is known."""
    names = ("www.example.com", "cdn.example.net")
    assert of_socket(remote_names=names)["SockRemoteName"] == list(names)
    assert "SockRemoteName" not in of_socket()
    strict = builder(strict=True).socket(named_socket(remote_names=names))
    assert "SockRemoteName" not in keys(strict)
