# SPDX-License-Identifier: Apache-2.0
"""Reads the settings of a run again, and changes what can change without a restart.

A thread reads, checks and makes what is new, as long as that takes; the run loop takes what is
ready between two batches. So no file and no sink can stop the drain.
"""

import signal
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from kflowd import notify
from kflowd.closeable import Closeable
from kflowd.delivery import Delivery
from kflowd.delivery.exchange import Exchange, discard, hindrance, prepare
from kflowd.delivery.outputs import wanted_outputs
from kflowd.errors import KflowdError
from kflowd.settings import Settings
from kflowd.settings.changes import changes, reloaded
from kflowd.settings.walk import Place

# How often the thread looks whether the run loop has taken what is ready, or has ended.
LOOK_S = 0.05
# How long the end waits for a thread that reads a file; it may hang with its file system.
LEAVE_S = 0.5
READ, LEAVE = "read", "leave"
OF_OUTPUTS: set[Place] = {("output",), ("udp",)}
# A replay has the times that the recording began with.
OF_RECORDING: set[Place] = {("trace", "idle"), ("trace", "active")}


class Settling(Protocol):
    """Where settings come from; kflowd.config.Again is one."""

    def there(self) -> bool:
        """Say whether there is anything to read."""

    def load(self) -> Settings:
        """Return the settings as they are by now.

        Raises:
            UsageError: They cannot be read, or something in them is wrong.
        """


class Ready(NamedTuple):
    """What the run loop is to take.

    Attributes:
        settings: Those that hold then.
        exchange: Of outputs; None: they stay.
        line: What is said of it.
        changed: Whether there is anything to take.
    """

    settings: Settings
    exchange: Exchange | None
    line: str
    changed: bool = True


class Reload(Closeable):
    """Reads again whenever it is asked to, from `begin` on. A context manager.

    Args:
        source: Where settings come from; None: from nowhere.
        settings: Of the run.
        say: Takes a line for each time.
    """

    def __init__(
        self, source: Settling | None, settings: Settings, say: Callable[[str], None]
    ) -> None:
        self._source = source
        self._settings = settings
        self._say = say
        # a signal handler puts: it may interrupt itself, which this queue knows to bear
        self._asked: SimpleQueue[str] = SimpleQueue()
        self._ready: Ready | None = None
        self._taken = threading.Event()
        self._line = ""  # of what was taken
        self._ended = False
        self._delivery: Delivery | None = None
        self._take: Callable[[Settings], None] = lambda _settings: None
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)

    @property
    def wanted(self) -> bool:
        """Whether there are settings to read again."""
        return self._source is not None and self._source.there()

    def ask(self) -> None:
        """Ask to read again; for a signal handler."""
        # one that waits, and one for what changed behind its reading: more say nothing new
        if self._asked.qsize() < 2:
            self._asked.put(READ)

    def begin(self, delivery: Delivery, take: Callable[[Settings], None]) -> None:
        """Read when asked from now on, also where it was asked for earlier.

        Args:
            delivery: Whose outputs change.
            take: Called in the run loop with the settings that hold from then on.
        """
        if self._source is not None:
            self._delivery, self._take = delivery, take
            self._thread.start()

    def ahead(self, news: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        """Return the news of a run, ahead of which is taken what is ready."""

        def taking(batch: bytes) -> bytes:
            if self._ready is None:
                return news(batch)
            self._apply(self._ready)
            found = news(batch)
            self._taken.set()  # behind the news: what changes the records is in the stream
            return found

        return taking

    def _apply(self, ready: Ready) -> None:
        """Take what is ready; by the run loop, between two batches."""
        self._ready = None
        line = ready.line
        try:
            if ready.exchange is not None and self._delivery is not None:
                self._delivery.exchange(ready.exchange)
            self._take(ready.settings)
        except Exception as error:  # noqa: BLE001 - the run goes on
            line = f"{line}; internal error: {type(error).__name__}: {error}"
        self._line = line

    def close(self) -> None:
        """Read no more; what was not taken is left."""
        self._ended = True
        self._asked.put(LEAVE)
        self._taken.set()
        if self._thread.is_alive():
            self._thread.join(LEAVE_S)

    def _run(self) -> None:
        # signals are for the main thread, which waits in the kernel for them to interrupt it
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while self._asked.get() == READ and not self._ended:
            # asked several times meanwhile: what is read now answers all
            while True:
                try:
                    if self._asked.get_nowait() == LEAVE:
                        return
                except Empty:
                    break
            notify.send(notify.reloading())
            line = self._once()
            notify.send(notify.READY)
            if line:
                # a path may hold anything, a line break too
                self._say("".join(letter if letter.isprintable() else "?" for letter in line))

    def _once(self) -> str:
        """Read once; return what is said of it, "" if the run ends meanwhile."""
        try:
            ready = self._prepared()
        except (KflowdError, OSError, MemoryError) as error:
            return f"settings not reloaded, the old ones hold: {error}"
        except Exception as error:  # noqa: BLE001 - the run goes on with what it has
            return f"settings not reloaded: internal error: {type(error).__name__}: {error}"
        if ready is None or not ready.changed:
            return ready.line if ready else ""
        if not self._hand_over(ready):
            if ready.exchange is not None and self._delivery is not None:
                discard(ready.exchange, self._delivery.outputs)
            return ""
        self._settings = ready.settings
        return self._line

    def _hand_over(self, ready: Ready) -> bool:
        """Wait until the run loop has taken what is ready; False: it never will."""
        self._taken.clear()
        self._ready = ready
        while not self._taken.wait(LOOK_S) and not self._ended:
            pass
        left, self._ready = self._ready, None
        return left is None

    def _prepared(self) -> Ready | None:
        """Return what is to change; None: the run ends."""
        if self._source is None or self._delivery is None:
            return None
        # one that ends has its successor wait: the next one would have to wait for that
        while not self._delivery.settled:
            if self._ended:
                return None
            time.sleep(LOOK_S)
        old, found = self._settings, self._source.load()
        kept, why = _kept(old, found)
        settings = reloaded(old, found, kept)
        restart = [it.name for it in changes(settings, found)]
        before, now = wanted_outputs(old), wanted_outputs(settings)
        exchange = prepare(self._delivery.outputs, before, now) if before != now else None
        done = [str(it) for it in changes(old, settings)]
        done += exchange.words if exchange else []
        if why:
            restart.append(f"output ({why})")
        head = "; ".join(done) or "nothing has changed"
        tail = f"; needs a restart: {', '.join(restart)}" if restart else ""
        return Ready(settings, exchange, f"settings reloaded: {head}{tail}", bool(done))


def _kept(old: Settings, found: Settings) -> tuple[set[Place], str]:
    """Return what stays in this run, though it could change in another, and why outputs do."""
    kept = set(OF_RECORDING) if old.record is not None else set()
    before, now = wanted_outputs(old), wanted_outputs(found)
    why = hindrance(before, now)
    if not why and before != now and old.count is not None:
        why = "--count counts what the first one gets"
    return (kept | OF_OUTPUTS if why else kept), why
