# SPDX-License-Identifier: Apache-2.0
"""Files and functions stay small; there is no exception for what is "the core"."""

import ast
import re
from pathlib import Path

import pytest

from tests.policy.tree import ROOT, c_files, name, parse, python_files

FILE_LINES = 400
PYTHON_FUNCTION_LINES = 50
C_FUNCTION_LINES = 60
MAKEFILE_LINES = 160


def c_functions(path: Path) -> list[tuple[str, int]]:
    """Return the heading and the number of lines of each function in kernel style."""
    found, start, heading, previous = [], None, "", ""
    for number, line in enumerate(path.read_text().splitlines()):
        if line == "{" and previous.endswith(")"):
            start, heading = number, previous.strip()
        elif line.startswith("}") and start is not None:
            found.append((heading, number - start + 1))
            start = None
        previous = line
    return found


@pytest.mark.parametrize("path", python_files() + c_files(), ids=name)
def test_files_are_short(path: Path) -> None:
    """No source file has more than 400 lines."""
    lines = len(path.read_text().splitlines())
    assert lines <= FILE_LINES, f"{name(path)} has {lines} lines"


@pytest.mark.parametrize("path", python_files(), ids=name)
def test_python_functions_are_short(path: Path) -> None:
    """No function has more than 50 lines, its docstring not counted."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            docstring = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0
            lines = (node.end_lineno or 0) - node.lineno + 1 - docstring
            assert lines <= PYTHON_FUNCTION_LINES, f"{name(path)}: {node.name} has {lines} lines"


@pytest.mark.parametrize("path", c_files(), ids=name)
def test_c_functions_are_short(path: Path) -> None:
    """No C function has more than 60 lines."""
    for heading, lines in c_functions(path):
        assert lines <= C_FUNCTION_LINES, f"{name(path)}: {heading} has {lines} lines"


def test_functions_of_c_are_found() -> None:
    """The counting above sees functions at all."""
    bpf = [path for path in c_files() if path.suffix == ".c" and "ebpf" in path.parts]
    glue = [path for path in c_files() if path.name.startswith("glue")]
    assert all(c_functions(path) for path in glue if path.suffix == ".c")
    assert not bpf or any(c_functions(path) for path in c_files() if "ebpf" in path.parts)


def test_makefile_is_an_index() -> None:
    """The Makefile is short, and each of its targets for people says what it does."""
    text = (ROOT / "Makefile").read_text()
    assert len(text.splitlines()) < MAKEFILE_LINES
    for line in re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE):
        for target in line.split():
            assert re.search(rf"^{target}:.*## \S", text, re.MULTILINE), f"{target} has no ##"
