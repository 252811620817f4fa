# SPDX-License-Identifier: Apache-2.0
"""The parts of `make cost` that need no machine."""

import json
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cost import __main__ as program
from tests.cost import figures, report, stages
from tests.cost.__main__ import DOCS, main, stored
from tests.cost.figures import MODES, RECORD_KINDS, STAGES, compare
from tests.cost.sizes import COUNTED, SIZES, STAGED
from tests.cost.stages import REST, Clock, Overhead, install

NAME = "fentry.file.user"
STAGE = "fentry.file.stage.drain"


def judged(before: float, after: float, name: str = NAME) -> tuple[int, int]:
    """Return how many failures and how many news a figure makes."""
    verdict = compare({name: before}, {name: after}, ["fentry"])
    return len(verdict.failures), len(verdict.news)


@pytest.mark.parametrize(
    ("after", "failures", "news"),
    [(106_000, 1, 0), (104_000, 0, 0), (100_000, 0, 0), (96_000, 0, 0), (90_000, 0, 1)],
)
def test_growth_has_a_limit(after: float, failures: int, news: int) -> None:
    """A growth of 6 % fails, 4 % passes, and shrinking is told as an improvement."""
    assert judged(100_000, after) == (failures, news)


def test_the_line_says_figure_and_growth() -> None:
    """A failure names the figure, both values and the share."""
    verdict = compare({NAME: 100_000}, {NAME: 106_000}, ["fentry"])
    assert verdict.failures == [
        "fentry.file.user: 100,000 -> 106,000, +6.0% (at most 5% is allowed)"
    ]
    verdict = compare({NAME: 100_000}, {NAME: 60_000}, ["fentry"])
    assert verdict.news == ["fentry.file.user: 100,000 -> 60,000, -40.0%, an improvement"]


def test_a_missing_figure_fails_and_a_new_one_is_told() -> None:
    """What is stored and was not found is said, as is what was found and is not stored."""
    verdict = compare({NAME: 1000}, {STAGE: 70}, ["fentry"])
    assert verdict.failures == ["fentry.file.user: missing, 1,000 is stored"]
    assert verdict.news == ["fentry.file.stage.drain: 70, new"]


def test_attach_modes_that_did_not_run_are_left_alone() -> None:
    """A narrowed run neither judges nor replaces the figures of other attach modes."""
    old = {NAME: 1.0, "kprobe.file.user": 2.0, "fentry.gone": 3.0}
    assert compare(old, {NAME: 1.0, "fentry.gone": 3.0}, ["fentry"]).failures == []
    assert figures.updated(old, {NAME: 9.0}, ["fentry"]) == {NAME: 9.0, "kprobe.file.user": 2.0}


def test_small_stages_have_slack() -> None:
    """A stage of a thousand instructions may grow by some hundred; the rest has no limit."""
    assert judged(1000, 1490, STAGE) == (0, 0)
    assert judged(1000, 1510, STAGE) == (1, 0)
    assert judged(30_000, 32_000, STAGE) == (1, 0)
    assert judged(50 * 2**20, 53.5 * 2**20, "fentry.memory.rss") == (0, 0)
    assert judged(50 * 2**20, 54.5 * 2**20, "fentry.memory.rss") == (1, 0)
    assert judged(1000, 9000, f"fentry.file.stage.{REST}") == (0, 0)


def test_fewer_records_are_no_improvement() -> None:
    """What loses records costs less: that fails in both directions."""
    assert judged(2.0, 1.8, "fentry.file.records") == (1, 0)
    assert judged(2.0, 2.2, "fentry.file.records") == (1, 0)
    assert judged(2.0, 1.99, "fentry.file.records") == (0, 0)


def a_run(**changes: Any) -> dict[str, Any]:
    """Return what the guest writes about an attach mode."""
    work = {
        "n": 100, "warm": 20, "ns": 30_000, "agent_ns": 5000, "cpu": 12_010, "seconds": 2.0,
        "records": 240,
    }  # fmt: skip
    counted = {"n": 10, "warm": 2, "programs": {"a#1": (1000, 5), "b#2": (200, 1)}}
    spent = {"stages": {"decode": 10_100.0, REST: 50.0, "build": 0.0}, "records": 100}
    run = {
        "work": dict.fromkeys(SIZES, work),
        "idle": 5.0,
        "bpf": dict.fromkeys(COUNTED, counted),
        "staged": {"idle": {"decode": 100.0}, **dict.fromkeys(STAGED, spent), "warnings": []},
        "rss_end": 1 << 20,
        "memory": {"maps": 2 << 20, "programs": 3 << 20},
        "first_cpu": 2_900_000_000,
    }
    return {**run, **changes}


BASE = {"work": {kind: {"n": 100, "ns": 20_000} for kind in SIZES}}


def test_figures_of_a_run() -> None:
    """Slowdown, instructions per record, stage and operation, memory and start."""
    found = figures.of_mode("kprobe", BASE, a_run())
    assert found["kprobe.tcp.kernel"] == 1.25  # (30,000 - 5,000) / 100 to 200
    assert found["kprobe.tcp.all_in"] == 1.75  # and 12,000 for 120 operations
    assert found["kprobe.tcp.user"] == 50
    assert found["kprobe.tcp.records"] == 2
    assert {"kprobe.udp.user", "kprobe.udp.records"}.isdisjoint(found)
    assert found["kprobe.read.bpf"] == 100
    assert found["kprobe.file.stage.decode"] == 100
    assert found["kprobe.memory.programs"] == 3 << 20
    assert found["kprobe.start.first_record"] == 2_900_000_000


def test_a_stage_that_was_not_called_has_no_figure() -> None:
    """A stage that is not found any more is missing, and not free of charge."""
    found = figures.of_mode("fentry", BASE, a_run())
    assert "fentry.file.stage.build" not in found
    wanted = {**found, "fentry.file.stage.build": 36_000.0}
    assert "fentry.file.stage.build: missing" in compare(wanted, found, MODES).failures[0]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("fentry.file.all_in", 2.6512, "2.651"),
        ("fentry.memory.rss", 3 << 19, "1.5 MiB"),
        ("fentry.start.first_record", 2_888_788_939, "2.89 G"),
        ("fentry.tcp.stage.decode", 30_123.4, "30,123"),
    ],
)
def test_numbers_are_for_people(name: str, value: float, text: str) -> None:
    """Ratios, memory, time and instructions have their own forms."""
    assert figures.number(name, value) == text


def test_tables_have_every_figure() -> None:
    """What a run finds is in some row, and a stage has a place in the order of stages."""
    shown = {row.figure for _, rows in report.sections() for row in rows}
    found = figures.of_mode("fentry", BASE, a_run())
    assert {name.removeprefix("fentry.") for name in found} <= shown
    assert set(STAGES) == {*stages.STAGES, REST}
    assert set(RECORD_KINDS) == set(STAGED) <= set(SIZES)


def test_tables_are_markdown() -> None:
    """A column for each attach mode and set of figures; what is not there is a dash."""
    text = report.table({"before": {NAME: 141_000.0}, "now": {NAME: 60_000.0}}, ["fentry"])
    assert text == (
        "### User instructions per record\n\n"
        "|             | fentry, before | fentry, now |\n"
        "|-------------|---------------:|------------:|\n"
        "| file record |        141,000 |      60,000 |"
    )
    rows = report.markdown([["", "a"], ["b", "1"]]).splitlines()
    assert rows == ["|     |   a |", "|-----|----:|", "| b   |   1 |"]


def test_the_page_shows_what_is_stored() -> None:
    """The tables of docs/cost.md are those of the stored figures."""
    text = DOCS.read_text()
    assert report.page(text, stored(), MODES) == text, "make cost DOCS=1"


def test_stored_figures_have_the_form_of_found_ones() -> None:
    """Names begin with an attach mode, and values are numbers above zero."""
    for column in stored().values():
        assert column
        assert all(name.partition(".")[0] in MODES and value > 0 for name, value in column.items())


def test_an_unknown_attach_mode_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word in MODES does not boot a machine."""
    assert main(["--modes", "fentry uprobe"]) == 2
    assert "uprobe" in capsys.readouterr().err


@pytest.mark.parametrize(("found", "code"), [(104_000.0, 0), (106_000.0, 1)])
def test_growth_decides_the_exit_code(
    found: float,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run compares with "now", and UPDATE stores what it has found in a column."""
    file = tmp_path / "figures.json"
    file.write_text(json.dumps({"now": {NAME: 100_000.0}}))
    monkeypatch.setattr(program, "STORED", file)
    monkeypatch.setattr(program, "OUTPUT", tmp_path)
    monkeypatch.setattr(program, "_run", lambda _tree, _modes: {NAME: found})
    assert main(["--modes", "fentry"]) == code
    assert (f"FAIL {NAME}: 100,000 ->" in capsys.readouterr().out) == bool(code)
    assert main(["--modes", "fentry", "--update", "1"]) == 0
    assert stored() == {"now": {NAME: found}}
    assert main(["--modes", "fentry", "--update", "before"]) == 0
    assert set(stored()) == {"before", "now"}


def burn(nanoseconds: int) -> None:
    """Take so much CPU time."""
    end = time.thread_time_ns() + nanoseconds
    while time.thread_time_ns() < end:
        pass


def test_the_clock_tells_inner_stages_from_outer_ones() -> None:
    """What a stage calls of another stage is not counted twice, what it yields is its own."""
    clock = Clock()
    inner = clock.around("inner", lambda: burn(20_000_000))

    def numbers() -> Iterator[int]:
        inner()
        burn(5_000_000)
        yield 7

    assert list(clock.around("outer", numbers)()) == [7]
    spent = clock.snapshot()
    assert spent["inner"] >= 20_000_000
    assert 5_000_000 <= spent["outer"] < spent["inner"]
    assert clock.totals["outer"][1] == 1


def test_the_clock_survives_errors_and_takes_itself_off() -> None:
    """An error passes through, and the overhead is no part of a stage."""
    clock = Clock(Overhead(1e6, 0))
    with pytest.raises(ZeroDivisionError):
        clock.around("stage", lambda: 1 // 0)()
    assert clock.totals["stage"][1] == 1
    assert clock.totals["stage"][0] < 0


def test_stages_are_found_by_name() -> None:
    """Methods and entries of tables get the clock; a stage without any is told."""
    table = json.__dict__.setdefault("_kflowd_table", {"key": abs})
    try:
        clock = Clock()
        wanted = {
            "entry": ("json:_kflowd_table.key",),
            "method": ("nowhere:f", "json:JSONDecoder.nothing"),
        }
        assert install(clock, wanted) == ["method"]
        assert table["key"](-3) == 3
        assert clock.totals["entry"][1] == 1
    finally:
        del json.__dict__["_kflowd_table"]


class Plain:
    """A class with all kinds of methods."""

    def one(self, value: int) -> int:
        return value

    @staticmethod
    def two(value: int) -> int:
        return value

    @classmethod
    def three(cls, value: int) -> int:
        return value


def test_all_kinds_of_methods_keep_working(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method with the clock takes the arguments that it took before; a built-in is not found."""
    module = types.ModuleType("kflowd_test_module")
    vars(module)["Plain"] = type("Plain", (), dict(vars(Plain)))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    clock = Clock()
    places = [f"{module.__name__}:Plain.{name}" for name in ("one", "two", "three")]
    assert install(clock, {"all": tuple(places), "no": ("builtins:str.upper",)}) == ["no"]
    made = module.Plain()
    assert [made.one(1), made.two(2), made.three(3)] == [1, 2, 3]
    assert clock.totals["all"][1] == 3


def test_workloads_are_known_to_the_program() -> None:
    """Each workload with a size is one of workload.c."""
    source = Path(stages.__file__).with_name("workload.c").read_text()
    assert all(f'{{ "{kind}", run_{kind} }}' in source for kind in {*SIZES, *STAGED, *COUNTED})
