# SPDX-License-Identifier: Apache-2.0
"""Runs inside the machine: what doctor predicts, what the programs cost, what the tests say.

`python3 -m tests.matrix.guest MODE [pytest arguments]`; leaves cell.json in /results.
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kflowd import doctor
from kflowd.bpf.source import Source
from kflowd.errors import KflowdError
from kflowd.settings.convert import convert
from tests.host.case import Case

RESULTS = Path("/results")
TESTS = (
    "tests/host/test_one_run.py",
    "tests/host/test_users.py",
    "tests/host/test_directories.py",
    "tests/host/test_applications.py",
    *(
        f"tests/host/test_failed.py::{name}"
        for name in (
            "test_attempts_are_those_that_were_made",
            "test_an_attempt_is_none_that_happened",
            "test_the_end_of_a_long_path_is_kept",
            "test_what_happened_is_beside_it",
        )
    ),
    "tests/host/test_floods.py::test_all_floods_at_once_hide_nobody",
    # the last one: it sets the clock of the machine
    "tests/host/test_clock.py::test_each_record_has_the_wall_time_of_its_moment",
)
# options that classes of events are wanted by
OPTIONAL = ("directories", "failed")
# hypothesis takes seconds to import on an emulated machine, and nothing here uses it
OPTIONS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-q", "--tb=short")
# emulated machines verify programs slowly, 5.10 takes minutes for all
TIMEOUT = "--timeout=900"
DIFFERENCE = "--override-ini=verbosity_assertions=2"


class About(NamedTuple):
    """What a test is about.

    Attributes:
        names: Event classes.
        proof: It passes only if their events appear.
    """

    names: tuple[str, ...]
    proof: bool


class Recorder:
    """A plugin of pytest that notes each test's outcome and the event classes that it proves.

    Attributes:
        tests: The outcomes.
        elsewhere: Event classes that tests prove which this cell leaves to others.
    """

    def __init__(self) -> None:
        self.tests: list[dict[str, Any]] = []
        self.elsewhere: set[str] = set()
        self._classes: dict[str, About] = {}

    def pytest_deselected(self, items: list[pytest.Function]) -> None:
        """Note the classes that tests prove which are left to other cells."""
        for item in items:
            about = classes_of(item)
            self.elsewhere.update(about.names if about.proof else ())

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        """Note the classes of all tests, also of those that will not come to run."""
        for item in items:
            self._classes[item.nodeid] = classes_of(item)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome: of the call, or of a set-up or tear-down that failed."""
        if report.when != "call" and report.passed:
            return
        test = {
            "name": report.nodeid.rpartition("::")[2],
            "classes": self._classes[report.nodeid].names,
            "proof": self._classes[report.nodeid].proof,
            "outcome": report.outcome,
            "why": report.longreprtext,
        }
        self.tests.append(test)


def classes_of(item: pytest.Function) -> About:
    """Return the event classes that a test is about: by its parameters, else by its mark."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    match parameters:
        case {"event_class": str(name), "case": Case() as case}:
            return About((name,), proof=True)
        case {"case": Case() as case}:
            return About(case.all_classes(), proof=False)
    function = item.function
    return About(tuple(getattr(function, "classes", ())), proof=True)


def verified(fd: int) -> int:
    """Return how many instructions the verifier looked at; 0 where the kernel does not say."""
    text = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
    found = re.search(r"^verified_insns:\s+(\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def predict(attach_mode: str | None) -> dict[str, Any]:
    """Return doctor's table and the programs with their verified instructions."""
    asked = {"attach": attach_mode} if attach_mode else {}
    trace = convert({"trace": asked | dict.fromkeys(OPTIONAL, True)}).trace
    source = Source(trace)
    programs: dict[str, int] = {}
    try:
        with source:
            loaded = source._opened()
            for where in loaded.links:
                fd = loaded.program_fd(where)
                programs[f"{where.object}/{where.program}"] = verified(fd)
            coverage = source.coverage
    except KflowdError:
        coverage = doctor.run(Source(trace))
    return {"doctor": json.loads(doctor.render_json(coverage)), "programs": programs}


def main(arguments: list[str]) -> int:
    """Predict, run the tests, write cell.json."""
    attach_mode, options = arguments[0], arguments[1:]
    began = time.monotonic()
    cell = predict(attach_mode if attach_mode != "best" else None)
    cell["doctor_seconds"] = time.monotonic() - began
    recorder = Recorder()
    try:
        if options != ["--load-only"]:
            pytest.main([*OPTIONS, TIMEOUT, DIFFERENCE, *TESTS, *options], plugins=[recorder])
    finally:
        cell["tests"] = recorder.tests
        cell["elsewhere"] = sorted(recorder.elsewhere)
        cell["seconds"] = time.monotonic() - began
        RESULTS.joinpath("cell.json").write_text(json.dumps(cell))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
