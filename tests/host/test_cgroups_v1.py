# SPDX-License-Identifier: Apache-2.0
"""ProcContainer and ProcUnit of the real agent, of processes that are in groups of v1 alone."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.agent import COMMAND, Agent, Record, file_records
from tests.host.groups import Groups

ONE = "3f4e2bb1c0a95d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6"
TWO = "a17c09d2" * 8
NOTE = "CGROUP_READ"
# as on a host with v1 alone: nobody has mounted v2
WITHOUT_V2 = ["unshare", "-m", "sh", "-c", 'umount -a -t cgroup2 && exec "$0" "$@"', *COMMAND]
ENTER = 'echo $$ > "$0/cgroup.procs" && exec sh -c "$1" "$2" "$3"'


@pytest.fixture(params=["none,name=systemd", "devices"])
def hierarchy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Groups]:
    """Return a hierarchy, which is the host's if it has that; v2 cannot have either."""
    root = tmp_path / "v1"
    root.mkdir()
    subprocess.run(["mount", "-t", "cgroup", "-o", request.param, "none", root], check=True)
    try:
        made = Groups(root)
        yield made
        made.remove()
    finally:
        subprocess.run(["umount", root], check=True)


def _run(group: Path, script: str, *arguments: Path) -> None:
    """Enter a group and run a script there."""
    subprocess.run(["sh", "-c", ENTER, group, script, *arguments], check=True, timeout=60)


def _found(records: list[Record], folder: Path) -> dict[str, tuple[str | None, str | None, bool]]:
    """Return id, unit, and whether it is noted, of who has written files."""
    found = {}
    for each in file_records(records, folder):
        if "MODIFY" in each["FileEvents"]:
            container = each.get("ProcContainer", {}).get("Id")
            noted = NOTE in each.get("ProcNotes", ())
            found[each["File"]] = (container, each.get("ProcUnit"), noted)
    return found


@pytest.mark.parametrize("command", [COMMAND, WITHOUT_V2], ids=["hybrid", "v1"])
def test_containers_and_units_by_groups_of_v1(
    folder: Path, hierarchy: Groups, tmp_path: Path, command: list[str]
) -> None:
    """Of who began before and behind the start, and of short-lived children; also in a replay.

    All but the children live long enough to be looked at.
    """
    docker, unit, nowhere = (hierarchy.make(it) for it in (f"docker/{ONE}", "kf.service", "."))
    tape = tmp_path / "tape"
    script = 'sleep 2; echo x > "$0"; sh -c "echo x > \\"\\$0\\"; :" "$1"; :'
    older = ["sh", "-c", 'echo $$ > "$0/cgroup.procs"; read line; echo x > "$1"; sleep 2; :']
    process = subprocess.Popen([*older, docker, folder / "older"], stdin=subprocess.PIPE)
    with process, Agent("-m", "file", "--record", str(tape), command=command) as agent:
        time.sleep(2)  # an emulated machine takes long to look at all that runs
        process.communicate(b"go\n", timeout=60)
        for name, group in (("docker", docker), ("unit", unit), ("none", nowhere)):
            _run(group, script, folder / name, folder / f"{name}-child")
        result = agent.stop()

    found = _found(result.records, folder)
    assert found.pop("unit-child")[1] in ("kf.service", None)  # it may have ended too early
    assert found.pop("none-child")[1] in (hierarchy.outer, None)
    in_docker = (ONE, hierarchy.outer, True)
    assert found == {
        "older": in_docker, "docker": in_docker, "docker-child": in_docker,
        "unit": (None, "kf.service", True), "none": (None, hierarchy.outer, True),
    }  # fmt: skip
    replay = [sys.executable, "-m", "kflowd", "replay", "-o", "json-min"]
    replayed = subprocess.run([*replay, tape], capture_output=True, check=True, timeout=120)
    ones, others = (it.split(b"\x1e") for it in (replayed.stdout, result.stdout))
    assert [it for it in zip(ones, others, strict=True) if it[0] != it[1]] == []


def test_who_moves_without_an_exec_is_looked_at_again(folder: Path, hierarchy: Groups) -> None:
    """What it is in later is known later."""
    one, two = (hierarchy.make(f"docker/{it}") for it in (ONE, TWO))
    script = (
        'echo x > "$0/first"; sleep 2; echo $$ > "$1/cgroup.procs"; sleep 6; echo x > "$0/last"; :'
    )
    with Agent("-m", "file") as agent:
        _run(one, script, folder, two)
        result = agent.stop()
    found = {name: it[0] for name, it in _found(result.records, folder).items()}
    assert found["last"] == TWO
    assert found["first"] in (ONE, TWO)  # reported when the latter was known


def test_filters_know_containers_of_v1(folder: Path, hierarchy: Groups) -> None:
    """By container and by path; who is in another group for sure is hidden."""
    docker, other = hierarchy.make(f"docker/{ONE}"), hierarchy.make("other")
    script = 'sleep 1; echo x > "$0"; :'
    path = f"cgroup=/{hierarchy.outer}/docker"
    for rule in ("container=docker", f"container={ONE[:12]}", path):
        with Agent("-m", "file", "--include", rule) as agent:
            _run(docker, script, folder / "in")
            _run(other, script, folder / "out")
            result = agent.stop()
        assert set(_found(result.records, folder)) == {"in"}
        assert not [it for it in result.records if it.get("File") == "out"]
