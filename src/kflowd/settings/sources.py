# SPDX-License-Identifier: Apache-2.0
"""What a file and the command line set, and the settings that both make: the later one wins."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kflowd.errors import ContradictionError, UsageError
from kflowd.settings.convert import build
from kflowd.settings.option import Command
from kflowd.settings.tree import Settings
from kflowd.settings.walk import Place, name_of, settings_of

LEAVE_OUT = "-C /dev/null leaves out what a file says"


class Source(NamedTuple):
    """What one source sets.

    Attributes:
        values: Checked ones, by place.
        origins: Where each was written: "/etc/kflowd/kflowd.toml:3", "-t". By place, too.
    """

    values: Mapping[Place, object] = {}
    origins: Mapping[Place, str] = {}

    def origin(self, place: Place) -> str:
        """Return where a setting was written, or that it has its default."""
        return self.origins.get(place, "default")


def of_command(source: Source, command: Command) -> Source:
    """Return what a source sets of the options of a command."""
    known = {it.place for it in settings_of(Settings) if command in it.option.commands}
    values = {place: value for place, value in source.values.items() if place in known}
    return Source(values, source.origins)


def merged(sources: Iterable[Source]) -> Source:
    """Return what several sources set; of a setting the last one that sets it is right."""
    values: dict[Place, object] = {}
    origins: dict[Place, str] = {}
    for source in sources:
        values |= source.values
        origins |= source.origins
    return Source(values, origins)


def effective(file: Source, line: Source) -> Settings:
    """Return the settings of a run.

    Args:
        file: What a file sets.
        line: What the command line sets, which wins.

    Raises:
        UsageError: Two of them contradict; the message says where they were written.
    """
    try:
        return build(merged((file, line)).values, Settings)
    except ContradictionError as error:
        written = {
            place: origin for place, origin in file.origins.items() if place not in line.values
        }
        hint = None if error.place in written or error.other not in written else LEAVE_OUT
        raise UsageError(_told(error, written), hint) from None


def contradictions(file: Source) -> Iterator[str]:
    """Yield what in a file contradicts something else there, as lines."""
    values = dict(file.values)
    while True:
        try:
            build(values, Settings)
        except ContradictionError as error:
            yield _told(error, file.origins)
            # the next one shows without it
            if values.pop(error.place, None) is not None:
                continue
        return


def _told(error: ContradictionError, written: Mapping[Place, str]) -> str:
    """Return what contradicts, with where the file has it."""
    place, other = error.place, written.get(error.other)
    head = f"{written[place]}: {name_of(place)}: {error.cause}" if place in written else error
    return f"{head} ({other})" if other else str(head)
