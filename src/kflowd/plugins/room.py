# SPDX-License-Identifier: Apache-2.0
"""Bytes that wait for somebody, by user: what one user fills is not room of the others."""

import threading


class Room:
    """Counts bytes; for any thread.

    Args:
        of_user: Bytes of one user.
        of_all: Bytes of all users.
    """

    def __init__(self, of_user: int, of_all: int) -> None:
        self._lock = threading.Lock()
        self._most_of_user = of_user
        self._most = of_all
        self._all = 0
        self._of_user: dict[int, int] = {}

    def take(self, user: int, size: int) -> bool:
        """Count bytes, if there is room for them."""
        with self._lock:
            taken = self._of_user.get(user, 0) + size
            if taken > self._most_of_user or self._all + size > self._most:
                return False
            self._all += size
            self._of_user[user] = taken
        return True

    def give(self, user: int, size: int) -> None:
        """Take note that bytes wait no longer."""
        with self._lock:
            self._all -= size
            left = self._of_user.pop(user, 0) - size
            if left > 0:
                self._of_user[user] = left
