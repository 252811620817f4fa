# SPDX-License-Identifier: Apache-2.0
"""The blocks of application messages.

A decoder's members are not believed: whatever it returns becomes a JSON object in which no key of
kflowd's own is another's, and no key stands twice.
"""

from math import isfinite
from typing import Any, NamedTuple

from msgspec import Raw

from kflowd.constants import SECOND_NS
from kflowd.model import Messages
from kflowd.protocols import Direction, Message
from kflowd.serialize.blocks.socket import App, AppRx, AppTx
from kflowd.serialize.plugged import plugged

TIMESTAMP, NOTES, LENGTH = "_Timestamp", "_Notes", "_Length"
RESERVED = frozenset([TIMESTAMP, NOTES, LENGTH])
# of objects and lists in each other; structured data of syslog has two
MAX_DEPTH = 8
TOO_DEEP = "..."
_INTEGERS = range(-(1 << 63), 1 << 64)  # that JSON libraries read


class Said(NamedTuple):
    """The blocks of what was said; None: there is none."""

    app: App | None = None
    tx: AppTx | None = None
    rx: AppRx | None = None


NOTHING = Said()


def said(messages: Messages | None, first_ns: int, *, strict: bool = False) -> Said:
    """Return what was said over a socket.

    Args:
        messages: What it was.
        first_ns: When the socket's first event was.
        strict: Without what goes beyond the contract.
    """
    if messages is None or not messages.messages:
        return NOTHING
    sent, received = (
        [
            _object(it, first_ns if messages.stamped else None, strict=strict)
            for it in messages.messages
            if it.direction == direction
        ]
        for direction in (Direction.TX, Direction.RX)
    )
    tx, rx = f"AppTx{messages.key}", f"AppRx{messages.key}"
    tx_block, rx_block = plugged(AppTx), plugged(AppRx)
    return Said(
        App(App=messages.app),
        tx_block(**{tx: sent}) if sent and tx in tx_block.__struct_fields__ else None,
        rx_block(**{rx: received}) if received and rx in rx_block.__struct_fields__ else None,
    )


def _object(message: Message, first_ns: int | None, *, strict: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if first_ns is not None:
        made[TIMESTAMP] = _seconds(message.ts_ns - first_ns)
    _fill(made, message.members, 1)
    if strict:
        return made
    if message.notes:
        made[NOTES] = list(message.notes)
    if message.length:
        made[LENGTH] = message.length
    return made


def _seconds(ns: int) -> Raw:
    """Return a duration as the contract has it, which JSON libraries write in another way."""
    whole, rest = divmod(max(ns, 0), SECOND_NS)
    return Raw(f"{whole}.{rest:09d}".encode() if ns > 0 else b"0")


def _fill(made: dict[str, Any], members: dict[Any, Any], depth: int) -> None:
    for key, value in members.items():
        if type(key) is not str or not key.isascii():
            key = _readable(str(key))  # noqa: PLW2901 - two may look the same then
        while key in made or (depth == 1 and key in RESERVED):
            key = f"_{key}"  # noqa: PLW2901 - until there is no such key
        made[key] = value if type(value) is str else _plain(value, depth)


def _plain(value: Any, depth: int) -> Any:  # noqa: ANN401 - of a decoder
    """Return a value that JSON can have."""
    if isinstance(value, dict | list | tuple):
        return _inner(value, depth + 1) if depth < MAX_DEPTH else TOO_DEEP
    known = (
        value is None
        or isinstance(value, str | bool)
        or (isinstance(value, int) and value in _INTEGERS)
        or (isinstance(value, float) and isfinite(value))
    )
    return value if known else str(value)


def _inner(value: dict[Any, Any] | list[Any] | tuple[Any, ...], depth: int) -> Any:  # noqa: ANN401
    """Return the same of an object or a list."""
    if not isinstance(value, dict):
        return [it if type(it) is str else _plain(it, depth) for it in value]
    made: dict[str, Any] = {}
    _fill(made, value, depth)
    return made


def _readable(key: str) -> str:
    """Return a key as it will be read: U+FFFD for what is no UTF-8."""
    return key.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
