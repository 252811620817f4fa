# SPDX-License-Identifier: Apache-2.0
"""What became of each event class in a cell: doctor's prediction against the tests. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

PASS, PARTIAL, NOT_COVERED, FAIL, UNTESTED = "pass", "pass*", "n/c", "FAIL", "-"
# 15 % of the instructions that the verifier looks at before it gives up
VERIFIED_MAX = 150_000
# how doctor says that a program of ours was refused, which none of the kernels here should do
REFUSED = "the kernel refuses to "
# how the agent says that the kernel skipped runs of its programs, and that nothing else was lost
SKIPPED = "'HealthMissedRuns':"
ONLY_SKIPPED = re.compile(r"assert {'HealthMissedRuns': \d+} == {}")
# how pytest says that another failure was there first
BESIDE = "During handling of the above exception"
# the feature of doctor's table without which that is predicted
NONPREEMPTIBLE = "nonpreemptible"


class Test(NamedTuple):
    """A test's outcome in a cell.

    Attributes:
        name: With its parameters.
        classes: The event classes that it is about.
        proof: It passes only if the events of its classes appear.
        passed: Its outcome.
        why: Of a failure.
        predicted: It failed as doctor said: a preempted kernel skipped program runs, the agent has
            counted them, and that is all that failed here.
    """

    name: str
    classes: tuple[str, ...]
    proof: bool
    passed: bool
    why: str = ""
    predicted: bool = False


class Judged(NamedTuple):
    """An event class in a cell: the table's text, and why it is not `pass`."""

    text: str
    why: str = ""


class Column(NamedTuple):
    """A cell that has run.

    Attributes:
        name: Its heading.
        judged: By event class, in the order of doctor's table.
        tests: All of them.
        verified: Instructions that the verifier looked at, by program.
        problem: Why there is no result at all.
        seconds: How long it took on the host's clock.
    """

    name: str
    judged: Mapping[str, Judged]
    tests: tuple[Test, ...] = ()
    verified: Mapping[str, int] = {}
    problem: str = ""
    seconds: float = 0.0

    @property
    def skipped(self) -> bool:
        """Say whether the agent told that the kernel skipped program runs."""
        return any(SKIPPED in test.why for test in self.tests)

    @property
    def failures(self) -> list[str]:
        """Return what is wrong in this cell, a text for each."""
        found = [self.problem] if self.problem else []
        found += [
            f"{key}: {it.why}" if it.why else key
            for key, it in self.judged.items()
            if it.text == FAIL
        ]
        known = {name for name, it in self.judged.items() if it.text in (FAIL, NOT_COVERED)}
        found += [
            f"{test.name}: {test.why}"
            for test in self.tests
            if not (test.passed or test.predicted or known & set(test.classes))
        ]
        found += [
            f"{program}: {count} verified instructions, {VERIFIED_MAX} at most"
            for program, count in self.verified.items()
            if count > VERIFIED_MAX
        ]
        return found


def judge(cell: Mapping[str, Any], *, narrowed: bool) -> dict[str, Judged]:
    """Return the verdict on each event class of a cell.

    Args:
        cell: What the guest has left: doctor's table, the tests, and the classes that tests prove
            which it has left to other cells.
        narrowed: Not all tests were asked for, so that a class without a test is no fault.
    """
    tests = tests_of(cell)
    rows = cell["doctor"].get("rows", [])
    stopped = cell["doctor"].get("problem", "")
    elsewhere = cell.get("elsewhere", ())
    missing = {row["event"] for row in rows if stopped or row["status"] == "not covered"}
    judged = {}
    for row in rows:
        name = row["event"]
        about = [test for test in tests if name in test.classes]
        if name in missing:
            judged[name] = _judge_missing(about, missing, stopped or row.get("why", ""))
        else:
            usable = [test for test in about if not missing & set(test.classes)]
            untested = narrowed or name in elsewhere
            judged[name] = _judge_covered(usable, row, untested=untested)
    return judged


def judge_load(cell: Mapping[str, Any]) -> dict[str, Judged]:
    """Return the verdict on the event classes of a cell without tests: nothing is refused."""
    stopped = cell["doctor"].get("problem", "")
    judged = {}
    for row in cell["doctor"].get("rows", []):
        why = "; ".join((stopped, row.get("why", ""), *row.get("passed", ())))
        bad = stopped or row["status"] == "not covered" or REFUSED in why
        judged[row["event"]] = Judged(FAIL, why) if bad else Judged(PASS)
    return judged


def tests_of(cell: Mapping[str, Any]) -> tuple[Test, ...]:
    """Return the outcomes of a cell's tests; a test with several reports passed if all did."""
    found: dict[str, Test] = {}
    features = {it["name"]: it["ok"] for it in cell["doctor"].get("features", ())}
    for each in cell["tests"]:
        passed, why = each["outcome"] == "passed", each["why"]
        alone = ONLY_SKIPPED.search(why) and BESIDE not in why
        predicted = not features.get(NONPREEMPTIBLE, True) and bool(alone)
        test = Test(each["name"], tuple(each["classes"]), each["proof"], passed, why, predicted)
        if test.name not in found or not passed:
            found[test.name] = test
    return tuple(found.values())


def _judge_missing(about: Sequence[Test], missing: set[str], why: str) -> Judged:
    """Judge a class that doctor says is not covered: none of its events may appear."""
    seen = [test for test in about if test.proof and test.passed and missing >= set(test.classes)]
    if seen:
        return Judged(FAIL, f"doctor says not covered ({why}), but {seen[0].name} sees it")
    return Judged(FAIL if REFUSED in why else NOT_COVERED, why)


def _judge_covered(tests: Sequence[Test], row: Mapping[str, Any], *, untested: bool) -> Judged:
    """Judge a class that doctor says is covered, at least in part.

    Args:
        tests: Those about it.
        row: Of doctor's table.
        untested: It may have no test here.
    """
    failed = [test for test in tests if not test.passed]
    if failed:
        names = ", ".join(test.name for test in failed)
        return Judged(FAIL, f"{names}\n{failed[0].why}")
    if not any(test.proof for test in tests):
        return Judged(UNTESTED) if untested else Judged(FAIL, "no test proves it")
    if row["status"] != "partial":
        return Judged(PASS)
    why = row.get("why", "")
    return Judged(FAIL if REFUSED in why else PARTIAL, why)
