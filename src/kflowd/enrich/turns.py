# SPDX-License-Identifier: Apache-2.0
"""Questions that wait for a thread: users take turns, and nobody's crowd out those of others."""

import threading
from collections import deque
from typing import Generic, TypeVar

_Question = TypeVar("_Question")


class Turns(Generic[_Question]):
    """A bounded queue of users' questions.

    Each user's are answered in order, one and then one of the next user's. Without room the user
    with the most gives way to who has fewer.

    Args:
        limit: Questions that wait.

    Attributes:
        lost: Questions that found no room, or gave theirs up.
    """

    def __init__(self, limit: int) -> None:
        self.lost = 0
        self._limit = limit
        self._waiting: dict[int, deque[_Question]] = {}
        self._count = 0
        self._changed = threading.Condition()

    def put(self, user: int, question: _Question) -> _Question | None:
        """Have a question wait; returns at once, with the question that has no room."""
        with self._changed:
            lost = None
            if self._count >= self._limit:
                lost = self._make_room(user, question)
                if lost is question:
                    return lost
            self._waiting.setdefault(user, deque()).append(question)
            self._count += 1
            self._changed.notify()
            return lost

    def _make_room(self, user: int, question: _Question) -> _Question:
        """Give up the newest question of who has the most; if that is this user, the new one."""
        self.lost += 1
        most = max(self._waiting.values(), key=len)
        if len(most) <= len(self._waiting.get(user, ())) + 1:
            return question
        self._count -= 1
        return most.pop()

    def get(self) -> _Question:
        """Return the question whose turn it is; waits for one."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            return self._next()[1]

    def poll(self, timeout_s: float = 0.0) -> tuple[int, _Question] | None:
        """Return the question whose turn it is with its user; None: there is none in that time."""
        with self._changed:
            if timeout_s > 0:
                self._changed.wait_for(lambda: self._waiting, timeout_s)
            return self._next() if self._waiting else None

    def _next(self) -> tuple[int, _Question]:
        user = next(iter(self._waiting))
        questions = self._waiting.pop(user)
        question = questions.popleft()
        if questions:
            self._waiting[user] = questions  # behind the others
        self._count -= 1
        return user, question
