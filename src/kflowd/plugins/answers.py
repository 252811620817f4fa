# SPDX-License-Identifier: Apache-2.0
"""Answers of plugins that the main loop has not fetched yet: bounded, and users take turns."""

import threading
from typing import Generic, TypeVar

from kflowd.enrich.turns import Turns
from kflowd.plugins.room import Room

# Answers that wait, and their bytes: of one user, and of all.
MAX_ANSWERS = 8192
USER_BYTES = 4 << 20
ALL_BYTES = 16 << 20
# Answers between two batches. A session holds 4 MiB, and JSON has six letters for some of a byte.
MAX_FETCHED = 1024
FETCHED_BYTES = 1 << 18

_Answer = TypeVar("_Answer")


class Answers(Generic[_Answer]):
    """What plugins have answered; for any thread.

    Attributes:
        lost: Answers that went without their content, or are not there at all.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._losing = threading.Lock()
        self._room = Room(USER_BYTES, ALL_BYTES)
        # with whose it is, and its bytes
        self._turns: Turns[tuple[int, _Answer, int]] = Turns(MAX_ANSWERS)

    def put(self, user: int, answer: _Answer, size: int, without: _Answer) -> None:
        """Keep an answer.

        Args:
            user: Whose question it was.
            answer: It.
            size: Its bytes, 0 if it has no content.
            without: What is kept when there is no room for its bytes.
        """
        if size and not self._room.take(user, size):
            answer, size = without, 0
            self._lose()
        gone = self._turns.put(user, (user, answer, size))
        if gone is not None:
            # who asked finds out by waiting
            self._room.give(gone[0], gone[2])
            self._lose()

    def fetch(self) -> list[_Answer]:
        """Return answers, some of them if there are many."""
        found: list[_Answer] = []
        taken = 0
        while len(found) < MAX_FETCHED and taken < FETCHED_BYTES:
            if (kept := self._turns.poll()) is None:
                break
            user, answer, size = kept[1]
            self._room.give(user, size)
            found.append(answer)
            taken += size
        return found

    def wait(self, timeout_s: float) -> _Answer | None:
        """Return one answer; None: there is none within that time."""
        if (kept := self._turns.poll(timeout_s)) is None:
            return None
        user, answer, size = kept[1]
        self._room.give(user, size)
        return answer

    def _lose(self) -> None:
        with self._losing:
            self.lost += 1
