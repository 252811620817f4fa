# SPDX-License-Identifier: Apache-2.0
"""What both directions of a connection have to know of each other."""

import enum
import re
from collections import deque

from kflowd.protocols.base import Direction
from kflowd.protocols.http.framing import Asked
from kflowd.protocols.http.startline import ANSWER, EITHER, REQUEST

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
        http2: Its preface came, or both agreed on it.
        loose: A request may have been missed: a response does not wait for one.
    """

    def __init__(self, *, loose: bool) -> None:
        self.client: Direction | None = None
        self.http2 = False
        self.loose = loose
        self._open: deque[Asked] = deque()

    @property
    def next(self) -> Asked | None:
        """The request that the next response is for, None: it was not seen."""
        return self._open[0] if self._open else None

    def serves(self, direction: Direction) -> bool:
        """Say whether a direction is known to be the server's."""
        return self.client not in {None, direction}

    def wanted(self, direction: Direction) -> re.Pattern[bytes]:
        """Return what a message of a direction begins with."""
        if self.client is None:
            return EITHER
        return REQUEST if self.client is direction else ANSWER

    def waits(self, *, server: bool, request: bool) -> Waits:
        """Return what a message has to wait for.

        Args:
            server: It is one of a server.
            request: It looks like a request.
        """
        if server:
            return Waits.NOTHING if self._open or self.loose else Waits.REQUEST
        if self.client is None and not self.loose and not request:
            return Waits.ROLE
        return Waits.NOTHING

    def tells(self, waits: Waits) -> bool:
        """Say whether a role or a request that was waited for is known, or is not to be."""
        if waits is Waits.ROLE:
            return self.client is not None
        return bool(self._open) or self.loose

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
