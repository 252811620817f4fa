# SPDX-License-Identifier: Apache-2.0
"""The project's own files, as the policy tests look at them."""

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "kflowd"
# what make puts into the tree; git ignores it
BUILT = {"build", "objects", "__pycache__", "_layouts.py"}


def files(folder: str, *suffixes: str) -> list[Path]:
    """Return the files of a folder with one of these endings, without what was built."""
    return sorted(
        path
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.name.endswith(suffixes)
        and not BUILT & set(path.relative_to(ROOT).parts)
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    )


def python_files() -> list[Path]:
    """Return every Python file of the project."""
    return [
        ROOT / "setup.py",
        *(f for each in ("src", "tests", "tools") for f in files(each, ".py")),
    ]


def c_files() -> list[Path]:
    """Return every C file of the project: BPF, the glue, the tests' own."""
    return [path for each in ("ebpf", "src", "tests") for path in files(each, ".c", ".h")]


@functools.cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(), str(path))


def name(path: Path) -> str:
    """Return a path as a message shows it."""
    return str(path.relative_to(ROOT))
