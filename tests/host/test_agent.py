# SPDX-License-Identifier: Apache-2.0
"""The agent as a program: options, signals, what it leaves behind, recording and replay."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from kflowd.bpf.hooks import HOOKS
from tests.host.agent import (
    AS_NOBODY,
    COMMAND,
    ROOT,
    Agent,
    file_records,
    health_records,
    parse,
    run,
)
from tests.host.workloads import WRITES, start


def kernel_ids() -> dict[str, set[int]]:
    """Return the ids of all BPF programs, maps and links of the host."""
    found = {}
    for kind in ("prog", "map", "link"):
        command = ["bpftool", "-j", kind, "list"]
        output = subprocess.run(command, check=True, capture_output=True).stdout
        found[kind] = {each["id"] for each in json.loads(output)}
    return found


def wait_for_ids(expected: dict[str, set[int]]) -> dict[str, set[int]]:
    """Return what is there beyond `expected`, after the kernel had ten seconds to free it."""
    for _ in range(100):
        left = {kind: ids - expected[kind] for kind, ids in kernel_ids().items()}
        if not any(left.values()):
            break
        time.sleep(0.1)
    return left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_properly(number: signal.Signals, folder: Path) -> None:
    """SIGINT and SIGTERM flush what is open, print the summary and exit 0."""
    with Agent() as agent:
        start("write_file", folder / "flushed")
        result = agent.stop(number)

    assert result.exit_code == 0
    assert len(file_records(result.records, folder)) == 1
    assert re.search(r"^kflowd: \d+ records? in [\d.]+ s$", result.stderr, re.MULTILINE)
    assert re.search(
        r"^  file events: \d+ seen, \d+ reported, 0 lost$", result.stderr, re.MULTILINE
    )
    assert "Traceback" not in result.stderr


def test_sequence_and_health_at_the_end(folder: Path) -> None:
    """Records are numbered from 1 without a gap, the last one is the health of the run."""
    with Agent() as agent:
        start("write_many", folder, 101)
        result = agent.stop()

    numbers = [each["InfoSequenceNumber"] for each in result.records]
    assert list(range(1, len(numbers) + 1)) == numbers
    assert result.records[-1]["InfoMonitor"] == "health"
    health = result.records[-1]
    lost = health["HealthFileLostMap"] + health["HealthFileLostRing"]
    assert health["HealthFileEvents"] == health["HealthFileReported"] + lost
    uptimes = [each["InfoUptime"] for each in health_records(result.records)]
    assert sorted(uptimes) == uptimes


def test_count(folder: Path) -> None:
    """--count prints just so many records and ends."""
    with Agent("-m", "file", "--count", "7") as agent:
        start("write_many", folder, 101)
        result = agent.wait()

    assert len(result.records) == 7
    assert result.exit_code == 0


def test_settings_of_a_file_take_effect_and_options_win(folder: Path) -> None:
    """What a file says, a run does; what an option says beside it, it does instead."""
    path = folder / "kflowd.toml"
    path.write_text(
        'count = 7\n[trace]\nmonitor = ["file"]\nevents = 1\n[[output]]\nformat = "json"\n'
    )
    found = []
    for options in ((), ("--count", "3")):
        with Agent("-C", str(path), *options) as agent:
            start("write_many", folder, 101)
            found.append(agent.wait())

    assert [len(result.records) for result in found] == [7, 3]
    for result in found:
        assert result.exit_code == 0
        # -o json-min of all runs here
        assert result.stdout.count(b"\n") == 2 * len(result.records)
        assert {each["InfoMonitor"] for each in result.records} == {"filesystem"}
        assert {each["FileEventCount"] for each in result.records} == {1}


@pytest.mark.parametrize("command", [(), ("doctor",), ("config", "show")])
def test_root_reads_no_file_that_others_may_write(command: tuple[str, ...], folder: Path) -> None:
    """By its mode or its owner; one line says so, and nothing is traced."""
    path = folder / "kflowd.toml"
    path.write_text("duration = 1\n")
    path.chmod(0o666)
    by_mode = run(*command, "-C", str(path))
    path.chmod(0o644)
    os.chown(path, 65534, 0)
    by_owner = run(*command, "-C", str(path))

    assert [it.returncode for it in (by_mode, by_owner)] == [2, 2]
    assert [it.stderr for it in (by_mode, by_owner)] == [
        f"kflowd: reading {path}: kflowd runs as root, and {cause}\n"
        for cause in (
            "others may write the file: its mode is 0666",
            "user 65534 owns the file",
        )
    ]


def test_duration() -> None:
    """--duration ends the run by itself."""
    began = time.monotonic()
    with Agent("--duration", "2.5") as agent:
        result = agent.wait()

    assert result.exit_code == 0
    assert 2.5 <= time.monotonic() - began < 20


def test_quiet(folder: Path) -> None:
    """-q prints no record."""
    with Agent("-q") as agent:
        start("write_file", folder / "quiet")
        result = agent.stop()

    assert result.stdout == b""
    assert result.exit_code == 0
    # there was something to print
    seen = re.search(r"^  file events: (\d+) seen, (\d+) reported", result.stderr, re.MULTILINE)
    assert seen
    assert int(seen[1]) >= int(seen[2]) >= WRITES


def test_json_is_json_min_laid_out(folder: Path) -> None:
    """-o json has a line for each member and the same separator."""
    with Agent("-m", "file", "-o", "json") as agent:
        start("write_file", folder / "laid-out")
        result = agent.stop()

    assert file_records(result.records, folder)
    for text in result.stdout.split(b"\n\x1e\n")[:-1]:
        assert text.startswith(b'{\n  "InfoSequenceNumber": ')
        assert text.endswith(b"\n}")


def test_closed_reader_ends_it_quietly(folder: Path) -> None:
    """When the reader goes away, kflowd ends with 0 and without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(COMMAND, stdout=writer, stderr=subprocess.PIPE, cwd=ROOT) as agent:
        os.close(writer)
        deadline = time.monotonic() + 30
        while agent.poll() is None and time.monotonic() < deadline:
            start("write_many", folder, 11)
        if agent.poll() is None:
            agent.kill()
            pytest.fail("it did not end")
        assert agent.stderr is not None
        assert agent.stderr.read() == b""
    assert agent.returncode == 0


def test_full_disk_is_one_line() -> None:
    """Where stdout takes nothing, one line at the end says so, and the exit code is 1."""
    with Path("/dev/full").open("wb") as full:
        command = [*COMMAND, "--duration", "1"]
        done = subprocess.run(
            command,
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            timeout=60,
        )

    assert done.returncode == 1
    *summary, last = done.stderr.splitlines()
    assert last == "kflowd: writing records to stdout: No space left on device"
    assert re.fullmatch(r"kflowd: \d+ records? in [\d.]+ s", summary[0])
    assert re.fullmatch(r"  stdout: 0 written, (\d+) lost \(\1 refused\)", summary[-1])


def test_nothing_is_left_behind(folder: Path) -> None:
    """After an end, and after a kill -9, no program, map or link is left; it starts again."""
    before = kernel_ids()
    with Agent() as agent:
        assert kernel_ids()["prog"] - before["prog"]
        agent.stop()
    assert {"prog": set(), "map": set(), "link": set()} == wait_for_ids(before)

    with Agent() as agent:
        agent.process.kill()
        agent.process.wait()
    assert {"prog": set(), "map": set(), "link": set()} == wait_for_ids(before)

    with Agent("-m", "file") as agent:
        start("write_file", folder / "again")
        result = agent.stop()
    assert len(file_records(result.records, folder)) == 1


def test_memory_is_bounded() -> None:
    """All maps and the ring together take less than 100 MB of kernel memory."""
    report = json.loads(run("doctor", "--json").stdout)
    assert 0 < report["map_bytes"] + report["program_bytes"] < 100_000_000


def test_flood_of_a_tiny_ring_is_accounted_for(folder: Path) -> None:
    """What neither ring nor map can hold is counted: generated = reported + counted as lost."""
    files, events = 4001, 4
    sizes = ("--ring-bytes", "65536", "--file-entries", "101")
    with Agent("-m", "file", "-e", "1", *sizes) as agent:
        agent.process.send_signal(signal.SIGSTOP)
        done = start("write_many", folder, files)
        agent.process.send_signal(signal.SIGCONT)
        result = agent.stop()

    health = result.records[-1]
    lost = sum(health[f"HealthFileLost{name}"] for name in ("Map", "Ring", "Pending"))
    assert lost > 0
    assert re.search(rf"file events: .* {lost} lost", result.stderr)
    # exactly, for the whole host
    total = sum(each.get("FileEventCount", 0) for each in result.records)
    assert health["HealthFileReported"] == total
    booked = health["HealthFileLostMap"] + health["HealthFileLostRing"]
    assert health["HealthFileEvents"] == total + booked
    # and for the workload, whose start is reported too
    mine = [each for each in result.records if each.get("ProcPID") == done.pid]
    assert files * events <= sum(each["FileEventCount"] for each in mine) + lost
    # a path that the ring refused is said to be missing, and is never a wrong one
    assert mine
    for record in mine:
        assert record["FilePath"] or "PATH_UNRESOLVED" in record["FileNotes"]


def test_replay_gives_the_same_bytes(folder: Path) -> None:
    """A recording replays to just what was printed, without root."""
    recording = folder / "session.kflowd"
    with Agent("--record", str(recording)) as agent:
        start("write_many", folder, 31)
        start("tcp_exchange", "inet")
        result = agent.stop()

    command = [*AS_NOBODY, *COMMAND, "replay", "-o", "json-min", str(recording)]
    replayed = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, timeout=60)

    assert len(result.records) > 31
    assert parse(replayed.stdout) == result.records
    assert replayed.stdout == result.stdout


def test_lines_for_people(folder: Path) -> None:
    """-o compact has a line for each record, also of a hostile name; a replay has the same."""
    recording = folder / "session.kflowd"
    output = folder / "lines"
    name = "a \x1b[2J\n\u202eb"
    with output.open("wb") as file:
        agent = Agent(
            "-m", "file", "--record", str(recording), "-o", "compact", stdout=file.fileno()
        )
        with agent:
            start("write_file", folder / name)
            agent.stop()
    text = output.read_bytes()
    lines = text.decode().splitlines()
    assert text.count(b"\n") == len(lines)
    assert not set(text) & {0x1B, 0x1E}
    (line,) = (each for each in lines if "[2J" in each)
    assert re.fullmatch(
        r"[\d:.]{12} file +\S+ \S+\(\d+\) CREATE=1,OPEN=1,MODIFY=7,CLOSE_WRITE=1 "
        rf'"{re.escape(str(folder))}/a \\x1b\[2J\\x0a\\u202eb" size=\d+',
        line,
    )

    assert run("replay", "-o", "compact", str(recording)).stdout.encode() == text
    table = run("replay", "-o", "table", str(recording)).stdout.splitlines()
    assert table[0].startswith("TIME ")
    assert len(table) == 1 + len(lines)
    assert max(map(len, table)) <= 80


def test_cut_recording_is_flagged(folder: Path) -> None:
    """Of a recording that ends within a record, what is whole is printed, and one line says so."""
    recording = folder / "session.kflowd"
    with Agent("-q", "--record", str(recording)) as agent:
        start("write_many", folder, 31)
        agent.stop()
    recording.write_bytes(recording.read_bytes()[:-5])

    done = run("replay", "-o", "json-min", str(recording))

    assert done.returncode == 1
    assert parse(done.stdout.encode())
    assert "the last record is cut" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_tells_of_every_class() -> None:
    """doctor exits 0 where the agent can run, and names hook and attach mode of each class."""
    wanted = ("--directories", "--failed")
    text = run("doctor", *wanted)
    as_json = run("doctor", *wanted, "--json")

    assert 0 == text.returncode == as_json.returncode
    report = json.loads(as_json.stdout)
    assert [row["event"] for row in report["rows"]] == [hook.key for hook in HOOKS]
    for row in report["rows"]:
        assert f"\n{row['event']} " in text.stdout
        assert row["status"] in {"covered", "partial", "not covered"}
        assert row["status"] == "covered" or row["why"]


def test_what_is_not_covered_is_said_at_the_start() -> None:
    """A run warns in one line of the classes that doctor shows as not covered, and of no others."""
    attach_mode = ("-m", "socket", "--attach", "fentry")
    report = json.loads(run("doctor", "--json", *attach_mode).stdout)
    missing = [row["event"] for row in report["rows"] if row["status"] == "not covered"]

    done = run("-q", "--duration", "0.5", *attach_mode)

    head = "kflowd: not covered on this kernel: "
    expected = f"{head}{', '.join(missing)} (kflowd doctor --attach fentry tells why)"
    lines = [line for line in done.stderr.splitlines() if line.startswith(head)]
    assert lines == ([expected] if missing else [])
    assert done.returncode == 0


def test_tracepoint_attach_mode_can_be_forced(folder: Path) -> None:
    """--attach tracepoint works on every kernel and reports the same."""
    with Agent("-m", "file", "--attach", "tracepoint") as agent:
        start("write_file", folder / "forced")
        result = agent.stop()

    (record,) = file_records(result.records, folder)
    assert record["FileEvents"] == {"CREATE": 1, "OPEN": 1, "MODIFY": 7, "CLOSE_WRITE": 1}


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["-m", "fil"], 2, "-m/--monitor: 'fil' is none of file, socket"),
        (["-t", "0"], 2, "-t: '0' is no number of seconds above 0"),
        (
            ["-o", "tab"],
            2,
            "-o/--format: 'tab' is none of json, json-min, ecs, ocsf, compact, table",
        ),
        (["--record", "/nonexistent/x", "--duration", "1"], 1, "writing /nonexistent/x: No such"),
    ],
)
def test_errors_are_one_line(options: list[str], code: int, message: str) -> None:
    """A wrong option is one line, its exit code, and no traceback."""
    done = run(*options)

    assert code == done.returncode
    assert done.stderr.startswith(f"kflowd: {message}")
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) <= 2


def test_without_privileges_it_says_what_is_missing() -> None:
    """Not root: one line with what to do, exit code 4."""
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *COMMAND]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )

    assert done.returncode == 4
    assert done.stderr.startswith("kflowd: ")
    assert "Traceback" not in done.stderr


def test_version_line() -> None:
    """--version is one line with what kflowd runs on."""
    done = run("--version")

    pattern = r"kflowd \d+\.\d+\.\d+ \(python [\d.]+\S*, libbpf [\d.]+, kernel \S+, \w+\)\n"
    assert re.fullmatch(pattern, done.stdout)


def test_own_work_is_not_reported(folder: Path) -> None:
    """kflowd's own files and sockets do not feed it."""
    own = folder / "own"
    with Agent("--record", str(own)) as agent:
        done = start("write_file", folder / "theirs")
        time.sleep(2)
        result = agent.stop()

    # it did write, and others who did are seen: in the same folder, and by the same calls
    assert own.stat().st_size > 0
    assert [each["File"] for each in file_records(result.records, folder)] == ["theirs"]
    pids = {each.get("ProcPID") for each in result.records}
    assert done.pid in pids
    assert agent.process.pid not in pids
