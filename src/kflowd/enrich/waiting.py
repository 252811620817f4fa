# SPDX-License-Identifier: Apache-2.0
"""Records that wait for what has been asked for them: bounded by count and by time, fair by user.

A record that waits is out of the order of the others, and has no number yet. What is told of one
object keeps its order: who comes behind a record that waits for the same object waits too. It is
decided by the stream alone, so a replay has the same.
"""

from collections import deque
from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

from kflowd.constants import SECOND_NS

# Each takes some 2 KiB. A build of a large project starts a few thousand programs in a second.
MAX_WAITING = 4096
PATIENCE_NS = 5 * SECOND_NS

_Value = TypeVar("_Value")


class _Entry(Generic[_Value]):
    __slots__ = ("questions", "thing", "until_ns", "user", "value")

    def __init__(
        self, value: _Value, thing: Hashable, user: int, questions: set[Hashable], until_ns: int
    ) -> None:
        self.value = value
        self.thing = thing
        self.user = user
        self.questions = questions
        self.until_ns = until_ns


class Waiting(Generic[_Value]):
    """Keeps values until their questions are answered, or for a time.

    Without room the newest of the user who has the most goes, with those ahead of it of its object.

    Args:
        patience_ns: How long a value waits at most, from its own time on; looked at in `due`.
        limit: How many wait.

    Attributes:
        count: How many wait.
        given_up: Values that went without an answer to a question of theirs.
    """

    def __init__(self, patience_ns: int = PATIENCE_NS, limit: int = MAX_WAITING) -> None:
        self.count = 0
        self.given_up = 0
        self._patience_ns = patience_ns
        self._limit = limit
        # dicts for their order, the oldest first
        self._order: dict[int, _Entry[_Value]] = {}
        self._of_user: dict[int, dict[int, _Entry[_Value]]] = {}
        self._lines: dict[Hashable, deque[_Entry[_Value]]] = {}
        self._asked: dict[Hashable, list[_Entry[_Value]]] = {}

    def hold(
        self, value: _Value, thing: Hashable, user: int, questions: Collection[Hashable], at_ns: int
    ) -> list[_Value]:
        """Take a value; return what goes on now, in order.

        Args:
            value: It, whatever it is.
            thing: The object that it tells of.
            user: Whose it is.
            questions: What has to be answered; none: it only keeps the order.
            at_ns: Its time.
        """
        if not questions and thing not in self._lines:
            return [value]
        entry = _Entry(value, thing, user, set(questions), at_ns + self._patience_ns)
        self.count += 1
        self._order[id(entry)] = entry
        self._of_user.setdefault(user, {})[id(entry)] = entry
        self._lines.setdefault(thing, deque()).append(entry)
        for question in entry.questions:
            self._asked.setdefault(question, []).append(entry)
        if self.count <= self._limit:
            return []
        most = max(self._of_user.values(), key=len)
        return self._give_up(most[next(reversed(most))])

    def waiters(self, question: Hashable) -> list[_Value]:
        """Return the values that wait for an answer; they do so no longer."""
        entries = self._asked.pop(question, [])
        for entry in entries:
            entry.questions.discard(question)
        return [entry.value for entry in entries]

    def ready(self, things: Collection[Hashable]) -> list[_Value]:
        """Return, of each object, the values that wait for nothing and for nobody ahead of them."""
        found: list[_Value] = []
        for thing in things:
            line = self._lines.get(thing)
            while line and not line[0].questions:
                found.append(self._leave(line))
        return found

    def due(self, now_ns: int) -> list[_Value]:
        """Return the values that have waited too long."""
        found: list[_Value] = []
        while self._order:
            entry = next(iter(self._order.values()))
            if entry.until_ns > now_ns:
                break
            found += self._give_up(entry)
        return found

    def close(self) -> list[_Value]:
        """Return all values."""
        found: list[_Value] = []
        while self._order:
            found += self._give_up(next(iter(self._order.values())))
        return found

    def _give_up(self, entry: _Entry[_Value]) -> list[_Value]:
        """Return what is ahead of an entry, itself, and what waited for nobody else."""
        line = self._lines[entry.thing]
        found: list[_Value] = []
        while True:
            first = line[0]
            if first.questions:
                self.given_up += 1
                self._forget(first)
            found.append(self._leave(line))
            if first is entry:
                return found + self.ready((entry.thing,))

    def _forget(self, entry: _Entry[_Value]) -> None:
        """Let an entry wait for nothing."""
        for question in entry.questions:
            entries = self._asked[question]
            entries.remove(entry)
            if not entries:
                del self._asked[question]
        entry.questions.clear()

    def _leave(self, line: deque[_Entry[_Value]]) -> _Value:
        """Take the first out of the line of its object."""
        entry = line.popleft()
        if not line:
            del self._lines[entry.thing]
        of_user = self._of_user[entry.user]
        del self._order[id(entry)], of_user[id(entry)]
        if not of_user:
            del self._of_user[entry.user]
        self.count -= 1
        return entry.value
