# SPDX-License-Identifier: Apache-2.0
import functools
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kflowd.enrich import digests
from kflowd.enrich.digests import CHUNK_BYTES, SMALL_BYTES, Answer, Digests, Pace
from kflowd.enrich.opening import Key, Outcome, Question, RefusedError, open_verified
from tests.unit.enrich.test_opening import question

PATIENCE_S = 20
RATE = 1 << 40


class Clock:
    """Stands for time.monotonic."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Door:
    """Opens files; those whose path is kept wait for the door."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.opened: list[str] = []
        self.free = threading.Event()

    def has_opened(self, number: int) -> bool:
        """Say whether it was asked so often."""
        return len(self.opened) == number

    def __call__(self, asked: Question) -> int:
        self.opened.append(asked.path)
        if asked.path in self.kept:
            self.free.wait(PATIENCE_S)
        return open_verified(asked)


@pytest.fixture
def door() -> Iterator[Door]:
    """Return a door that lets all threads go at the end."""
    made = Door()
    yield made
    made.free.set()


def until(true: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def answers(table: Digests, number: int) -> list[Answer]:
    """Return so many answers."""
    found: list[Answer] = []

    def enough() -> bool:
        found.extend(table.news())
        return len(found) >= number

    until(enough)
    assert len(found) == number
    return found


def executable(path: Path, size: int = 4711) -> Path:
    """Make a file that no other is like."""
    made = path.resolve()
    made.write_bytes(os.urandom(min(size, 1 << 16)))
    os.truncate(made, size)
    return made


def sums(path: Path) -> tuple[str, str]:
    """Return the sums of a file by another way."""
    data = path.read_bytes()
    return hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, SMALL_BYTES + 4711])
def test_sums_are_those_of_the_whole_file(tmp_path: Path, size: int) -> None:
    """In either lane, at each bound."""
    path = executable(tmp_path / "file", size)
    table = Digests(RATE)
    assert table.news() == []
    table.ask(question(path))
    (answer,) = answers(table, 1)
    assert answer == Answer(question(path).asked, Outcome.DONE, *sums(path))
    assert table.news() == []


def test_what_was_asked_already_is_read_once(tmp_path: Path, door: Door) -> None:
    """And once more when it is asked behind its answer."""
    path = executable(tmp_path / "file")
    table = Digests(RATE, opened=door)
    table.ask(question(path))
    table.ask(question(path))
    answers(table, 1)
    assert door.opened == [str(path)]
    table.ask(question(path))
    answers(table, 1)
    assert door.opened == [str(path)] * 2


def test_a_file_that_changes_while_it_is_read_has_no_sum(tmp_path: Path) -> None:
    """Neither has one that was replaced before, or is gone, or fails."""
    path = executable(tmp_path / "file", 3 * CHUNK_BYTES)

    def grows(asked: Question) -> int:
        descriptor = open_verified(asked)
        with path.open("ab") as file:
            file.write(b"more")
        return descriptor

    def touched(asked: Question) -> int:
        descriptor = open_verified(asked)
        monkey = os.readv
        digests_read.append(monkey(descriptor, [bytearray(1)]))
        return descriptor

    def fails(_asked: Question) -> int:
        raise OSError

    def refuses(_asked: Question) -> int:
        raise RefusedError(Outcome.SKIPPED)

    digests_read: list[int] = []
    for opened, outcome in (
        (grows, Outcome.CHANGED),
        (touched, Outcome.CHANGED),
        (fails, Outcome.UNREADABLE),
        (refuses, Outcome.SKIPPED),
    ):
        table = Digests(RATE, opened=opened)
        table.ask(question(path))
        assert [it.outcome for it in answers(table, 1)] == [outcome]
        assert digests_read == ([1] if opened is not grows else [])


def test_large_files_do_not_keep_small_ones_waiting(tmp_path: Path, door: Door) -> None:
    """They have a thread of their own."""
    large, small = executable(tmp_path / "large", SMALL_BYTES + 1), executable(tmp_path / "small")
    door.kept.add(str(large))
    table = Digests(RATE, opened=door)
    table.ask(question(large))
    table.ask(question(small))
    assert [it.asked.key for it in answers(table, 1)] == [question(small).key]
    door.free.set()
    assert [it.asked.key for it in answers(table, 1)] == [question(large).key]


def test_users_take_turns(tmp_path: Path, door: Door) -> None:
    """Who asks much does not keep others waiting."""
    paths = [executable(tmp_path / name) for name in "abcdef"]
    door.kept.add(str(paths[0]))
    table = Digests(RATE, opened=door)
    for path in paths[:4]:
        table.ask(question(path)._replace(user=1000))
    until(lambda: door.opened)
    for path in paths[4:]:
        table.ask(question(path)._replace(user=1001))
    door.free.set()
    answers(table, 6)
    names = "".join(Path(it).name for it in door.opened)
    assert names in ("abecfd", "abecdf")
    assert names.index("e") == 2


def test_what_has_no_room_is_answered_too(
    tmp_path: Path, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be asked again."""
    monkeypatch.setattr(digests, "MAX_ASKED", 2)
    paths = [executable(tmp_path / name) for name in "abcd"]
    door.kept.add(str(paths[0]))
    table = Digests(RATE, opened=door)
    table.ask(question(paths[0]))
    until(lambda: door.opened)
    for path in paths[1:]:
        table.ask(question(path))
    assert answers(table, 1) == [Answer(question(paths[3]).asked, Outcome.BUSY)]
    door.free.set()
    assert {it.outcome for it in answers(table, 2 + 1)} == {Outcome.DONE}
    table.ask(question(paths[3]))
    assert answers(table, 1)[0].outcome is Outcome.DONE


def test_a_thread_that_hangs_is_left_behind(tmp_path: Path, door: Door) -> None:
    """Its device is left alone until it comes back; other devices have their sums at once."""
    clock = Clock()
    hung, same, other = (executable(tmp_path / name) for name in ("hung", "same", "other"))

    def opened(asked: Question) -> int:
        return door(asked._replace(key=question(Path(asked.path)).key))

    def of(path: Path, dev: int) -> Question:
        return question(path, Key(dev, *question(path).key[1:]))

    real = question(other).key.dev
    door.kept.add(str(hung))
    table = Digests(RATE, clock, opened)
    table.ask(of(hung, 7))
    until(lambda: door.opened)
    table.ask(of(same, 7))
    table.ask(question(other))
    clock.now += digests.STUCK_S
    assert table.news() == []
    clock.now += 0.1
    found = {it.asked.key: it.outcome for it in answers(table, 3)}
    assert found == {
        of(hung, 7).key: Outcome.BUSY,
        of(same, 7).key: Outcome.BUSY,
        question(other).key: Outcome.DONE,
    }
    assert real != 7
    table.ask(of(same, 7))
    assert [it.outcome for it in answers(table, 1)] == [Outcome.BUSY]
    assert str(same) not in door.opened
    door.free.set()
    until(lambda: not any(worker.alive for worker, _ in table._stuck))
    table.ask(question(same))
    assert [it.outcome for it in answers(table, 1)] == [Outcome.DONE]


def test_threads_that_hang_are_few(tmp_path: Path, door: Door) -> None:
    """Of a user who makes mounts that hang, and of all together."""
    clock = Clock()
    table = Digests(RATE, clock, door)
    path = executable(tmp_path / "file")
    door.kept.add(str(path))
    for number in range(12):
        user = 1000 + number // 3
        key = Key(1 << 20 | number, *question(path).key[1:])
        table.ask(question(path, key)._replace(user=user))
        if number % 3 < digests.MAX_STUCK_OF_USER:
            until(functools.partial(door.has_opened, number - number // 3 + 1))
            clock.now += digests.STUCK_S + 1
        assert [it.outcome for it in answers(table, 1)] == [Outcome.BUSY]
    assert len(table._stuck) == digests.MAX_STUCK
    table.ask(question(path))
    assert [it.outcome for it in answers(table, 1)] == [Outcome.BUSY]
    assert len(door.opened) == digests.MAX_STUCK


def test_a_file_whose_change_is_young_is_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change in the same tick of the clock would leave the same times."""
    monkeypatch.setattr(digests, "SETTLED_NS", 300_000_000)
    opened_ns: list[int] = []

    def opened(asked: Question) -> int:
        opened_ns.append(time.time_ns())
        return open_verified(asked)

    path = executable(tmp_path / "file")
    table = Digests(RATE, opened=opened)
    table.ask(question(path))
    assert answers(table, 1)[0].outcome is Outcome.DONE
    assert opened_ns[0] >= path.stat().st_ctime_ns + 299_000_000


def test_a_pace_is_kept() -> None:
    """So many bytes in a second, whatever was not used before."""
    clock = Clock()
    pace = Pace(1000, clock, clock.sleep)
    for number in (500, 250):
        pace.took(number)
    assert clock.slept == [0.5, 0.25]
    clock.now += 60
    pace.took(1000)
    assert clock.slept[2:] == [1.0]


def test_a_lane_keeps_to_half_of_the_rate(tmp_path: Path) -> None:
    """1 MiB of small files at 2 MiB a second takes a second."""
    table = Digests(2 << 20)
    for number in range(4):
        table.ask(question(executable(tmp_path / str(number), 1 << 18)))
    began = time.monotonic()
    assert {it.outcome for it in answers(table, 4)} == {Outcome.DONE}
    # the last one's pause is behind its answer's reading, and ahead of the answer
    assert 0.9 <= time.monotonic() - began < 10


def test_each_way_to_a_file_is_tried(tmp_path: Path) -> None:
    """One leads nowhere by now, and the other one leads there."""
    path = executable(tmp_path / "file")
    table = Digests(RATE)
    gone = question(path)._replace(path=str(path) + "-gone")
    table.ask(gone)
    table.ask(question(path))
    found = {it.asked: it.outcome for it in answers(table, 2)}
    assert found == {gone.asked: Outcome.CHANGED, question(path).asked: Outcome.DONE}


def test_without_room_for_a_thread_the_next_question_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of processes is no error of the run; what was asked meanwhile is answered then."""
    first, second = executable(tmp_path / "first"), executable(tmp_path / "second")

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    table = Digests(RATE)
    with monkeypatch.context() as context:
        context.setattr(threading.Thread, "start", refuse)
        table.ask(question(first))
        assert table.news() == []
    table.ask(question(second))
    found = {it.asked: it.outcome for it in answers(table, 2)}
    assert found == {question(it).asked: Outcome.DONE for it in (first, second)}
