# SPDX-License-Identifier: Apache-2.0
"""Servers that records are sent to: an address and a port, no name that would be looked up."""

import ipaddress
from typing import NamedTuple

MOST_PORT = 65535


class Server(NamedTuple):
    """Where datagrams go.

    Attributes:
        address: IPv4 or IPv6, the latter perhaps with a zone: fe80::1%eth0.
        port: From 1 to 65535.
    """

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else ":".join(map(str, self))


def parse_server(text: str) -> Server:
    """Return the server of `192.0.2.1:2056`, `[2001:db8::1]:2056` or `2001:db8::1:2056`.

    Without brackets the last colon is that of the port, as the reference agent has it.

    Raises:
        ValueError: With the end of a line that says what is wrong: "has no port".
    """
    address, colon, port = text.rpartition(":")
    if not colon or address.count("[") != address.count("]"):
        raise ValueError("has no port: IP:PORT is wanted")
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= MOST_PORT):
        raise ValueError(f"has no port from 1 to {MOST_PORT}")
    bracketed = address.startswith("[") and address.endswith("]")
    try:
        found = ipaddress.ip_address(address[1:-1] if bracketed else address)
    except ValueError:
        raise ValueError("has no IPv4 or IPv6 address; names are not looked up") from None
    if bracketed and found.version == 4:
        raise ValueError("has an IPv4 address in brackets")
    if found.is_unspecified:
        raise ValueError("has no address that can be sent to")
    return Server(str(found), int(port))
