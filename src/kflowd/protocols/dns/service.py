# SPDX-License-Identifier: Apache-2.0
"""Parameters of SVCB and HTTPS records (RFC 9460, 9461, 9540, 9953), as zone files write them."""

from base64 import b64encode
from collections.abc import Callable

from kflowd.protocols.dns.fields import counted, ipv4, ipv6, unsigned
from kflowd.protocols.dns.names import UnreadableError, escaped

KEYS = {
    0: "mandatory",
    1: "alpn",
    2: "no-default-alpn",
    3: "port",
    4: "ipv4hint",
    5: "ech",
    6: "ipv6hint",
    7: "dohpath",
    8: "ohttp",
    10: "docpath",
}


def parameters(data: bytes, at: int, end: int) -> tuple[str, int]:
    """Read what is left as parameters, `alpn="h3,h2" port="443"`; they ascend.

    Raises:
        UnreadableError: One of them is none.
    """
    texts, last = [], -1
    while at < end:
        key, size = unsigned(data, at, end, 2), unsigned(data, at + 2, end, 2)
        at += 4
        if at + size > end:
            raise UnreadableError(f"parameter {key_name(key)} is longer than the data")
        if key <= last:
            raise UnreadableError(f"parameter {key_name(key)} is out of order")
        texts.append(_parameter(key, data[at : at + size]))
        last = key
        at += size
    return " ".join(texts), at


def key_name(key: int) -> str:
    """Return "alpn", or "key667" for what the registry does not have."""
    return KEYS.get(key) or f"key{key}"


def _parameter(key: int, value: bytes) -> str:
    show = SHOWN.get(key, escaped)
    # an empty value is one of those that may be: alone, it is no list
    if not value and key not in NEEDED:
        return key_name(key)
    text = show(value)
    if text is None:
        raise UnreadableError(f"parameter {key_name(key)} has a value that is none")
    return f'{key_name(key)}="{text}"'


def _keys(value: bytes) -> str | None:
    if not value or len(value) % 2:
        return None
    keys = [int.from_bytes(value[at : at + 2], "big") for at in range(0, len(value), 2)]
    # each once, and not itself
    return None if 0 in keys or len(set(keys)) < len(keys) else ",".join(map(key_name, keys))


def _protocols(value: bytes) -> str | None:
    names, at = [], 0
    while at < len(value):
        name = counted(value, at, len(value))
        if not name:
            return None
        names.append(name.replace(b"\\", b"\\\\").replace(b",", b"\\,"))
        at += 1 + len(name)
    return escaped(b",".join(names)) if names else None


def _port(value: bytes) -> str | None:
    return str(int.from_bytes(value, "big")) if len(value) == 2 else None


def _addresses(size: int, text: Callable[[bytes], str]) -> Callable[[bytes], str | None]:
    def show(value: bytes) -> str | None:
        if not value or len(value) % size:
            return None
        return ",".join([text(value[at : at + size]) for at in range(0, len(value), size)])

    return show


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _nothing(_: bytes) -> None:
    return None


SHOWN: dict[int, Callable[[bytes], str | None]] = {
    0: _keys,
    1: _protocols,
    2: _nothing,
    3: _port,
    4: _addresses(4, ipv4),
    5: _base64,
    6: _addresses(16, ipv6),
    8: _nothing,
    10: _protocols,
}
# those that have a value
NEEDED = frozenset([0, 1, 3, 4, 6])
