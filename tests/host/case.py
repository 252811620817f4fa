# SPDX-License-Identifier: Apache-2.0
"""What a workload for files is, with the exact events and fields that follow from it."""

import enum
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.host.workloads import Facts

Events = dict[str, dict[str, int]]


def with_unmoved(events: Events) -> tuple[Events, Events]:
    """Return the events, and those of them that are seen where nothing is of what moves bytes."""
    seen = {
        path: {name: n for name, n in counts.items() if name not in ("ACCESS", "MODIFY")}
        for path, counts in events.items()
    }
    return events, seen


# Which event class an event belongs to, where the case does not say otherwise; in the order of a
# record.
CLASS_OF = {
    "CREATE": "file.create",
    "OPEN": "file.open",
    "OPEN_EXEC": "file.exec",
    "ACCESS": "file.read",
    "ATTRIB": "file.attribute",
    "MODIFY": "file.write",
    "CLOSE_WRITE": "file.close",
    "CLOSE_NOWRITE": "file.close",
    "MOVED_FROM": "file.rename",
    "MOVED_TO": "file.rename",
    "DELETE": "file.unlink",
}


class Claim(enum.Enum):
    """What can be said of a field without knowing its value."""

    ABSENT = "no record has it"
    ANY = "there, with any value"
    MAYBE = "there or not"
    RIGHT = "as the file system has it, or absent"


class Untraced(NamedTuple):
    """A value that the tracepoint mode may not know: then the field is absent there."""

    value: str


class OnlyTraced(NamedTuple):
    """A value that only the tracepoint mode has: elsewhere the field is absent."""

    value: Any


class NotTraced(NamedTuple):
    """A value that all modes have but the tracepoint mode."""

    value: Any


class Case(NamedTuple):
    """A workload for files.

    Attributes:
        name: Of the case and of its folder.
        workload: What runs, in a process of its own.
        arguments: Prepares the folder and returns the arguments.
        events: By path below the folder; what several records say is added up.
        classes: Of events whose class is not that of CLASS_OF.
        fields: Of the last record, by path below the folder: what is known beside what
            tests/host/whole.py compares with the file system; a Claim where no value is known.
        refused: Classes of what is tried and fails.
        untold: Events whose number is not for us to say.
        real: Where the file of a path is, if it is not there.
        traced: As `events`, what the tracepoint mode sees of them; None: all of them.
    """

    name: str
    workload: Callable[..., Facts]
    arguments: Callable[[Path], list[Path | str]]
    events: Events
    classes: dict[str, str] = {}  # noqa: RUF012 - never changed
    fields: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - never changed
    refused: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    real: dict[str, str] = {}  # noqa: RUF012 - never changed
    traced: Events | None = None

    def class_of(self, event: str) -> str:
        """Return the class that an event belongs to in this case."""
        return self.classes.get(event, CLASS_OF[event])

    def event_classes(self) -> tuple[str, ...]:
        """Return the classes that the case proves, in the order of its events."""
        events = (event for counts in self.events.values() for event in counts)
        return tuple(dict.fromkeys(self.class_of(event) for event in events))

    def all_classes(self) -> tuple[str, ...]:
        """Return the classes of what is done and of what fails."""
        return self.event_classes() + self.refused
