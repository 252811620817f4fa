# SPDX-License-Identifier: Apache-2.0
"""What the documents promise exists: targets, options, files, the form of the changelog."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kflowd
from kflowd.serialize.record import RECORDS, record_keys
from tests.matrix import cells
from tests.policy.tree import ROOT, Check, files, name, offenders
from tests.vm.kernels import KERNELS
from tools import fields_page, forms_page, options_table, reload_page, top_page
from tools.marked import Part

PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
PARTS = [it.PART for it in (fields_page, forms_page, options_table, reload_page, top_page)]
DOCS = [*(ROOT / each for each in PAGES), *files("docs", ".md")]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))


def commands(text: str) -> list[list[str]]:
    """Return the words of each command in the fenced shell blocks of a document."""
    lines = []
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL):
        lines += [line.removeprefix("$ ") for line in block.splitlines() if line.strip()]
    return [shlex.split(line, comments=True) for line in lines if not line.startswith("#")]


def help_text(*command: str) -> str:
    """Return what a kflowd command says of itself."""
    arguments = [sys.executable, "-m", "kflowd", *command, "--help"]
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def unknown_targets(_: Path, text: str) -> Iterator[str]:
    """Yield the commands that name no target of the Makefile."""
    for words in commands(text):
        if "make" in words:
            targets = {w for w in words[words.index("make") + 1 :] if "=" not in w}
            yield from [shlex.join(words)] if targets - TARGETS else []


def missing_files(_: Path, text: str) -> Iterator[str]:
    """Yield the paths in backticks that begin with a folder of the project and do not exist."""
    for found in re.findall(r"`((?:ebpf|src|tests|tools|docs|vmlinux)/[\w./-]*)`", text):
        yield from [] if (ROOT / found).exists() else [found]


# what the variables of `make` that choose machines may hold; NAME stands for any
CHOICES = {
    "SETS": set(cells.SETS),
    "KERNELS": {cell.kernel for cell in cells.ALL},
    "MODES": {*cells.ATTACH_MODES, "best"},
    "KERNEL": set(KERNELS),
}


def unknown_choices(_: Path, text: str) -> Iterator[str]:
    """Yield what SETS, KERNELS, MODES and KERNEL are given anywhere and no machine has."""
    for key, quoted, bare in re.findall(r'\b([A-Z]+)=(?:"([^"\n]*)"|([\w.-]+))', text):
        given = set((quoted or bare).split()) - {"NAME"}
        for unknown in sorted(given - CHOICES.get(key, given)):
            yield f"{key}={unknown}"


def broken_links(path: Path, text: str) -> Iterator[str]:
    """Yield the relative links that name no file of the project."""
    for found in re.findall(r"\]\(([^)#:]+)\)", text):
        yield from [] if (path.parent / found).exists() else [found]


@pytest.mark.parametrize("check", [unknown_targets, unknown_choices, missing_files, broken_links])
def test_documents_name_what_exists(check: Check) -> None:
    """Targets and machines of `make`, paths in backticks and relative links exist."""
    found = offenders(DOCS, check)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (unknown_targets, "```sh\nmake nothing\n```\n"),
        (unknown_choices, 'make matrix KERNELS="6.1 6.13" MODES=best SETS=arm64'),
        (unknown_choices, "`make vm KERNEL=6.13`"),
        (missing_files, "`tests/nothing.py`"),
        (broken_links, "[this](nothing.md)"),
    ],
)
def test_what_is_missing_is_found(check: Check, text: str) -> None:
    """Each of the rules above finds one thing in a document that breaks it, and none in another."""
    assert len(list(check(ROOT / "x.md", text))) == 1
    assert not list(check(ROOT / "x.md", "```sh\nmake test\n```\n`tests/policy` [this](README.md)"))


def test_readme_shows_the_two_commands() -> None:
    """README has `make run` and `make test`."""
    shown = commands((ROOT / "README.md").read_text())
    assert ["make", "run"] in shown
    assert ["make", "test"] in shown


def test_every_option_is_documented() -> None:
    """README names each option that --help lists, and no other."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("## Options")[2].partition("## How it works")[0]
    pattern = r"(?<![\w-])(--?[a-zA-Z][\w-]*)"
    known = set()
    for command in (
        (),
        ("doctor",),
        ("replay",),
        ("decode",),
        ("support",),
        ("top",),
        ("config", "check"),
        ("config", "show"),
    ):
        for line in help_text(*command).splitlines():
            if line.startswith("  -"):
                known |= set(re.findall(pattern, line.split("  ")[1]))
    assert known == set(re.findall(pattern, "\n".join(re.findall(r"`[^`\n]*`", section))))


@pytest.mark.parametrize("part", PARTS, ids=lambda it: it.name)
def test_what_is_made_is_up_to_date(part: Part) -> None:
    """Tables and screens of documents are what `make docs` writes."""
    text = part.path.read_text()
    assert part.filled(text) == text, "make docs"


def test_fields_page_has_every_key() -> None:
    """No key of a record is missing in the tables, and no type is without its word."""
    text = fields_page.generated()
    keys = {key for record in RECORDS for key in record_keys(record)}
    assert keys == set(re.findall(r"^\| `(\w+)`[ +]*\| [\w ]+ \| ", text, re.MULTILINE))


@pytest.mark.parametrize("path", [ROOT / "README.md", fields_page.PART.path], ids=name)
def test_records_in_documents_have_known_keys(path: Path) -> None:
    """An example is a record: its keys are those of one kind, in their order."""
    examples = re.findall(r"```json\n(.*?)```", path.read_text(), re.DOTALL)
    assert examples
    for example in examples:
        keys = list(json.loads(example))
        orders = ([k for k in record_keys(kind) if k in keys] for kind in RECORDS)
        assert keys in orders


def test_changelog_has_its_form() -> None:
    """Keep a Changelog: Unreleased on top, known sections, versions with dates, newest first."""
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads
    assert heads[0] == "[Unreleased]"
    for head in heads[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", head), head
    sections = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert sections <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_version_is_said_once() -> None:
    """The version stands in kflowd/__init__.py, and pyproject takes it from there."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", kflowd.__version__)
    project = (ROOT / "pyproject.toml").read_text()
    assert 'attr = "kflowd.__version__"' in project
    assert not re.search(r"^version = \"", project, re.MULTILINE)
