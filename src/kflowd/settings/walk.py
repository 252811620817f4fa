# SPDX-License-Identifier: Apache-2.0
"""The settings of a tree one by one: where each stands, and what its field says of it."""

import functools
import re
import typing
from typing import Any

import msgspec
from msgspec import inspect

from kflowd.errors import UsageError
from kflowd.settings.by_type import kind_of
from kflowd.settings.kinds import Kind
from kflowd.settings.option import Option
from kflowd.settings.shown import shown

# Keys from the root of a tree to a setting; a number is the place in a list of tables.
Place = tuple[str | int, ...]
Tree = type[msgspec.Struct]
# a key as TOML has it without quotes, and of a length that a message can show
_BARE = re.compile(r"[A-Za-z0-9_-]{1,60}", re.ASCII)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A setting: a field of a tree that has an Option.

    Attributes:
        place: Where it stands.
        field: Name of the field in its Struct.
        kind: Which values it has.
        default: The value where nothing else is said.
        option: What the field says of itself.
    """

    place: Place
    field: str
    kind: Kind[Any]
    default: object
    option: Option

    @property
    def key(self) -> str:
        """The last key: "ring_bytes"."""
        return str(self.place[-1])

    @property
    def long(self) -> str:
        """The long option: "--ring-bytes"."""
        return "--" + self.key.replace("_", "-")

    @property
    def metavar(self) -> str:
        """What stands for the value in a list of options, "" for a flag."""
        return self.option.metavar or self.kind.metavar

    @property
    def default_text(self) -> str:
        """The default as it is written, "" if there is nothing to write."""
        shown = self.default is not None and self.default is not False
        return self.kind.text(self.default) if shown else ""

    def read(self, value: object, name: str) -> object:
        """Return the checked value.

        Args:
            value: Text of the command line, or a file's value.
            name: What a message calls the setting.

        Raises:
            UsageError: The value is wrong.
        """
        try:
            return self.kind.read(value)
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from None


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A table of settings, or a list of such tables.

    Attributes:
        field: Name of the field in its Struct.
        tree: What one table has.
        limits: Least and most number of tables in a list; None: no list.
    """

    field: str
    tree: Tree
    limits: tuple[int, int | None] | None = None


@functools.cache
def members(tree: Tree, place: Place = ()) -> dict[str, Setting | Branch]:
    """Return what a tree has at its top, by key.

    Raises:
        TypeError: A field says nothing of itself.
    """
    hints = typing.get_type_hints(tree, include_extras=True)
    info = typing.cast("inspect.StructType", inspect.type_info(tree))
    found: dict[str, Setting | Branch] = {}
    for it in info.fields:
        match it.type:
            case inspect.StructType(cls=cls):
                found[it.encode_name] = Branch(field=it.name, tree=cls)
            case inspect.VarTupleType(item_type=inspect.StructType(cls=cls)) as several:
                limits = (several.min_length or 0, several.max_length)
                found[it.encode_name] = Branch(field=it.name, tree=cls, limits=limits)
            case _:
                option = _option(hints[it.name], f"{tree.__name__}.{it.name}")
                found[it.encode_name] = Setting(
                    place=(*place, it.encode_name),
                    field=it.name,
                    kind=kind_of(hints[it.name], option.unit),
                    default=it.default,
                    option=option,
                )
    return found


def settings_of(tree: Tree, place: Place = ()) -> list[Setting]:
    """Return all settings of a tree in order; of a list of tables those of the first."""
    found: list[Setting] = []
    for key, member in members(tree, place).items():
        if isinstance(member, Setting):
            found.append(member)
        else:
            first = () if member.limits is None else (0,)
            found += settings_of(member.tree, (*place, key, *first))
    return found


def name_of(place: Place) -> str:
    """Return what a message calls a place of a file: "trace.idle", "output[0].format"."""
    parts = [f"[{each}]" if isinstance(each, int) else f".{_key(each)}" for each in place]
    return "".join(parts).removeprefix(".")


def _key(key: str) -> str:
    # what is no bare key may hold anything, a line break too
    return key if _BARE.fullmatch(key) else shown(key)


def _option(hint: object, name: str) -> Option:
    for each in getattr(hint, "__metadata__", ()):
        if isinstance(each, Option):
            return each
    raise TypeError(f"{name} has no Option")
