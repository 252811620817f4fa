# SPDX-License-Identifier: Apache-2.0
import threading
import time
from collections.abc import Callable, Sequence

from kflowd.downstream.finding import Process
from kflowd.downstream.watch import TOLD_MOST, Watch

CAT, JQ = Process(11, 1, "cat"), Process(12, 2, "jq")
SOON = (0.0, 0.0)
Found = Sequence[Process]


class Passes:
    """Hands out what each pass finds; the last one's again and again."""

    def __init__(self, *found: Found) -> None:
        self._found = list(found)
        self.over = threading.Event()

    def __call__(self, _breathe: Callable[[], None]) -> Found:
        if len(self._found) == 1:
            self.over.set()
            return self._found[0]
        return self._found.pop(0)


def watched(*found: Found) -> tuple[list[Found], list[Found]]:
    """Return what was handed on and what was told while these were found."""
    changed: list[Found] = []
    told: list[Found] = []
    passes = Passes(*found)
    with Watch(passes, changed.append, told.append, SOON):
        assert passes.over.wait(10)
        time.sleep(0.05)
    return changed, told


def test_the_first_is_there_at_once() -> None:
    """The first pass is done when the block begins."""
    changed: list[Found] = []
    with Watch(Passes([CAT]), changed.append):
        assert changed == [[CAT]]


def test_changes_alone_are_handed_on() -> None:
    """Who is new is told once, also when it comes again; a new name is no change."""
    renamed = Process(11, 1, "dog")
    found = [[], [CAT], [renamed], [CAT, JQ], [], [JQ], [JQ]]
    changed, told = watched(*found)
    assert changed == [[CAT], [CAT, JQ], [], [JQ]]
    assert told == [[CAT], [JQ]]


def test_the_same_number_again_is_another() -> None:
    """A process that began later is handed on and told."""
    later = Process(11, 5, "cat")
    changed, told = watched([CAT], [later], [later])
    assert changed == told == [[CAT], [later]]


def test_what_is_told_has_an_end() -> None:
    """A loop that starts program after program fills no log; all of them are left out."""
    found = [[Process(pid, 1, "date")] for pid in range(2, 100)]
    changed, told = watched(*found, found[-1])
    assert changed == found
    assert told == found[:TOLD_MOST]


def test_a_pass_ends_with_the_run() -> None:
    """However long it takes; nothing is handed on behind the end."""
    changed: list[Found] = []
    begun = threading.Event()

    def find(breathe: Callable[[], None]) -> Found:
        begun.set()
        for _ in range(100_000):
            breathe()
        return [CAT]

    began = time.monotonic()
    with Watch(find, changed.append):
        assert begun.is_set()
    assert time.monotonic() - began < 5
    assert changed == []


def test_a_pass_that_hangs_delays_nobody() -> None:
    """A start and an end wait for it a second each; what it finds later is for nobody."""
    changed: list[Found] = []
    let_go = threading.Event()

    def find(_breathe: Callable[[], None]) -> Found:
        let_go.wait(60)
        return [CAT]

    began = time.monotonic()
    watch = Watch(find, changed.append)
    with watch:
        pass
    assert time.monotonic() - began < 5
    let_go.set()
    watch._thread.join(10)
    assert changed == []


def test_the_end_without_a_beginning_is_none() -> None:
    """Closing what never began does nothing, twice."""
    changed: list[Found] = []
    watch = Watch(Passes([CAT]), changed.append)
    watch.close()
    watch.close()
    assert changed == []
