# SPDX-License-Identifier: Apache-2.0
"""Whatever the reader of stdout does, the agent drains, counts, tells, and ends when asked."""

import os
import pty
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.agent import COMMAND, ROOT, Agent, Result, file_records, health_records, parse
from tests.host.operations import forked
from tests.host.readers import END_SECONDS, Pipe, told, with_queue
from tests.host.workloads import Facts, start

FILES, EVENTS = 499, 4  # create, open, write, close; with -e 1 two records at least
EACH_EVENT = ("-m", "file", "-e", "1")
RING_LOSSES = [f"Health{each}LostRing" for each in ("File", "Path", "Sock", "Unix", "Proc")]


def stop_in_time(agent: Agent, number: int = signal.SIGTERM) -> Result:
    """End the agent by one signal."""
    began = time.monotonic()
    result = agent.stop(number)
    seconds = time.monotonic() - began
    assert seconds < END_SECONDS, f"it took {seconds:.1f} s: {result.stderr}"
    return result


def missing(numbers: list[int], last: int) -> int:
    """Return how many numbers from 1 to the last are not there; they are in order."""
    assert numbers == sorted(set(numbers))
    return last - len(numbers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_ends_it_while_the_reader_stands_still(
    number: signal.Signals, folder: Path
) -> None:
    """Within five seconds, with 0; the summary has each record as written or lost."""
    with Pipe() as pipe, Agent(*EACH_EVENT, stdout=pipe.writer) as agent:
        start("write_many", folder, FILES)
        result = stop_in_time(agent, number)
        records = pipe.records()

    assert result.exit_code == 0, result.stderr
    summary = told(result.stderr)
    assert summary.given >= 2 * FILES
    assert summary.written + summary.lost == summary.given
    assert summary.reasons == {"left at the end": summary.lost}
    assert len(records) == summary.written
    assert [each["InfoSequenceNumber"] for each in records] == list(range(1, len(records) + 1))


def datagrams(count: str) -> Facts:
    """Send a datagram to itself from each of many sockets."""
    for _ in range(int(count)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            own.sendto(b"d" * 7, own.getsockname())
            own.recv(7)
    return {}


def test_draining_goes_on_while_the_reader_stands_still(folder: Path) -> None:
    """A small ring gets several times what it holds and refuses nothing; a recording tells."""
    bursts, sockets, ring_bytes = 29, 101, 262_144
    tape = folder / "tape"
    options = ("-m", "socket", "--ring-bytes", str(ring_bytes), "--record", str(tape))
    with Pipe() as pipe, Agent(*options, stdout=pipe.writer) as agent:
        pids = set()
        for _ in range(bursts):
            pids.add(forked(datagrams, str(sockets)).pid)
            time.sleep(0.2)
        result = stop_in_time(agent)

    assert told(result.stderr).lost > 0
    assert tape.stat().st_size > 3 * ring_bytes
    replayed = subprocess.run(
        [*COMMAND, "replay", "-o", "json-min", str(tape)], check=True, capture_output=True, cwd=ROOT
    )
    records = parse(replayed.stdout)
    assert {n: records[-1][n] for n in RING_LOSSES} == dict.fromkeys(RING_LOSSES, 0)
    mine = [each for each in records if each.get("ProcPID") in pids]
    assert len(mine) == bursts * sockets
    assert sum(each["SockTxBytes"] for each in mine) == 7 * bursts * sockets


def test_health_tells_what_the_reader_missed(folder: Path) -> None:
    """After a stall it learns how much is missing, in its place; at the end all adds up."""
    command = with_queue(2_000_000)  # some 1400 records, more than a batch of a busy host
    with Pipe() as pipe, Agent(*EACH_EVENT, command=command, stdout=pipe.writer) as agent:
        start("write_many", folder, 4 * FILES)
        time.sleep(2.5)  # a sweep or two: the loss is known
        before = len(pipe)
        pipe.read()
        (folder / "later").mkdir()
        start("write_many", folder / "later", 11)
        time.sleep(1.5)
        result = stop_in_time(agent)
        records = pipe.records()

    assert before == 0
    summary = told(result.stderr)
    assert set(summary.reasons) == {"queue full"}
    assert summary.lost > FILES
    assert summary.written == len(records) == summary.given - summary.lost
    numbers = [each["InfoSequenceNumber"] for each in records]
    assert missing(numbers, summary.given) == summary.lost
    # told before what came later, and exactly at the end
    later = numbers[records.index(file_records(records, folder / "later")[0])]
    first, *_, last = (each for each in health_records(records) if "HealthOutputs" in each)
    assert first["InfoSequenceNumber"] < later
    assert 0 < first["HealthOutputLost"] <= summary.lost
    assert last["HealthOutputLost"] == summary.lost
    (output,) = last["HealthOutputs"]
    assert (output["Name"], output["State"]) == ("stdout", "up")
    assert output["Lost"] == output["LostFull"] == summary.lost
    assert output["Written"] + output["Queued"] + output["Lost"] <= last["InfoSequenceNumber"]
    mine = file_records(records, folder / "later")
    assert sum(each["FileEventCount"] for each in mine) == 11 * EVENTS


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_loses_nothing(blocking: bool, folder: Path) -> None:
    """What fits in the queue arrives, through a small pipe, also with O_NONBLOCK from a parent."""
    with Pipe(4096, blocking=blocking) as pipe:
        with Agent(*EACH_EVENT, stdout=pipe.writer) as agent:
            pipe.read(pause=0.01)
            start("write_many", folder, FILES)
            time.sleep(1.5)
            pipe.hurry()
            time.sleep(1.5)
            result = stop_in_time(agent)
        records = pipe.records()

    assert result.exit_code == 0, result.stderr
    assert [each["InfoSequenceNumber"] for each in records] == list(range(1, len(records) + 1))
    assert told(result.stderr) == (len(records), len(records), 0, {})
    mine = file_records(records, folder)
    assert sum(each["FileEventCount"] for each in mine) == FILES * EVENTS
    assert health_records(records)
    assert not any("HealthOutputs" in each for each in records)


def test_count_is_exact_however_late_the_reader(folder: Path) -> None:
    """--count waits for the reader: just so many records, then the end."""
    count = 307
    with Pipe() as pipe:
        with Agent(*EACH_EVENT, "--count", str(count), stdout=pipe.writer) as agent:
            start("write_many", folder, FILES)
            with pytest.raises(subprocess.TimeoutExpired):
                agent.process.wait(7)
            pipe.read()
            result = agent.wait()
        records = pipe.records()

    assert result.exit_code == 0
    assert [each["InfoSequenceNumber"] for each in records] == list(range(1, count + 1))
    assert told(result.stderr) == (count, count, 0, {})


def test_count_ends_by_a_signal_too() -> None:
    """Also after the count is reached."""
    with Pipe(4096) as pipe:
        with Agent(*EACH_EVENT, "--count", "101", stdout=pipe.writer) as agent:
            with pytest.raises(subprocess.TimeoutExpired):
                agent.process.wait(3)
            result = stop_in_time(agent)
        assert len(pipe.records()) < 101
    assert result.exit_code == 0


def test_duration_ends_it_while_the_reader_stands_still(folder: Path) -> None:
    """Five seconds after the reader took something for the last time."""
    with Pipe() as pipe, Agent(*EACH_EVENT, "--duration", "2", stdout=pipe.writer) as agent:
        began = time.monotonic()
        start("write_many", folder, FILES)
        result = agent.wait()

    assert 2 + 4 < time.monotonic() - began < 20
    assert result.exit_code == 0
    assert told(result.stderr).reasons.keys() == {"left at the end"}


def test_messages_in_the_same_pipe_do_not_keep_it(folder: Path) -> None:
    """With 2>&1 the summary has no reader either."""
    with Pipe() as pipe:
        with Agent(*EACH_EVENT, stdout=pipe.writer, stderr=pipe.writer) as agent:
            start("write_many", folder, FILES)
            result = stop_in_time(agent)
        assert pipe.records()
    assert result.exit_code == 0


def test_a_terminal_that_stands_still(folder: Path) -> None:
    """A terminal whose other side nobody reads is a reader like others, and stays as it is."""
    main, terminal = pty.openpty()
    with Agent(*EACH_EVENT, stdout=terminal) as agent:
        start("write_many", folder, FILES)
        result = stop_in_time(agent)
    assert os.get_blocking(terminal)
    os.close(terminal)
    os.close(main)

    assert result.exit_code == 0
    assert told(result.stderr).reasons.keys() == {"left at the end"}


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """Return a file system of 64 MiB, on which a file leaves 64 KiB free."""
    place = folder / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", place], check=True)
    (place / "filler").write_bytes(bytes((64 << 20) - (64 << 10)))
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_full_for_a_while(small_disk: Path, folder: Path) -> None:
    """Records wait for space; with it all are there, and nothing has happened."""
    files = 101
    path = small_disk / "records"
    with path.open("wb") as stdout, Agent(*EACH_EVENT, stdout=stdout.fileno()) as agent:
        (folder / "here").mkdir()
        start("write_many", folder / "here", files)
        time.sleep(1.5)
        assert path.stat().st_size == 64 << 10
        (small_disk / "filler").unlink()
        time.sleep(2)
        result = stop_in_time(agent)

    records = parse(path.read_bytes())
    assert result.exit_code == 0, result.stderr
    assert told(result.stderr) == (len(records), len(records), 0, {})
    mine = file_records(records, folder / "here")
    assert sum(each["FileEventCount"] for each in mine) == files * EVENTS


def test_a_disk_that_stays_full(small_disk: Path, folder: Path) -> None:
    """The run goes on; at the end what was refused is counted, and the exit code is 1."""
    path = small_disk / "records"
    with path.open("wb") as stdout, Agent(*EACH_EVENT, stdout=stdout.fileno()) as agent:
        start("write_many", folder, FILES)
        time.sleep(1.5)
        assert agent.process.poll() is None
        result = stop_in_time(agent)

    assert result.exit_code == 1
    assert result.stderr.endswith("kflowd: writing records to stdout: No space left on device\n")
    summary = told(result.stderr)
    assert summary.reasons == {"refused": summary.lost}
    assert summary.written + summary.lost == summary.given
    assert path.read_bytes().count(b"\n\x1e\n") == summary.written > 0


def test_replay_waits_for_its_reader(folder: Path) -> None:
    """Nothing is lost, however small the queue and slow the reader; a full disk ends it."""
    tape = str(folder / "tape")
    with Agent(*EACH_EVENT, "--record", tape) as agent:
        start("write_many", folder, FILES)
        result = agent.stop()
    options = ["replay", "-o", "json-min", tape]
    with Pipe(4096) as pipe:
        command = [*with_queue(5000), *options]
        replay = subprocess.Popen(command, stdout=pipe.writer, stderr=subprocess.PIPE, cwd=ROOT)
        with replay:
            pipe.read(pause=0.001)
            assert replay.stderr is not None
            stderr = replay.stderr.read().decode()
        found = pipe.finish()
    assert replay.returncode == 0
    assert found == result.stdout
    assert told(stderr).lost == 0

    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *options], check=False, stdout=full, stderr=subprocess.PIPE, cwd=ROOT
        )
    assert done.returncode == 1
    assert done.stderr.endswith(b"kflowd: writing records to stdout: No space left on device\n")


def test_a_reader_that_goes_away_while_records_wait(folder: Path) -> None:
    """It ends with 0 and without a word, as if it had gone at once."""
    reader, writer = os.pipe()
    with Agent(*EACH_EVENT, stdout=writer) as agent:
        os.close(writer)
        start("write_many", folder, FILES)
        os.read(reader, 10_007)
        time.sleep(0.5)
        threading.Timer(0.2, os.close, [reader]).start()
        result = agent.wait()

    assert (result.exit_code, result.stderr) == (0, "")
