# SPDX-License-Identifier: Apache-2.0
"""How the table of doctor reads."""

import json
import re

import msgspec
import pytest

from kflowd import doctor
from kflowd.bpf.kernel.coverage import (
    COVERED,
    NOT_COVERED,
    PARTIAL,
    Coverage,
    CoverageRow,
    MapMemory,
)
from kflowd.bpf.kernel.features import Feature

ROWS = (
    CoverageRow(
        "file.open", "file opened", "file", "covered", "fentry", "o", ("p",), "fentry fd_install"
    ),
    CoverageRow("file.read", "r", "file", "not covered", why="no hook", change="another kernel"),
    CoverageRow("file.write", "w", "file", "not covered", why="no hook", change="another kernel"),
)
COVERAGE = Coverage(
    rows=ROWS,
    features=(Feature("fentry", "fentry programs", ok=True),),
    maps=(MapMemory("kf_ring", 8192, 9000),),
    map_bytes=9000,
    program_bytes=2048,
    hz=250,
)


def test_text_has_each_class_and_groups_reasons() -> None:
    """Each class has a line; a reason that several share is said once."""
    text = doctor.render_text(COVERAGE)
    assert "kflowd can run here: 1 of 3 event classes fully covered" in text
    assert "file.open    covered      fentry  fentry fd_install" in text
    assert "not covered: file.read, file.write\n  why: no hook" in text
    assert text.count("another kernel") == 1


def test_memory_has_a_total_in_whole_kib() -> None:
    """Sizes are rounded up; programs count."""
    lines = doctor.render_text(COVERAGE).splitlines()
    assert lines[-3].split() == ["kf_ring", "8,192", "9"]
    assert lines[-1].split() == ["total", "-", "11"]


def test_who_is_not_observed_is_named() -> None:
    """kflowd itself, and who reads the output if there is somebody."""
    assert "\nleft out: kflowd itself\n" in doctor.render_text(COVERAGE)
    consumed = msgspec.structs.replace(COVERAGE, left_out=("cat (7)", "jq (8)"))
    assert "\nleft out: kflowd itself, cat (7), jq (8)\n" in doctor.render_text(consumed)
    assert json.loads(doctor.render_json(consumed))["left_out"] == ["cat (7)", "jq (8)"]


def test_filters_have_a_line_each() -> None:
    """What they hide, and where."""
    filtered = msgspec.structs.replace(
        COVERAGE, filters=("hidden is a: here", "hidden is b: there")
    )
    assert "hidden is a: here\nhidden is b: there\n" in doctor.render_text(filtered)
    assert "hidden" not in doctor.render_text(COVERAGE)


def test_whose_messages_are_read_is_told() -> None:
    """Unless packets are not seen, which have them."""
    said = ("DNS at udp/53", "HTTP at tcp/80")
    for status, told in ((COVERED, True), (PARTIAL, True), (NOT_COVERED, False)):
        row = CoverageRow(doctor.PACKETS, "packets", "socket", status)
        coverage = msgspec.structs.replace(COVERAGE, rows=(row,), messages=said)
        line = "messages are read of DNS at udp/53; HTTP at tcp/80\n"
        assert (line in doctor.render_text(coverage)) is told
    assert "messages" not in doctor.render_text(COVERAGE)


def test_a_problem_comes_first() -> None:
    """Where the agent cannot run, the first line says why and the next what to do."""
    lines = doctor.render_text(Coverage(problem="no BTF", hint="get BTF", exit_code=3)).splitlines()
    assert lines == ["kflowd cannot run here: no BTF", "  get BTF"]


def test_warning_names_what_nothing_serves() -> None:
    """One line, and none if everything is at least partly served; it names the doctor to ask."""
    partial = CoverageRow("file.exec", "e", "file", "partial", "tracepoint", why="a gap")
    assert doctor.warning(Coverage(rows=(ROWS[0], partial)), None) == ""
    assert doctor.warning(Coverage(rows=(*ROWS, partial)), None) == (
        "not covered on this kernel: file.read, file.write (kflowd doctor tells why)"
    )
    assert doctor.warning(COVERAGE, "kprobe").endswith("(kflowd doctor --attach kprobe tells why)")


def test_a_terminal_gets_lines_that_fit_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long hooks go on below, in their column; without a terminal nothing is cut or coloured."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    hook = "tracepoint " + ", ".join(f"sys_enter_{number}" for number in range(20))
    long = Coverage(rows=(ROWS[0], msgspec.structs.replace(ROWS[0], hook=hook)))
    plain = doctor.render_text(long)
    assert "\x1b" not in plain
    assert hook in plain
    shown = doctor.render_text(long, terminal=True)
    assert "\x1b[32mcovered" in shown
    assert all(len(re.sub(r"\x1b\[[\d;]*m", "", line)) <= 60 for line in shown.splitlines())


def test_text_of_the_kernel_is_no_markup() -> None:
    """What looks like a style of rich is shown as it is."""
    text = doctor.render_text(Coverage(features=(Feature("x", "x", ok=False, why="[red]:x:"),)))
    assert "[red]:x:" in text


def test_json_holds_the_same() -> None:
    """The JSON form can be read back by name."""
    table = json.loads(doctor.render_json(COVERAGE))
    assert [row["status"] for row in table["rows"]] == ["covered", "not covered", "not covered"]
    assert table["map_bytes"] == 9000
