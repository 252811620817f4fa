# SPDX-License-Identifier: Apache-2.0
"""From what was written to a settings tree.

`read` checks one source, a file or the command line, and returns its values by place; `check` does
so and goes on behind what is wrong. The values of several sources are one dictionary, in which the
later one wins; `build` makes the tree of it.
"""

import difflib
import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from kflowd.errors import UsageError
from kflowd.settings.shown import shown
from kflowd.settings.tree import Settings
from kflowd.settings.walk import Branch, Place, Setting, Tree, members, name_of, settings_of

S = TypeVar("S", bound=msgspec.Struct)


class Problem(NamedTuple):
    """What is wrong in a source.

    Attributes:
        place: Where.
        cause: What is wrong, and what would be right or was meant, as the end of a line.
    """

    place: Place
    cause: str

    def __str__(self) -> str:
        return f"{name_of(self.place)}: {self.cause}"


def convert(table: Mapping[str, object]) -> Settings:
    """Return the settings of a table of tables, as TOML has them.

    Raises:
        UsageError: A key is unknown or a value is wrong; the message names the key.
    """
    return build(read(table, Settings), Settings)


def read(table: Mapping[str, object], tree: Tree) -> dict[Place, object]:
    """Return the checked values of a table by their place.

    Raises:
        UsageError: A key is unknown or a value is wrong; the message names the key.
    """
    values, problems = check(table, tree, most=1)
    if problems:
        raise UsageError(str(problems[0]))
    return values


def check(
    table: Mapping[str, object], tree: Tree, most: int
) -> tuple[dict[Place, object], list[Problem]]:
    """Return the checked values of a table by their place, and what is wrong beside them.

    Args:
        table: Of tables, as TOML has them.
        tree: What may stand in it.
        most: So many problems are enough.
    """
    values: dict[Place, object] = {}

    def wrong() -> Iterator[Problem]:
        for found in _read(table, tree, (), tree):
            if isinstance(found, Problem):
                yield found
            else:
                values.update((found,))

    return values, list(itertools.islice(wrong(), most))


def build(values: Mapping[Place, object], tree: type[S]) -> S:
    """Return a tree with these values, and defaults for all others."""
    given: dict[str, object] = {}
    for key, member in members(tree).items():
        below = _below(values, key)
        if not below:
            continue
        if isinstance(member, Setting):
            given[member.field] = below[()]
        elif member.limits is None:
            given[member.field] = build(below, member.tree)
        else:
            number = 1 + max(place[0] for place in below if isinstance(place[0], int))
            given[member.field] = tuple(
                build(_below(below, index), member.tree) for index in range(number)
            )
    return tree(**given)


def _below(values: Mapping[Place, object], key: str | int) -> dict[Place, object]:
    return {place[1:]: value for place, value in values.items() if place[:1] == (key,)}


def _read(
    table: object, tree: Tree, place: Place, root: Tree
) -> Iterator[tuple[Place, object] | Problem]:
    if not isinstance(table, Mapping):
        yield Problem(place, f"{shown(table)} is no table of settings")
        return
    for key, value in table.items():
        here = (*place, key)
        member = members(tree).get(key)
        if member is None:
            yield Problem(here, f"no such setting{_suggestion(here, tree, root)}")
        elif isinstance(member, Setting):
            try:
                read_value = member.kind.read(value)
            except ValueError as error:
                yield Problem(here, str(error))
            else:
                yield here, read_value
        elif member.limits is None:
            yield from _read(value, member.tree, here, root)
        else:
            yield from _read_list(value, member, here, root)


def _read_list(
    tables: object, branch: Branch, place: Place, root: Tree
) -> Iterator[tuple[Place, object] | Problem]:
    least, most = branch.limits or (0, None)
    if isinstance(tables, Mapping):
        yield Problem(place, f"one table; each of several has double brackets, [[{place[-1]}]]")
        return
    if not isinstance(tables, list):
        yield Problem(place, f"{shown(tables)} is no list of tables")
        return
    if len(tables) < least or (most is not None and len(tables) > most):
        limits = f"{least} to {most}" if most != least else str(least)
        yield Problem(place, f"{len(tables)} tables, {limits} can be")
        return
    for index, table in enumerate(tables):
        yield (*place, index), None  # a table is there even if nothing stands in it
        yield from _read(table, branch.tree, (*place, index), root)


def _suggestion(place: Place, tree: Tree, root: Tree) -> str:
    """Return the nearest setting: its key in another table, one of the same table, of another."""
    everywhere = {setting.key: name_of(setting.place) for setting in settings_of(root)}
    here = {key: name_of((*place[:-1], key)) for key in members(tree)}
    same = {key: name for key, name in everywhere.items() if key == place[-1]}
    for known in (same, here, everywhere):
        near = difflib.get_close_matches(str(place[-1]), known, n=1)
        if near:
            return f"; did you mean {known[near[0]]}?"
    return ""
