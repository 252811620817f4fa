# SPDX-License-Identifier: Apache-2.0
"""What both directions of a connection have to know of each other."""

import enum
from collections import deque

from kflowd.protocols.base import Direction
from kflowd.protocols.http.framing import Asked

PIPELINED = 256  # requests that wait for their response; browsers stop at some ten


class Waits(enum.Enum):
    """What a direction waits for: both directions may come in either order."""

    NOTHING = enum.auto()
    ROLE = enum.auto()  # what the other one says: this one does not tell who is the client
    REQUEST = enum.auto()  # the request that its response is for
    ANSWER = enum.auto()  # whether what comes is still HTTP


class Exchange:
    """The requests that wait for a response, oldest first.

    Attributes:
        client: Whose requests they are, None: not known yet.
        loose: A request may have been missed: a response does not wait for one.
    """

    def __init__(self, *, loose: bool) -> None:
        self.client: Direction | None = None
        self.loose = loose
        self._open: deque[Asked] = deque()

    @property
    def next(self) -> Asked | None:
        """The request that the next response is for, None: it was not seen."""
        return self._open[0] if self._open else None

    def ask(self, asked: Asked) -> None:
        """Add a request."""
        if len(self._open) >= PIPELINED:
            self._open.popleft().answered = True
            self.loose = True
        self._open.append(asked)

    def answer(self) -> None:
        """Take away the request whose final response began."""
        if self._open:
            self._open.popleft().answered = True

    def forget(self) -> None:
        """Take away all requests: their responses may be missing."""
        self.loose = True
        while self._open:
            self._open.popleft().answered = True
