# SPDX-License-Identifier: Apache-2.0
"""The archive for a report, made on this host."""

import json
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
import zstandard

from tests.host.agent import AS_NOBODY, COMMAND, ROOT, Agent, run
from tests.host.test_outputs import closed_port

pytestmark = pytest.mark.host

SECRET = "Zq7vXk29"


def unpacked(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            it.name.removeprefix("kflowd-support/"): archive.extractfile(it).read().decode()  # type: ignore[union-attr]
            for it in archive
        }


def settings(folder: Path, *lines: str) -> str:
    path = folder / "kflowd.toml"
    path.write_text("\n".join((*lines, "")))
    return str(path)


def test_an_archive_of_a_host_without_an_agent(folder: Path) -> None:
    """It has what is of this kernel, and nothing of what was traced."""
    path = folder / "report.tar.gz"
    name = "a-file-that-nobody-is-to-see"
    config = settings(folder, "[enrich]", f'token = "{SECRET}"')
    (folder / name).write_bytes(b"x")
    done = run("support", str(path), "-C", config, "-m", "file", timeout=240)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == (f"{path}\n", "")
    assert path.stat().st_mode & 0o777 == 0o600
    found = unpacked(path)
    assert not [text for text in found.values() if "not there: " in text]
    assert not [text for text in found.values() if SECRET in text or name in text]
    assert json.loads(found["doctor.json"])["rows"]
    assert "event classes fully covered" in found["doctor.txt"]
    assert tomllib.loads(found["settings.toml"])["enrich"]["token"] == "***"
    assert f"{config}:2" in found["settings.toml"]
    assert '"HealthFileEvents": ' in found["counters.txt"]
    assert "InfoHostName" not in found["counters.txt"]
    assert " lost" in found["run.txt"]
    names = [line.split()[2] for line in found["programs.txt"].splitlines()[3:]]
    assert any(each.startswith("tp__") for each in names)
    again = run("support", str(path))
    assert again.returncode == 1
    assert again.stderr.splitlines()[0] == f"kflowd: writing {path}: it is there already"


def test_a_running_agent_is_asked(folder: Path) -> None:
    """By its settings; its programs are those that are counted."""
    path = folder / "report.tar.zst"
    port = closed_port()
    config = settings(folder, "[metrics]", f'listen = "127.0.0.1:{port}"')
    with Agent("-m", "file", "-C", config):
        done = run("support", str(path), "-C", config, "-m", "file", timeout=240)
    assert done.returncode == 0, done.stderr
    plain = folder / "plain"
    plain.write_bytes(zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read())
    found = unpacked(plain)
    assert found["run.txt"] == f"an agent runs and answers at 127.0.0.1:{port}\n"
    assert "kflowd_file_events_total" in found["counters.txt"]
    rows = [line.split() for line in found["programs.txt"].splitlines()[3:]]
    assert any(int(row[4]) for row in rows), "no program has run within a second"


def test_without_root_the_archive_says_so(folder: Path) -> None:
    """In place of what is missing; wrong settings are no reason to have none."""
    folder.chmod(0o777)
    path = folder / "report.tar.gz"
    config = settings(folder, "[trace]", "idel = 3")
    command = [*AS_NOBODY, *COMMAND, "support", str(path), "-C", config]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found = unpacked(path)
    assert "trace.idel: no such setting" in found["settings.toml"]
    assert "missing CAP_" in found["doctor.txt"]
    assert "missing CAP_" in found["counters.txt"]
    assert "CONFIG_" in found["kernel-config.txt"] or "not to be had" in found["kernel-config.txt"]
