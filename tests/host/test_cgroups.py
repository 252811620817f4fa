# SPDX-License-Identifier: Apache-2.0
"""ProcContainer and ProcUnit of the real agent, of groups named as runtimes name theirs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kflowd.bpf.kernel.cgroup import MOUNTS, find_mount, open_group
from kflowd.enrich.cgroup_paths import CgroupPaths
from tests.host.agent import Agent, Record, Result, file_records
from tests.host.groups import Groups

ONE = "3f4e2bb1c0a95d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6"
TWO = "a17c09d2" * 8
POD = "pod0b9c2f6e-56a4-4d0f-9f0e-5d8f1c2a3b4c"
# file -> group, runtime, container, unit
GROUPS = {
    "docker-systemd": (f"docker-{ONE}.scope", "docker", ONE, f"docker-{ONE}.scope"),
    "docker-cgroupfs": (f"docker/{ONE}", "docker", ONE, None),
    "docker-in-docker": (f"docker-{ONE}.scope/init/docker/{TWO}", "docker", TWO, None),
    "pod": (f"kubepods/burstable/{POD}/{ONE}", "kubernetes", ONE, None),
    "containerd": (f"{POD}/cri-containerd-{TWO}.scope", "containerd", TWO, None),
    "crio": (f"crio-{ONE}.scope/container", "cri-o", ONE, None),
    "podman": (f"libpod-{TWO}.scope/container", "podman", TWO, None),
    "nspawn": (r"systemd-nspawn@my\x2dweb.service/payload", "systemd-nspawn", "my-web", None),
    "lxc": ("lxc.payload.web", "lxc", "web", None),
    "unit": ("kf-web.service", None, None, "kf-web.service"),
    # what is none
    "conmon": (f"libpod-conmon-{ONE}.scope", None, None, None),
    "monitor": ("lxc.monitor.web", None, None, "OUTER"),
    "short": (f"docker-{ONE[:12]}.scope", None, None, None),
    "id": (ONE, None, None, "OUTER"),
}
KEYS = ("ProcContainer", "ProcUnit", "ProcCgroupID")


@pytest.fixture
def groups() -> Iterator[Groups]:
    """Return a maker of groups, which are removed behind the test."""
    root = find_mount(MOUNTS.read_text())
    assert root is not None, "no cgroup2 mount shows the root"
    made = Groups(Path(root))
    try:
        yield made
    finally:
        made.remove()


def _write_in(group: Path, file: Path) -> None:
    """Enter a group, run a program there that writes a file."""
    script = 'echo $$ > "$0/cgroup.procs" && exec sh -c "echo x > \\"\\$0\\"; :" "$1"'
    subprocess.run(["sh", "-c", script, group, file], check=True, timeout=60)


def _expected(
    groups: Groups, group: Path, place: tuple[str, str | None, str | None, str | None]
) -> Record:
    name, runtime, container, unit = place
    units = [it for it in name.split("/") if it.endswith((".service", ".scope"))]
    wanted: Record = {"ProcCgroupID": os.stat(group).st_ino}
    if runtime is not None:
        wanted["ProcContainer"] = {"Id": container, "Runtime": runtime}
    # the innermost one that the test has named
    wanted["ProcUnit"] = unit if unit not in (None, "OUTER") else (units or [groups.outer])[-1]
    return wanted


def _found(result: Result, folder: Path) -> dict[str, Record]:
    """Return what the records of files say of who wrote them."""
    records = file_records(result.records, folder)
    written = [each for each in records if "MODIFY" in each["FileEvents"]]
    found = {it["File"]: {key: it[key] for key in KEYS if key in it} for it in written}
    assert len(found) == len(written)
    return found


def test_containers_and_units_by_the_group(folder: Path, groups: Groups, tmp_path: Path) -> None:
    """The first record of a group has them; a replay has the same; --strict has neither."""
    made = {file: groups.make(place[0]) for file, place in GROUPS.items()}
    tape = tmp_path / "tape"
    with Agent("-m", "file", "--record", str(tape)) as agent:
        for file, group in made.items():
            _write_in(group, folder / file)
        result = agent.stop()

    wanted = {file: _expected(groups, made[file], place) for file, place in GROUPS.items()}
    assert _found(result, folder) == wanted
    command = [sys.executable, "-m", "kflowd", "replay", "-o", "json-min"]
    replayed = subprocess.run([*command, tape], capture_output=True, check=True, timeout=120)
    assert replayed.stdout == result.stdout
    strict = subprocess.run(
        [*command, "--strict", tape], capture_output=True, check=True, timeout=120
    )
    assert b"docker-systemd" in strict.stdout
    assert b"ProcContainer" not in strict.stdout
    assert b"ProcUnit" not in strict.stdout


def test_a_group_is_found_by_its_number(groups: Groups) -> None:
    """With nobody in it; one that was removed is not."""
    path = groups.make("docker/empty")
    number = path.stat().st_ino
    paths = CgroupPaths.of_host()
    assert paths.find(0, number) is None
    paths.reach(open_group)
    assert paths.find(0, number) == f"/{groups.outer}/docker/empty"
    path.rmdir()
    assert paths.find(0, number) is None


def test_a_process_that_moves_has_the_group_of_the_moment(folder: Path, groups: Groups) -> None:
    """Records of before keep theirs; without an exec the place is known within two seconds."""
    one, two = (groups.make(f"docker-{it}.scope") for it in (ONE, TWO))
    script = (
        'echo $$ > "$0/cgroup.procs"; exec sh -c "'
        'echo x > \\"\\$2/first\\"; echo \\$\\$ > \\"\\$1/cgroup.procs\\"; '
        'echo x > \\"\\$2/moved\\"; sleep 3; echo x > \\"\\$2/known\\"" "$0" "$1" "$2"'
    )
    with Agent("-m", "file") as agent:
        subprocess.run(["sh", "-c", script, one, two, folder], check=True, timeout=60)
        result = agent.stop()

    found = _found(result, folder)
    assert set(found) == {"first", "moved", "known"}
    ids = {name: each["ProcCgroupID"] for name, each in found.items()}
    assert ids == {"first": _id(one), "moved": _id(two), "known": _id(two)}
    assert found["first"]["ProcContainer"] == {"Id": ONE, "Runtime": "docker"}
    assert found["known"]["ProcContainer"] == {"Id": TWO, "Runtime": "docker"}
    assert found["moved"].get("ProcContainer") in (None, found["known"]["ProcContainer"])
    assert found["known"]["ProcUnit"] == two.name


def test_groups_from_before_the_start(folder: Path, groups: Groups) -> None:
    """What runs already is in its container from its first record on."""
    group = groups.make(f"libpod-{ONE}.scope/container")
    script = 'echo $$ > "$0/cgroup.procs"; read line; echo x > "$1"; :'
    command = ["sh", "-c", script, str(group), str(folder / "older")]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as older:
        _wait_for_task(group, older.pid)
        with Agent("-m", "file") as agent:
            older.communicate(b"go\n", timeout=60)
            result = agent.stop()

    assert _found(result, folder)["older"] == {
        "ProcContainer": {"Id": ONE, "Runtime": "podman"},
        "ProcUnit": f"libpod-{ONE}.scope",
        "ProcCgroupID": _id(group),
    }


def _id(group: Path) -> int:
    return group.stat().st_ino


def _wait_for_task(group: Path, pid: int) -> None:
    until = time.monotonic() + 60
    while str(pid) not in (group / "cgroup.procs").read_text().split():
        assert time.monotonic() < until
        time.sleep(0.05)
