# SPDX-License-Identifier: Apache-2.0
"""The macros of aide.conf(5): what of a file counts, and with which values."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from kflowd.fim.importers.imported import FormatError, Imported, shown

MAX_LINE = 16 << 10
# of all lines: a short one can stand for a long one, thousands of times
MAX_EXPANDED = 4 << 20
_MACRO = re.compile(r"@@(\w+)\s*(.*)")
_VARIABLE = re.compile(r"@@\{(\w+)\}")
_COMMENT = re.compile(r"\s+#.*|^#.*")


class Line(NamedTuple):
    """A line that counts."""

    number: int
    text: str


class Macros:
    """Reads lines. What depends on the host, or on another file, is told and left out.

    Args:
        imported: Takes what is to be said.
    """

    def __init__(self, imported: Imported) -> None:
        self._imported = imported
        self._values: dict[str, str] = {}
        # of each @@if that is open: whether it holds, None where nobody can say
        self._open: list[bool | None] = []
        self._size = 0

    def lines(self, text: str) -> Iterator[Line]:
        """Yield the lines that count, with the values of variables.

        Raises:
            FormatError: They are very much longer than the text.
        """
        for number, raw in enumerate(text.split("\n"), 1):
            line = _COMMENT.sub("", raw, count=1).strip()
            if not line:
                continue
            if found := _MACRO.fullmatch(line):
                self._macro(number, found[1], found[2].strip())
            elif all(self._open):
                said = self._expanded(number, line)
                if said is not None:
                    yield Line(number, said)
            elif None in self._open and False not in self._open:
                self._imported.note(number, f"{shown(line)}: in a condition; left out")

    def _macro(self, number: int, name: str, rest: str) -> None:
        match name:
            case "ifdef" | "ifndef":
                self._open.append((rest in self._values) is (name == "ifdef"))
            case "if" | "ifhost" | "ifnhost":
                self._condition(number, name, rest)
            case "else" if self._open:
                last = self._open[-1]
                self._open[-1] = None if last is None else not last
            case "endif" if self._open:
                self._open.pop()
            case _ if not all(self._open):
                pass
            case "define":
                key, _, value = rest.partition(" ")
                self._values[key] = value.strip()
            case "undef":
                self._values.pop(rest, None)
            case _:
                self._imported.note(number, f"@@{name} {shown(rest)}: {_why(name)}")

    def _condition(self, number: int, name: str, rest: str) -> None:
        found = re.fullmatch(r"(not\s+)?defined\s+(\w+)", rest) if name == "if" else None
        if found:
            self._open.append((found[2] in self._values) is (found[1] is None))
        else:
            self._imported.note(number, f"@@{name} {shown(rest)}: depends on the host")
            self._open.append(None)

    def _expanded(self, number: int, line: str) -> str | None:
        missing = [it for it in _VARIABLE.findall(line) if it not in self._values]
        if missing:
            self._imported.note(number, f"{shown(line)}: @@{{{missing[0]}}} is not set; left out")
            return None
        said = _VARIABLE.sub(lambda it: self._values[it[1]], line)
        if len(said) > MAX_LINE:
            self._imported.note(number, f"{shown(line)}: too long; left out")
            return None
        self._size += len(said)
        if self._size > MAX_EXPANDED:
            raise FormatError(f"more than {MAX_EXPANDED} letters by its macros", number)
        return said


def _why(name: str) -> str:
    if name in {"include", "x_include", "x_include_setenv"}:
        return "import that file, too"
    return "not known here"
