# SPDX-License-Identifier: Apache-2.0
"""Numbers of processes are given again, and records of programs lost: no record has a wrong name.

KFLOWD_TEST_PROCESSES says how many short-lived processes there are, KFLOWD_TEST_PID_MAX how many
numbers; `make pids` runs a million.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from tests.host import short_lived
from tests.host.agent import ROOT, SEPARATOR, Agent, Record

MACHINE = "KFLOWD_TEST_MACHINE" in os.environ
# an emulated machine starts some tens in a second
PROCESSES = int(os.environ.get("KFLOWD_TEST_PROCESSES", "1009" if MACHINE else "20011"))
PID_MAX = Path("/proc/sys/kernel/pid_max")
# The kernel takes no less than 301; its own threads have some of them. 0: as many as there are, for
# a host has other processes too.
FEW = int(os.environ.get("KFLOWD_TEST_PID_MAX", "400" if MACHINE else "0"))
READ, UNREAD = 53, 307
UNKNOWN = {"UNKNOWN_PROCESS", "PROCESS_INCOMPLETE"}


class Checked:
    """Reads records as they come, and keeps what is wrong.

    Attributes:
        files: How many records each file of the workload has.
        named: Records whose program is known.
        noted: Those that say it is not.
        wrong: Records of a file of the workload with another program's name.
    """

    def __init__(self, folder: Path) -> None:
        self.files: Counter[str] = Counter()
        self.named = self.noted = 0
        self.wrong: list[Record] = []
        self._folder = f"{folder}/"
        reader, self.writer = os.pipe()
        self._thread = threading.Thread(target=self._read, args=(reader,))
        self._thread.start()

    def finish(self) -> None:
        """Wait for the end of the stream."""
        self._thread.join()

    def _read(self, reader: int) -> None:
        rest = b""
        with os.fdopen(reader, "rb", buffering=0) as stream:
            while data := stream.read(1 << 20):
                *pieces, rest = (rest + data).split(SEPARATOR)
                for piece in pieces:
                    self._check(json.loads(piece))

    def _check(self, record: Record) -> None:
        if record.get("FilePath") != self._folder or "MODIFY" not in record["FileEvents"]:
            return
        name = record["File"]
        if "-" not in name:
            return  # a program, copied
        self.files[name] += 1
        program = name.partition("-")[0]
        unknown = UNKNOWN & set(record.get("ProcNotes", ()))
        right = record["Proc"] == program
        if unknown:
            self.noted += 1
            right &= "ProcExe" not in record and "ProcArgs" not in record
        else:
            self.named += 1
            right &= record["ProcExe"] == self._folder + program
            right &= record["ProcArgs"][-1] == self._folder + name.removesuffix("-child")
        if not right:
            self.wrong.append(record)


def work(folder: Path, first: int, number: int) -> None:
    """Start so many processes."""
    command = [sys.executable, "-m", "tests.host.short_lived", str(folder), str(first), str(number)]
    subprocess.run(command, check=True, cwd=ROOT)


def observed(folder: Path, number: int, *options: str, unread: int = 0) -> Checked:
    """Run processes beside an agent and return what it said of them.

    Args:
        folder: Where they write.
        number: How many there are.
        options: Of the agent.
        unread: How many more come while the agent does not run.
    """
    checked = Checked(folder)
    with Agent("-m", "file", *options, stdout=checked.writer) as agent:
        os.close(checked.writer)
        work(folder, 0, number)
        if unread:
            agent.settle()
            agent.process.send_signal(signal.SIGSTOP)
            work(folder, number, unread)
            agent.process.send_signal(signal.SIGCONT)
        agent.finish()
    checked.finish()
    print(
        f"{number + unread} processes with a child each: {sum(checked.files.values())} records, "
        f"{checked.noted} of an unknown program, {len(checked.wrong)} wrong"
    )
    return checked


def names(number: int) -> set[str]:
    """Return the files of that many processes."""
    return {short_lived.name_of(at) + suffix for at in range(number) for suffix in ("", "-child")}


def test_no_record_has_the_name_of_a_process_with_the_same_number(folder: Path) -> None:
    """Of many programs, with few numbers where these may be made few."""
    before = PID_MAX.read_text()
    if FEW:
        PID_MAX.write_text(str(FEW))
    try:
        checked = observed(folder, PROCESSES, "--ring-bytes", "64MiB")
    finally:
        PID_MAX.write_text(before)
    assert not checked.wrong, checked.wrong[:3]
    assert checked.files == dict.fromkeys(names(PROCESSES), 1)
    assert checked.noted == 0


def test_without_the_record_of_its_exec_a_record_says_so(folder: Path) -> None:
    """A ring without room: what is known is right, and what is not known is told."""
    checked = observed(folder, READ, "--ring-bytes", "16KiB", unread=UNREAD)
    assert not checked.wrong, checked.wrong[:3]
    assert checked.files == dict.fromkeys(names(READ + UNREAD), 1)
    assert checked.noted > UNREAD
    assert checked.named > 0
