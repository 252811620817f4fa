# SPDX-License-Identifier: Apache-2.0
"""What differs between the settings of a run and those that a file has by now.

Outputs are tables of a list, which has no places that could be compared: who makes them does it.
"""

from collections.abc import Container, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from kflowd.settings.tree import Settings
from kflowd.settings.walk import Branch, Place, Setting, members, name_of

HIDDEN = "***"
NONE = "none"
T = TypeVar("T", bound=msgspec.Struct)


class Change(NamedTuple):
    """A setting that has another value.

    Attributes:
        place: Where it stands.
        setting: What it is.
        old, new: Its values.
    """

    place: Place
    setting: Setting
    old: object
    new: object

    @property
    def name(self) -> str:
        """What a message calls it: "trace.idle"."""
        return name_of(self.place)

    def __str__(self) -> str:
        return f"{self.name} {self._text(self.old)} -> {self._text(self.new)}"

    def _text(self, value: object) -> str:
        if value is None or value == ():
            return NONE
        return HIDDEN if self.setting.option.secret else self.setting.kind.text(value)


def changes(old: Settings, new: Settings) -> list[Change]:
    """Return what differs, in the order of the tree, but for `[[output]]`."""
    return list(_changes(old, new, ()))


def _changes(old: msgspec.Struct, new: msgspec.Struct, place: Place) -> Iterator[Change]:
    for key, member in members(type(old)).items():
        before, now = getattr(old, member.field), getattr(new, member.field)
        if isinstance(member, Setting):
            if before != now:
                yield Change((*place, key), member, before, now)
        elif member.limits is None:
            yield from _changes(before, now, (*place, key))


def reloaded(old: T, new: T, kept: Container[Place] = (), place: Place = ()) -> T:
    """Return settings with the new values of what can change while kflowd runs, `output` too.

    Args:
        old: Of the run.
        new: Wanted.
        kept: Places that do not change in this run all the same.
        place: Where these stand.

    Raises:
        ContradictionError: They do not go together with the old values of the rest.
    """
    values: dict[str, object] = {}
    for key, member in members(type(old)).items():
        here, now = (*place, key), getattr(new, member.field)
        if here in kept or (isinstance(member, Setting) and not member.option.reload):
            continue
        if isinstance(member, Branch) and member.limits is None:
            now = reloaded(getattr(old, member.field), now, kept, here)
        values[member.field] = now
    return msgspec.structs.replace(old, **values)
