# SPDX-License-Identifier: Apache-2.0
"""The project's own files, as the policy tests look at them."""

import ast
import functools
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "kflowd"
# what make puts into the tree; git ignores it
BUILT = {"build", "objects", "__pycache__", "_layouts.py"}

# What a rule finds in a file of this path and text: one message for each place.
Check = Callable[[Path, str], Iterable[str]]


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


def tracked() -> list[Path]:
    """Return the files that git tracks, or would if they were added."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return [ROOT / it for it in sorted(filter(None, listed.split("\0"))) if (ROOT / it).is_file()]


def python_files() -> list[Path]:
    """Return every Python file of the project."""
    return [
        ROOT / "setup.py",
        *(f for each in ("src", "tests", "tools") for f in files(each, ".py")),
    ]


def c_files() -> list[Path]:
    """Return every C file of the project: BPF, the glue, the tests' own."""
    return [path for each in ("ebpf", "src", "tests") for path in files(each, ".c", ".h")]


def offenders(paths: Iterable[Path], check: Check) -> list[str]:
    """Return what a rule finds in files, each place with the file's name.

    A rule that looks at no file holds nothing: that is an error.
    """
    looked_at = list(paths)
    assert looked_at, "the rule looks at no file"
    return [f"{name(it)}: {found}" for it in looked_at for found in check(it, it.read_text())]


@functools.cache
def parse(text: str) -> ast.Module:
    """Return the syntax tree of a Python file's text."""
    return ast.parse(text)


def name(path: Path) -> str:
    """Return a path as a message shows it."""
    return str(path.relative_to(ROOT))
