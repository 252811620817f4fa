# SPDX-License-Identifier: Apache-2.0
"""Device and inode number as stat(2) has them, where the super block says something else."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.host import identities
from tests.host.agent import Agent, Record, file_records, losses
from tests.host.naming import is_traced
from tests.host.running import running

BTF = Path("/sys/kernel/btf")
MODULES = Path("/sys/module")
OF_MOUNT, NO_INODE = "DEVICE_OF_MOUNT", "NO_INODE"


class File(NamedTuple):
    """A file as stat(2) shows it; number 0: unknown."""

    path: str
    device: int
    inode: int


class Happened(NamedTuple):
    """What happened to a file."""

    file: File
    event: str


def can_know(module: str) -> bool:
    """Say whether the kernel has told where the structs of a module have what is needed."""
    built_in = not (MODULES / module / "initstate").exists()
    return built_in or (BTF / module).exists()


def file_of(record: Record, *allowed: str) -> File:
    """Return the file of a record; a device that is noted as another one, or no inode, is 0.

    Args:
        record: Of a file.
        allowed: Notes that it may have, beside those.
    """
    notes = set(record.get("FileNotes", ()))
    path = f"{record['FilePath']}{record['File']}"
    if NO_INODE in notes:
        assert is_traced(), record
        return File(path, 0, 0)
    assert notes <= {OF_MOUNT, *allowed, *(["STALE"] if "split" in path else [])}, record
    number, separator, _ = record["FileDevice"].partition("h:")
    assert separator, record
    return File(path, 0 if OF_MOUNT in notes else int(number, 16), record["FileInode"])


def reported(records: list[Record]) -> Counter[Happened]:
    """Return what was reported."""
    found: Counter[Happened] = Counter()
    for it in records:
        for event, count in it["FileEvents"].items():
            found[Happened(file_of(it), event)] += count
    return found


class Run(NamedTuple):
    """What was used and reported."""

    folder: Path
    said: dict[str, dict[str, Any]]  # by kind: process and files
    records: list[Record]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Use the files of all kinds beside one agent."""
    folder = tmp_path_factory.mktemp("identities").resolve()
    said = {}
    with Agent("-m", "file") as agent:
        for kind in identities.KINDS:
            (folder / kind).mkdir()
            arguments = (kind, str(folder / kind))
            with running(*arguments, prefix=(), program=identities.__file__) as workload:
                said[kind] = workload.said()
                agent.settle()
        result = agent.finish()
    assert losses(result.records) == {}
    return Run(folder, said, result.records)


@pytest.mark.parametrize("kind", identities.KINDS)
def test_each_file_has_its_identity(kind: str, ran: Run) -> None:
    """What was done to each file is in its records alone, by the path that was used.

    By tracepoint a record of a call on a name may have the path alone.
    """
    said = ran.said[kind]
    known = can_know(kind.partition("-")[0])
    wanted: Counter[Happened] = Counter()
    for it in said["files"]:
        file = File(it["path"], it["dev"] if known else 0, it["ino"])
        wanted.update({Happened(file, event): count for event, count in it["events"].items()})
    records = file_records(ran.records, ran.folder / kind)
    found = reported([it for it in records if it["ProcPID"] == said["pid"]])
    alone = Counter({it: count for it, count in found.items() if not it.file.inode})
    for it in [it for it in alone if Path(it.file.path).name.startswith(identities.NO_FILES)]:
        del found[it], alone[it]  # a path alone does not say that it is no file
    assert {it: wanted[it] for it in found - alone - wanted} == found - alone - wanted
    missing: Counter[Happened] = Counter()
    for (file, event), count in (wanted - found).items():
        missing[Happened(File(file.path, 0, 0), event)] += count
    assert missing == alone


@pytest.mark.parametrize("kind", identities.KINDS)
def test_each_program_has_its_identity(kind: str, ran: Run) -> None:
    """A program is the file that was named, and so is what it is said to run."""
    known = can_know(kind.partition("-")[0])
    records = file_records(ran.records, ran.folder / kind)
    for it in ran.said[kind]["programs"]:
        ours = [each for each in records if each.get("ProcExe") == it["path"]]
        assert sum(each["FileEvents"].get("OPEN_EXEC", 0) for each in ours) == 1
        # whoever looks at /proc/PID/exe when it ends may be the one who closes it
        assert {file_of(each, "STALE") for each in ours} == {
            File(it["path"], it["dev"] if known else 0, it["ino"])
        }
