# SPDX-License-Identifier: Apache-2.0
"""Where records are sent to: servers by their address, and hosts that may have a name."""

import ipaddress
import os
import re
from typing import NamedTuple

MOST_PORT = 65535
MOST_PATH = 107  # sockaddr_un.sun_path and a NUL
TOO_LONG = f"more than the {MOST_PATH} bytes of the path of a socket"
# as in /etc/hosts and DNS, with the underscores that some have (RFC 1123, 2181)
_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
                        r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?", re.ASCII)  # fmt: skip


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


class Address(NamedTuple):
    """A host and a port.

    Attributes:
        host: IPv4, IPv6, or a name that is looked up whenever a connection begins.
        port: From 1 to 65535.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else ":".join(map(str, self))


def parse_address(text: str) -> Address:
    """Return the address of `HOST:PORT`, or of what `parse_server` takes.

    Raises:
        ValueError: With the end of a line that says what is wrong.
    """
    host, colon, port = text.rpartition(":")
    if colon and _HOST_NAME.fullmatch(host) and not host.replace(".", "").isdecimal():
        return Address(host, _port(port))
    try:
        return Address(*parse_server(text))
    except ValueError as error:
        raise ValueError(str(error).partition(";")[0].replace("IP:PORT", "HOST:PORT")) from None


class Listen(NamedTuple):
    """Where a server of ours listens: at an address, or at the path of a UNIX socket.

    Attributes:
        host: IPv4, IPv6 or a name; "" with a path.
        port: From 1 to 65535, 0 with a path.
        path: "" with an address.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or str(Address(self.host, self.port))


def parse_listen(text: str) -> Listen:
    """Return where `HOST:PORT` or `/PATH` is; the host may be that of all addresses.

    Raises:
        ValueError: With the end of a line that says what is wrong.
    """
    if text.startswith("/"):
        if "\0" in text:
            raise ValueError("has a NUL, which no path has")
        if len(os.fsencode(text)) > MOST_PATH:
            raise ValueError(f"has {TOO_LONG}")
        return Listen(path=text)
    for anywhere in ("0.0.0.0", "[::]"):
        host, colon, port = text.rpartition(":")
        if colon and host == anywhere:
            return Listen(host.strip("[]"), _port(port))
    return Listen(*parse_address(text))


def parse_server(text: str) -> Server:
    """Return the server of `192.0.2.1:2056`, `[2001:db8::1]:2056` or `2001:db8::1:2056`.

    Without brackets the last colon is that of the port, as the reference agent has it.

    Raises:
        ValueError: With the end of a line that says what is wrong: "has no port".
    """
    address, colon, port = text.rpartition(":")
    if not colon or address.count("[") != address.count("]"):
        raise ValueError("has no port: IP:PORT is wanted")
    number = _port(port)
    bracketed = address.startswith("[") and address.endswith("]")
    try:
        found = ipaddress.ip_address(address[1:-1] if bracketed else address)
    except ValueError:
        raise ValueError("has no IPv4 or IPv6 address; names are not looked up") from None
    if bracketed and found.version == 4:
        raise ValueError("has an IPv4 address in brackets")
    if found.is_unspecified:
        raise ValueError("has no address that can be sent to")
    return Server(str(found), number)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= MOST_PORT):
        raise ValueError(f"has no port from 1 to {MOST_PORT}")
    return int(text)
