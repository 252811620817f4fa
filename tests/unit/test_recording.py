# SPDX-License-Identifier: Apache-2.0
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
    with Recorder(path, FIRST) as recorder:
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
        Recorder(tmp_path / "missing" / "r", b"")


def test_full_disk() -> None:
    """A write that fails is one line, at the latest when the file is closed."""
    recorder = Recorder(Path("/dev/full"), FIRST)
    with pytest.raises(RecordingError, match="^writing /dev/full: No space left on device$"):
        recorder.close()
