# SPDX-License-Identifier: Apache-2.0
"""Imported rules as the TOML of `[fim]`."""

import json
from collections.abc import Iterator

from kflowd.fim.importers.imported import MOST_NAME, Imported, Rule, literal

SIZES = ((30, "GiB"), (20, "MiB"), (10, "KiB"))


def text(imported: Imported, origin: str) -> str:
    """Return the text.

    Args:
        imported: What was read.
        origin: What it was, for the first line.
    """
    return "\n".join(_lines(imported, origin))


def _lines(imported: Imported, origin: str) -> Iterator[str]:
    yield f"# imported from {origin}"
    yield "[fim]"
    for key, value in imported.settings.items():
        # [fim] has no such settings yet, as a note says: a file with them would be refused
        yield f"# {key} = {string(value)}"
    taken: set[str] = set()
    for rule in imported.finished():
        yield ""
        yield "[[fim.rule]]"
        yield f"name = {string(_name(rule, taken))}"
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    yield f"consumer = {string(rule.consumer)}"
    yield f"paths = {_list(rule.paths)}"
    if rule.exclude:
        yield f"exclude = {_list(rule.exclude)}"
    if rule.recurse is not None:
        yield f"recurse = {rule.recurse}"
    if rule.max_size is not None:
        yield f"max_size = {string(size(rule.max_size))}"
    if rule.severity is not None:
        yield f"severity = {string(rule.severity)}"
    if rule.tags:
        yield f"tags = {_list(rule.tags)}"
    if rule.policy is not None:
        yield f"policy = {string(rule.policy)}"


def _list(values: tuple[str, ...]) -> str:
    """Return a list; a long one has a line for each value."""
    short = f"[{', '.join(map(string, values))}]"
    if len(short) <= 90:
        return short
    return "[\n" + "".join(f"    {string(it)},\n" for it in values) + "]"


def string(value: str) -> str:
    """Return a basic string of TOML, which JSON's is, DEL aside."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def size(value: int) -> str:
    """Return a number of bytes with the largest unit of which it is a multiple."""
    for bits, unit in SIZES:
        if value and value % (1 << bits) == 0:
            return f"{value >> bits}{unit}"
    return str(value)


def _name(rule: Rule, taken: set[str]) -> str:
    """Return a name that no other rule has, made of the first path."""
    words = literal(rule.paths[0]).strip("/").replace("/", "-") or "root"
    base = words if rule.consumer == "generic" else f"{words}-{rule.consumer}"
    base = base[: MOST_NAME - 8]
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return name
