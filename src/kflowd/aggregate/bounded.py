# SPDX-License-Identifier: Apache-2.0
"""A table that is bounded by what it takes, and that nobody can fill for others. Pure."""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

# What Python needs for an entry beside its text.
ENTRY_BYTES = 512
# Room is made for many, so that the search for who takes most is rare.
SHARE_FREED = 8

_Value = TypeVar("_Value")


class _Entry(Generic[_Value]):
    """A value, whose it is, about how many bytes of memory it takes, and when it was put."""

    __slots__ = ("size", "ts_ns", "uid", "value")

    def __init__(self, value: _Value, uid: int, size: int, ts_ns: int) -> None:
        self.value = value
        self.uid = uid
        self.size = size
        self.ts_ns = ts_ns


class _User:
    """What one user takes, and the keys of it, the oldest first."""

    __slots__ = ("held", "keys")

    def __init__(self) -> None:
        self.held = 0
        self.keys: dict[Hashable, None] = {}


class Bounded(Generic[_Value]):
    """Values by a key, each of a user. Beyond the bound the user who takes most loses the oldest.

    Args:
        total_bytes: Of all.

    Attributes:
        held: About how many bytes it takes.
        evicted: Entries that there was no room for.
    """

    def __init__(self, total_bytes: int) -> None:
        self.held = 0
        self.evicted = 0
        self._bound = total_bytes
        self._entries: dict[Hashable, _Entry[_Value]] = {}  # the one that was put first is first
        self._users: dict[int, _User] = {}

    def get(self, key: Hashable) -> _Value | None:
        """Return a value, None if there is none."""
        entry = self._entries.get(key)
        return entry.value if entry is not None else None

    def pop(self, key: Hashable) -> _Value | None:
        """Return the same, and forget it."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        user = self._users[entry.uid]
        del user.keys[key]
        user.held -= entry.size
        self.held -= entry.size
        if not user.keys:
            del self._users[entry.uid]
        return entry.value

    def put(self, key: Hashable, value: _Value, uid: int, size: int, ts_ns: int) -> None:
        """Know a value, in place of the one that was there.

        Args:
            key: Of the value.
            value: What is known.
            uid: Who is charged with it.
            size: Bytes of what it has of text.
            ts_ns: The time of its event.
        """
        self.pop(key)
        size += ENTRY_BYTES
        self._entries[key] = _Entry(value, uid, size, ts_ns)
        user = self._users.setdefault(uid, _User())
        user.keys[key] = None
        user.held += size
        self.held += size
        if self.held > self._bound:
            self._shrink()

    def forget(self, before_ns: int) -> None:
        """Forget what was put before a time."""
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.ts_ns >= before_ns:
                return
            self.pop(key)

    def _shrink(self) -> None:
        """Give up entries of those users who take most, until an eighth is free."""
        heap = [(-user.held, uid) for uid, user in self._users.items()]
        heapify(heap)
        while self.held > self._bound - self._bound // SHARE_FREED and heap:
            _, uid = heappop(heap)
            user = self._users[uid]
            self.pop(next(iter(user.keys)))
            self.evicted += 1
            if user.keys:
                heappush(heap, (-user.held, uid))
