# SPDX-License-Identifier: Apache-2.0
"""How test_one_run.py looks at a run: records by file, by socket, and what a test proves."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.host.agent import Record, file_records, part, socket_records
from tests.host.case import Case
from tests.host.one_run import Run

SOCKET_KEY = ("ProcPID", "SockRole", "SockLocalPort", "SockRemotePort", "SockAddress")
_Test = TypeVar("_Test", bound=Callable[..., None])


def proves(*classes: str) -> Callable[[_Test], _Test]:
    """Note the event classes that a test proves."""

    def note(test: _Test) -> _Test:
        test.__dict__.update(classes=classes)
        return test

    return note


def by_path(records: list[Record], folder: Path) -> dict[str, list[Record]]:
    """Return the records below a folder by their paths."""
    found: dict[str, list[Record]] = {}
    for each in file_records(records, folder):
        path = each["FilePath"].removeprefix(f"{folder}/") + each["File"]
        found.setdefault(path, []).append(each)
    return found


def by_file(run: Run, case: Case) -> dict[str, list[Record]]:
    """Return the records of a case by path below its folder."""
    return by_path(run.result.records, run.folders[case.name])


def events_of(records: list[Record]) -> dict[str, int]:
    """Return the events of records, added up."""
    total: Counter[str] = Counter()
    for record in records:
        total.update(record["FileEvents"])
    return dict(total)


def one_socket(run: Run, pid: int, **fields: str | int) -> Record:
    """Return the one socket record of a process with these fields."""
    mine = socket_records(run.result.records, pid)
    found = [each for each in mine if part(each, *fields) == fields]
    if len(found) != 1:
        others = [each for each in run.result.records if part(each, *fields) == fields]
        shown = [part(each, *fields, *SOCKET_KEY) for each in (*mine, *others)]
        raise AssertionError(f"{len(found)} records of {pid} with {fields} among {shown}")
    return found[0]
