# SPDX-License-Identifier: Apache-2.0
"""The consumer is found with real pipes and processes."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from kflowd.downstream.finding import Process, ancestors, find, output_pipe, status_of

SLEEP = ("sleep", "60")
NULL = subprocess.DEVNULL


class Pipeline:
    """A pipe of ours with processes around it."""

    def __init__(self, held: ExitStack) -> None:
        self._held = held
        self.reader, self.writer = os.pipe()
        for end in (self.reader, self.writer):
            held.callback(os.close, end)

    def start(
        self,
        command: Sequence[str] = SLEEP,
        stdin: int = NULL,
        stdout: int = NULL,
        ends: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a program that is there and runs until the end of the test."""
        child = subprocess.Popen(command, stdin=stdin, stdout=stdout, pass_fds=ends)
        self._held.callback(child.wait)
        self._held.callback(child.kill)
        return child

    @property
    def found(self) -> list[int]:
        """The numbers of who is found."""
        return [it.pid for it in find(output_pipe(self.writer))]


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    """Return a pipe that nobody but us has."""
    with ExitStack() as held:
        yield Pipeline(held)


def test_who_has_it_as_standard_input_is_found(pipeline: Pipeline) -> None:
    """Also if it has inherited the other end; it has a name and a beginning."""
    pid = pipeline.start(stdin=pipeline.reader, ends=(pipeline.writer,)).pid
    (found,) = find(output_pipe(pipeline.writer))
    assert (found.pid, found.name) == (pid, "sleep")
    assert str(found) == f"sleep ({pid})"
    assert 0 < found.ticks <= time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")


def test_who_has_the_reading_end_alone_is_found(pipeline: Pipeline) -> None:
    """A shell gives it by another number: cat <(kflowd)."""
    pid = pipeline.start(ends=(pipeline.reader,)).pid
    assert pipeline.found == [pid]


def test_bystanders_are_not_found(pipeline: Pipeline) -> None:
    """Who has both ends, the writing end alone, or none."""
    pipeline.start(ends=(pipeline.reader, pipeline.writer))
    pipeline.start(stdout=pipeline.writer)
    pipeline.start(stdin=pipeline.writer)
    pipeline.start()
    assert pipeline.found == []


def test_we_and_our_ancestors_are_not_found(pipeline: Pipeline) -> None:
    """We have both ends; without the writing one we still are no consumer of ourselves."""
    pipe = output_pipe(pipeline.writer)
    own = {pid for pid, _ in ancestors()}
    assert {os.getpid(), os.getppid()} <= own
    assert own.isdisjoint(it.pid for it in find(pipe))
    copy = os.dup(pipeline.reader)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, pipeline.writer)
    assert find(pipe) == []
    os.close(copy)
    os.close(null)


def test_who_was_an_ancestor_is_spared(pipeline: Pipeline) -> None:
    """A parent may go away, and its parent is none of ours any more."""
    pid = pipeline.start(stdin=pipeline.reader).pid
    status = status_of(pid)
    assert status is not None
    assert find(output_pipe(pipeline.writer), spared={status.process.identity}) == []


def test_the_whole_pipeline_is_found(pipeline: Pipeline, tmp_path: Path) -> None:
    """In its order; who reads what the last one writes to a file is no part of it."""
    second, third = Pipeline(pipeline._held), Pipeline(pipeline._held)
    with (tmp_path / "out").open("wb") as out:
        last = pipeline.start(stdin=third.reader, stdout=out.fileno()).pid
    middle = pipeline.start(stdin=second.reader, stdout=third.writer).pid
    first = pipeline.start(stdin=pipeline.reader, stdout=second.writer).pid
    with (tmp_path / "out").open("rb") as out:
        pipeline.start(stdin=out.fileno())
    assert pipeline.found == [first, middle, last]


def test_a_ring_of_pipes_ends(pipeline: Pipeline) -> None:
    """A program that feeds itself is found once."""
    second = Pipeline(pipeline._held)
    first = pipeline.start(stdin=pipeline.reader, stdout=second.writer).pid
    last = pipeline.start(stdin=second.reader, stdout=pipeline.writer).pid
    assert pipeline.found == [first, last]


def test_there_are_sixteen_at_most(pipeline: Pipeline) -> None:
    """Many can read one pipe."""
    pids = {pipeline.start(stdin=pipeline.reader).pid for _ in range(19)}
    assert len(pipeline.found) == 16
    assert pids.issuperset(pipeline.found)


def test_a_fifo_is_a_pipe_too(pipeline: Pipeline, tmp_path: Path) -> None:
    """By its inode; another FIFO that took its path is not taken for it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    ours = os.open(path, os.O_RDWR)
    reader = os.open(path, os.O_RDONLY)
    pid = pipeline.start(stdin=reader).pid
    pipe = output_pipe(ours)
    assert list(pipe) == [str(path)]
    assert [it.pid for it in find(pipe)] == [pid]
    other = {str(path): (0, 1)}
    assert find(other) == []
    os.close(ours)
    os.close(reader)


def test_what_is_no_pipe_has_no_consumer(tmp_path: Path) -> None:
    """A file, a closed descriptor."""
    with (tmp_path / "out").open("wb") as out:
        assert output_pipe(out.fileno()) == {}
    assert output_pipe(1 << 20) == {}
    assert find({}) == []


def test_a_name_may_be_anything(pipeline: Pipeline) -> None:
    """It is read to its end, and what does not print is not printed."""
    script = r"printf 'a) \n(b' > /proc/$$/comm; echo; read line"
    child = subprocess.Popen(
        ["sh", "-c", script], stdin=pipeline.reader, stdout=subprocess.PIPE, stderr=NULL
    )
    assert child.stdout is not None
    child.stdout.readline()
    (found,) = find(output_pipe(pipeline.writer))
    assert found.name.startswith("a) ")
    assert str(found).isprintable()
    child.kill()
    child.communicate()


def test_names_are_no_identity() -> None:
    """A program that calls itself another name stays the same process."""
    assert Process(7, 9, "a").identity == Process(7, 9, "b").identity == (7, 9)


def test_a_search_can_be_ended(pipeline: Pipeline) -> None:
    """What its breath raises comes out; it breathes however few processes there are."""

    def stop() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        find(output_pipe(pipeline.writer), stop)


def test_a_process_that_goes_meanwhile_is_none(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number may be that of another when its beginning is read."""
    pipeline.start(stdin=pipeline.reader)
    seen: set[str] = set()

    def once(path: str) -> str:
        if path in seen or not os.path.lexists(path):
            return ""
        seen.add(path)
        return os.readlink(path)

    monkeypatch.setattr("kflowd.downstream.finding._link", once)
    assert pipeline.found == []


def test_nobody_has_no_status() -> None:
    """A number that no process has."""
    assert status_of((1 << 22) + 1) is None
