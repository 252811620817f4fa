# SPDX-License-Identifier: Apache-2.0
"""What a request of HTTP asks for, in parts (RFC 9112 3.2)."""

import re
from typing import Any, NamedTuple

MOST_PORT = 65535
ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?")
AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:@/?#\[\]]+))(?::([0-9]{1,5}))?")


class Target(NamedTuple):
    """The parts; "" and None are not known.

    Attributes:
        original: As it was sent.
        scheme: Of an address.
        host: Name or address of the server.
        port: Its port, if it is said.
        path: Without the query.
        query: Without the question mark.
        whole: It is an address of its own, not only a part of one.
    """

    original: str
    scheme: str = ""
    host: str = ""
    port: int | None = None
    path: str = ""
    query: str = ""
    whole: bool = False


def target_of(request: dict[str, Any]) -> Target | None:
    """Return the target of a request; None: it has none."""
    url = request.get("_Url")
    if not isinstance(url, str) or not url:
        return None
    if request.get("_Method") == "CONNECT":
        return Target(url, "", *_authority(url), whole=True)
    if found := ABSOLUTE.match(url):
        scheme, authority, path, query = found.groups(default="")
        # a user ahead of the name is no part of it (RFC 3986 3.2); in Host there can be none
        host = _authority(authority.rpartition("@")[2])
        return Target(url, scheme.lower(), *host, path, query, whole=True)
    path, _, query = url.partition("#")[0].partition("?")
    named = headers_of(request)
    host = _authority(named.get("host") or named.get(":authority", ""))
    return Target(url, named.get(":scheme", ""), *host, path or url, query)


def headers_of(message: dict[str, Any]) -> dict[str, str]:
    """Return the headers of a message by their names in lower case."""
    return {
        name.lower(): value
        for name, value in message.items()
        if name[:1] != "_" and isinstance(value, str)
    }


def _authority(text: str) -> tuple[str, int | None]:
    """Return host and port."""
    found = AUTHORITY.fullmatch(text)
    if found is None:
        return "", None
    port = int(found[3]) if found[3] else None
    return found[1] or found[2], None if port is None or port > MOST_PORT else port
