# SPDX-License-Identifier: Apache-2.0
import os
import sys
import time
from pathlib import Path

import pytest

from kflowd.top import sources, start
from kflowd.top.start import agent_arguments, top_of_agent, top_of_file
from tests.unit.top.made import example, record


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "is_screen", lambda: False)


def test_a_file_is_shown_once(tmp_path: Path) -> None:
    """As text, where there is no terminal."""
    path, shown = tmp_path / "x", list[str]()
    path.write_bytes(example())
    top_of_file(str(path), shown.append)
    (text,) = shown
    assert text.startswith("5 processes  72 records, 4.4/s  by RATE  ")
    assert len(text.splitlines()) == 3 + 5


def test_ten_thousand_records_a_second_are_no_effort(tmp_path: Path) -> None:
    """60,000 of 4000 processes take less than six seconds; the figure is printed with -s."""
    path, count = tmp_path / "x", 60_000
    names = [f"/usr/share/file{number}" for number in range(20)]
    line = [record(pid, 7, FileEventCount=3, ProcArgs=names) for pid in range(4000)]
    path.write_bytes(b"\n\x1e\n".join(line * (count // 4000)))
    began = time.perf_counter()
    top_of_file(str(path), lambda _text: None)
    rate = count / (time.perf_counter() - began)
    print(f"\ntop reads {rate:,.0f} records a second")
    assert rate > 10_000


def test_options_go_to_the_agent() -> None:
    """Ours come first; what was given wins, and the host's file is left out unless one is named."""
    ours = ["-o", "json-min", "-C", "/dev/null", "--idle", "2", "--active", "5"]
    assert agent_arguments([], set()) == ours
    given = ["-t", "3", "-m", "file"]
    assert agent_arguments(given, {"idle", "monitor"}) == [*ours[:4], "--active", "5", *given]
    assert agent_arguments(["-C", "x"], {"config_file"}) == [
        *("-o", "json-min", "--idle", "2", "--active", "5", "-C", "x")
    ]


@pytest.mark.parametrize("code", [0, 4])
def test_an_agent_has_the_last_word(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """What it said, without its name, and its exit code; the table first."""
    program = f"import os; os.write(1, {record(5)!r}); os.write(2, b'kflowd: x\\n  y\\n'); "
    program += f"os._exit({code})"
    real = sources.Agent
    monkeypatch.setattr(start, "Agent", lambda _: real([], [sys.executable, "-c", program]))
    shown, said = list[str](), list[str]()
    assert top_of_agent([], set(), shown.append, said.append) == code
    assert said == ["x", "  y"]
    assert "1 process  1 record," in shown[0]


def test_no_child_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong."""
    real, made = sources.Agent, list[sources.Agent]()

    def agent(_arguments: list[str]) -> sources.Agent:
        made.append(real([], [sys.executable, "-c", "import time; time.sleep(60)"]))
        return made[0]

    def fail(*_: object) -> None:
        raise OSError(1, "away")

    monkeypatch.setattr(start, "Agent", agent)
    monkeypatch.setattr(start, "_show", fail)
    with pytest.raises(OSError, match="away"):
        top_of_agent([], set(), fail, fail)
    assert made[0]._process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(made[0]._process.pid, 0)
