# SPDX-License-Identifier: Apache-2.0
"""Device and inode number as stat(2) has them, where the super block says something else."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.host import identities
from tests.host.agent import Agent, Record, file_records, losses
from tests.host.running import running

BTF = Path("/sys/kernel/btf")
MODULES = Path("/sys/module")
OF_MOUNT = "DEVICE_OF_MOUNT"


class File(NamedTuple):
    """A file as stat(2) shows it; number 0: unknown."""

    path: str
    device: int
    inode: int


def can_know(module: str) -> bool:
    """Say whether the kernel has told where the structs of a module have what is needed."""
    built_in = not (MODULES / module / "initstate").exists()
    return built_in or (BTF / module).exists()


def reported(records: list[Record], pid: int) -> dict[File, Counter[str]]:
    """Return what was reported of a process; a device that is noted as another one is 0."""
    found: defaultdict[File, Counter[str]] = defaultdict(Counter)
    for it in records:
        if it["ProcPID"] != pid:
            continue
        notes = it.get("FileNotes", [])
        assert set(notes) <= {OF_MOUNT}, it
        number, separator, _ = it["FileDevice"].partition("h:")
        assert separator, it
        file = File(
            f"{it['FilePath']}{it['File']}",
            0 if OF_MOUNT in notes else int(number, 16),
            it["FileInode"],
        )
        found[file].update(it["FileEvents"])
    return found


@pytest.mark.parametrize(("kind", "module"), [("btrfs", "btrfs")])
def test_each_file_has_its_identity(kind: str, module: str, folder: Path) -> None:
    """What was done to each file is in its records alone, by the path that was used."""
    with Agent("-m", "file") as agent:
        with running(kind, str(folder), prefix=(), program=identities.__file__) as workload:
            said = workload.said()
            agent.settle()
        result = agent.finish()
    assert losses(result.records) == {}
    known = can_know(module)
    wanted: defaultdict[File, Counter[str]] = defaultdict(Counter)
    for it in said["files"]:
        file = File(it["path"], it["dev"] if known else 0, it["ino"])
        wanted[file].update(it["events"])
    assert reported(file_records(result.records, folder), said["pid"]) == wanted
