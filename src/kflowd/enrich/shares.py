# SPDX-License-Identifier: Apache-2.0
"""What is known of things that any user can make: nobody's push out those of others."""

from collections import Counter
from collections.abc import Hashable
from typing import Generic, TypeVar

_Known = TypeVar("_Known")


class Shares(Generic[_Known]):
    """A bounded table by some key, each entry of a user.

    When there are too many, one goes of the user who has the most: the one that was not used for
    longest.

    Args:
        limit: How many entries.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[Hashable, tuple[int, _Known]] = {}
        self._of_user: Counter[int] = Counter()

    def look(self, key: Hashable) -> _Known | None:
        """Return what is known, None if nothing."""
        known = self._known.get(key)
        return known[1] if known is not None else None

    def use(self, key: Hashable) -> _Known | None:
        """Return the same, for a record."""
        known = self._known.pop(key, None)
        if known is None:
            return None
        self._known[key] = known  # the last that was used
        return known[1]

    def put(self, key: Hashable, user: int, value: _Known) -> None:
        """Know something, which counts as this user's."""
        self.drop(key)
        self._known[key] = user, value
        self._of_user[user] += 1
        if len(self._known) > self._limit:
            ((most, _),) = self._of_user.most_common(1)
            self.drop(next(it for it, (user, _) in self._known.items() if user == most))

    def drop(self, key: Hashable) -> None:
        """Know nothing of it any more."""
        if key in self._known:
            user, _ = self._known.pop(key)
            self._of_user[user] -= 1
            if not self._of_user[user]:
                del self._of_user[user]
