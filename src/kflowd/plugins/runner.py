# SPDX-License-Identifier: Apache-2.0
"""Asks one plugin, in a thread: what it does or does not do costs nobody else anything.

It is asked one thing after the other, with a few under way. Who takes too long, ends, or answers
what was not asked is killed; that costs what it was about to answer, and the rest is asked again.
After some such faults in a row it is put aside for a while.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from kflowd.closeable import Closeable
from kflowd.enrich.labels import Labelled, Labels
from kflowd.enrich.plugins import FAILED, LATE, Read
from kflowd.enrich.turns import Turns
from kflowd.plugins.places import Place
from kflowd.plugins.process import Process
from kflowd.plugins.room import Room
from kflowd.plugins.wire import (
    SHOWN,
    AnyRequest,
    Hello,
    LabelRequest,
    Request,
    WireError,
    answer_of,
    frame,
    hello_of,
    text,
)
from kflowd.protocols import Script
from kflowd.protocols.deferred import PIECE_BYTES

# Scripts that wait, as many as records do, and their bytes: of one user, and of all.
MAX_ASKED = 4096
USER_BYTES = 4 << 20
ALL_BYTES = 32 << 20
# How many are under way: enough that neither side waits for the other.
WINDOW = 8
START_S = 5.0
STOP_S = 2.0
MOST_FAULTS = 5
# before it is started again, by faults in a row; and when it is put aside
FIRST_PAUSE_S = 0.25
DISABLED_S = 300.0
STARTING, READY, PAUSING, DISABLED, REFUSED = (
    "starting", "ready", "starting again", "disabled", "refused",
)  # fmt: skip


class Limits(NamedTuple):
    """What a plugin may take.

    Attributes:
        wait_s: For one script.
        memory: Bytes of address space.
        shown: Messages of a record.
    """

    wait_s: float = 2.0
    memory: int = 256 << 20
    shown: int = SHOWN


# What a plugin is asked, and what it answers.
Item = Script | Labelled
Answered = Read | Labels


class Counters:
    """What went wrong.

    Attributes:
        faults: Stalls, ends, errors, answers that are none.
        lost: Scripts that were not read, questions for labels without an answer.
        disabled: How often it was put aside.
    """

    def __init__(self) -> None:
        self.faults = 0
        self.lost = 0
        self.disabled = 0


class _Under(NamedTuple):
    number: int
    user: int
    item: Item


def _weight(item: Item) -> int:
    if isinstance(item, Labelled):
        return PIECE_BYTES
    return sum(PIECE_BYTES + len(it.data) for it in item.pieces)


class Runner(Closeable):
    """A plugin, its process and the thread that asks it.

    Args:
        place: Of the plugin.
        limits: What it may take.
        answered: Is given whose question it was, each answer and its bytes, by any thread.
        say: Is given a line for the user.
        started: Called when there is another process, or none.

    Attributes:
        state: What it does: STARTING, READY, PAUSING, DISABLED, REFUSED.
        hello: What it said of itself last.
        why: Its last fault, "" if there was none.
        counters: What went wrong.
        process: Its process, None if there is none.
    """

    def __init__(
        self,
        place: Place,
        limits: Limits,
        answered: Callable[[int, Answered, int], None],
        say: Callable[[str], None],
        started: Callable[[], None] = lambda: None,
    ) -> None:
        self.place = place
        self.state = STARTING
        self.hello = Hello()
        self.why = ""
        self.counters = Counters()
        self.process: Process | None = None
        self._limits = limits
        self._answered = answered
        self._say = say
        self._started = started
        self._turns: Turns[tuple[int, Item]] = Turns(MAX_ASKED)
        self._room = Room(USER_BYTES, ALL_BYTES)
        self._again: deque[tuple[int, Item]] = deque()
        self._under: deque[_Under] = deque()
        self._number = 0
        self._since = 0.0  # when the first of those under way became the first
        self._in_row = 0
        self._pause_until = 0.0
        self._stop = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"plugin {place.name}", daemon=True)
        self._thread.start()

    def settle(self, timeout_s: float) -> None:
        """Wait until it is ready, or known not to be."""
        self._settled.wait(timeout_s)

    def ask(self, item: Item, user: int) -> None:
        """Have a script read, or a process labelled; returns at once."""
        if self.state in {DISABLED, REFUSED, PAUSING}:
            self._lose(user, item, FAILED)
        elif not self._room.take(user, _weight(item)):
            self._lose(user, item, LATE)
        else:
            if (lost := self._turns.put(user, (user, item))) is not None:
                self._give(*lost)
                self._lose(*lost, LATE)
            self._poke()

    def close(self) -> None:
        """End the thread and the process."""
        self._stop = True
        if self._wake < 0:
            return
        self._poke()
        self._thread.join(STOP_S)
        if self.process is not None:
            self.process.close()
        if not self._thread.is_alive():
            os.close(self._wake)
            self._wake = -1

    def _poke(self) -> None:
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while not self._stop:
            try:
                if self.process is None:
                    self._revive()
                else:
                    self._turn()
            except WireError as error:
                self._fault(str(error))
            except OSError:
                self._take_rest()
                self._fault(self.process.ended() if self.process else "cannot be started")
            except Exception as error:  # noqa: BLE001 - ours: the plugin is what it costs
                self._fault(f"{type(error).__name__}: {error}")
        self._kill()

    def _revive(self) -> None:
        """Start the process, when it is time to."""
        left_s = self._pause_until - time.monotonic()
        if left_s > 0:
            self._lose_all()
            self._wait(left_s, None)
            return
        self.process = process = Process(self.place, self._limits.memory)
        self._started()
        until = time.monotonic() + START_S
        while not self._stop:
            if not self._wait(until - time.monotonic(), process):
                if time.monotonic() >= until:
                    raise WireError(f"it was not ready after {START_S:.0f} seconds")
                continue
            for body in process.receive():
                self._greeted(hello_of(body))
                return

    def _greeted(self, hello: Hello) -> None:
        if hello.problem:
            # it will be no other when it is loaded once more
            self.why, self.state = hello.problem, REFUSED
            self._pause_until = float("inf")
            self._kill()
            self._lose_all()
        else:
            self.hello, self.state = hello, READY
        self._settled.set()

    def _turn(self) -> None:
        """Send what there is, wait for something, and take what has come."""
        process = self.process
        if process is None:
            return
        self._send(process)
        left_s = None
        if self._under:
            left_s = self._since + self._limits.wait_s - time.monotonic()
            if left_s <= 0:
                raise WireError(f"no answer within {self._limits.wait_s:g} seconds")
        if self._wait(left_s, process):
            for body in process.receive():
                self._take(body)

    def _send(self, process: Process) -> None:
        while len(self._under) < WINDOW and not process.unsent:
            if self._again:
                user, item = self._again.popleft()
            elif (next_one := self._turns.poll()) is not None:
                user, item = next_one[1]
                self._give(user, item)
            else:
                break
            self._number += 1
            if not self._under:
                self._since = time.monotonic()
            self._under.append(_Under(self._number, user, item))
            process.send(frame(self._request(user, item)))
        process.send()

    def _request(self, user: int, item: Item) -> AnyRequest:
        if isinstance(item, Labelled):
            asks = self.hello.enrichers[item.name]
            facts = dict(zip(asks, item.facts, strict=True))
            return LabelRequest(self._number, item.name, facts)
        asked, script = item.asked, item
        return Request(
            number=self._number,
            word=asked.word,
            conversation=asked.conversation,
            # of what its last process knew nothing is left
            joined=script.joined or asked.turn > 0,
            ended=script.ended,
            user=user,
            shown=self._limits.shown,
            pieces=script.pieces,
        )

    def _take(self, body: bytes) -> None:
        answer = answer_of(body, self._limits.shown)
        if not self._under or answer.number != self._under[0].number:
            raise WireError("an answer to nothing that was asked")
        _, user, item = self._under.popleft()
        self._since = time.monotonic()
        self._in_row = 0
        if answer.error:
            # an error of its own is caught there, and costs one conversation
            self.counters.faults += 1
            self.why = text(answer.error)
            self._lose(user, item, FAILED)
        elif isinstance(item, Labelled):
            self._answered(user, Labels(item, user, answer.labels), len(body))
        else:
            self._answered(user, Read(item.asked, "", answer.more, answer.messages), len(body))

    def _take_rest(self) -> None:
        """Take what a process has said ahead of its end."""
        if self.process is not None and self.state != STARTING:
            with suppress(OSError, WireError):
                for body in self.process.receive():
                    self._take(body)

    def _wait(self, seconds: float | None, process: Process | None) -> bool:
        """Wait for some time, or until it is called; say whether the process has said something."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if process is not None:
            poll.register(process, select.POLLIN | (select.POLLOUT if process.unsent else 0))
        wait_ms = None if seconds is None else max(0, int(min(seconds, 3600.0) * 1000) + 1)
        ready = dict(poll.poll(wait_ms))
        if self._wake in ready:
            os.eventfd_read(self._wake)
        return process is not None and bool(ready.get(process.fileno(), 0) & ~select.POLLOUT)

    def _fault(self, why: str) -> None:
        """Take note of a fault: the first under way has no answer, the rest is asked again."""
        self._kill()
        self.counters.faults += 1
        self._in_row += 1
        self.why = text(why)
        if self._under:
            _, user, item = self._under.popleft()
            self._lose(user, item, FAILED)
        self._again.extendleft((it.user, it.item) for it in reversed(self._under))
        self._under.clear()
        pause_s = 0.0 if self._in_row == 1 else FIRST_PAUSE_S * 2 ** (self._in_row - 2)
        if self._in_row >= MOST_FAULTS:
            self._in_row = MOST_FAULTS - 1  # the next fault is one too many
            pause_s = DISABLED_S
            self._disable()
        elif pause_s:
            self.state = PAUSING
        if pause_s:
            self._lose_all()
        self._pause_until = time.monotonic() + pause_s

    def _disable(self) -> None:
        self.state = DISABLED
        self.counters.disabled += 1
        if self.counters.disabled == 1:
            self._say(
                f"plugin {self.place.name}: disabled after {MOST_FAULTS} faults in a row: "
                f"{self.why}; it is tried again each {DISABLED_S / 60:.0f} minutes"
            )
        self._settled.set()

    def _kill(self) -> None:
        if self.process is not None:
            self.process.close()
            self.process = None
            self._started()

    def _lose_all(self) -> None:
        """Let nothing wait for a plugin that does not read for some time."""
        while self._again:
            self._lose(*self._again.popleft(), FAILED)
        while (waiting := self._turns.poll()) is not None:
            self._give(*waiting[1])
            self._lose(*waiting[1], FAILED)

    def _lose(self, user: int, item: Item, note: str) -> None:
        self.counters.lost += 1
        self._answered(user, unread(user, item, note), 0)

    def _give(self, user: int, item: Item) -> None:
        self._room.give(user, _weight(item))


def unread(user: int, item: Item, note: str) -> Answered:
    """Return the answer to what nobody answers."""
    return Labels(item, user, None) if isinstance(item, Labelled) else Read(item.asked, note)
