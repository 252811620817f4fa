# SPDX-License-Identifier: Apache-2.0
"""sudoers(5): rules, aliases, defaults and includes as texts that compare; the last one decides.

A rule for several commands is several rules, so that a change of one is told as that.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from kflowd.fim.consumers.entries import Entries, Malformed, SudoRule
from kflowd.fim.consumers.sudoers_rules import NotARuleError, normal_list, user_rules
from kflowd.fim.consumers.sudoers_text import split_at, statements
from kflowd.fim.consumers.texts import MAX_CONTENT, hide, shown, visible

_INCLUDE = re.compile(rb"@(include|includedir)[ ](.+)", re.DOTALL)
_ALIAS = re.compile(rb"(User|Runas|Host|Cmnd|Cmd)_Alias[ ](.+)", re.DOTALL)
_ALIAS_NEXT = re.compile(rb"[ ]?:[ ]?(?=[A-Z][A-Z0-9_]*+[ ]?=)")
_ALIAS_ONE = re.compile(rb"([A-Z][A-Z0-9_]*+)[ ]?=[ ]?(.+)", re.DOTALL)
_DEFAULTS = re.compile(rb"(Defaults)([@:>!](?:[ ]?[^ ,]+(?:[ ]?,[ ]?[^ ,]+)*)?)?[ ](.+)", re.DOTALL)
_ESCAPED = re.compile(rb"\\([,:=])")
_ASSIGNED = re.compile(rb"(!?[A-Za-z_][A-Za-z0-9_]*+)[ ]?([+-]?=)[ ]?", re.DOTALL)


class Include(NamedTuple):
    """Another file that counts.

    Attributes:
        path: Absolute.
        directory: All files in it count, but those with a "." in the name or a "~" at its end.
    """

    path: str
    directory: bool


def rules(content: bytes, key: bytes) -> Entries:
    """Return what a file says, and lines that say nothing, in their order.

    Args:
        content: Of the file.
        key: Of keyed fingerprints of what is not shown.
    """
    found: list[SudoRule | Malformed] = []
    for statement in statements(content[:MAX_CONTENT]):
        try:
            found += _read(statement, key)
        except NotARuleError as error:
            told, hidden = visible(statement, key)
            found.append(Malformed("sudo_rule", str(error), told, hidden))
    return tuple(found)


def includes(content: bytes, path: str, host: str) -> tuple[Include, ...]:
    """Return which other files count, as a file says.

    Args:
        content: Of the file.
        path: Of the file: another that is not absolute lies beside it.
        host: Short name of the host, for %h.
    """
    found: dict[Include, None] = {}
    for statement in statements(content[:MAX_CONTENT]):
        if named := _INCLUDE.fullmatch(statement):
            name = shown(_unquoted(named[2])).replace("%h", host)
            if not name.startswith("/"):
                name = f"{path.rpartition('/')[0]}/{name}"
            found[Include(name, named[1] == b"includedir")] = None
    return tuple(found)


def counts(name: str) -> bool:
    """Say whether sudo reads a file of a directory that is included.

    Args:
        name: Of the file, without its directory.
    """
    return "." not in name and not name.endswith("~")


def _read(text: bytes, key: bytes) -> list[SudoRule]:
    """Return what a statement says.

    Raises:
        NotARuleError: It says nothing.
    """
    if named := _INCLUDE.fullmatch(text):
        return [SudoRule("include", shown(b"@%s %s" % (named[1], _unquoted(named[2]))))]
    if found := _ALIAS.fullmatch(text):
        return [_rule("alias", *each, key) for each in _aliases(found[1], found[2])]
    if found := _DEFAULTS.fullmatch(text):
        return [SudoRule("defaults", shown(each)) for each in _defaults(found)]
    return [_rule("rule", *each, key) for each in user_rules(text)]


def _aliases(kind: bytes, text: bytes) -> Iterator[tuple[bytes, bytes]]:
    name = b"Cmnd" if kind == b"Cmd" else kind
    for each in _ALIAS_NEXT.split(text):
        found = _ALIAS_ONE.fullmatch(each)
        if found is None:
            raise NotARuleError("not an alias")
        yield b"%s_Alias %s = " % (name, found[1]), normal_list(found[2])


def _defaults(found: re.Match[bytes]) -> Iterator[bytes]:
    whom = found[1] + (found[2] or b"").replace(b" ", b"")
    for each in split_at(found[3], b","):
        if each:
            yield whom + b" " + _ASSIGNED.sub(rb"\1\2", each, count=1)


def _rule(kind: Literal["rule", "alias"], ahead: bytes, text: bytes, key: bytes) -> SudoRule:
    """Return a rule; only commands hold secrets: NOPASSWD ahead of one names none."""
    plain = _ESCAPED.sub(rb"\1", text)
    # "--password\=..." names a secret; what has none is shown as it stands
    told, hidden = visible(plain if hide(plain) != plain else text, key)
    return SudoRule(kind, shown(ahead) + told, hidden)


def _unquoted(raw: bytes) -> bytes:
    text = raw.strip(b" ")
    if len(text) > 1 and text[:1] == text[-1:] == b'"':
        text = text[1:-1]
    return text.replace(b"\\ ", b" ")
