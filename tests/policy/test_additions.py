# SPDX-License-Identifier: Apache-2.0
"""To add a thing is to add a line to a table: what CONTRIBUTING promises, tried with a dummy.

A copy of the tree gets the dummy. Its proof passes there with all places changed, and with any of
them left out it fails: so these places are enough, and none is idle.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.policy.tree import ROOT

# what a proof needs of the tree; of src also what is built there
COPIED = ("src", "tests", "tools", "ebpf", "docs")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
PYTEST = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--no-header")


class Place(NamedTuple):
    """A file to change, or to make.

    Attributes:
        path: In the tree.
        before: The line ahead of which the text goes; "" for a new file.
        text: What a developer writes there.
    """

    path: str
    before: str
    text: str


class Addition(NamedTuple):
    """A kind of thing that can be added.

    Attributes:
        name: Of the kind.
        section: Where CONTRIBUTING describes it.
        places: All that has to be written, tests included.
        proof: Arguments of pytest: what fails as long as something is missing.
    """

    name: str
    section: str
    places: tuple[Place, ...]
    proof: tuple[str, ...]


ADDITIONS = (
    Addition(
        "event class",
        "## Add a hook",
        (
            Place(
                "src/kflowd/bpf/hooks.py",
                '    _file("rename", ',
                '    _file("dummy", "dummy", "fentry__fd_install", traced=_by_descriptor()),\n',
            ),
            Place(
                "tests/host/cases.py",
                '    Case("missing", ',
                '    Case("dummy", workloads.stay_open, lambda d: [d / "x"], {"x": {"OPEN": 1}},\n'
                '         classes={"OPEN": "file.dummy"}),\n',
            ),
        ),
        (
            "tests/unit/bpf/test_hooks.py",
            "tests/unit/matrix/test_matrix.py",
            "-k",
            "hook or proven",
        ),
    ),
)


def write(tree: Path, place: Place) -> None:
    """Write the dummy at a place."""
    path = tree / place.path
    if place.before:
        text = path.read_text()
        assert text.count(place.before) == 1, f"{place.path}: {place.before!r}"
        path.write_text(text.replace(place.before, place.text + place.before))
    else:
        assert not path.exists()
        path.write_text(place.text)


def proven(tree: Path, proof: tuple[str, ...]) -> bool:
    """Say whether a proof passes in a tree; that it could not be tried is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PYTEST, *proof],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": f"{tree / 'src'}:{tree}", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode == 0


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tree / folder, ignore=LEFT_OUT)
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


@pytest.mark.parametrize(
    ("addition", "left_out"),
    [(addition, place) for addition in ADDITIONS for place in (None, *addition.places)],
    ids=lambda it: it.path if isinstance(it, Place) else getattr(it, "name", "nothing left out"),
)
def test_places_are_enough_and_needed(
    addition: Addition, left_out: Place | None, copy: Path
) -> None:
    """With all places changed the dummy is proven; with one of them left out it is not."""
    paths = [copy / place.path for place in addition.places]
    kept = {path: path.read_text() for path in paths if path.exists()}
    try:
        for place in addition.places:
            if place != left_out:
                write(copy, place)
        assert proven(copy, addition.proof) == (left_out is None)
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
        for path, text in kept.items():
            path.write_text(text)


@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda it: it.name)
def test_contributing_names_each_place(addition: Addition) -> None:
    """The section of a kind names the files, or their folders."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert addition.section in text
    section = text.partition(addition.section)[2].partition("\n## ")[0]
    unnamed = [it.path for it in addition.places if f"`{it.path}`" not in section]
    assert not unnamed
