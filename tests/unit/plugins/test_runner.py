# SPDX-License-Identifier: Apache-2.0
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from kflowd.enrich.labels import Labelled, Labels
from kflowd.enrich.plugins import FAILED, LATE, Read
from kflowd.plugins import runner
from kflowd.plugins.places import Place
from kflowd.plugins.runner import DISABLED, READY, REFUSED, Answered, Limits, Runner
from tests.unit.plugins.faulty import FAULTY, script


class Asker:
    """A runner, and what it says."""

    def __init__(self, path: str = str(FAULTY), wait_s: float = 1.0) -> None:
        self.answers: SimpleQueue[tuple[Answered, int]] = SimpleQueue()
        self.said: list[str] = []
        self.runner = Runner(
            Place("faulty", path),
            Limits(wait_s, 256 << 20),
            lambda _user, read, size: self.answers.put((read, size)),
            self.said.append,
        )
        self.runner.settle(20)

    def ask(self, *texts: bytes) -> list[str]:
        """Return what was read, or the notes, in the order of the answers."""
        for number, text in enumerate(texts):
            self.runner.ask(script(text, number), 0)
        found = [self.read() for _ in texts]
        return [it.note or it.messages[0][2]["Said"] for it in found]

    def read(self) -> Read:
        """Return the next answer to a script."""
        found, _ = self.answers.get(timeout=20)
        assert isinstance(found, Read)
        return found

    def ready(self) -> None:
        """Wait until it is."""
        until = time.monotonic() + 20
        while self.runner.state != READY or self.runner.process is None:
            assert time.monotonic() < until
            time.sleep(0.01)


@contextmanager
def asker(path: str = str(FAULTY), wait_s: float = 1.0) -> Iterator[Asker]:
    it = Asker(path, wait_s)
    try:
        yield it
    finally:
        it.runner.close()
        it.runner.close()


def test_a_fault_costs_its_script_alone() -> None:
    """What was under way behind it is asked again; an error costs no process."""
    with asker() as it:
        for act, why in (
            (b"spin", "no answer within 1 seconds"),
            (b"crash", "killed by SIGABRT"),
            (b"eat", "ended with 12"),
            (b"rubbish", "an answer of 4294967295 bytes"),
            (b"deep", "a message deeper than 8"),
            (b"odd", "a message with a value of bytes"),
            (b"fail", "ValueError: of its own"),
        ):
            assert it.ask(b"a", act, b"b") == ["a", FAILED, "b"]
            assert it.runner.why == why
        counters = it.runner.counters
        assert (counters.faults, counters.lost, counters.disabled) == (7, 7, 0)
        assert it.said == []


def test_after_faults_in_a_row_it_is_put_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is said once; it is tried again later, and one more fault is enough then."""
    monkeypatch.setattr(runner, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(runner, "DISABLED_S", 1.0)
    with asker() as it:
        for _ in range(5):
            it.ready()
            assert it.ask(b"crash") == [FAILED]
        assert it.runner.state == DISABLED
        assert it.ask(b"fine") == [FAILED]
        it.ready()
        assert it.ask(b"crash") == [FAILED]
        assert it.runner.counters.disabled == 2
        it.ready()
        assert it.ask(b"fine") == ["fine"]
        (line,) = it.said
        assert line.startswith("plugin faulty: disabled after 5 faults in a row: killed by SIGABRT")


def test_what_cannot_be_loaded_is_refused() -> None:
    """It is not tried again, and nothing waits for it."""
    with asker("/dev/null") as it:
        assert it.runner.state == REFUSED
        assert "KFLOWD_PLUGIN" in it.runner.why
        assert it.ask(b"a") == [FAILED]
        assert it.runner.counters.faults == 0


def test_processes_are_labelled() -> None:
    """By the facts that the enricher asks by; what it fails at has no labels."""
    with asker() as it:
        asked = [Labelled("faulty", (user, "ann")) for user in (7, 8, 9)]
        for each in asked:
            it.runner.ask(each, 1000)
        found = [it.answers.get(timeout=20)[0] for _ in asked]
        assert found == [
            Labels(asked[0], 1000, {"Is": "ann 7"}),
            Labels(asked[1], 1000, None),
            Labels(asked[2], 1000, None),
        ]
        assert it.runner.why == "an answer that is none"
        assert it.runner.counters.faults == 2


def test_who_fills_the_queue_loses_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user has a share of its bytes and of its places."""
    monkeypatch.setattr(runner, "USER_BYTES", 2000)
    with asker(wait_s=30) as it:
        it.runner.ask(script(b"spin"), 0)
        time.sleep(0.5)
        for number in range(2, 40):
            it.runner.ask(script(b"x" * 500, number), 1)
        lost = it.answers.qsize()
        assert 20 <= lost < 38
        assert {it.read().note for _ in range(lost)} == {LATE}
        it.runner.ask(script(b"mine", 99), 2)
        assert it.answers.empty()
        assert it.runner.counters.lost == lost
