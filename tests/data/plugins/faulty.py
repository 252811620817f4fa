# SPDX-License-Identifier: Apache-2.0
"""A plugin that does what the first word that it reads says."""

import os
from typing import Any

from kflowd.protocols import Direction, Message

KFLOWD_PLUGIN = 1
__version__ = "0.1"


def spin() -> None:
    """Go on for ever."""
    while True:
        pass


def eat() -> None:
    """Take memory without end."""
    kept = []
    while True:
        kept.append(bytearray(1 << 20))


def rubbish() -> None:
    """Write into all descriptors what is no answer."""
    for descriptor in range(3, 4096):
        try:
            os.write(descriptor, b"\xff" * 100)
        except OSError:
            continue


def fail() -> None:
    """Meet an error."""
    raise ValueError("of\nits own")


def deep() -> dict[str, Any]:
    """Return objects in each other, too many of them."""
    made: dict[str, Any] = {}
    for _ in range(50):
        made = {"a": made}
    return made


ACTS = {b"spin": spin, b"crash": os.abort, b"eat": eat, b"rubbish": rubbish, b"fail": fail}
SAYS: dict[bytes, dict[str, Any]] = {
    b"deep": deep(),
    b"huge": {"a": "x" * 1_000_000},
    b"odd": {"a": b"x"},
}


class Conversation:
    """Tells what was said, with members that look as kflowd's own."""

    held = 0

    def feed(self, direction: Direction, data: bytes, ts_ns: int) -> list[Message]:
        """Do what the first word says."""
        word = data.split()[0]
        if word in ACTS:
            ACTS[word]()
        if word in SAYS:
            return [Message(ts_ns, direction, SAYS[word])]
        said = data.decode("utf-8", "surrogateescape")
        members = {"Said": said, "App": "forged", "_Timestamp": "forged", "password": "hunter2"}
        return [Message(ts_ns, direction, members)]

    def gap(self, direction: Direction, size: int, ts_ns: int) -> list[Message]:
        """Tell of it."""
        return [Message(ts_ns, direction, {"Missing": size}, ["GAP"])]

    def end(self, direction: Direction) -> list[Message]:
        """Tell nothing."""
        del direction
        return []


class Faulty:
    """The decoder."""

    name, key, stamped = "FAULTY", "Faulty", True

    def datagram(
        self, direction: Direction, payload: bytes, size: int, ts_ns: int
    ) -> list[Message]:
        """Do as with a stream."""
        del size
        return Conversation().feed(direction, payload, ts_ns)

    def conversation(self, *, joined: bool) -> Conversation:
        """Return one."""
        del joined
        return Conversation()


class Labels:
    """An enricher that fails for user 8, and forges for user 9."""

    asks = ("uid", "user")

    def enrich_actor(self, facts: dict[str, str | int]) -> dict[str, str]:
        """Return what it was asked by."""
        if facts["uid"] == 8:
            fail()
        if facts["uid"] == 9:
            return {"not a name": "x"}
        return {"Is": f"{facts['user']} {facts['uid']}"}


DECODERS = {"faulty": Faulty()}
ENRICHERS = {"faulty": Labels()}
