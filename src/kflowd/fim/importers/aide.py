# SPDX-License-Identifier: Apache-2.0
"""A subset of aide.conf(5): groups, rules with `=`, `!` and none, macros; docs/fim-import.md."""

import re

from kflowd.fim.importers.aide_macros import Line, Macros
from kflowd.fim.importers.expressions import globs
from kflowd.fim.importers.imported import Imported, Rule, shown

# groups that aide has of its own, as far as they matter; other names are attributes
GROWING = frozenset(("S", "growing", ">"))
BUILT_IN: dict[str, set[str]] = {">": {"growing"}}
UNSAID = {
    "ANF": "new files are told of",
    "ARF": "removed files are told of",
    "I": "a file is known by its name",
    "compressed": "a rotated log is known by its first bytes",
}
SETTING = re.compile(r"(?![/!=-])([\w.]+)\s*=\s*(.*)")
RULE = re.compile(r"([=!-]?)(/\S*|\"/[^\"]*\")(?:\s+(\S.*))?")
RESTRICTION = re.compile(r"(0|[fdlpcbsDP](?:,[fdlpcbsDP])*(?:=[\w,]+)?|=[\w,]+)(?:\s+([^+\s-].*))?")
EXACT = 0


def read(content: bytes) -> Imported:
    """Return what a file says; a line that is none of its own is told."""
    imported = Imported()
    reader = _Reader(imported)
    for line in Macros(imported).lines(content.decode("utf-8", "replace")):
        reader.take(line)
    reader.say()
    return imported


class _Reader:
    def __init__(self, imported: Imported) -> None:
        self._imported = imported
        self._groups: dict[str, set[str]] = dict(BUILT_IN)
        self._prefixes: list[int] = []
        self._attributes: list[int] = []

    def take(self, line: Line) -> None:
        """Read one line."""
        if found := SETTING.fullmatch(line.text):
            self._setting(line.number, found[1], found[2])
        elif found := RULE.fullmatch(line.text):
            self._rule(line, found)
        else:
            self._imported.note(line.number, f"{shown(line.text)}: not known here")

    def say(self) -> None:
        """Say what is so for many rules, once."""
        if self._prefixes:
            text = "what only begins with the name is not covered: aide has no end of a name here"
            self._imported.note(0, f"{text} (lines {_numbers(self._prefixes)})")
        if self._attributes:
            text = "all attributes and SHA-256 are compared, not the chosen ones alone"
            self._imported.note(0, f"{text} (lines {_numbers(self._attributes)})")

    def _setting(self, number: int, name: str, value: str) -> None:
        # a setting of aide's own is in small letters; a group is a sum of names
        if name.islower():
            self._imported.note(number, f"{shown(name)}: no setting of rules; see [fim]")
        else:
            self._groups[name] = self._attributes_of(value)

    def _attributes_of(self, text: str) -> set[str]:
        """Return the attributes of a sum; each name that is no group is one."""
        found: set[str] = set()
        sign = "+"
        for part in re.split(r"\s*([+-])\s*", text.strip()):
            if part in {"+", "-"}:
                sign = part
                continue
            group = self._groups.get(part, {part} if part else set())
            found = found | group if sign == "+" else found - group
        return found

    def _rule(self, line: Line, found: re.Match[str]) -> None:
        kind, path, expression = found[1], found[2].strip('"'), found[3]
        restriction = None
        parts = RESTRICTION.fullmatch(expression or "")
        # "/path p" has an attribute, "/path f p" a type and an attribute, "!/path f" a type
        if parts and (parts[2] or kind in {"!", "-"}):
            restriction, expression = parts[1], parts[2]
        if restriction and restriction != "0":
            text = f"restriction {shown(restriction)}: all types are compared"
            if kind in {"!", "-"}:
                self._imported.note(line.number, f"{text}; the rule is left out")
                return
            self._imported.note(line.number, text)
        if kind == "!":
            self._imported.leave_out(line.number, _exclusion(path))
        elif kind == "-":
            self._imported.leave_out(line.number, f"re:^{path.removesuffix('$')}$")
            text = "of a directory there what is in it is left out, too: it is not entered"
            self._imported.note(line.number, f"{shown(line.text)}: {text}")
        elif expression is None:
            self._imported.note(line.number, f"{shown(line.text)}: no attributes; left out")
        else:
            self._selected(line, kind, path, expression)

    def _selected(self, line: Line, kind: str, path: str, expression: str) -> None:
        bare = path.removesuffix("$") if not path.endswith("\\$") else path
        paths = globs(bare)
        if paths is None:
            self._imported.note(
                line.number, f"{shown(path)}: an expression that is no glob; left out"
            )
            return
        names = self._attributes_of(expression)
        for name in sorted(names & UNSAID.keys()):
            self._imported.note(line.number, f"{name}: {UNSAID[name]}")
        if bare == path and not path.endswith("/"):
            self._prefixes.append(line.number)
        self._attributes.append(line.number)
        recurse = EXACT if kind == "=" and not path.endswith("/") else None
        if kind == "=" and path.endswith("/"):
            recurse = 1
        policy = "append" if names & GROWING else None
        self._imported.add(line.number, Rule(tuple(paths), recurse=recurse, policy=policy))


def _exclusion(path: str) -> str:
    """Return an exclusion: aide matches from the begin, and to the end only where "$" says so."""
    found = globs(path.removesuffix("$")) if path.endswith("$") else None
    return found[0] if found is not None and len(found) == 1 else f"re:^{path}"


def _numbers(lines: list[int]) -> str:
    text = ", ".join(map(str, lines[:20]))
    return f"{text}, ..." if len(lines) > 20 else text
