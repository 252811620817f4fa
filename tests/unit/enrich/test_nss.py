# SPDX-License-Identifier: Apache-2.0
import grp
import os
import pwd
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from kflowd.enrich import nss
from kflowd.enrich.nss import AskedName, Kind, Named, NameService, look_up

PATIENCE_S = 1000.0


def user(number: int) -> AskedName:
    """Return the number of a user."""
    return AskedName(Kind.USER, number)


class Directory:
    """Stands for NSS: some numbers hang until they are let go; its clock is set by hand."""

    def __init__(self, *hanging: int) -> None:
        self.asked: list[int] = []
        self.now = 0.0
        self._gates = {number: threading.Event() for number in hanging}
        self.service = NameService(PATIENCE_S, self.look, lambda: self.now)

    def look(self, asked: AskedName) -> str:
        """Return a name that has the number; none of 0."""
        self.asked.append(asked.number)
        if asked.number in self._gates:
            assert self._gates[asked.number].wait(60)
        if asked.number < 0:
            raise MemoryError
        return f"n{asked.number}" if asked.number else ""

    def let_go(self, *numbers: int) -> None:
        """Let what hangs return."""
        for number in numbers or tuple(self._gates):
            self._gates[number].set()

    def hang(self, number: int, sharer: int) -> None:
        """Ask for a number that hangs, and wait until it does, for longer than is patient."""
        self.service.ask(user(number), sharer)
        wait_for(lambda: number in self.asked)
        self.later(nss.SLOW_S + 1)

    def later(self, seconds: float) -> list[Named]:
        """Let time go by."""
        self.now += seconds
        return self.service.news()

    def answers(self, count: int) -> dict[int, str | None]:
        """Return so many answers by number."""
        found: list[Named] = []

        def enough() -> bool:
            found.extend(self.service.news())
            return len(found) >= count

        wait_for(enough)
        return {it.asked.number: it.name for it in found}


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture
def made() -> Iterator[list[Directory]]:
    """Return a list of what is to be let go at the end."""
    directories: list[Directory] = []
    yield directories
    for each in directories:
        each.let_go()


def test_names_of_this_host() -> None:
    """Root has one as user and as group; nobody has the numbers that are none."""
    assert look_up(AskedName(Kind.USER, 0)) == pwd.getpwuid(0).pw_name
    assert look_up(AskedName(Kind.GROUP, 0)) == grp.getgrgid(0).gr_name
    for number in (2**32 - 2, 2**32, 2**70, -5):
        assert look_up(AskedName(Kind.USER, number)) == look_up(AskedName(Kind.GROUP, number)) == ""


@pytest.mark.parametrize(
    ("name", "expected"), [("b\udcf6s", "b?s"), ("n" * 1024, "n" * 1024), ("n" * 1025, "")]
)
def test_any_name_can_be_news(monkeypatch: pytest.MonkeyPatch, name: str, expected: str) -> None:
    """What is no UTF-8 loses those bytes; what nobody can be called is no name."""
    monkeypatch.setattr(pwd, "getpwuid", lambda _number: SimpleNamespace(pw_name=name))
    assert look_up(user(1)) == expected


def test_answers_are_news_once() -> None:
    """A name, none, or nothing known after a failure; nobody waits for them."""
    directory = Directory()
    assert directory.service.news() == []
    for number in (5, 0, -1):
        directory.service.ask(user(number), 1)
    assert directory.answers(3) == {5: "n5", 0: "", -1: None}
    assert directory.service.news() == []


def test_a_number_is_asked_for_once_at_a_time(made: list[Directory]) -> None:
    """Until the answer is news; a user and a group of one number are two."""
    directory = Directory(5)
    made.append(directory)
    for _ in range(3):
        directory.service.ask(user(5), 1)
    directory.let_go()
    assert directory.answers(1) == {5: "n5"}
    assert directory.asked == [5]
    directory.service.ask(user(5), 1)
    directory.service.ask(AskedName(Kind.GROUP, 5), 1)
    directory.answers(2)
    assert directory.asked == [5, 5, 5]


def test_what_takes_long_keeps_nobody_else(made: list[Directory]) -> None:
    """Another thread goes on; the name comes when it comes."""
    directory = Directory(5)
    made.append(directory)
    directory.hang(5, 1)
    for number in (6, 7):
        directory.service.ask(user(number), 1)
    assert directory.answers(2) == {6: "n6", 7: "n7"}
    directory.let_go()
    assert directory.answers(1) == {5: "n5"}
    wait_for(lambda: not directory.service.news() and not directory.service._slow)


def test_what_takes_too_long_is_told(made: list[Directory]) -> None:
    """Then nobody waits for it any more, and it is news when it is there."""
    directory = Directory(5)
    made.append(directory)
    directory.hang(5, 1)
    assert directory.later(PATIENCE_S) == [Named(user(5), 1, None)]
    assert directory.later(PATIENCE_S) == []
    directory.service.ask(user(5), 2)
    assert directory.service.news() == [Named(user(5), 2, None)]
    directory.let_go()
    assert directory.answers(1) == {5: "n5"}
    wait_for(lambda: not directory.service.news() and not directory.service._slow)
    directory.service.ask(user(5), 1)
    assert directory.answers(1) == {5: "n5"}
    assert directory.asked == [5, 5]


def test_who_hangs_often_is_not_asked_for_again(made: list[Directory]) -> None:
    """What waits behind is answered at once; others are asked for."""
    *hanging, last = range(1, nss.MAX_SLOW_OF_SHARER + 1)
    directory = Directory(*hanging, last)
    made.append(directory)
    for number in hanging:
        directory.hang(number, 7)
    for number, sharer in ((last, 7), (103, 7), (104, 8)):
        directory.service.ask(user(number), sharer)
    wait_for(lambda: last in directory.asked)
    directory.now += nss.SLOW_S + 1
    assert directory.answers(2) == {103: None, 104: "n104"}
    directory.service.ask(user(105), 7)
    assert directory.service.news() == [Named(user(105), 7, None)]
    directory.let_go()
    assert directory.answers(last) == {number: f"n{number}" for number in (*hanging, last)}


def test_threads_are_bounded(made: list[Directory]) -> None:
    """Where all hang nobody waits; when one comes back it goes on."""
    hanging = range(1, nss.MAX_SLOW + 1)
    directory = Directory(*hanging)
    made.append(directory)
    for number in hanging:
        directory.hang(number, number)
    assert sum(it.name == "names" for it in threading.enumerate()) >= nss.MAX_SLOW
    directory.service.ask(user(99), 99)
    assert directory.service.news() == [Named(user(99), 99, None)]
    assert directory.service._worker is None
    directory.let_go(1)
    assert directory.answers(1) == {1: "n1"}
    wait_for(lambda: not directory.service.news() and len(directory.service._slow) < nss.MAX_SLOW)
    directory.service.ask(user(99), 99)
    assert directory.answers(1) == {99: "n99"}


def test_a_flood_does_not_crowd_out_others(
    made: list[Directory], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for more than there is room for loses his own; it is counted."""
    monkeypatch.setattr(nss, "MAX_ASKED", 4)
    directory = Directory(1)
    made.append(directory)
    directory.service.ask(user(1), 7)
    wait_for(lambda: directory.asked == [1])
    for number in range(100, 120):
        directory.service.ask(user(number), 7)
    directory.service.ask(user(5), 8)
    directory.let_go()
    found = directory.answers(22)
    assert directory.service.lost == 17
    assert found[5] == "n5"
    assert sum(name is None for name in found.values()) == 17
    assert directory.asked[2] == 5  # its turn is the second


def test_without_a_thread_the_next_question_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may have no room for one for a while."""
    directory = Directory()

    def refuse(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        directory.service.ask(user(5), 1)
    directory.service.ask(user(6), 1)
    assert directory.answers(2) == {5: "n5", 6: "n6"}


def test_a_thread_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its priority is low; where that is refused it works as well."""
    asked: list[tuple[int, int]] = []

    def refuse(which: int, _who: int, value: int) -> None:
        asked.append((which, value))
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    directory = Directory()
    directory.service.ask(user(5), 1)
    assert directory.answers(1) == {5: "n5"}
    assert asked == [(os.PRIO_PROCESS, nss.NICE)]
