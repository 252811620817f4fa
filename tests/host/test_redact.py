# SPDX-License-Identifier: Apache-2.0
"""Secrets in arguments: in no record and no recording, unless --no-redact asks for them."""

import secrets
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.host.agent import Agent, Record, file_records, parse, run

SHELL = "/bin/sh"
SCRIPT = 'echo x > "$1"'
ARGS_MAX = 2048


class Started(NamedTuple):
    """A shell that has written one file, and what of its arguments is secret."""

    args: list[str]
    shown: list[str]


def start_all(folder: Path, secret: str) -> dict[str, Started]:
    """Run a shell for each way of telling a secret; return them by the name of their file."""
    ways = {
        "option": (["--password", secret], ["--password", "***"]),
        "joined": ([f"--api-key={secret}"], ["--api-key=***"]),
        "header": (["-H", f"Authorization: Bearer {secret}"], ["-H", "Authorization: Bearer ***"]),
        "address": ([f"https://me:{secret}@h/"], ["https://me:***@h/"]),
        "line": ([f"ssh h 'mysql -p{secret} db'"], ["ssh h 'mysql -p*** db'"]),
        "none": (["--password-file=/x", "-p", "22"], ["--password-file=/x", "-p", "22"]),
    }
    started = {}
    for name, (given, shown) in ways.items():
        ahead = [SHELL, "-c", SCRIPT, "sh", str(folder / name)]
        subprocess.run([*ahead, *given], check=True, timeout=30)
        started[name] = Started([*ahead, *given], [*ahead, *shown])
    return started


def by_file(records: list[Record], folder: Path) -> dict[str, list[str]]:
    found = [it for it in file_records(records, folder) if it["File"] != "tape"]
    return {it["File"]: it["ProcArgs"] for it in found}


def test_no_record_and_no_recording_has_a_secret(folder: Path) -> None:
    """Neither the output, nor messages of -V, nor the recording; a replay says the same."""
    secret = f"Zq{secrets.token_hex(8)}"
    tape = folder / "tape"

    with Agent("-m", "file", "-V", "--record", str(tape)) as agent:
        started = start_all(folder, secret)
        result = agent.stop()

    assert by_file(result.records, folder) == {name: it.shown for name, it in started.items()}
    for kept in (result.stdout, result.stderr.encode(), tape.read_bytes()):
        assert secret.encode() not in kept
    replayed = run("replay", "-o", "json-min", str(tape))
    assert replayed.stdout.encode() == result.stdout
    assert run("replay", "-o", "json-min", "--no-redact", str(tape)).stdout == replayed.stdout


def test_no_redact_shows_and_records_them(folder: Path) -> None:
    """Then a replay of the recording hides them, unless it too is asked not to."""
    secret = f"Zq{secrets.token_hex(8)}"
    tape = folder / "tape"

    with Agent("-m", "file", "--no-redact", "--record", str(tape)) as agent:
        started = start_all(folder, secret)
        result = agent.stop()

    assert by_file(result.records, folder) == {name: it.args for name, it in started.items()}
    assert tape.read_bytes().count(secret.encode()) == 5
    shown = run("replay", "-o", "json-min", str(tape)).stdout
    assert secret not in shown
    expected = {name: it.shown for name, it in started.items()}
    assert by_file(parse(shown.encode()), folder) == expected
    assert (
        run("replay", "-o", "json-min", "--no-redact", str(tape)).stdout.encode() == result.stdout
    )


@pytest.mark.parametrize("behind", [3, 40])
def test_a_secret_at_the_cut_is_hidden(folder: Path, behind: int) -> None:
    """The kernel gives 2048 bytes: of a longer secret some letters, or all but some."""
    secret = secrets.token_hex(24)
    path = folder / "cut"
    ahead = [SHELL, "-c", SCRIPT, "sh", str(path)]
    used = len("\0".join([*ahead, "", "--token="]).encode())
    filler = "x" * (ARGS_MAX - used - behind)
    args = [*ahead, filler, f"--token={secret}"]

    with Agent("-m", "file") as agent:
        subprocess.run(args, check=True, timeout=30)
        result = agent.stop()

    (record,) = file_records(result.records, folder)
    assert record["ProcArgs"] == [*args[:-1], "--token=***"]
    assert "ARGS_TRUNCATED" in record["ProcNotes"]
    assert f"--token={secret[0]}".encode() not in result.stdout


def test_the_child_of_a_process_has_no_secret_of_it(folder: Path) -> None:
    """A fork without exec runs its parent's program, with the arguments that were kept of it."""
    secret = f"Zq{secrets.token_hex(8)}"
    script = 'echo x > "$1"; (echo x > "$1.child"); true'

    with Agent("-m", "file") as agent:
        args = [SHELL, "-c", script, "sh", str(folder / "of"), f"--secret={secret}"]
        subprocess.run(args, check=True, timeout=30)
        result = agent.stop()

    expected = [*args[:-1], "--secret=***"]
    assert by_file(result.records, folder) == {"of": expected, "of.child": expected}
    assert secret.encode() not in result.stdout
