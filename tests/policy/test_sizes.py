# SPDX-License-Identifier: Apache-2.0
"""Functions stay small without exception; a file that grows is named before it is too large."""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.policy.tree import ROOT, c_files, name, offenders, parse, python_files

FILE_LINES = 400
# nothing has a reason to be that long
FILE_LINES_MOST = 800
PYTHON_FUNCTION_LINES = 50
C_FUNCTION_LINES = 60
MAKEFILE_LINES = 160


def python_functions(text: str) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of lines of each function, its docstring not counted."""
    for node in ast.walk(parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            docstring = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - docstring


def c_functions(text: str) -> Iterator[tuple[str, int]]:
    """Yield the heading and the number of lines of each function in kernel style."""
    start, heading, previous = None, "", ""
    for number, line in enumerate(text.splitlines()):
        if line == "{" and previous.endswith(")"):
            start, heading = number, previous.strip()
        elif line.startswith("}") and start is not None:
            yield heading, number - start + 1
            start = None
        previous = line


def long_functions(path: Path, text: str) -> Iterator[str]:
    """Yield the functions of a file that are too long."""
    python = path.suffix == ".py"
    most = PYTHON_FUNCTION_LINES if python else C_FUNCTION_LINES
    for function, lines in python_functions(text) if python else c_functions(text):
        if lines > most:
            yield f"{function} has {lines} lines, {most} are allowed"


@pytest.mark.filterwarnings("default:files above")
def test_files_are_short() -> None:
    """A file of more than 400 lines is named in a warning; more than 800 fail."""
    lengths = {name(it): it.read_text().count("\n") for it in (*python_files(), *c_files())}
    long = {path: lines for path, lines in lengths.items() if lines > FILE_LINES}
    shown = ", ".join(f"{path} {lines}" for path, lines in sorted(long.items()))
    if long:
        warnings.warn(f"files above {FILE_LINES} lines: {shown}", stacklevel=1)
    assert lengths
    assert max(lengths.values()) <= FILE_LINES_MOST, shown


def test_functions_are_short() -> None:
    """No function of Python has more than 50 lines, none of C more than 60."""
    found = offenders([*python_files(), *c_files()], long_functions)
    assert not found, "\n".join(found)


def test_functions_are_found() -> None:
    """The counting above sees functions, and how long they are."""
    python = "async def one():\n    '''Say.'''\n" + "    x = 1\n" * 50
    assert list(long_functions(ROOT / "x.py", python)) == ["one has 51 lines, 50 are allowed"]
    c = "static int two(void)\n{\n" + "\tx();\n" * 59 + "}\n"
    assert list(long_functions(ROOT / "x.c", c)) == [
        "static int two(void) has 61 lines, 60 are allowed"
    ]
    without = [name(it) for it in c_files() if it.suffix == ".c" and not _functions(it)]
    assert not without


def _functions(path: Path) -> list[tuple[str, int]]:
    return list(c_functions(path.read_text()))


def test_makefile_is_an_index() -> None:
    """The Makefile is short, and each of its targets for people says what it does."""
    text = (ROOT / "Makefile").read_text()
    targets = " ".join(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)).split()
    silent = [it for it in targets if not re.search(rf"^{it}:.*## \S", text, re.MULTILINE)]
    assert len(text.splitlines()) < MAKEFILE_LINES
    assert targets
    assert not silent, "targets without ##"
