# SPDX-License-Identifier: Apache-2.0
"""Every end is a clean end: signals, closed terminals, full disks, limits, errors of our own."""

import json
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.host.agent import COMMAND, ROOT, Agent, Result, file_records, parse, run
from tests.host.readers import Pipe
from tests.host.workloads import start

_HELD = re.compile(r"^(prog|map|link)_id:\s*(\d+)$", re.MULTILINE)
CGROUPS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
FILES = 101


def kernel_ids() -> set[tuple[str, int]]:
    """Return the ids of all BPF programs, maps and links that no living process has open."""
    found = set()
    for kind in ("prog", "map", "link"):
        command = ["bpftool", "-j", kind, "list"]
        found |= {(kind, each["id"]) for each in listed(command) if "id" in each}
    for path in Path("/proc").glob("[0-9]*/fdinfo/*"):
        with suppress(OSError):
            text = path.read_text(encoding="ascii", errors="replace")
            found -= {(kind, int(number)) for kind, number in _HELD.findall(text)}
    return found


def listed(command: list[str]) -> list[dict[str, Any]]:
    """Return what bpftool lists; what goes while it lists is an error of its own, so again."""
    for _ in range(20):
        output = subprocess.run(command, check=False, capture_output=True).stdout
        with suppress(json.JSONDecodeError):
            found: list[dict[str, Any]] = json.loads(output)
            return found
    raise AssertionError(output)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """After each of these ends no program, map or link is left in the kernel."""
    before = kernel_ids()
    yield
    for _ in range(20):
        left = kernel_ids() - before
        if not left:
            break
        time.sleep(0.5)  # the kernel takes its time to free them
    assert not left


@pytest.fixture
def disk(folder: Path) -> Iterator[Path]:
    """Return a file system of 256 KiB."""
    place = folder / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "kflowd", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def is_whole(result: Result, folder: Path, files: int = 1) -> None:
    """Records of open files are flushed, health is the last record, the summary is there."""
    assert len(file_records(result.records, folder)) == files
    assert result.records[-1]["InfoMonitor"] == "health"
    numbers = [each["InfoSequenceNumber"] for each in result.records]
    assert numbers == list(range(1, len(numbers) + 1))
    assert re.search(r"^kflowd: \d+ records? in [\d.]+ s$", result.stderr, re.MULTILINE)
    assert re.search(r"^  file events: .* 0 lost$", result.stderr, re.MULTILINE)
    assert "Traceback" not in result.stderr


def with_fault(code: str) -> list[str]:
    """Return the command of the real agent with a fault: Python that runs before it."""
    return [sys.executable, "-c", f"from kflowd import cli\n{code}\ncli.entry()\n"]


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGALRM,
        signal.SIGXCPU,
        signal.SIGPWR,
    ],
)
def test_each_signal_that_would_end_it_ends_it_cleanly(
    number: signal.Signals, folder: Path
) -> None:
    """As SIGINT and SIGTERM do: flushed, with health and summary, and 0."""
    with Agent() as agent:
        start("write_file", folder / "flushed")
        result = agent.stop(number)

    assert result.exit_code == 0, result.stderr
    is_whole(result, folder)


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGWINCH])
def test_other_signals_do_not_end_it(number: signal.Signals, folder: Path) -> None:
    """A pipe that closed, a file that is too large and a window that changed are no wish to end."""
    with Agent() as agent:
        agent.process.send_signal(number)
        start("write_file", folder / "later")
        result = agent.stop()

    assert result.exit_code == 0
    is_whole(result, folder)


def test_nohup_keeps_it(folder: Path) -> None:
    """Where SIGHUP was ignored at the start it is ignored on."""
    nohup = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *COMMAND]
    with Agent(command=nohup) as agent:
        agent.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        start("write_file", folder / "later")
        result = agent.stop()

    assert result.exit_code == 0
    is_whole(result, folder)


def test_a_closed_terminal_ends_it(folder: Path) -> None:
    """SIGHUP comes with the end of the terminal, whose descriptors give EIO from then on."""
    tape = folder / "tape"
    master, slave = pty.openpty()
    with tempfile.TemporaryFile() as told:
        child = subprocess.Popen(
            ["setsid", "-c", "-w", *COMMAND, "--record", str(tape)],
            stdin=slave,
            stdout=slave,
            stderr=told,
            cwd=ROOT,
        )
        os.close(slave)
        deadline = time.monotonic() + 60
        while not tape.exists() or tape.stat().st_size == 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        start("write_file", folder / "flushed")
        os.close(master)
        code = child.wait(30)
        told.seek(0)
        said = told.read().decode()

    assert code == 0, said
    assert "Traceback" not in said
    replayed = run("replay", "-o", "json-min", str(tape))
    records = parse(replayed.stdout.encode())
    assert replayed.returncode == 0, replayed.stderr
    assert len(file_records(records, folder)) == 1
    assert records[-1]["InfoMonitor"] == "health"


def test_it_outlives_parent_and_stdin(folder: Path) -> None:
    """Nothing is read from stdin, and a parent that is gone is no reason to end."""
    pid_file, out, err = folder / "pid", folder / "out", folder / "err"
    shell = 'exec <&-; "$@" >"$OUT" 2>"$ERR" & echo $! >"$PID_FILE"'
    out.touch()
    environment = {"OUT": str(out), "ERR": str(err), "PID_FILE": str(pid_file)}
    command = ["setsid", "sh", "-c", shell, "sh", *COMMAND, "-o", "json-min"]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **environment})
    pid = int(pid_file.read_text())
    work = folder / "work"
    work.mkdir()
    try:
        deadline = time.monotonic() + 60
        while out.stat().st_size == 0:
            assert time.monotonic() < deadline
            (folder / f"until-ready-{time.monotonic_ns()}").touch()
            time.sleep(0.2)
        start("write_file", work / "flushed")
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    is_whole(Result(0, parse(out.read_bytes()), b"", err.read_text()), work)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_second_signal_ends_it_at_once(number: signal.Signals, code: int, folder: Path) -> None:
    """One line counts what was not written; a reader stands still, so that it is much."""
    with Pipe() as pipe, Agent("-m", "file", "-e", "1", stdout=pipe.writer) as agent:
        start("write_many", folder, 3 * FILES)
        time.sleep(2.5)
        agent.process.send_signal(number)
        time.sleep(0.7)
        began = time.monotonic()
        result = agent.stop(number)
        seconds = time.monotonic() - began
        records = pipe.records()

    assert result.exit_code == code
    assert seconds < 2
    (line,) = result.stderr.splitlines()
    found = re.fullmatch(
        rf"kflowd: ended at once by a second {number.name}: "
        r"stdout (\d+) of (\d+) records not written; in the kernel, as last counted: "
        r"\d+ file events, \d+ sockets, \d+ UNIX sockets",
        line,
    )
    assert found, line
    missing, given = map(int, found.groups())
    assert given >= 6 * FILES
    assert missing == given - len(records)


def opens_maps(pid: int) -> bool:
    """Say whether a process has BPF maps open."""
    for each in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(OSError):
            if "map_id" in each.read_text():
                return True
    return False


# The real agent, whose load ends in a call of C that nothing interrupts and that takes an hour.
_ENDLESS = """\
import hashlib
from kflowd import cli
from kflowd.bpf.loading.loader import Loader
load = Loader.load
def endless(loader):
    with load(loader):
        hashlib.pbkdf2_hmac("sha256", b"", b"", (1 << 31) - 1)
Loader.load = endless
cli.entry()
"""


def test_a_second_signal_ends_it_in_the_midst_of_loading() -> None:
    """Also where the main thread is in C, and nothing is known of records yet."""
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    command = [sys.executable, "-c", _ENDLESS]
    agent = subprocess.Popen(command, stdout=null, stderr=pipe, cwd=ROOT, text=True)
    try:
        deadline = time.monotonic() + 60
        while not opens_maps(agent.pid):
            assert time.monotonic() < deadline
        agent.send_signal(signal.SIGINT)
        time.sleep(0.7)
        agent.send_signal(signal.SIGINT)
        said = agent.communicate(timeout=20)[1]
        code = agent.returncode
    finally:
        agent.kill()

    assert code == 130, said
    nothing = "stdout 0 of 0 records not written; the kernel: unknown"
    assert said == f"kflowd: ended at once by a second SIGINT: {nothing}\n"


def test_a_full_disk_ends_the_recording_and_not_the_run(disk: Path, folder: Path) -> None:
    """What was recorded until then is whole; the rest is counted, and the exit code is 1."""
    tape, work = disk / "tape", folder / "work"
    work.mkdir()
    with Agent("-e", "1", "--record", str(tape)) as agent:
        for _ in range(5):
            start("write_many", work, 3 * FILES)
            time.sleep(0.5)
        (folder / "later").mkdir()
        start("write_file", folder / "later" / "file")
        result = agent.stop()

    assert result.exit_code == 1
    first, *_, last = result.stderr.splitlines()
    reason = f"kflowd: writing {tape}: No space left on device"
    assert (first, last) == (f"{reason}; the recording ends here", reason)
    is_whole(result, folder / "later", files=len(file_records(result.records, folder / "later")))
    lost = result.records[-1]["HealthRecordingLost"]
    assert lost > 0
    assert f"  recording lost: {lost}" in result.stderr.splitlines()
    assert any(
        each["InfoMonitor"] == "health" and each["HealthRecordingLost"]
        for each in result.records[:-1]
    )
    replayed = run("replay", "-o", "json-min", str(tape))
    assert replayed.returncode == 0, replayed.stderr
    records = parse(replayed.stdout.encode())
    whole = [each for each in records if each["InfoMonitor"] != "health"]
    assert len(whole) > FILES
    assert whole == result.records[: len(whole)]


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("target"))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (_fifo, "a FIFO"),
        (_socket, "a socket"),
        (_link, "a symbolic link"),
        (Path.mkdir, "a directory"),
        (lambda path: os.mknod(path, 0o20600, os.makedev(1, 3)), "a device"),
    ],
)
def test_a_recording_is_a_regular_file(
    make: Callable[[Path], None], kind: str, folder: Path
) -> None:
    """Anything else is refused in one line, and left as it is."""
    path = folder / "tape"
    make(path)

    done = run("--duration", "1", "--record", str(path))

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"kflowd: writing {path}: it is {kind}\n  give a regular file\n"
    assert [each.name for each in folder.iterdir()] == ["tape"]


def test_what_cannot_start_keeps_the_old_recording(folder: Path) -> None:
    """A run that fails before it begins neither empties a recording nor leaves a file."""
    old, new = folder / "old", folder / "new"
    old.write_bytes(b"precious")
    for path in (old, new):
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *COMMAND]
        done = subprocess.run(
            [*command, "--record", str(path)], check=False, capture_output=True, cwd=ROOT
        )
        assert done.returncode == 4

    assert old.read_bytes() == b"precious"
    assert not new.exists()


def limited(*limits: tuple[int, int]) -> Callable[[], None]:
    """Return what sets limits in the child."""

    def set_limits() -> None:
        for limit, value in limits:
            resource.setrlimit(limit, (value, value))

    return set_limits


def failed_start(before: Callable[[], None], *options: str) -> str:
    """Run the agent so that it cannot load; return the one line that it says."""
    done = subprocess.run(
        [*COMMAND, "--duration", "1", *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        preexec_fn=before,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    line, *hint = done.stderr.splitlines()
    assert len(hint) <= 1, done.stderr
    return line


@pytest.mark.parametrize("files", [12, 20, 40, 60])
def test_too_few_open_files_are_one_line(files: int) -> None:
    """Wherever in loading the limit is met, nothing goes on with less."""
    line = failed_start(limited((resource.RLIMIT_NOFILE, files)))
    assert re.fullmatch(r"kflowd: .*EMFILE( \(Too many open files\))?", line)


@pytest.mark.parametrize("size", [26, 28, 30, 32, 38, 46])
def test_too_little_address_space_is_one_line(size: int) -> None:
    """Too little for threads, for types, for maps."""
    line = failed_start(limited((resource.RLIMIT_AS, size << 20)))
    assert "internal error" not in line


def test_limited_locked_memory_is_one_line_or_no_limit() -> None:
    """Kernels before 5.11 account maps as locked memory; newer ones do not ask."""
    without = "--bounding-set=-sys_resource"
    done = subprocess.run(
        ["setpriv", without, *COMMAND, "-q", "--duration", "0.5"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=240,
        preexec_fn=limited((resource.RLIMIT_MEMLOCK, 2 << 20)),
    )

    assert done.returncode in {0, 1}, done.stderr
    if done.returncode:
        line, hint = done.stderr.splitlines()
        assert re.fullmatch(r"kflowd: making the map \w+: EPERM .*", line)
        assert "ulimit -l" in hint


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """Return a new cgroup with a limit of memory that lets Python start and not our maps."""
    for top in CGROUPS:
        place = top / f"kflowd-ends-{os.getpid()}"
        try:
            place.mkdir()
        except OSError:
            continue
        for name in ("memory.limit_in_bytes", "memory.max"):
            if (place / name).exists():
                (place / name).write_text("96M")
                yield place
                place.rmdir()
                return
        place.rmdir()
    pytest.skip("no cgroup with memory limits here")


def test_a_cgroup_without_memory_for_maps_is_one_line(cgroup: Path) -> None:
    """A map that the kernel refuses for memory is named; exit code 1."""

    def enter() -> None:
        (cgroup / "cgroup.procs").write_text(str(os.getpid()))

    line = failed_start(enter, "--sock-entries", "200000")
    assert re.fullmatch(r"kflowd: making the map \w+: ENOMEM \(Cannot allocate memory\)", line)


ENRICHER = """
from kflowd.enrich.devices import Devices
def broken(self, value):
    raise ZeroDivisionError("made for a test")
Devices.enrich_file = broken
"""
AGGREGATOR = """
from kflowd.aggregate.file import FileAggregator
add, met = FileAggregator.add, []
def broken(self, value):
    met.append(value)
    if len(met) % 7 == 0:
        raise {error}
    return add(self, value)
FileAggregator.add = broken
"""
READER = """
import time
from kflowd.bpf.source import Source
from kflowd.errors import BpfError
drain, began = Source.drain, []
def broken(self, wait):
    began.append(time.monotonic())
    if wait and began[-1] - began[0] > 4:
        raise BpfError("draining: made for a test")
    return drain(self, wait)
Source.drain = broken
"""


def test_an_error_of_an_enricher_costs_names_alone(folder: Path) -> None:
    """Records go out without them, counted; one line at the end, and 1."""
    with Agent("-m", "file", command=with_fault(ENRICHER)) as agent:
        start("write_many", folder, FILES)
        result = agent.stop()

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-2:] == [
        "kflowd: internal error: ZeroDivisionError: made for a test",
        "  -V shows where",
    ]
    is_whole(result, folder, FILES)
    devices = {each.get("FileDevice", "") for each in file_records(result.records, folder)}
    assert not any("/" in each for each in devices), devices
    files = [each for each in result.records if each["InfoMonitor"] == "filesystem"]
    assert result.records[-1]["HealthNamesFailed"] == len(files)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("KeyError(1)", "kflowd: internal error: KeyError: 1"),
        ("MemoryError", "kflowd: running out of memory"),
    ],
)
def test_an_error_of_an_aggregator_costs_one_record(error: str, line: str, folder: Path) -> None:
    """The others of its batch are there; it is counted, and the run goes on to its end."""
    with Agent("-m", "file", command=with_fault(AGGREGATOR.format(error=error))) as agent:
        start("write_many", folder, FILES)
        result = agent.stop()

    assert result.exit_code == 1
    assert line in result.stderr.splitlines()
    failed = result.records[-1]["HealthRecordsFailed"]
    mine = len(file_records(result.records, folder))
    assert FILES - failed <= mine < FILES
    assert f"  records failed: {failed}" in result.stderr.splitlines()
    is_whole(result, folder, mine)


def test_a_source_that_fails_ends_the_run_with_what_is_left(folder: Path) -> None:
    """What is in ring and maps is flushed all the same, and one line says why it ended."""
    with Agent("-m", "file", command=with_fault(READER)) as agent:
        start("write_file", folder / "flushed")
        result = agent.wait()

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "kflowd: draining: made for a test"
    is_whole(result, folder)
