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
                '    _file("link", ',
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
    Addition(
        "enricher",
        "## Add an enricher",
        (
            Place(
                "src/kflowd/enrich/dummy.py",
                "",
                '"""Dummy."""\n\nfrom kflowd.enrich.base import Enricher\n\n\n'
                "class Dummy(Enricher):\n"
                '    """Says x."""\n\n'
                "    def enrich_file(self, value: object) -> None:\n"
                '        """Say it."""\n'
                '        value.device = "x"\n',
            ),
            Place(
                "src/kflowd/enrich/__init__.py",
                "from kflowd.enrich.interfaces",
                "from kflowd.enrich.dummy import Dummy\n",
            ),
            Place("src/kflowd/enrich/__init__.py", "Interfaces, Plugins,", "Dummy, "),
            Place(
                "tests/unit/enrich/test_dummy.py",
                "",
                "from kflowd.enrich import ENRICHERS\n\n\ndef test_it_is_asked() -> None:\n"
                '    """It is in the table."""\n'
                '    assert "Dummy" in {each.__name__ for each in ENRICHERS}\n',
            ),
        ),
        ("tests/policy/test_mirror.py", "tests/unit/enrich"),
    ),
    Addition(
        "form",
        "## Add a sink or a form",
        (
            Place(
                "src/kflowd/delivery/formats/dummy.py",
                "",
                '"""Dummy."""\n\n\ndef dummy(record: object) -> bytes:\n'
                '    """Return nothing of a record."""\n    return b"x"\n',
            ),
            Place(
                "src/kflowd/delivery/formats/__init__.py",
                "from kflowd.delivery.formats.json",
                "from kflowd.delivery.formats.dummy import dummy\n",
            ),
            Place(
                "src/kflowd/delivery/formats/__init__.py",
                '    "json-min": ',
                '    "dummy": lambda: dummy,\n',
            ),
            Place("src/kflowd/settings/outputs.py", '"json-min", ', '"dummy", '),
            Place(
                "tests/unit/delivery/formats/test_dummy.py",
                "",
                "from kflowd.delivery.formats import FORMATS\n\n\ndef test_it_is_there() -> None:\n"
                '    """It is in the table."""\n    assert FORMATS["dummy"]()(None) == b"x"\n',
            ),
        ),
        (
            "tests/policy/test_mirror.py",
            "tests/unit/delivery/formats",
            "tests/unit/delivery/test_formats.py",
            "tests/unit/settings/test_tree.py",
            "-k",
            "has_its or settings_know or is_there or words_are_those",
        ),
    ),
    Addition(
        "sink",
        "## Add a sink or a form",
        (
            Place(
                "src/kflowd/delivery/sinks/dummy.py",
                "",
                '"""Dummy."""\n\n\nclass DummySink:\n    """Takes all."""\n\n'
                "    def write(self, texts: list[bytes], offset: int) -> tuple[int, int]:\n"
                '        """Take texts."""\n        return len(texts), 0\n',
            ),
            Place(
                "src/kflowd/delivery/sinks/__init__.py",
                "from kflowd.delivery.sinks.stdout",
                "from kflowd.delivery.sinks.dummy import DummySink\n",
            ),
            Place("src/kflowd/delivery/sinks/__init__.py", '"stdout"', '"dummy": DummySink, '),
            Place(
                "tests/unit/delivery/sinks/test_dummy.py",
                "",
                "from kflowd.delivery.sinks import SINKS\n\n\ndef test_it_is_there() -> None:\n"
                '    """It is in the table."""\n'
                '    assert SINKS["dummy"]().write([b"x"], 0) == (1, 0)\n',
            ),
        ),
        ("tests/policy/test_mirror.py", "tests/unit/delivery/sinks"),
    ),
    Addition(
        "record kind",
        "## Add a record kind",
        (
            Place(
                "src/kflowd/serialize/blocks/dummy.py",
                "",
                '"""Dummy."""\n\nfrom typing import Annotated\n\n'
                "from kflowd.serialize.keys import Block, Says\n\n\n"
                "class DummyBlock(Block, frozen=True, kw_only=True, gc=False):\n"
                '    """A number."""\n\n    Dummy: Annotated[int, Says("a number")]\n',
            ),
            Place(
                "src/kflowd/serialize/record.py",
                "# every kind of record;",
                "from kflowd.serialize.blocks.dummy import DummyBlock\n\n\n"
                "class DummyRecord(Record, frozen=True, kw_only=True, gc=False):\n"
                '    """A number."""\n\n    MONITOR: ClassVar[str] = "dummy"\n'
                '    ORDER: ClassVar[tuple[str, ...]] = (*Record.ORDER, "dummy")\n\n'
                "    dummy: DummyBlock\n\n\n",
            ),
            Place(
                "src/kflowd/serialize/record.py",
                "    HealthRecord,\n    Integrity",
                "    DummyRecord,\n",
            ),
            Place(
                "src/kflowd/serialize/sections.py",
                '    ("Health records", ',
                '    ("Dummies", (__import__("kflowd.serialize.blocks.dummy", fromlist=["x"])\n'
                "        .DummyBlock,)),\n",
            ),
            Place(
                "tests/unit/serialize/blocks/test_dummy.py",
                "",
                "from kflowd.delivery.formats import FORMATS\n"
                "from kflowd.serialize.record import RECORDS\n\n\n"
                "def test_it_is_written() -> None:\n"
                '    """It is in the table."""\n'
                '    assert "DummyRecord" in {each.__name__ for each in RECORDS}\n',
            ),
        ),
        (
            "tests/policy/test_docs.py",
            "tests/unit/delivery/formats/test_compiled.py",
            "tests/unit/serialize/blocks/test_dummy.py",
            "-k",
            "has_every_key or every_kind or is_written",
        ),
    ),
)


def write(tree: Path, place: Place) -> None:
    """Write the dummy at a place."""
    path = tree / place.path
    path.parent.mkdir(parents=True, exist_ok=True)
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
    # 2: it cannot even be imported; 4: its test is not there
    assert done.returncode in (0, 1, 2, 4), done.stdout + done.stderr
    return done.returncode == 0


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tree / folder, ignore=LEFT_OUT)
    for name in ("pyproject.toml", "Makefile", "README.md"):
        shutil.copy(ROOT / name, tree)
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
    assert not [it.path for it in addition.places if f"`{_named(it)}`" not in section]


def _named(place: Place) -> str:
    """Return how a place is named: a file that exists by its path, a new one by its folder."""
    return place.path if place.before else f"{Path(place.path).parent}/"
