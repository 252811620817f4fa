# SPDX-License-Identifier: Apache-2.0
"""Each tracing program claims its event: one that does not reports it once for each copy."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.policy.tree import ROOT

# Between a section and its function there may be another section: one of two builds.
PROGRAM = re.compile(
    r'^SEC\("(?:tp_btf|tp_btf_user|fentry|fexit)/\w+"\)\n'
    r"(?:#.*\n|SEC.*\n)*int (?:BPF_PROG\()?(\w+)[^{]*\n\{\n(.*\n.*)$",
    re.MULTILINE,
)
CLAIM = "\tif (!kf_standby__claim({}))\n\t\treturn 0;"
# in softirqs too
WITHOUT = ("socket.bpf.c",)
# in interrupts, too, so the claim is what it takes out of a table
BY_ENTRY = {"fentry__aio_complete_rw": "\tkf_aio__completes(kiocb, result);\n\treturn 0;"}
# of headers, those with programs
SOURCES = sorted(
    path
    for path in (ROOT / "ebpf").rglob("*.bpf.[ch]")
    if path.suffix == ".c" or PROGRAM.search(path.read_text())
)


def programs(text: str) -> dict[str, str]:
    """Return the first two lines of each tracing program's body, by name."""
    return dict(PROGRAM.findall(text))


def claim_of(program: str) -> str:
    """Return how the body of a program has to begin."""
    return CLAIM.format(number(program))


def number(program: str) -> str:
    """Return the enumerator of a program: KF_PROG_FENTRY_VFS_OPEN."""
    how, _, what = program.partition("__")
    return "KF_PROG_" + (what if how == "tp" else f"{how}_{what}").upper()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_tracing_program_claims_first(path: Path) -> None:
    """The claim is the first statement, or the program interrupts itself and has another."""
    found = programs(path.read_text())
    if path.name in WITHOUT:
        assert not any("kf_standby__" in lines for lines in found.values())
    else:
        assert found == {program: BY_ENTRY.get(program, claim_of(program)) for program in found}


def test_each_number_is_that_of_one_program() -> None:
    """A number is used once: a claim of one program is none of another."""
    used = Counter(number(it) for path in SOURCES for it in programs(path.read_text()))
    claimed = Counter(
        it
        for path in (ROOT / "ebpf").rglob("*.bpf.[ch]")
        for it in re.findall(r"kf_standby__claim\((KF_\w+)\)", path.read_text())
    )
    assert set(claimed.values()) == {1}
    assert claimed.keys() <= used.keys()
    for path in (ROOT / "ebpf").rglob("programs.bpf.h"):
        (body,) = re.findall(r"enum \w+ \{\n(.*?)\n\};", path.read_text(), re.DOTALL)
        listed = re.findall(r"^\t(KF_PROG_\w+)", body, re.MULTILINE)
        assert set(listed[:-1]) <= claimed.keys(), path
        claimed -= Counter(listed)
    assert not claimed


def test_programs_are_found() -> None:
    """The pattern finds programs, and what the first lines are."""
    text = 'SEC("tp_btf/x")\nint BPF_PROG(tp__x, long y)\n{\n\tif (y)\n\t\treturn 0;\n}\n'
    assert programs(text) == {"tp__x": "\tif (y)\n\t\treturn 0;"}
    assert sum(len(programs(path.read_text())) for path in SOURCES) > 40
