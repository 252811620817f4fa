# SPDX-License-Identifier: Apache-2.0
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kflowd import app
from kflowd.bpf.statistics import Program
from kflowd.errors import BpfError
from kflowd.settings import MetricsSettings, OutputSettings, Settings
from kflowd.settings.servers import Listen, Server
from kflowd.support import kernel, trial

WANTED = Settings(
    output=(OutputSettings(sink="file", path=Path("/var/log/records")),),
    udp=(Server("192.0.2.1", 9),),
    metrics=MetricsSettings(listen=Listen(path="/run/x")),
    daemon=True,
    pid_file=Path("/run/pid"),
    record=Path("/tape"),
)


def test_a_run_of_our_own_disturbs_nothing(tmp_path: Path) -> None:
    """Neither files nor servers nor the place where the agent answers."""
    settings = trial.tried(WANTED, tmp_path / "health")
    assert [it.path for it in settings.output] == [tmp_path / "health"]
    assert settings.output[0].records == {"health"}
    assert settings == Settings(output=settings.output, duration_ns=trial.RUN_NS)


@pytest.mark.parametrize("told", [True, False])
def test_what_is_kept_of_it(told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its summary, its health records without the host, how programs ran."""

    def trace(settings: Settings, say: Callable[[str], None], ready: Callable[[], None]) -> int:
        ready()
        record = {"InfoHostName": "web", "InfoHostIP": "192.0.2.7", "HealthFileEvents": 7}
        path = settings.output[0].path
        assert path is not None
        path.write_text(json.dumps(record) + "\n")
        say("7 records in 3.0 s")
        return 0

    def running() -> list[Program]:
        if not told:
            raise BpfError("counting runs of programs: EPERM")
        return [Program(7, "tracing", "name", 1, 2, 3, 4)]

    monkeypatch.setattr(app, "trace", trace)
    monkeypatch.setattr(kernel, "running", running)
    found = trial.run(Settings())
    assert found.summary == "7 records in 3.0 s\n"
    assert json.loads(found.health) == {"HealthFileEvents": 7}
    assert ("tracing" if told else "EPERM") in found.programs


def test_a_run_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of who asks for it; statistics that take longer than the run are not waited for."""

    def refuse(*_arguments: Any, **_more: Any) -> int:
        raise BpfError("loading: EPERM")

    monkeypatch.setattr(app, "trace", refuse)
    with pytest.raises(BpfError, match="EPERM"):
        trial.run(Settings())

    def slow() -> list[Program]:
        time.sleep(0.3)
        return []

    def trace(settings: Settings, _say: object, ready: Callable[[], None]) -> int:
        ready()
        path = settings.output[0].path
        assert path is not None
        path.touch()
        return 0

    monkeypatch.setattr(app, "trace", trace)
    monkeypatch.setattr(kernel, "SECONDS", 0.05)
    monkeypatch.setattr(kernel, "running", slow)
    assert trial.run(Settings()).programs == ""
