# SPDX-License-Identifier: Apache-2.0
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.settings.servers import (
    MOST_PORT,
    Address,
    Listen,
    Server,
    parse_address,
    parse_listen,
    parse_server,
)

PORTS = st.integers(1, MOST_PORT)


@pytest.mark.parametrize(
    ("text", "server", "written"),
    [
        ("192.0.2.1:2056", Server("192.0.2.1", 2056), "192.0.2.1:2056"),
        ("[2001:db8::1]:1", Server("2001:db8::1", 1), "[2001:db8::1]:1"),
        ("2001:DB8::1:2056", Server("2001:db8::1", 2056), "[2001:db8::1]:2056"),
        ("::1:65535", Server("::1", 65535), "[::1]:65535"),
        ("[fe80::1%eth0]:514", Server("fe80::1%eth0", 514), "[fe80::1%eth0]:514"),
    ],
)
def test_servers(text: str, server: Server, written: str) -> None:
    """With and without brackets; what is written is read back."""
    assert parse_server(text) == server
    assert str(server) == written
    assert parse_server(written) == server


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "has no port: IP:PORT is wanted"),
        ("192.0.2.1", "has no port: IP:PORT is wanted"),
        ("[::1", "has no port: IP:PORT is wanted"),
        ("[::1]", "has no port: IP:PORT is wanted"),
        ("192.0.2.1:", "has no port from 1 to 65535"),
        ("192.0.2.1:0", "has no port from 1 to 65535"),
        ("192.0.2.1:65536", "has no port from 1 to 65535"),
        ("192.0.2.1:-1", "has no port from 1 to 65535"),
        ("192.0.2.1: 1", "has no port from 1 to 65535"),
        ("192.0.2.1:\u0661", "has no port from 1 to 65535"),
        ("192.0.2.1:000001", "has no port from 1 to 65535"),
        ("localhost:514", "has no IPv4 or IPv6 address; names are not looked up"),
        ("192.0.2.256:1", "has no IPv4 or IPv6 address; names are not looked up"),
        (":1", "has no IPv4 or IPv6 address; names are not looked up"),
        ("[]:1", "has no IPv4 or IPv6 address; names are not looked up"),
        ("udp://192.0.2.1:1", "has no IPv4 or IPv6 address; names are not looked up"),
        ("[192.0.2.1]:1", "has an IPv4 address in brackets"),
        ("0.0.0.0:1", "has no address that can be sent to"),
        ("[::]:1", "has no address that can be sent to"),
    ],
)
def test_what_is_no_server(text: str, wrong: str) -> None:
    """The line says which part is wrong."""
    with pytest.raises(ValueError, match=f"^{wrong}$"):
        parse_server(text)


@given(st.ip_addresses().filter(lambda it: not it.is_unspecified), PORTS)
def test_any_address_is_written_and_read(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    """Each form gives the same server."""
    server = Server(str(address), port)
    assert parse_server(str(server)) == parse_server(f"{address}:{port}") == server


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("logs.example.net:514", Address("logs.example.net", 514)),
        ("localhost:1", Address("localhost", 1)),
        ("a_b-c.example.:65535", Address("a_b-c.example.", 65535)),
        ("192.0.2.1:514", Address("192.0.2.1", 514)),
        ("[2001:DB8::1]:514", Address("2001:db8::1", 514)),
        ("::1:514", Address("::1", 514)),
    ],
)
def test_addresses_may_have_names(text: str, address: Address) -> None:
    """What is written is read back."""
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("logs", "has no port: HOST:PORT is wanted"),
        ("logs:", "has no port from 1 to 65535"),
        ("logs:99999", "has no port from 1 to 65535"),
        (":1", "has no IPv4 or IPv6 address"),
        ("192.0.2.256:1", "has no IPv4 or IPv6 address"),
        ("-a:1", "has no IPv4 or IPv6 address"),
        ("a..b:1", "has no IPv4 or IPv6 address"),
        (f"{'a' * 254}:1", "has no IPv4 or IPv6 address"),
        ("tcp://a:1", "has no IPv4 or IPv6 address"),
        ("0.0.0.0:1", "has no address that can be sent to"),
    ],
)
def test_what_is_no_address(text: str, wrong: str) -> None:
    """Neither a name nor a number."""
    with pytest.raises(ValueError, match=f"^{wrong}$"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:9753", Listen("127.0.0.1", 9753)),
        ("localhost:9753", Listen("localhost", 9753)),
        ("0.0.0.0:9753", Listen("0.0.0.0", 9753)),
        ("[::]:9753", Listen("::", 9753)),
        ("/run/kflowd/metrics", Listen(path="/run/kflowd/metrics")),
        (f"/{'x' * 106}", Listen(path=f"/{'x' * 106}")),
    ],
)
def test_where_a_server_listens(text: str, listen: Listen) -> None:
    """At all addresses as well; what is written is read back."""
    assert parse_listen(text) == listen
    assert str(listen) == text


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("9753", "has no port: HOST:PORT is wanted"),
        ("0.0.0.0:0", "has no port from 1 to 65535"),
        ("run/metrics", "has no port: HOST:PORT is wanted"),
        ("/a\0b", "has a NUL, which no path has"),
        (f"/{'x' * 107}", "has more than the 107 bytes of the path of a socket"),
    ],
)
def test_where_no_server_can_listen(text: str, wrong: str) -> None:
    """A path begins with a slash."""
    with pytest.raises(ValueError, match=f"^{wrong}$"):
        parse_listen(text)
