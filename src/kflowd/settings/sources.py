# SPDX-License-Identifier: Apache-2.0
"""What a file and the command line set, and the settings that both make: the later one wins."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from kflowd.errors import ContradictionError, UsageError
from kflowd.settings.convert import build
from kflowd.settings.option import Command
from kflowd.settings.outputs import STDOUT
from kflowd.settings.tree import Settings
from kflowd.settings.walk import Place, name_of, settings_of

OUTPUT = "output"
LEAVE_OUT = "-C /dev/null leaves out what a file says"
T = TypeVar("T")


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
    """Return what a source sets of the options of a command: of outputs, those of stdout."""
    known = {it.place for it in settings_of(Settings) if command in it.option.commands}
    moved = _moved(source, _stdout_index(source.values), 0)
    values = {place: value for place, value in moved.values.items() if place in known}
    return Source(values, moved.origins)


def merged(sources: Iterable[Source]) -> Source:
    """Return what several sources set; of a setting the last one that sets it is right."""
    values: dict[Place, object] = {}
    origins: dict[Place, str] = {}
    for source in sources:
        values |= source.values
        origins |= source.origins
    return Source(values, origins)


def on_stdout(file: Source, line: Source) -> Source:
    """Return what the command line sets, with the place that standard output has in a file.

    Its options are about standard output: where the file has other outputs alone, it is one more.
    """
    if not any(place[0] == OUTPUT for place in line.values):
        return line
    index = _stdout_index(file.values)
    if index is None:
        index = 1 + max(int(place[1]) for place in file.values if place[0] == OUTPUT)
    return _moved(line, 0, index)


def _stdout_index(values: Mapping[Place, object]) -> int | None:
    """Return which table of outputs is standard output; 0 without any, None: none of them."""
    tables = {place[1] for place in values if place[0] == OUTPUT}
    found = (
        index for index in sorted(map(int, tables))
        if values.get((OUTPUT, index, "sink"), STDOUT) == STDOUT
    )  # fmt: skip
    return next(found, None) if tables else 0


def _moved(source: Source, index: int | None, to: int) -> Source:
    """Return a source with one of its outputs in another place, and without all others."""

    def moved(values: Mapping[Place, T]) -> dict[Place, T]:
        others = {place: it for place, it in values.items() if place[0] != OUTPUT}
        ours = {place: it for place, it in values.items() if place[:2] == (OUTPUT, index)}
        return others | {(OUTPUT, to, *place[2:]): it for place, it in ours.items()}

    return Source(moved(source.values), moved(source.origins))


def effective(file: Source, line: Source) -> Settings:
    """Return the settings of a run.

    Args:
        file: What a file sets.
        line: What the command line sets, which wins.

    Raises:
        UsageError: Two of them contradict; the message says where they were written.
    """
    line = on_stdout(file, line)
    try:
        return build(merged((file, line)).values, Settings)
    except ContradictionError as error:
        options_alone = _origin(error.place, file, line) is None
        of_file = options_alone and _first_other(error, file, line)
        raise UsageError(_told(error, file, line), LEAVE_OUT if of_file else None) from None


def contradictions(file: Source, refused: Collection[Place] = ()) -> Iterator[str]:
    """Yield what in a file contradicts something else there, as lines: one for each setting.

    Args:
        file: What it sets.
        refused: Places of what is wrong by itself there, of which nothing follows.
    """
    try:
        build(file.values, Settings)
    except ContradictionError as error:
        told: set[Place] = set()
        for found in (error, *error.further):
            if found.place not in told and not _follows(found, refused):
                told.add(found.place)
                yield _told(found, file, Source())


def _follows(error: ContradictionError, refused: Iterable[Place]) -> bool:
    """Say whether it may be so only because a value, or the table of it, was refused."""
    about = (error.place, *error.others)
    return any(
        place[: len(wrong)] == wrong[: len(place)]
        for wrong in refused for place in about
    )  # fmt: skip


def _told(error: ContradictionError, file: Source, line: Source) -> str:
    """Return what contradicts, with where the file has it."""
    at, other = _origin(error.place, file, line), _first_other(error, file, line)
    head = f"{at}: {name_of(error.place)}: {error.cause}" if at else str(error)
    return f"{head} ({other})" if other else head


def _origin(place: Place, file: Source, line: Source) -> str | None:
    """Return where a file has a setting, or the table in which it could stand.

    None: it is the command line's, or there is no such table.
    """
    if place in line.values:
        return None
    while place and place not in file.origins:
        place = place[:-1]
    return file.origins.get(place)


def _first_other(error: ContradictionError, file: Source, line: Source) -> str | None:
    place = error.others[0]
    return None if place in line.values else file.origins.get(place)
