# SPDX-License-Identifier: Apache-2.0
"""The parts of the kernel matrix that need no machine."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kflowd.bpf.hooks import HOOKS
from tests.host import test_clock, test_directories, test_failed, test_one_run, test_users
from tests.host.cases import CASES, proofs
from tests.matrix import cells, report, verdict
from tests.matrix.verdict import FAIL, NOT_COVERED, PARTIAL, PASS, UNTESTED, Column
from tests.vm import KERNELS

OPEN, READ = "file.open", "file.read"


def a_test(name: str, *classes: str, passed: bool = True, proof: bool = True) -> dict[str, Any]:
    """Return a test as the guest reports it."""
    return {
        "name": name,
        "classes": classes,
        "outcome": "passed" if passed else "failed",
        "proof": proof,
        "why": "1 != 2",
    }


def judged(
    status: str, *tests: dict[str, Any], narrowed: bool = False, problem: str = ""
) -> dict[str, str]:
    """Return the verdicts on `file.open`, which has this status, and `file.read`: covered."""
    rows = [
        {"event": OPEN, "status": status, "why": "no hook"},
        {"event": READ, "status": "covered"},
    ]
    cell = {"doctor": {"rows": rows, "problem": problem}, "tests": tests}
    return {name: it.text for name, it in verdict.judge(cell, narrowed=narrowed).items()}


def test_each_class_is_proven_by_a_test() -> None:
    """No event class of the agent is without a test, and no test names one that does not exist."""
    proven = {event_class for _, event_class in proofs()}
    refused = {name for case in CASES for name in case.refused}
    modules = (test_one_run, test_users, test_directories, test_failed, test_clock)
    for name, test in (item for module in modules for item in vars(module).items()):
        if name.startswith("test_"):
            proven |= set(vars(test).get("classes", ()))
    assert proven | refused == {hook.key for hook in HOOKS}
    assert refused <= proven


def test_cells_name_kernels_that_exist() -> None:
    """Each cell can be booted, and no two have the same name."""
    assert {cell.kernel for cell in cells.ALL} <= set(KERNELS)
    assert len({cell.name for cell in cells.ALL}) == len(cells.ALL)


@pytest.mark.parametrize("test", [cells.FLOODS, cells.TIME_NAMESPACE])
def test_what_a_cell_leaves_to_others_is_run_by_each_kernel_and_mode(test: str) -> None:
    """And there is such a test."""
    path, _, name = test.partition("::")
    assert f"def {name.partition('[')[0]}(" in Path(path).read_text()
    runs = [cell for cell in cells.ALL if cell.set == "modes" and test not in cell.without]
    assert {cell.kernel for cell in runs} == set(cells.KERNELS)
    assert {cell.attach_mode for cell in runs} == set(cells.ATTACH_MODES)


def test_the_cells_of_make_test_leave_no_kind_out() -> None:
    """Each kernel, lockdown and arm64 once, and each attach mode with all that is apart."""
    ran = {
        (cell.attach_mode, test)
        for cell in cells.SHORT
        for test in cells.APART
        if test not in cell.without
    }
    assert ran == {(mode, test) for mode in cells.ATTACH_MODES for test in cells.APART}
    assert {cell.kernel for cell in cells.SHORT if not cell.build} == set(cells.KERNELS)
    assert {cell.build for cell in cells.SHORT} == {"", cells.ARM64}
    assert any("confidentiality" in cell.note for cell in cells.SHORT)
    assert {cell.name for cell in cells.SHORT} <= {cell.name for cell in cells.ALL}
    assert cells.chosen(["test"], [], []) == list(cells.SHORT)
    assert cells.chosen([], [], []) == list(cells.ALL)
    for test in cells.APART:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}" in Path(path).read_text()


def test_cells_can_be_narrowed() -> None:
    """By set, by kernel, by attach mode."""
    assert [cell.name for cell in cells.chosen(["modes"], ["6.1"], ["fentry"])] == ["6.1 fentry"]
    assert len(cells.chosen(["modes"], [], [])) == len(cells.KERNELS) * len(cells.ATTACH_MODES)
    assert {cell.heading for cell in cells.chosen(["lockdown"], ["7.3"], [])} == {
        "fentry confidentiality"
    }


def test_a_refused_program_fails_a_cell_that_only_loads() -> None:
    """Whatever else serves the class."""
    rows = [
        {"event": OPEN, "status": "partial", "why": "the kernel has no function f"},
        {"event": READ, "status": "covered", "passed": ["the kernel refuses to load p (EINVAL)"]},
    ]
    found = verdict.judge_load({"doctor": {"rows": rows}})
    assert {name: it.text for name, it in found.items()} == {OPEN: PASS, READ: FAIL}


def test_covered_and_proven_is_a_pass() -> None:
    """What doctor says is covered, and all its tests passed."""
    tests = (a_test("a", OPEN), a_test("b", READ), a_test("guard", OPEN, READ, proof=False))
    assert judged("covered", *tests) == {OPEN: PASS, READ: PASS}
    assert judged("partial", *tests) == {OPEN: PARTIAL, READ: PASS}


def test_covered_and_not_seen_is_a_failure() -> None:
    """A prediction that is too good is wrong."""
    tests = (a_test("a", OPEN, passed=False), a_test("b", READ))
    assert judged("covered", *tests) == {OPEN: FAIL, READ: PASS}


def test_not_covered_and_not_seen_is_as_predicted() -> None:
    """A test that needs a class without cover says nothing about its other classes."""
    tests = (a_test("a", OPEN, READ, passed=False), a_test("b", READ))
    assert judged("not covered", *tests) == {OPEN: NOT_COVERED, READ: PASS}


def test_not_covered_and_seen_is_a_failure() -> None:
    """A prediction that is too bad is wrong too; only a test that proves counts."""
    guard = a_test("guard", OPEN, proof=False)
    assert judged("not covered", guard, a_test("b", READ))[OPEN] == NOT_COVERED
    assert judged("not covered", a_test("a", OPEN), a_test("b", READ))[OPEN] == FAIL


def test_a_refused_program_is_a_failure() -> None:
    """A kernel of the matrix that refuses one of our programs is no kernel without cover."""
    rows = [{"event": OPEN, "status": "not covered", "why": "the kernel refuses to load p"}]
    cell = {"doctor": {"rows": rows}, "tests": [a_test("a", OPEN, passed=False)]}
    assert verdict.judge(cell, narrowed=False)[OPEN].text == FAIL


def test_a_class_without_a_test_is_a_failure() -> None:
    """Unless the run was narrowed to some tests."""
    assert judged("covered", a_test("a", OPEN)) == {OPEN: PASS, READ: FAIL}
    assert judged("covered", a_test("a", OPEN), narrowed=True) == {OPEN: PASS, READ: UNTESTED}


def test_a_class_that_other_cells_prove_is_no_failure() -> None:
    """Its tests are left to them; a class that nobody proves is one all the same."""
    rows = [{"event": OPEN, "status": "covered"}, {"event": READ, "status": "covered"}]
    cell = {"doctor": {"rows": rows}, "tests": [], "elsewhere": [OPEN]}
    found = verdict.judge(cell, narrowed=False)
    assert {name: it.text for name, it in found.items()} == {OPEN: UNTESTED, READ: FAIL}


def test_an_agent_that_cannot_run_covers_nothing() -> None:
    """Where doctor says that it cannot run, no class is covered."""
    assert judged("covered", problem="no hooks") == {OPEN: NOT_COVERED, READ: NOT_COVERED}


def a_column(name: str = "6.1 fentry", text: str = PASS) -> Column:
    """Return a cell with one class and two tests."""
    tests = (
        verdict.Test("a", (OPEN,), proof=True, passed=text != FAIL, why="left\nright"),
        verdict.Test("lost", (), proof=True, passed=True),
    )
    return Column(name, {OPEN: verdict.Judged(text, "because")}, tests, {"file/open": 1234})


def test_table_has_a_column_for_each_cell() -> None:
    """Heads are two lines: kernels and attach modes."""
    chosen = cells.chosen(["modes"], ["6.1"], [])
    lines = report.table(chosen, [a_column(cell.name) for cell in chosen]).splitlines()
    words = [[word.strip() for word in line.strip("|").split("|")] for line in lines]
    assert words[0] == ["event class", "6.1", "6.1", "6.1"]
    assert words[2] == ["", "fentry", "kprobe", "tracepoint"]
    assert words[3] == [OPEN, PASS, PASS, PASS]
    assert words[4] == ["tests passed", "2/2", "2/2", "2/2"]
    assert words[5] == ["most verified instructions", "1,234", "1,234", "1,234"]
    assert len({len(line) for line in lines}) == 1


def test_failures_say_where_and_why() -> None:
    """Failed classes, failed tests of no class, cells without a result, programs too large."""
    wrong = a_column(text=FAIL)
    assert report.failures([wrong]) == "FAIL 6.1 fentry: file.open: because"
    assert report.failures([Column("7.3 best", {}, problem="panic\nlast")]).splitlines() == [
        "FAIL 7.3 best: panic",
        "    last",
    ]
    large = a_column()._replace(verified={"file/open": verdict.VERIFIED_MAX + 1})
    assert "150001 verified instructions" in report.failures([large])
    lost = verdict.Test("lost", (), proof=True, passed=False, why="3 lost")
    assert "lost: 3 lost" in report.failures([a_column()._replace(tests=(lost,))])
    assert report.failures([a_column()]) == ""


def test_notes_say_each_reason_once() -> None:
    """Cells and classes with the same reason share a line."""
    columns = [a_column("6.1 fentry", NOT_COVERED), a_column("7.3 fentry", NOT_COVERED)]
    assert report.notes(columns) == "- `n/c` file.open (6.1 fentry, 7.3 fentry): because"
    assert report.totals(columns) == "2 cells, 4 tests: 0 pass, 0 pass*, 2 n/c, 0 FAIL"


def test_verified_instructions_are_the_most_of_all_cells() -> None:
    """The largest program first, with the cell where it took most."""
    more = a_column("7.3 fentry")._replace(verified={"file/open": 2000, "file/read": 9})
    assert [line.split() for line in report.verified([a_column(), more]).splitlines()] == [
        ["2,000", "file/open", "(7.3", "fentry)"],
        ["9", "file/read", "(7.3", "fentry)"],
    ]


def test_docs_keep_what_is_around_the_table(tmp_path: Path) -> None:
    """Only what stands between the marks is written."""
    path = tmp_path / "kernels.md"
    path.write_text(f"head\n{report.BEGIN}\nold\n{report.END}\ntail\n")
    report.write_docs(path, "| new |")
    assert path.read_text() == f"head\n{report.BEGIN}\n\n| new |\n\n{report.END}\ntail\n"


@pytest.mark.parametrize("option", ["--kernels=6.1 4.9", "--modes=none", "--sets=all"])
def test_a_choice_without_cells_is_refused(option: str) -> None:
    """A kernel or attach mode that does not exist is wrong use."""
    command = [sys.executable, "-m", "tests.matrix", option]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tests.matrix: unknown: ")


def test_a_run_that_the_kernel_skipped_is_known() -> None:
    """What the agent tells of skipped runs is found in a test's report, and nothing else is."""
    lost, other = (
        verdict.Test("x", (), proof=False, passed=False, why=f"assert {{'{name}': 3}} == {{}}")
        for name in ("HealthMissedRuns", "HealthLost")
    )
    assert Column("x", {}, tests=(other, lost)).skipped
    assert not Column("x", {}, tests=(other,)).skipped


LOST = "assert lost == {}\nE   AssertionError: assert {'HealthMissedRuns': 3} == {}"
LOST_AFTER = f"E   assert 0 == 40\n{verdict.BESIDE}, another exception occurred:\n{LOST}"
LOST_MORE = "E   AssertionError: assert {'HealthLost': 1, 'HealthMissedRuns': 3} == {}"


@pytest.mark.parametrize(
    ("why", "nonpreemptible", "predicted"),
    [
        (LOST, False, True),
        (LOST, True, False),
        (LOST_MORE, False, False),
        (LOST_AFTER, False, False),
        ("1 != 2", False, False),
    ],
)
def test_skipped_runs_are_predicted_on_preempted_kernels_only(
    why: str, nonpreemptible: bool, predicted: bool
) -> None:
    """Only that, and only where doctor says so; what is missing beside it is a failure still."""
    features = [{"name": "nonpreemptible", "ok": nonpreemptible}]
    test = a_test("test_nothing_was_lost", passed=False) | {"why": why}
    cell = {"doctor": {"features": features}, "tests": [test]}
    column = Column("x", {}, tests=verdict.tests_of(cell))
    assert [it.predicted for it in column.tests] == [predicted]
    assert bool(column.failures) != predicted
