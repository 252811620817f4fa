# SPDX-License-Identifier: Apache-2.0
"""Where a body ends that is not chunked, and what all readers of a body have."""

from typing import Protocol

from kflowd.protocols.http.body import Body


class Reader(Protocol):
    """Takes the bytes of one body.

    Attributes:
        done: The body is complete.
        lost: What is wrong with its framing, so that nobody can say where it ends; "": nothing.
        endless: It is complete whenever the stream ends.
    """

    done: bool
    lost: str
    endless: bool

    @property
    def held(self) -> int:
        """Bytes kept beside those of the body."""

    def feed(self, data: bytes, pos: int) -> int:
        """Take what belongs to the body, and return the place behind it."""

    def skip(self, size: int) -> bool:
        """Step over missing bytes, 0: nobody knows how many; False: the end may be among them."""


class Counted:
    """A body of so many bytes, one at least."""

    endless = False
    held = 0
    lost = ""

    def __init__(self, body: Body, length: int) -> None:
        self.done = False
        self._body = body
        self._left = length

    def feed(self, data: bytes, pos: int) -> int:
        """Take what belongs to the body."""
        end = min(pos + self._left, len(data))
        self._body.add(data, pos, end)
        self._left -= end - pos
        self.done = not self._left
        return end

    def skip(self, size: int) -> bool:
        """Step over missing bytes."""
        if not 0 < size <= self._left:
            return False
        self._left -= size
        self.done = not self._left
        return True


class Rest:
    """A body that ends with the stream."""

    done = False
    endless = True
    held = 0
    lost = ""

    def __init__(self, body: Body) -> None:
        self._body = body

    def feed(self, data: bytes, pos: int) -> int:
        """Take all."""
        self._body.add(data, pos, len(data))
        return len(data)

    def skip(self, size: int) -> bool:  # noqa: ARG002
        """Step over missing bytes."""
        return True
