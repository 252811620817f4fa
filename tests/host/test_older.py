# SPDX-License-Identifier: Apache-2.0
"""Arguments of processes that are older than the agent: as an exec would have told them."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.host.agent import Agent, Record, file_records, run

SHELL = "/bin/sh"
# itself, a child that runs the same program, and another program in its place
SCRIPT = 'read go; echo > "$1/own"; (echo > "$1/child"); exec dd of="$1/other" if=/dev/null'


@contextmanager
def waiting(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start who waits for a line."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        yield child


def arguments(records: list[Record], folder: Path) -> dict[str, list[str]]:
    """Return the arguments of who made each file."""
    found = [it for it in file_records(records, folder) if "CREATE" in it["FileEvents"]]
    return {it["File"]: it["ProcArgs"] for it in found if it["File"] != "tape"}


def test_older_processes_have_arguments(folder: Path) -> None:
    """A shell with a secret, cut arguments, its child; what it runs later has its own."""
    secret, tape = f"Zq{secrets.token_hex(8)}", folder / "tape"
    ahead = [SHELL, "-c", SCRIPT, "sh", str(folder)]
    command = [*ahead, "--password", secret, "", "a b"]
    with waiting(command) as older, Agent("-m", "file", "--record", str(tape)) as agent:
        older.communicate(b"\n", timeout=60)
        result = agent.stop()

    shown = [*ahead, "--password", "***", "", "a b"]
    assert arguments(result.records, folder) == {
        "own": shown,
        "child": shown,
        "other": ["dd", f"of={folder}/other", "if=/dev/null"],
    }
    for kept in (result.stdout, tape.read_bytes()):
        assert secret.encode() not in kept
    replayed = run("replay", "-o", "json-min", str(tape))
    assert replayed.stdout.encode() == result.stdout


def test_long_arguments_are_cut(folder: Path) -> None:
    """At 2048 bytes, with the note."""
    script = 'echo >> "$1/x"; read go; echo >> "$1/x"'
    command = [SHELL, "-c", script, "sh", str(folder), *["12345678"] * 500]
    with waiting(command) as older, Agent("-m", "file") as agent:
        older.communicate(b"\n", timeout=60)
        result = agent.stop()

    (it,) = file_records(result.records, folder)
    assert it["ProcNotes"] == ["ARGS_TRUNCATED"]
    raw = "\0".join(command)[:2048]
    assert "\0".join(it["ProcArgs"]) == raw.removesuffix("\0")
