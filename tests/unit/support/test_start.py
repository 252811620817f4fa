# SPDX-License-Identifier: Apache-2.0
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kflowd import app
from kflowd.bpf.kernel.coverage import Coverage
from kflowd.errors import BpfError, UsageError
from kflowd.settings import EnrichSettings, MetricsSettings, Settings
from kflowd.settings.servers import Listen
from kflowd.settings.walk import Place
from kflowd.support import kernel, start, support, trial
from kflowd.support.trial import Trial

PARTS = {
    "README.txt", "versions.txt", "doctor.txt", "doctor.json", "verifier.txt", "settings.toml",
    "run.txt", "counters.txt", "programs.txt", "kernel-config.txt", "sysctls.txt", "mounts.txt",
    "process.txt",
}  # fmt: skip
Found = tuple[Settings, Callable[[Place], str]]
SETTINGS = Settings(
    enrich=EnrichSettings(token="Zq7vXk29"), metrics=MetricsSettings(listen=Listen(path="/no"))
)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Play the kernel side; return what was asked of it."""
    asked: list[str] = []

    def examine(settings: Settings) -> tuple[Coverage, dict[str, str]]:
        assert settings.with_consumer
        asked.append("examine")
        return Coverage(hz=250), {"kprobe__f": "R1 invalid"}

    def run(_settings: Settings) -> Trial:
        asked.append("run")
        return Trial("7 records\n", "{}\n", "PROGRAMS\n")

    monkeypatch.setattr(app, "examine", examine)
    monkeypatch.setattr(trial, "run", run)
    return asked


def unpacked(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            it.name.removeprefix("kflowd-support/"): archive.extractfile(it).read().decode()  # type: ignore[union-attr]
            for it in archive
        }


def configured() -> Found:
    return SETTINGS, lambda _place: "default"


def test_an_archive_has_all_parts(tmp_path: Path, runs: list[str]) -> None:
    """Each is named in the first; no secret is in any; nothing is run twice."""
    lines: list[str] = []
    path = support(tmp_path / "a.tar.gz", configured, lines.append)
    found = unpacked(path)
    assert set(found) == PARTS
    assert all(name in found["README.txt"] for name in PARTS - {"README.txt"})
    assert not [name for name, text in found.items() if "Zq7vXk29" in text]
    assert found["run.txt"] == (
        "asking /no: No such file or directory; a run of our own:\n7 records\n"
    )
    assert (found["counters.txt"], found["programs.txt"]) == ("{}\n", "PROGRAMS\n")
    assert "R1 invalid" in found["verifier.txt"]
    assert runs == ["examine", "run"]
    assert lines == []


def test_an_agent_that_runs_is_asked(
    tmp_path: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no run of our own beside it."""
    monkeypatch.setattr(start, "metrics_of", lambda _listen: "kflowd_build_info 1\n")
    monkeypatch.setattr(kernel, "running", list)
    found = unpacked(support(tmp_path / "a.tar.gz", configured, print))
    assert found["counters.txt"] == "kflowd_build_info 1\n"
    assert found["run.txt"] == "an agent runs and answers at /no\n"
    assert found["programs.txt"].startswith("all programs")
    assert runs == ["examine"]


def test_what_fails_leaves_the_others(
    tmp_path: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong settings, a kernel that refuses: lines in the archive."""

    def wrong() -> Found:
        raise UsageError("/x.toml:4: trace.idel: no such setting")

    def refuse(_settings: Settings) -> Trial:
        runs.append("run")
        raise BpfError("loading: EPERM")

    monkeypatch.setattr(trial, "run", refuse)
    lines: list[str] = []
    found = unpacked(support(tmp_path / "a.tar.gz", wrong, lines.append))
    assert found["settings.toml"] == "not there: /x.toml:4: trace.idel: no such setting\n"
    assert found["counters.txt"] == "not there: loading: EPERM\n"
    assert '"hz": 250' in found["doctor.json"]
    assert [line.partition(":")[0] for line in lines] == [
        "settings.toml", "run.txt", "counters.txt", "programs.txt",
    ]  # fmt: skip
    assert runs == ["examine", "run"]


def test_the_name_has_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is given; in the directory of who started it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(start, "parts", lambda _settings: [])
    path = support(None, configured, print)
    assert [it.name for it in tmp_path.iterdir()] == [str(path)]
    assert path.name.startswith("kflowd-support-2")
    assert path.name.endswith(".tar.gz")
