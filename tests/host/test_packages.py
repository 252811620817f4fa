# SPDX-License-Identifier: Apache-2.0
"""Package versions on the real agent; dpkg-query is asked for the same, independently."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kflowd.enrich.packages.dpkg import IN_PLACE, Dpkg
from tests.host.agent import Agent, Record, file_records
from tests.unit.enrich.packages.make import Tree, stanza

# of the programs that dpkg knows, so many are looked at
WANTED = 48


def query(form: str, *names: str) -> dict[str, str]:
    """Return what dpkg-query says of packages, by name with architecture."""
    command = ["dpkg-query", "-W", "-f", "${binary:Package}\t" + form + "\n", *names]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(line.split("\t", 1) for line in said.splitlines())


def owners() -> dict[str, set[str]]:
    """Return the packages of each path that dpkg knows in /usr/bin or /bin, resolved."""
    command = ["dpkg-query", "-S", "/usr/bin/*", "/bin/*"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, set[str]] = {}
    for line in said.splitlines():
        names, _, path = line.partition(": ")
        if not line.startswith("diversion by ") and not os.path.islink(path):
            found.setdefault(os.path.realpath(path), set()).update(names.split(", "))
    return found


def versions() -> dict[str, str]:
    """Return versions of programs of one package by path, several with each kind of version."""
    known = query("${Version}")
    single = {path: names for path, names in owners().items() if len(names) == 1}
    paths = [path for path in sorted(single) if os.access(path, os.X_OK) and os.path.isfile(path)]
    rows = {path: known[next(iter(single[path]))] for path in paths}
    epochs = [path for path in paths if ":" in rows[path]][: WANTED // 3]
    return {path: rows[path] for path in [*epochs, *paths[:: len(paths) // WANTED]]}


def program_of(record: Record) -> str:
    """Return the path of the program of a record."""
    return str(record.get("ProcExe", ""))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Record], Path]]:
    """Run programs, and open and replace others, under one agent."""
    base = tmp_path_factory.mktemp("packages").resolve()
    old = base / "kf-old"
    shutil.copy("/usr/bin/true", old)
    with Agent("-m", "file", "-v", "-e", "1") as agent:
        for path in versions():
            with open(path, "rb") as file:
                file.read(1)
        for program in ("/usr/bin/true", "/usr/bin/env"):
            subprocess.run([program, "--version"], check=True, capture_output=True)
        subprocess.run(["/usr/bin/dash", "-c", f"echo x > {base}/kf-dash"], check=True)
        subprocess.run([str(old), "--version"], check=True, capture_output=True)
        container(base)
        yield agent.stop().records, base


def container(base: Path) -> None:
    """Run a copy of dash at the path of the package's, in a mount namespace, and the real one."""
    shutil.copy("/usr/bin/dash", base / "dash")
    script = f"echo x > {base}/kf-before; mount --bind {base}/dash /usr/bin/dash"
    script += f"; /usr/bin/dash -c 'echo x > {base}/kf-inside'"
    subprocess.run(["unshare", "-m", "bash", "-c", script], check=True)


def test_files_have_the_version_that_dpkg_tells(records: tuple[list[Record], Path]) -> None:
    """Each of some dozens, and no other in any record."""
    found, _ = records
    wanted = versions()
    assert len(wanted) >= WANTED
    assert any(":" in version for version in wanted.values())
    told: dict[str, set[str]] = {}
    for record in found:
        if "FileVersion" in record:
            told.setdefault(record["FilePath"] + record["File"], set()).add(record["FileVersion"])
    assert {path: told.get(path) for path in wanted} == {
        path: {version} for path, version in wanted.items()
    }


def test_only_files_that_can_be_run_have_the_field(records: tuple[list[Record], Path]) -> None:
    """By the bits that the same record shows."""
    found, base = records
    shown = [record for record in found if "FilePermissions" in record]
    for record in shown:
        runnable = int(record["FilePermissions"].partition("/")[0], 8) & 0o111
        assert ("FileVersion" in record) == bool(runnable and record["FileMode"] != "directory")
    assert file_records(found, base)


def test_programs_have_the_version_that_dpkg_tells(records: tuple[list[Record], Path]) -> None:
    """The field is in each record of a process, behind Proc; a copy has no version."""
    found, base = records
    known = query("${Version}")
    wanted = {"/usr/bin/true": known["coreutils"], "/usr/bin/env": known["coreutils"]}
    wanted["/usr/bin/dash"] = known["dash"]
    here = os.stat("/proc/self/ns/mnt").st_ino
    for record in found:
        if "Proc" in record:
            names = list(record)
            assert names[names.index("Proc") + 1] == "ProcVersion"
    for path, version in wanted.items():
        told = {
            record["ProcVersion"]
            for record in found
            if record.get("FileEvents", {}).get("OPEN_EXEC")
            and (program_of(record), record["ProcMntNS"]) == (path, here)
        }
        assert told == {version}, path
    copy = [record for record in found if program_of(record) == str(base / "kf-old")]
    assert {record["ProcVersion"] for record in copy} == {""}
    (written,) = {
        record["ProcVersion"] for record in file_records(found, base) if record["File"] == "kf-dash"
    }
    assert written == known["dash"]


def test_a_container_has_its_own_files(records: tuple[list[Record], Path]) -> None:
    """The path of a package is not enough: the program there is another one."""
    found, base = records
    inside = [record for record in file_records(found, base) if record["File"] == "kf-inside"]
    assert inside
    assert {(program_of(record), record["ProcVersion"]) for record in inside} == {
        ("/usr/bin/dash", "")
    }
    before = [record for record in file_records(found, base) if record["File"] == "kf-before"]
    assert {record["ProcVersion"] for record in before} <= {"", query("${Version}", "bash")["bash"]}
    assert before


PROBE = "kflowd-test-probe"


def built(base: Path, version: str) -> Path:
    """Return a package whose program is a shell of its own."""
    tree = base / version
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {PROBE}\nVersion: {version}\nArchitecture: all\n"
        "Maintainer: kflowd <kflowd@example.org>\nDescription: of a test of kflowd\n"
    )
    shutil.copy("/usr/bin/dash", tree / "usr/bin" / PROBE)
    archive = base / f"{version.partition(':')[2]}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-b", str(tree), str(archive)]
    subprocess.run(command, check=True, capture_output=True)
    return archive


def dpkg(*arguments: str) -> None:
    """Run dpkg; who else runs it is waited for."""
    for _ in range(60):
        done = subprocess.run(["dpkg", *arguments], check=False, capture_output=True, text=True)
        if "lock" not in done.stderr:
            break
        time.sleep(1)
    assert done.returncode == 0, done.stderr


def test_an_upgrade_is_followed(folder: Path) -> None:
    """What runs keeps its version, the new file never has the old one, and gets the new one."""
    first, second = built(folder, "7:1.0-1"), built(folder, "7:2.0-1")
    program = Path("/usr/bin") / PROBE
    try:
        dpkg("-i", str(first))
        old = program.stat().st_ino
        with Agent("-m", "file", "-v", "-e", "1") as agent:
            command = [str(program), "-c", f"echo > {folder}/a; read x; echo > {folder}/b"]
            running = subprocess.Popen(command, stdin=subprocess.PIPE)
            while not (folder / "a").exists():
                time.sleep(0.05)
            dpkg("-i", str(second))
            new = program.stat().st_ino
            program.read_bytes()
            # the database is looked at each second, and read as long as it changes
            time.sleep(8)
            subprocess.run([str(program), "-c", f"echo > {folder}/c"], check=True)
            program.read_bytes()
            running.communicate(b"\n")
            found = agent.stop().records
    finally:
        dpkg("--purge", PROBE)
    written = {
        (record["File"], record["ProcVersion"])
        for record in file_records(found, folder)
        if program_of(record) == str(program)
    }
    assert written == {("a", "7:1.0-1"), ("b", "7:1.0-1"), ("c", "7:2.0-1")}
    told: dict[int, list[str]] = {old: [], new: []}
    for record in found:
        if record.get("FilePath", "") + record.get("File", "") == str(program):
            told[record["FileInode"]].append(record["FileVersion"])
    assert set(told[old]) <= {"7:1.0-1", ""}
    assert "7:1.0-1" in told[old]
    assert set(told[new]) == {"", "7:2.0-1"}
    assert told[new][0] == ""
    assert told[new][-1] == "7:2.0-1"


def test_a_made_database_is_read_as_dpkg_does(folder: Path) -> None:
    """One that has all of it, also what is in the journal."""
    tree = Tree(folder)
    tree.add("ssh", "1:9.2p1-2+deb12u1", "/usr/bin/ssh")
    tree.add("libc6", "2.36-9", "/lib/libc.so", same=True)
    tree.add("gone", "1", "/etc/gone", status="deinstall ok config-files")
    (tree.admin / "updates/0001").write_text(stanza("ssh", "2:1-1", "amd64", "install ok unpacked"))
    form = "${binary:Package} ${Architecture} ${Version} ${db:Status-Status}\\n"
    command = ["dpkg-query", "--admindir", str(tree.admin), "-W", "-f", form]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in said.splitlines()]
    wanted = {
        f"{name.partition(':')[0]}:{architecture}": version
        for name, architecture, version, state in rows
        if state in IN_PLACE
    }
    assert len(rows) == 3
    found = {it.name: it.version for it, _ in Dpkg(str(tree.admin)).read()}
    assert found == wanted
    assert wanted == {"ssh:amd64": "2:1-1", "libc6:amd64": "2.36-9"}
