# SPDX-License-Identifier: Apache-2.0
"""A run of some seconds, for what it counts: no record of it is kept but the health records."""

import json
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import msgspec

from kflowd import app
from kflowd.errors import KflowdError
from kflowd.settings import MetricsSettings, OutputSettings, Settings
from kflowd.support import kernel

RUN_NS = 3_000_000_000
# Who and where the host is, is nobody's matter.
HOST = ("InfoHostName", "InfoHostIP", "InfoHostToken")


class Trial(NamedTuple):
    """What came of a run.

    Attributes:
        summary: Lines for people.
        health: Its health records.
        programs: How programs ran meanwhile, as text; "" if that is not known.
    """

    summary: str
    health: str
    programs: str


def run(settings: Settings) -> Trial:
    """Run with these settings, but with an output of our own.

    Raises:
        KflowdError: It cannot run, or has failed.
    """
    lines: list[str] = []
    programs: list[str] = []

    def look() -> None:
        try:
            programs.append(kernel.programs_text(kernel.running()))
        except KflowdError as error:
            programs.append(f"{error}\n")

    thread = threading.Thread(target=look, name="statistics", daemon=True)
    with tempfile.TemporaryDirectory(prefix="kflowd-support-") as folder:
        path = Path(folder) / "health"
        app.trace(tried(settings, path), lines.append, ready=thread.start)
        thread.join(2 * kernel.SECONDS)
        health = path.read_text("utf-8", "replace")
    return Trial("\n".join((*lines, "")), nameless(health), "".join(programs))


def tried(settings: Settings, path: Path) -> Settings:
    """Return the settings of a run that keeps health records alone."""
    output = OutputSettings(sink="file", path=path, records=frozenset(["health"]))
    return msgspec.structs.replace(
        settings,
        output=(output,),
        metrics=MetricsSettings(),
        udp=(),
        quiet=False,
        daemon=False,
        pid_file=None,
        record=None,
        count=None,
        verbose=False,
        duration_ns=RUN_NS,
    )


def nameless(records: str) -> str:
    """Return records, a line each, without what says which host it is."""
    found = []
    for line in records.splitlines():
        record = {key: value for key, value in json.loads(line).items() if key not in HOST}
        found.append(json.dumps(record, indent=2))
    return "\n".join((*found, ""))
