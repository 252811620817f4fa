# SPDX-License-Identifier: Apache-2.0
"""Runs the real agent beside a workload and returns what it reported, parsed strictly."""

import functools
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "kflowd"]
# The attach mode to test, where the kernel has several: KFLOWD_TEST_ATTACH_MODE=kprobe
ATTACH_MODE = (
    [f"--attach={attach_mode}"]
    if (attach_mode := os.environ.get("KFLOWD_TEST_ATTACH_MODE"))
    else []
)
# what starts a command as nobody, who may do nothing but reach a working tree that is its owner's
AS_NOBODY = [
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
]
SEPARATOR = b"\n\x1e\n"
# a busy emulated machine takes minutes to verify all programs
START_SECONDS = float(os.environ.get("KFLOWD_TEST_START_SECONDS", "240"))
STOP_SECONDS = 60
MACHINE = bool(os.environ.get("KFLOWD_TEST_MACHINE"))
VALIDATED = 2000  # records of a run; a storm has very many of one kind
TICKS = os.sysconf("SC_CLK_TCK")
# of processor time in two seconds: an agent that has nothing to do but its sweeps takes less
QUIET_SECONDS = 0.5

Record = dict[str, Any]


class Result(NamedTuple):
    """What an agent left behind."""

    exit_code: int
    records: list[Record]
    stdout: bytes
    stderr: str


class Agent:
    """The agent as a subprocess, ready when the `with` block begins.

    Args:
        options: Of the command line, beside `-o json-min`.
        environment: Variables on top of ours.
        command: What starts it.
        stdout: Descriptor that it gets as standard output; None: a file whose records `stop` and
            `wait` return.
        stderr: The same for standard error, and its text.
        stdin: Descriptor that it gets as standard input; by default there is nothing to read.
    """

    def __init__(
        self,
        *options: str,
        environment: dict[str, str] | None = None,
        command: Sequence[str] = COMMAND,
        stdout: int | None = None,
        stderr: int | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self._stdin = stdin
        self._options = options
        self._environment = environment or {}
        self._command = command
        self._given = (stdout, stderr)
        # in memory: how fast a disk is, is no matter of the agent's
        self._stdout: IO[bytes] = os.fdopen(os.memfd_create("stdout"), "w+b")
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _finish
        self.process: subprocess.Popen[bytes]
        self.start_seconds = 0.0

    def start(self) -> Self:
        """Start it and wait until all hooks are attached."""
        name = f"\0kflowd-test-{secrets.token_hex(8)}"
        began = time.monotonic()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(name)
            environment = {**os.environ, **self._environment, "NOTIFY_SOCKET": "@" + name[1:]}
            self.process = subprocess.Popen(
                [*self._command, "-o", "json-min", *ATTACH_MODE, *self._options],
                stdin=self._stdin,
                stdout=self._stdout if self._given[0] is None else self._given[0],
                stderr=self._stderr if self._given[1] is None else self._given[1],
                env=environment,
                cwd=ROOT,
            )
            while True:
                if select.select([ready], [], [], 0.05)[0] and b"READY=1" in ready.recv(4096):
                    break
                ended = self.process.poll() is not None
                if ended or time.monotonic() - began > START_SECONDS:
                    self.process.kill()
                    raise AssertionError(f"the agent did not start: {self._finish()}")
        self.start_seconds = time.monotonic() - began
        return self

    def cpu_seconds(self) -> float:
        """Return its user and system time."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def map_bytes(self) -> int:
        """Return what its maps take in the kernel, as the kernel says."""
        found = {}
        for path in Path(f"/proc/{self.process.pid}/fdinfo").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                values = dict(line.split(":", 1) for line in path.read_text().splitlines())
                if "map_id" in values:
                    found[values["map_id"]] = int(values["memlock"])
        return sum(found.values())

    def settle(self) -> None:
        """Wait until it has caught up: its end waits for an output no longer than seconds."""
        before = self.cpu_seconds() - QUIET_SECONDS
        while self.cpu_seconds() - before >= QUIET_SECONDS:
            before = self.cpu_seconds()
            time.sleep(2)

    def finish(self) -> Result:
        """Stop it when it has caught up."""
        self.settle()
        return self.stop()

    def stop(self, number: int = signal.SIGINT) -> Result:
        """End it by a signal and return what it left."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> Result:
        """Wait for its end and return what it left."""
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the agent did not stop: {self._finish()}") from None
        return self._finish()

    def _finish(self) -> Result:
        code = self.process.wait()
        with self._stdout, self._stderr:
            self._stdout.seek(0)
            self._stderr.seek(0)
            stdout = self._stdout.read()
            stderr = self._stderr.read().decode(errors="replace")
        return Result(code, parse(stdout), stdout, stderr)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._stdout.close()
        self._stderr.close()


def run(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a kflowd command that ends by itself."""
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
    )


def parse(stdout: bytes) -> list[Record]:
    """Split records at the separator; read each as strict JSON with unique names, by the schema."""
    pieces = stdout.split(SEPARATOR)
    assert pieces[-1] == b"", f"the output ends inside a record: {pieces[-1][:200]!r}"
    records = [
        json.loads(piece.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        for piece in pieces[:-1]
    ]
    if not MACHINE:  # an emulated one takes long, and its records are those of this code too
        valid = validator()
        for record in records[:VALIDATED]:
            valid(record)
    return records


@functools.cache
def validator() -> Callable[[Record], object]:
    """Return what raises an error for a record that is not as `kflowd schema` says."""
    import fastjsonschema

    from kflowd.serialize.schema import schema

    valid: Callable[[Record], object] = fastjsonschema.compile(schema(""))
    return valid


def _unique(pairs: list[tuple[str, Any]]) -> Record:
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"names occur twice: {names}"
    return dict(pairs)


def _no_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def file_records(records: list[Record], folder: Path | str) -> list[Record]:
    """Return the file records whose directory is `folder` or lies below it."""
    start = f"{folder}/".replace("//", "/")
    return [each for each in records if each.get("FilePath", "").startswith(start)]


def socket_records(records: list[Record], pid: int) -> list[Record]:
    """Return the socket records that a process owns."""
    return [
        each for each in records if each["InfoMonitor"] == "socket" and each.get("ProcPID") == pid
    ]


def process_records(records: list[Record], pid: int) -> list[Record]:
    """Return the records of a process itself."""
    return [each for each in records if each["InfoMonitor"] == "process" and each["ProcPID"] == pid]


def health_records(records: list[Record]) -> list[Record]:
    """Return the records about losses."""
    return [each for each in records if each["InfoMonitor"] == "health"]


def losses(records: list[Record]) -> dict[str, int]:
    """Return what the last health record says was lost, by its keys."""
    words = ("Lost", "Missed", "Failed", "Decode")
    health = health_records(records)[-1]
    return {name: n for name, n in health.items() if n and any(word in name for word in words)}


def part(record: Record, *names: str) -> Record:
    """Return the named fields of a record; absent ones stay absent."""
    return {name: record[name] for name in names if name in record}
