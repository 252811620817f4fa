# SPDX-License-Identifier: Apache-2.0
"""Checksums of executable files (-c): exact, of the state of the record, and in nobody's way."""

import errno
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.host.agent import AS_NOBODY, COMMAND, ROOT, Agent, Record, file_records, losses
from tests.host.hanging import OPEN, HangingMount

EMPTY = {"FileMD5": "", "FileSHA256": ""}
# 257 is a prime
FILES, PIECE = 17, 257
# what half of the usual rate takes eight seconds for, nearly as large as a file may be
SLOW_BYTES = 250 << 20


def make(path: Path, size: int = 0) -> Path:
    """Make an executable that no other is like; its record begins and ends here."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o755)
    os.write(descriptor, b"#!/bin/true\n" + secrets.token_bytes(8).hex().encode())
    if size:
        os.truncate(descriptor, size)
    os.close(descriptor)
    return path


def sums(path: Path) -> dict[str, str]:
    """Return what a record has to say of a file, by another program."""

    def run(program: str) -> str:
        done = subprocess.run([program, str(path)], check=True, capture_output=True, text=True)
        return done.stdout.split()[0]

    return {"FileMD5": run("md5sum"), "FileSHA256": run("sha256sum")}


def told(record: Record) -> dict[str, str]:
    """Return what a record says."""
    return {name: record[name] for name in EMPTY if name in record}


def late(records: list[Record]) -> int:
    """Return how many records did not get their sums in time; others of this host, too."""
    return sum("CHECKSUM_LATE" in each.get("FileNotes", ()) for each in records)


def made(records: list[Record], folder: Path) -> dict[str, Record]:
    """Return the records of the making of files, by name: one for each."""
    found = [each for each in file_records(records, folder) if "CREATE" in each["FileEvents"]]
    by_name = {each["File"]: each for each in found}
    assert len(by_name) == len(found)
    return by_name


def test_sums_are_exact_and_only_of_executables(folder: Path) -> None:
    """Of one byte to more than a chunk, and again in a replay, which asks no host."""
    recording = folder / "recording"
    (folder / "work").mkdir()
    options = ("--checksum-rate", "1GiB", "--checksum-wait", "60", "--record", str(recording))
    with Agent("-m", "file", "-c", *options) as agent:
        for number in range(FILES):
            make(folder / "work" / f"exe{number}", (number * PIECE) ** 2)
        (folder / "work" / "text").write_bytes(b"no program")
        (folder / "work" / "link").symlink_to("exe0")
        os.mkfifo(folder / "work" / "fifo", 0o755)
        time.sleep(7)  # a loaded machine reads slowly, and the end of a run waits for a second
        result = agent.stop()
    found = made(result.records, folder / "work")
    assert set(found) == {*(f"exe{number}" for number in range(FILES)), "text", "link"}
    for number in range(FILES):
        path = folder / "work" / f"exe{number}"
        record = found[path.name]
        assert (told(record), record.get("FileNotes")) == (sums(path), None)
    assert told(found["text"]) == told(found["link"]) == {}
    assert losses(result.records) == {}
    assert result.records[-1]["HealthRecordsWaiting"] == 0
    assert result.records[-1]["HealthWaitsEnded"] == late(result.records) == 0
    # kflowd has read all of them, and it is no record
    assert not [each for each in result.records if each.get("ProcPID") == agent.process.pid]

    # what the files are by now is nothing to a replay
    for path in (folder / "work").iterdir():
        path.unlink()
    command = [*AS_NOBODY, *COMMAND, "replay", "-o", "json-min", str(recording)]
    replayed = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, timeout=60)
    assert replayed.stdout == result.stdout


def test_without_the_option_there_are_none(folder: Path) -> None:
    """Not even empty ones."""
    with Agent("-m", "file") as agent:
        make(folder / "exe")
        result = agent.stop()
    assert told(made(result.records, folder)["exe"]) == {}


def test_a_file_that_is_another_by_now_has_no_sum(folder: Path) -> None:
    """Replaced by another file, by a FIFO, written to, moved, removed: all before it is read."""
    names = ("replaced", "fifo", "written", "moved", "removed")
    with Agent("-m", "file", "-c") as agent:
        agent.process.send_signal(signal.SIGSTOP)
        for name in names:
            make(folder / name)
        other = make(folder / "other")
        other.rename(folder / "replaced")
        (folder / "fifo").unlink()
        os.mkfifo(folder / "fifo", 0o755)
        with (folder / "written").open("ab") as file:
            file.write(b"more")
        (folder / "moved").rename(folder / "elsewhere")
        (folder / "removed").unlink()
        agent.process.send_signal(signal.SIGCONT)
        time.sleep(1)
        # nobody has opened it to read
        with pytest.raises(OSError, match="No such device") as closed:
            os.open(folder / "fifo", os.O_WRONLY | os.O_NONBLOCK)
        assert closed.value.errno == errno.ENXIO
        result = agent.stop()
    found = made(result.records, folder)
    for name in (*names, "other"):
        assert (told(found[name]), found[name]["FileNotes"]) == (EMPTY, ["CHECKSUM_CHANGED"]), name
    later = {
        each["File"]: each
        for each in file_records(result.records, folder)
        if each["FileEvents"].keys() & {"MOVED_TO", "CLOSE_WRITE"} and each not in found.values()
    }
    assert told(later["written"]) == sums(folder / "written")
    assert told(later["replaced"]) == sums(folder / "replaced")
    assert told(later["elsewhere"]) == sums(folder / "elsewhere")
    assert losses(result.records) == {}


def test_large_files_delay_nobody(folder: Path) -> None:
    """10 GiB are not read; what takes longer than a record waits goes without, later than others.

    `slow` takes eight seconds at the usual rate.
    """
    with Agent("-m", "file", "-c", "--checksum-wait", "2s") as agent:
        make(folder / "huge", 10 << 30)
        make(folder / "slow", SLOW_BYTES)
        for number in range(FILES):
            make(folder / f"exe{number}", PIECE)
        time.sleep(4)
        result = agent.stop()
    found = made(result.records, folder)
    assert (told(found["huge"]), found["huge"]["FileNotes"]) == (EMPTY, ["CHECKSUM_SKIPPED"])
    assert (told(found["slow"]), found["slow"]["FileNotes"]) == (EMPTY, ["CHECKSUM_LATE"])
    for number in range(FILES):
        record = found[f"exe{number}"]
        assert told(record) == sums(folder / f"exe{number}")
        assert record["InfoSequenceNumber"] < found["slow"]["InfoSequenceNumber"]
    numbers = [each["InfoSequenceNumber"] for each in result.records]
    assert numbers == list(range(1, len(numbers) + 1))
    assert result.records[-1]["HealthWaitsEnded"] == late(result.records) >= 1


def test_the_end_waits_for_no_sum(folder: Path) -> None:
    """A signal ends the run in its time; what waited goes, noted."""
    with Agent("-m", "file", "-c", "--checksum-wait", "60s") as agent:
        make(folder / "slow", SLOW_BYTES)
        time.sleep(1)
        began = time.monotonic()
        result = agent.stop()
        assert time.monotonic() - began < 5
    (record,) = made(result.records, folder).values()
    assert (told(record), record["FileNotes"]) == (EMPTY, ["CHECKSUM_LATE"])
    assert result.records[-1]["HealthWaitsEnded"] == late(result.records) >= 1
    assert result.exit_code == 0


def test_a_mount_that_hangs_is_not_asked(folder: Path) -> None:
    """Its program was read by somebody; kflowd makes no request of its own."""
    point = folder / "far"
    point.mkdir()
    with HangingMount(point) as mount, Agent("-m", "file", "-c") as agent:
        agent.process.send_signal(signal.SIGSTOP)
        assert mount.program.read_bytes().startswith(b"#!")
        mount.hang()
        make(folder / "exe")
        agent.process.send_signal(signal.SIGCONT)
        time.sleep(1.5)
        result = agent.stop()
        assert mount.unanswered == []
    (far,) = (each for each in file_records(result.records, point) if each["File"] == "program")
    assert far["FileDevice"].endswith(":fuse")
    assert (told(far), far["FileNotes"]) == (EMPTY, ["CHECKSUM_SKIPPED"])
    assert told(made(result.records, folder)["exe"]) == sums(folder / "exe")


def test_files_of_an_overlay_have_sums(folder: Path) -> None:
    """Those of containers mostly are in a lower layer."""
    lower, over = folder / "lower", folder / "over"
    for each in (lower, over, folder / "empty"):
        each.mkdir()
    make(lower / "program", PIECE)
    layers = f"lowerdir={lower}:{folder / 'empty'}"
    command = ["mount", "-t", "overlay", "-o", layers, "kflowd-test", str(over)]
    subprocess.run(command, check=True)
    try:
        with Agent("-m", "file", "-c") as agent:
            assert (over / "program").read_bytes().startswith(b"#!")
            time.sleep(1)
            result = agent.stop()
    finally:
        subprocess.run(["umount", "-l", str(over)], check=True)
    (record,) = (each for each in file_records(result.records, over) if each["File"] == "program")
    assert record["FileDevice"].endswith(":overlay")
    assert told(record) == sums(lower / "program")


@pytest.mark.parametrize(
    ("valid_s", "note", "asked"),
    [(0, "CHECKSUM_SKIPPED", []), (3600, "CHECKSUM_LATE", [OPEN])],
    ids=["a name that has to be asked for", "a name that is known"],
)
def test_what_hangs_under_an_overlay_delays_nobody(
    folder: Path, valid_s: int, note: str, asked: list[int]
) -> None:
    """Its layers are not asked for names; where opening hangs, a thread is left behind."""
    far, over = folder / "far", folder / "over"
    for each in (far, over, folder / "empty"):
        each.mkdir()
    with HangingMount(far, valid_s) as mount:
        layers = f"lowerdir={far}:{folder / 'empty'}"
        command = ["mount", "-t", "overlay", "-o", layers, "kflowd-test", str(over)]
        subprocess.run(command, check=True)
        try:
            with Agent("-m", "file", "-c") as agent:
                try:
                    agent.process.send_signal(signal.SIGSTOP)
                    assert (over / "program").read_bytes().startswith(b"#!")
                    mount.hang()
                    make(folder / "exe")
                    agent.process.send_signal(signal.SIGCONT)
                    time.sleep(5)
                    make(folder / "later")
                    time.sleep(1)
                    assert mount.unanswered == asked
                finally:
                    # a thread in the kernel keeps its process from ending
                    mount.let_go()
                result = agent.stop()
        finally:
            subprocess.run(["umount", "-l", str(over)], check=True)
    (hung,) = (each for each in file_records(result.records, over) if each["File"] == "program")
    assert hung["FileDevice"].endswith(":overlay")
    assert (told(hung), hung["FileNotes"]) == (EMPTY, [note])
    found = made(result.records, folder)
    for name in ("exe", "later"):
        assert told(found[name]) == sums(folder / name)


# a tmpfs that only this mount namespace has
ELSEWHERE = """
import hashlib, os, subprocess, sys, time
folder = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "kflowd-test", folder], check=True)
data = b"#!/bin/true\\n" + os.urandom(8).hex().encode()
descriptor = os.open(folder + "/inside", os.O_CREAT | os.O_WRONLY, 0o755)
os.write(descriptor, data)
os.close(descriptor)
print(hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest(), flush=True)
sys.stdin.read()
"""


def test_files_of_another_mount_namespace_are_found(folder: Path) -> None:
    """Where the process sees them; here the same path is another file, or none."""
    command = ["unshare", "-m", sys.executable, "-I", "-S", "-c", ELSEWHERE, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with Agent("-m", "file", "-c") as agent:
        with subprocess.Popen(command, text=True, **pipes) as there:  # type: ignore[call-overload]
            md5, sha256 = there.stdout.readline().split()
            time.sleep(1)
            there.stdin.close()
        result = agent.stop()
    assert not (folder / "inside").exists()
    (record,) = made(result.records, folder).values()
    assert record["FileDevice"].endswith(":tmpfs")
    assert told(record) == {"FileMD5": md5, "FileSHA256": sha256}
