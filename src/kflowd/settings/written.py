# SPDX-License-Identifier: Apache-2.0
"""Settings as a TOML text that reads as the same tree."""

from collections.abc import Callable, Iterator

import msgspec

from kflowd.errors import UsageError
from kflowd.settings.shown import shown
from kflowd.settings.walk import Place, Setting, members, name_of


def written(settings: msgspec.Struct, origin: Callable[[Place], str] | None = None) -> str:
    """Return the text.

    Args:
        settings: A tree, or a part of one.
        origin: What a comment behind each key says of its place; None: no comments.

    Raises:
        UsageError: A value is no UTF-8: a path, perhaps.
    """
    return "\n".join(_table(settings, (), origin))


def _table(
    table: msgspec.Struct, place: Place, origin: Callable[[Place], str] | None
) -> Iterator[str]:
    found = members(type(table))
    # a key behind the heading of a table is that table's, so settings go first
    for key, member in found.items():
        if isinstance(member, Setting):
            yield _line(member, getattr(table, member.field), (*place, key), origin)
    for key, member in found.items():
        if isinstance(member, Setting):
            continue
        below = getattr(table, member.field)
        tables = [below] if member.limits is None else below
        for index, each in enumerate(tables):
            here = (*place, key) if member.limits is None else (*place, key, index)
            name = ".".join(part for part in here if isinstance(part, str))
            yield ""
            yield f"[{name}]" if member.limits is None else f"[[{name}]]"
            yield from _table(each, here, origin)


def _line(
    setting: Setting, value: object, place: Place, origin: Callable[[Place], str] | None
) -> str:
    if value is None:
        return f"# {setting.key} is not set"
    try:
        line = f"{setting.key} = {setting.kind.toml(value)}"
    except ValueError:
        raise UsageError(f"{name_of(place)}: {shown(str(value))} is no UTF-8") from None
    if origin is None:
        return line
    # a path may hold anything, a line break too
    said = "".join(letter if letter.isprintable() else "?" for letter in origin(place))
    return f"{line}  # {said}"
