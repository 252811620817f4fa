# SPDX-License-Identifier: Apache-2.0
"""Where records are posted to over HTTP, and what stands in the head of such a request."""

import ipaddress
import re
from typing import NamedTuple

from kflowd.settings.servers import Address, parse_address

MOST_CHARACTERS = 2048
PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://([^/?#]+)([^#]*)")
# what stands in a request as it is (RFC 3986)
_TARGET = re.compile(r"[A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]*")
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}):[ \t]*([!-~](?:[ -~]{0,2046}[!-~])?)")
# those that the request itself has
_OURS = frozenset(
    [
        "host",
        "connection",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "expect",
        "te",
        "upgrade",
        "trailer",
    ]
)


class Url(NamedTuple):
    """An address over HTTP.

    Attributes:
        scheme: "http" or "https".
        address: Host and port.
        target: Path and query, "/" at least.
    """

    scheme: str
    address: Address
    target: str

    @property
    def host(self) -> str:
        """Host and port as a request names them: without a port that goes without saying."""
        usual = f":{PORTS[self.scheme]}"
        return str(self.address).removesuffix(usual)

    @property
    def shown(self) -> str:
        """What health records and messages show: without the query, which may be a secret."""
        return f"{self.scheme}://{self.host}{self.target.partition('?')[0]}"

    @property
    def stays_here(self) -> bool:
        """Whether what is sent there stays on this host."""
        host = self.address.host
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.target}"


def parse_url(text: str) -> Url:
    """Return the address of `https://HOST[:PORT][/PATH][?QUERY]`.

    Raises:
        ValueError: With the end of a line that says what is wrong.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"has more than {MOST_CHARACTERS} characters")
    found = _URL.fullmatch(text)
    if found is None:
        raise ValueError("is no URL: https://HOST[:PORT]/PATH or http://... is wanted")
    scheme, where, target = found.groups()
    if "@" in where:
        raise ValueError("has a user: that is for `token_file` or `headers`")
    if not _TARGET.fullmatch(target):
        raise ValueError("has characters that a URL has as %XX")
    has_port = re.search(r":[0-9]*$", where) and not where.endswith("]")
    address = parse_address(where if has_port else f"{where}:{PORTS[scheme]}")
    return Url(scheme, address, target if target.startswith("/") else f"/{target}")


class Header(NamedTuple):
    """A line of the head of a request."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"


def parse_header(text: str) -> Header:
    """Return the header of `NAME: VALUE`.

    Raises:
        ValueError: With the end of a line that says what is wrong.
    """
    found = _HEADER.fullmatch(text)
    if found is None:
        raise ValueError("is no header: NAME: VALUE in ASCII is wanted")
    if found[1].lower() in _OURS:
        raise ValueError(f"cannot be set: {found[1]} follows from the request")
    return Header(found[1], found[2])
