# SPDX-License-Identifier: Apache-2.0
"""Texts of objects that many records share: processes, sets of counts."""

from collections.abc import Callable
from typing import Generic, TypeVar

# objects that are in use within some seconds
MAX_KEPT = 4096
T = TypeVar("T")


class Kept(Generic[T]):
    """Makes a text once for each object, which never changes.

    Args:
        make: Returns the text of an object.
    """

    def __init__(self, make: Callable[[T], str]) -> None:
        self._make = make
        # by id; the objects are kept, so that ids stay theirs
        self._texts: dict[int, str] = {}
        self._objects: list[T] = []

    def __call__(self, value: T) -> str:
        """Return the text of an object."""
        return self._texts.get(id(value)) or self._keep(value)

    def _keep(self, value: T) -> str:
        if len(self._objects) >= MAX_KEPT:
            self._texts.clear()
            self._objects.clear()
        text = self._texts[id(value)] = self._make(value)
        self._objects.append(value)
        return text
