# SPDX-License-Identifier: Apache-2.0
import os
import time
from pathlib import Path

import pytest

from kflowd.enrich import namespaces
from kflowd.enrich.interfaces import Found, own_namespace, read_interfaces
from kflowd.enrich.namespaces import Namespaces, look_up


class Door:
    """Stands for setns: notes which namespaces were entered, in order."""

    def __init__(self) -> None:
        self.entered: list[int] = []

    def enter(self, descriptor: int) -> None:
        self.entered.append(os.fstat(descriptor).st_ino)


def test_a_namespace_is_entered_by_a_process_in_it_and_left_again() -> None:
    """What is found there is what the thread sees."""
    door = Door()
    found = look_up(own_namespace(), os.getpid(), door.enter)
    assert found == read_interfaces()
    assert door.entered == [own_namespace()] * 2


def test_the_own_namespace_is_told_as_far_as_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """What bounds the interfaces that others make does not make it shorter."""
    monkeypatch.setattr(namespaces, "MAX_INTERFACES", 0)
    assert look_up(own_namespace(), os.getpid(), Door().enter) == read_interfaces()


def test_a_process_that_is_elsewhere_by_now_is_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one that is gone: nothing is entered."""
    monkeypatch.setattr(namespaces, "NAMED", ())
    door = Door()
    assert look_up(own_namespace() + 1, os.getpid(), door.enter) is None
    assert look_up(own_namespace(), 1 << 30, door.enter) is None
    assert door.entered == []


def test_a_named_namespace_is_found_without_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `ip netns` keeps it; other names are passed over."""
    (tmp_path / "a").symlink_to("/proc/self/ns/mnt")
    (tmp_path / "b").symlink_to("/proc/self/ns/net")
    monkeypatch.setattr(namespaces, "NAMED", (tmp_path / "missing", tmp_path))
    door = Door()
    assert look_up(own_namespace(), 1 << 30, door.enter) == read_interfaces()
    assert door.entered[0] == own_namespace()


def test_a_refusal_is_unknown() -> None:
    """Without the privilege there is no answer, and no error."""

    def refuse(_descriptor: int) -> None:
        raise PermissionError

    assert look_up(own_namespace(), os.getpid(), refuse) is None


def test_answers_come_later() -> None:
    """The asking side waits for nothing; what cannot be found gives no answer."""
    table = Namespaces(Door().enter)
    assert list(table.news()) == []
    table.ask(own_namespace() + 1, os.getpid(), 5)
    table.ask(own_namespace(), os.getpid(), 7)
    found: list[Found] = []
    deadline = time.monotonic() + 10
    while not found and time.monotonic() < deadline:
        found += table.news()
    assert found == [(own_namespace(), 7, read_interfaces())]


def test_questions_are_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Namespaces that others make by the thousand fill no memory."""
    monkeypatch.setattr(namespaces, "MAX_ASKED", 3)
    monkeypatch.setattr(Namespaces, "_run", lambda _self: None)
    table = Namespaces(Door().enter)
    for number in range(5):
        table.ask(number, 1, 1000)
    assert table.lost == 2
