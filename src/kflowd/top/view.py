# SPDX-License-Identifier: Apache-2.0
"""What the user wants to see, changed by keys."""

from kflowd.top import keys
from kflowd.top.rows import FIRST_SORT, SORTS

MOST_FILTER = 40
ORDER = tuple(SORTS)


class View:
    """The choices of the user.

    Attributes:
        sort: One of SORTS.
        filter: Text that a row has in one of its names, "": all rows.
        editing: The filter is being written.
        paused: The rows stay as they are.
        done: The user has seen enough.
    """

    def __init__(self) -> None:
        self.sort = FIRST_SORT
        self.filter = ""
        self.editing = False
        self.paused = False
        self.done = False

    def press(self, key: str) -> None:
        """Do what a key asks for; others do nothing."""
        if key == keys.INTERRUPT:
            self.done = True
        elif self.editing:
            self._edit(key)
        elif key in {"q", "Q"}:
            self.done = True
        elif key in {"s", ">", keys.RIGHT}:
            self._turn(1)
        elif key in {"<", keys.LEFT}:
            self._turn(-1)
        elif key == "/":
            self.editing = True
        elif key == "p":
            self.paused = not self.paused
        elif key == keys.ESCAPE:
            self.filter = ""

    def _turn(self, step: int) -> None:
        self.sort = ORDER[(ORDER.index(self.sort) + step) % len(ORDER)]

    def _edit(self, key: str) -> None:
        if key == keys.ENTER:
            self.editing = False
        elif key == keys.ESCAPE:
            self.editing, self.filter = False, ""
        elif key == keys.BACKSPACE:
            self.filter = self.filter[:-1]
        elif len(key) == 1 and len(self.filter) < MOST_FILTER:
            self.filter += key
