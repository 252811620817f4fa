# SPDX-License-Identifier: Apache-2.0
import ipaddress
from typing import Any

import communityid  # type: ignore[import-untyped] # it has no types
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kflowd.constants import AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP
from kflowd.model import Flow, Scope, SocketFlag
from kflowd.serialize.community import community_id
from tests.unit.make import flow, named_socket, named_unix
from tests.unit.serialize.text import builder, keys, of_socket

MAPPED = bytes(10) + b"\xff\xff"
PORT = st.integers(1, 65535) | st.sampled_from([1, 255, 256, 65535])
PORTS = st.tuples(PORT, PORT) | PORT.map(lambda one: (one, one))
PROTOCOLS = st.sampled_from([IPPROTO_TCP, IPPROTO_UDP])
# all flows of TCP and UDP of the published baseline, as it has them: both ways
BASELINE = (
    (6, ("2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a"), (63943, 25),
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
    (6, ("2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887"), (25, 63943),
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
    (6, ("128.232.110.120", "66.35.250.204"), (34855, 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (6, ("66.35.250.204", "128.232.110.120"), (80, 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (17, ("192.168.1.52", "8.8.8.8"), (54585, 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (17, ("8.8.8.8", "192.168.1.52"), (53, 54585), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
)  # fmt: skip
Both = tuple[bytes, bytes]
BothPorts = tuple[int, int]


def addresses(size: int) -> st.SearchStrategy[bytes]:
    """Return addresses of a size, many of which are alike; a wildcard is none."""
    alike = st.lists(st.sampled_from([0, 0, 1, 127, 128, 255]), min_size=size, max_size=size)
    return (st.binary(min_size=size, max_size=size) | alike.map(bytes)).filter(any)


def ends(size: int) -> st.SearchStrategy[Both]:
    """Return two addresses, often the same."""
    address = addresses(size)
    return st.tuples(address, address) | address.map(lambda one: (one, one))


def padded(address: bytes) -> bytes:
    """Return an address as a record has it."""
    return address.ljust(16, b"\0")


def flow_of(both: Both, ports: BothPorts, protocol: int) -> Flow:
    """Return a flow between two addresses of 4 or 16 bytes."""
    local, remote = map(padded, both)
    return flow(
        local_addr=local, remote_addr=remote, local_port=ports[0], remote_port=ports[1],
        family=AF_INET if len(both[0]) == 4 else AF_INET6, protocol=protocol,
    )  # fmt: skip


def mirrored(of: Flow) -> Flow:
    """Return a flow as its other end has it."""
    return flow(
        local_addr=of.remote_addr, remote_addr=of.local_addr, local_port=of.remote_port,
        remote_port=of.local_port, family=of.family, protocol=of.protocol,
    )  # fmt: skip


def theirs(of: Flow) -> str:
    """Return what the specification's own library says."""
    size = 4 if of.family == AF_INET else 16
    one, other = (ipaddress.ip_address(each[:size]) for each in (of.local_addr, of.remote_addr))
    ports = of.local_port, of.remote_port
    return str(
        communityid.CommunityID().calc(communityid.FlowTuple(of.protocol, one, other, *ports))
    )


@pytest.mark.parametrize(("protocol", "both", "ports", "wanted"), BASELINE)
def test_ids_are_those_of_the_baseline(
    protocol: int, both: tuple[str, str], ports: BothPorts, wanted: str
) -> None:
    """The records of a flow have the ID that was published for it."""
    one, other = (ipaddress.ip_address(each).packed for each in both)
    made = flow_of((one, other), ports, protocol)
    assert community_id(made) == wanted
    assert of_socket(flow=made)["SockCommunityID"] == wanted
    assert of_socket(flow=made, role=2)["SockCommunityID"] == wanted


@given(ends(4) | ends(16).filter(lambda both: MAPPED not in {each[:12] for each in both}),
       PORTS, PROTOCOLS)  # fmt: skip
@example((b"\0\0\0\1", b"\0\0\0\1"), (443, 443), IPPROTO_UDP)
@example((b"\x7f\0\0\1", b"\x80\0\0\1"), (256, 255), IPPROTO_TCP)
@example((b"\x7f\0\0\1", b"\x7f\0\0\1"), (256, 255), IPPROTO_TCP)
def test_ids_are_those_of_others(both: Both, ports: BothPorts, protocol: int) -> None:
    """Of any flow, from either of its ends."""
    made = flow_of(both, ports, protocol)
    assert community_id(made) == theirs(made) == community_id(mirrored(made))


@given(ends(4), PORTS, PROTOCOLS)
def test_ipv4_of_an_ipv6_socket_is_ipv4(both: Both, ports: BothPorts, protocol: int) -> None:
    """As it is on the wire, where the other end has no IPv6."""
    mapped = flow_of((MAPPED + both[0], MAPPED + both[1]), ports, protocol)
    assert mapped.family == AF_INET6
    assert community_id(mapped) == theirs(flow_of(both, ports, protocol))


def test_what_stands_behind_an_ipv4_address_is_none_of_it() -> None:
    """The last twelve bytes mean nothing."""
    made = flow(local_addr=bytes([127, 0, 0, 1]) + b"x" * 12)
    assert community_id(made) == community_id(flow()) == theirs(flow())


SIX, SIX_MAPPED = bytes([0x20, 1]) + bytes(13) + b"\1", MAPPED + bytes([127, 0, 0, 1])
UNKNOWN: dict[str, dict[str, Any]] = {
    "local address": {"local_addr": bytes(16)},
    "remote address": {"remote_addr": bytes(16)},
    "both addresses": {"local_addr": bytes(16), "remote_addr": bytes(16)},
    "local port": {"local_port": 0},
    "remote port": {"remote_port": 0},
    "family": {"family": 0},
    "protocol": {"protocol": 132},
    "local IPv6": {"local_addr": bytes(16), "remote_addr": SIX, "family": AF_INET6},
    "remote IPv6": {"local_addr": SIX, "remote_addr": bytes(16), "family": AF_INET6},
    "mapped": {"local_addr": MAPPED + bytes(4), "remote_addr": SIX_MAPPED, "family": AF_INET6},
    "half of it": {"local_addr": bytes(16), "remote_addr": SIX_MAPPED, "family": AF_INET6},
    "other wire": {"local_addr": SIX_MAPPED, "remote_addr": SIX, "family": AF_INET6},
}


@pytest.mark.parametrize("members", UNKNOWN.values(), ids=UNKNOWN)
def test_a_flow_that_is_not_known_has_no_id(members: dict[str, Any]) -> None:
    """Nothing is guessed, and the record is whole without it."""
    made = flow(**members)
    assert community_id(made) is None
    values = of_socket(flow=made)
    assert "SockCommunityID" not in values
    assert values["SockRemotePort"] == made.remote_port


def test_sums_of_many_have_no_id() -> None:
    """Neither of peers nor of sockets, also if there is an address of each end."""
    for scope in (Scope.SOCKET, Scope.PROCESS):
        fold = of_socket(flags=SocketFlag.FOLDED, scope=scope)
        assert "SockCommunityID" not in fold
    assert "SockCommunityID" in of_socket(scope=Scope.SOCKET)


def test_the_id_is_the_last_key_of_tcp_and_udp_alone() -> None:
    """--strict and UNIX sockets do without."""
    assert list(of_socket())[-1] == "SockCommunityID"
    assert "SockCommunityID" not in keys(builder(strict=True).socket(named_socket()))
    assert "SockCommunityID" not in keys(builder().unix(named_unix()))
