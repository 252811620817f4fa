# SPDX-License-Identifier: Apache-2.0
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd import recording
from kflowd.errors import RecordingError
from kflowd.model import Session
from kflowd.recording import Recorder, Recording
from kflowd.records.session import encode_session
from tests.unit.make import record

FACTS = {
    "host_name": "höst",
    "users": "root::0",
    "interfaces": [(1, "lo", "00:00:00:00:00:00")],
    "net_ns": 7,
}
SESSION = Session(5, 1_700_000_000_000_000_000, 250, msgspec.json.encode(FACTS))
FIRST = encode_session(SESSION)
TICK = record("TICK", ts_ns=9)


def write(path: Path, *batches: bytes) -> Path:
    with Recorder(path) as recorder:
        recorder.begin(FIRST)
        for batch in batches:
            recorder.write(batch)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Head and batches come back, the session record first."""
    path = write(tmp_path / "r", TICK, TICK * 3)

    found = Recording(path)

    assert found.session == SESSION
    session, *batches = found.batches()
    assert session == FIRST
    assert b"".join(batches) == TICK * 4


def test_batches_are_aligned(tmp_path: Path) -> None:
    """A batch whose last record is not padded does not shift the next."""
    odd = record("FILE", b"name\0", path_len=5)
    size = len(odd) - 3

    path = write(tmp_path / "r", odd[:size], TICK)

    *_, rest = Recording(path).batches()
    assert rest == odd + TICK


def test_long_recordings_come_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces end where a record ends."""
    monkeypatch.setattr(recording, "CHUNK_BYTES", 100)
    path = write(tmp_path / "r", TICK * 50)

    _, *batches = Recording(path).batches()

    assert len(batches) > 5
    assert all(len(batch) % len(TICK) == 0 for batch in batches)
    assert b"".join(batches) == TICK * 50


@pytest.mark.parametrize("cut", [1, 8, len(TICK) - 1])
def test_cut_recording(tmp_path: Path, cut: int) -> None:
    """What is whole is read, then the end is called cut."""
    path = write(tmp_path / "r", TICK * 2)
    path.write_bytes(path.read_bytes()[:-cut])

    batches = Recording(path).batches()

    assert next(batches) == FIRST
    assert next(batches) == TICK
    at = len(FIRST) + len(TICK)
    with pytest.raises(RecordingError, match=f"the last record is cut, at byte {at}$"):
        next(batches)


def test_damaged_recording(tmp_path: Path) -> None:
    """An impossible size ends the reading at the record that has it."""
    damaged = record("TICK", size=3)
    path = write(tmp_path / "r", TICK, damaged, TICK)

    batches = Recording(path).batches()

    assert next(batches)
    assert next(batches) == TICK
    with pytest.raises(RecordingError, match="impossible size 3, at byte"):
        next(batches)


@pytest.mark.parametrize("data", [b"", b"\0", b"root:x:0:0:root:/root:/bin/sh\n", TICK * 9])
def test_no_recording(tmp_path: Path, data: bytes) -> None:
    """A file that does not begin with a session is none."""
    path = tmp_path / "r"
    path.write_bytes(data)

    with pytest.raises(RecordingError, match="it is no recording of kflowd"):
        Recording(path)


def test_other_version(tmp_path: Path) -> None:
    """A recording of another contract is refused."""
    path = tmp_path / "r"
    path.write_bytes(record("SESSION", b"{}", hdr__version=99, facts_len=2))

    with pytest.raises(RecordingError, match="version 99 of the contract"):
        Recording(path)


@pytest.mark.parametrize("facts", [b"", b"[]", b"{", b'"', b"[" * 5000])
def test_damaged_session(tmp_path: Path, facts: bytes) -> None:
    """A session whose facts are no JSON object is damaged."""
    path = tmp_path / "r"
    path.write_bytes(record("SESSION", facts, facts_len=len(facts)))
    with pytest.raises(RecordingError, match="^reading .*: its first record is damaged$"):
        Recording(path)
    path.write_bytes(FIRST[:-8])
    with pytest.raises(RecordingError, match="its first record is damaged"):
        Recording(path)


@given(st.binary(max_size=300))
def test_any_bytes_end_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """No content of the first record raises anything but the one error."""
    path = tmp_path_factory.mktemp("any") / "r"
    with_head = record("SESSION", data, facts_len=len(data))
    for text in (data, with_head, FIRST[: len(data)] + data):
        path.write_bytes(text)
        try:
            list(Recording(path).batches())
        except RecordingError as error:
            assert "\n" not in str(error)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    """Reading and writing name the file and the reason."""
    with pytest.raises(RecordingError, match="^reading .*: No such file or directory$"):
        Recording(tmp_path / "missing")
    with pytest.raises(RecordingError, match="^writing .*: No such file or directory$"):
        Recorder(tmp_path / "missing" / "r")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many bytes the disk still takes; what is more fails."""
    room = [0]
    write = os.write

    def limited(number: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = write(number, data[: room[0]])
        room[0] -= done
        return done

    monkeypatch.setattr(recording.os, "write", limited)  # type: ignore[attr-defined]
    return room


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_full_disk(tmp_path: Path, full: list[int], kept: int) -> None:
    """A write that fails ends the recording at the last whole record; what is lost is counted."""
    full[0] = len(FIRST) + len(TICK) * (1 + kept) + 5
    path, said = tmp_path / "r", list[str]()
    with Recorder(path, said.append) as recorder:
        recorder.begin(FIRST)
        for batch in (TICK, TICK * 3, TICK):
            recorder.write(batch)

    line = f"writing {path}: No space left on device"
    assert said == [f"{line}; the recording ends here"]
    assert str(recorder.failure) == line
    assert recorder.lost == 3 - kept + 1
    assert b"".join(Recording(path).batches()) == FIRST + TICK * (1 + kept)


def test_an_old_recording_stays_until_a_new_one_begins(tmp_path: Path) -> None:
    """A run that fails before leaves it, and no empty file where there was none."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"precious")
    for path in (old, new):
        with Recorder(path):
            pass
    assert old.read_bytes() == b"precious"
    assert not new.exists()


def test_only_regular_files_are_written(tmp_path: Path) -> None:
    """A link or a FIFO is refused before it is opened."""
    link, fifo = tmp_path / "link", tmp_path / "fifo"
    link.symlink_to(tmp_path / "target")
    os.mkfifo(fifo)
    for path, kind in ((link, "a symbolic link"), (fifo, "a FIFO"), (tmp_path, "a directory")):
        with pytest.raises(RecordingError, match=f"^writing {path}: it is {kind}$"):
            Recorder(path)


def test_records_are_counted() -> None:
    """By their sizes, up to one that makes no sense."""
    assert recording.count_records(b"") == 0
    assert recording.count_records(TICK * 5) == 5
    assert recording.count_records(TICK + record("TICK", size=3) + TICK) == 2


@pytest.fixture
def piped() -> Iterator[int]:
    """Put a pipe in the place of standard input; return its other end."""
    kept = os.dup(0)
    reads, writes = os.pipe()
    os.dup2(reads, 0)
    os.close(reads)
    yield writes
    os.dup2(kept, 0)
    os.close(kept)


@pytest.mark.parametrize("blocking", [True, False])
def test_standard_input_is_read_as_it_comes(piped: int, blocking: bool) -> None:
    """What is whole is there before the writer goes on, also where a read does not wait."""
    os.set_blocking(0, blocking)
    os.write(piped, FIRST + TICK[:8])
    found = Recording(Path("-"))
    assert found.session == SESSION
    batches = found.batches()
    assert next(batches) == FIRST
    os.write(piped, TICK[8:])
    assert next(batches) == TICK
    os.write(piped, TICK[:8])
    os.close(piped)
    with pytest.raises(RecordingError, match="standard input: the last record is cut"):
        next(batches)


def test_what_standard_input_cannot_be(piped: int) -> None:
    """Nothing, a directory, a terminal: each is one line."""
    os.close(piped)
    with pytest.raises(RecordingError, match="standard input: it is no recording of kflowd"):
        Recording(Path("-"))
    folder = os.open("/", os.O_RDONLY)
    ours, theirs = os.openpty()
    try:
        os.dup2(folder, 0)
        with pytest.raises(RecordingError, match="standard input: Is a directory"):
            Recording(Path("-"))
        os.dup2(theirs, 0)
        with pytest.raises(RecordingError, match="standard input: it is a terminal"):
            Recording(Path("-"))
    finally:
        for number in (folder, ours, theirs):
            os.close(number)


def test_a_recording_is_for_its_owner_alone(tmp_path: Path) -> None:
    """A new one whatever the umask is; an old one from its replacement on, and not before."""
    before = os.umask(0)
    try:
        new = write(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    old = tmp_path / "old"
    old.write_bytes(b"old")
    old.chmod(0o664)
    with Recorder(old) as recorder:
        assert stat.S_IMODE(old.stat().st_mode) == 0o664
        recorder.begin(FIRST)
        assert stat.S_IMODE(old.stat().st_mode) == 0o600
