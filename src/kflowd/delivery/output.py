# SPDX-License-Identifier: Apache-2.0
"""One way out: records in which form, through which queue, to which sink."""

import os
import select
import signal
import threading
import time
from collections.abc import Sequence
from enum import StrEnum

from kflowd.delivery.formats import Wrap
from kflowd.delivery.formats.screen import PAPER, Screen
from kflowd.delivery.queue import Counts, Queue, Reason, Waiting
from kflowd.delivery.sinks.base import BatchingSink, RefusedError, Sink, SinkGoneError
from kflowd.serialize import OutputCounters
from kflowd.settings import QueueSettings
from kflowd.settings.outputs import KINDS
from kflowd.settings.where import Where

# What is offered to a sink at once: what an empty pipe takes, and twice as much each time that all
# of it was taken, as a file does: while the run is busy, a thread gets its turn every few ms.
CHUNK_BYTES = 64 << 10
MOST_CHUNK_BYTES = 1 << 20
# When writes follow each other this closely the thread looks again so late, without being woken: on
# a busy host that is 200 changes of threads a second and not one for each batch.
NAP_NS = 5_000_000
# A sink that refused is asked again after this time.
RETRY_NS = 1_000_000_000
# A descriptor that polls as writable and takes nothing is not asked again for so long.
PAUSE_NS = 20_000_000
# How long the thread may take to leave when it was told to.
LEAVE_S = 0.2


class State(StrEnum):
    """How a sink stands."""

    UP = "up"
    RETRYING = "retrying"
    GONE = "gone"


class Output:
    """Form, queue and sink, with the sink's thread.

    Args:
        name: As health records and the summary show it.
        sink: Where to; used by the thread alone from here on.
        form: Name of the format.
        lossless: Wait for the sink and give up at the first error, instead of losing. For replay
            alone: nothing is behind it that cannot wait.
        screen: Where the texts are read.
        records: Which it gets, by InfoMonitor.
        queue: What may wait.
        wrap: What stands around each text, None: nothing.
        where: Which of them it gets, None: all.
        held: Records wait until `begin`: another output still has the place.

    Attributes:
        filtered: How many records `where` has left out; set by who hands it records.
        state: How the sink stands.
        error: The last one with which the sink refused texts, or that ended its thread.
        progress_ns: When the sink took something for the last time (time.monotonic_ns).
        cpu_ns: Processor time of the thread until then.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        form: str,
        *,
        lossless: bool = False,
        screen: Screen = PAPER,
        records: frozenset[str] = frozenset(KINDS),
        queue: QueueSettings | None = None,
        wrap: Wrap | None = None,
        where: Where | None = None,
        held: bool = False,
    ) -> None:
        queue = queue or QueueSettings()
        age_ns = None if lossless else queue.age_ns
        self.name = name
        self.records = records
        self.wrap = wrap
        self.where = where
        self.filtered = 0
        self.form = form
        self.screen = screen
        self.state = State.UP
        self.error: Exception | None = None
        self.progress_ns = 0
        self._begun = threading.Event()
        if not held:
            self._begun.set()
        self.cpu_ns = 0
        self._sink = sink
        self._lossless = lossless
        self._ending = self._leaving = self._reopening = False
        self._batching = sink if isinstance(sink, BatchingSink) else None
        self._chunks = (CHUNK_BYTES, MOST_CHUNK_BYTES)
        if self._batching is not None:
            self._chunks = (self._batching.batch_bytes,) * 2
        self._chunk = self._chunks[0]
        self._ready = False  # poll said so and nothing was written since
        self._waker = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poller = select.poll()
        self._poller.register(self._waker, select.POLLIN)
        self._queue = Queue(queue.bytes, self._wake, age_ns)
        # a daemon: a write that hangs in the kernel, on a frozen file system, keeps no program
        self._thread = threading.Thread(target=self._run, name=f"sink-{name}", daemon=True)
        self._thread.start()

    @property
    def reopens(self) -> bool:
        """Whether `reopen` does something."""
        return self._sink.REOPENS

    @property
    def finished(self) -> bool:
        """Whether the thread has ended: all is out, or will never be."""
        return not self._thread.is_alive()

    def put(self, texts: Sequence[bytes], notices: Sequence[int]) -> None:
        """Queue texts; `notices` are the places of health records among them."""
        if self._lossless:
            self._queue.put_all(texts)
        else:
            self._queue.put(texts, notices)

    def begin(self) -> None:
        """Go on: who had the place has left it; for any thread."""
        self._begun.set()

    def tell(self, form: str, records: frozenset[str], screen: Screen, where: Where | None) -> None:
        """Take texts of another form, or of other records; what is queued stays as it is."""
        self.form, self.records, self.screen, self.where = form, records, screen, where

    def reopen(self) -> None:
        """Begin anew at the path or address of the sink, if it has one; for any thread."""
        self._reopening = self._sink.REOPENS
        self._wake()

    def end(self) -> None:
        """Nothing more comes: the thread ends when all is out."""
        self._ending = True
        self._wake()

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread, so long at most."""
        self._thread.join(seconds)

    def leave(self) -> None:
        """End the thread now; what is queued is lost. May be called twice."""
        if self._leaving:
            return
        self._ending = self._leaving = True
        self._begun.set()
        self._wake()
        self._thread.join(LEAVE_S)
        self._queue.abandon(Reason.END)
        if self.finished:
            self._sink.close()
            os.close(self._waker)

    def counts(self) -> Counts:
        """Return what became of the texts."""
        return self._queue.counts()

    def waiting(self) -> Waiting:
        """Return what waits, and for how long."""
        return self._queue.waiting()

    def unwritten(self) -> int:
        """Return how many texts were put and not written, at once."""
        return self._queue.unwritten()

    def summary(self) -> str:
        """Return a line on what was lost, with the reasons; "" if nothing was."""
        return self.counts().summary(self.name)

    def counters(self) -> OutputCounters:
        """Return the same as health records show it."""
        counts = self.counts()
        lost = counts.lost
        return OutputCounters(
            name=self.name,
            state=self.state,
            written=counts.written,
            queued=counts.queued,
            lost=sum(lost.values()),
            lost_full=lost[Reason.FULL],
            lost_late=lost[Reason.LATE],
            lost_refused=lost[Reason.REFUSED],
            lost_gone=lost[Reason.GONE],
            lost_end=lost[Reason.END],
            filtered=self.filtered,
        )

    def _wake(self) -> None:
        os.eventfd_write(self._waker, 1)

    def _run(self) -> None:
        # signals are for the main thread, which waits in the kernel for them to interrupt it
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        reason = Reason.END
        self._begun.wait()
        try:
            self._work()
        except SinkGoneError:
            self.state, reason = State.GONE, Reason.GONE
        except Exception as error:  # noqa: BLE001 - shown by who ends the run
            self.state, self.error, reason = State.GONE, error, Reason.REFUSED
        self._queue.abandon(reason)

    def _work(self) -> None:
        while not self._leaving:
            held = 0 if self._batching is None else self._batching.held
            texts, offset = self._queue.front(self._chunk, held)
            if self._reopening:
                self._reopening = False
                self._sink.close()
            if not texts:
                if self._ending:
                    return
                self._wait(None, None)
                continue
            if self._ending and self._batching is not None:
                self._batching.hurry()
            try:
                whole, rest = self._write(texts, offset)
            except OSError as error:
                self.error = error
                if self._lossless:
                    raise
                self.state, self._queue.refusing = State.RETRYING, True
                if self._ending:
                    return
                self._wait_to_retry()
                continue
            if (whole, rest) == (0, offset):
                self._wait_for_sink()
                continue
            took_all = whole == len(texts)
            least, most = self._chunks
            self._chunk = min(2 * self._chunk, most) if took_all else least
            self._ready = False
            self.state, self._queue.refusing = State.UP, False
            before_ns, self.progress_ns = self.progress_ns, time.monotonic_ns()
            self.cpu_ns = time.thread_time_ns()
            busy = self.progress_ns - before_ns < 2 * NAP_NS
            if self._queue.advance(whole, rest) and busy and not self._ending:
                self._wait(None, NAP_NS)

    def _write(self, texts: Sequence[bytes], offset: int) -> tuple[int, int]:
        """Write what the sink takes; lose what it will never take."""
        while True:
            try:
                return self._sink.write(texts, offset)
            except RefusedError as refused:
                if refused.written:
                    self._queue.advance(refused.written, 0)
                    texts = texts[refused.written :]
                    self.progress_ns = time.monotonic_ns()
                if not refused.forever:
                    raise refused.error from None
                self.state, self._queue.refusing = State.UP, False
                self.error = refused.error
                self._queue.drop(refused.number)
                texts = texts[refused.number :]
                if not texts:
                    return 0, 0

    def _wait_to_retry(self) -> None:
        self._queue.hold(0)
        end_ns = time.monotonic_ns() + RETRY_NS
        while not self._ending and (left_ns := end_ns - time.monotonic_ns()) > 0:
            self._wait(None, left_ns)

    def _wait_for_sink(self) -> None:
        if self._batching is not None:
            self._queue.hold(self._batching.held)
            descriptor, events, most_ns = self._batching.waits()
            self._wait(descriptor, most_ns, events)
            return
        self._queue.hold(0)
        if self._ready:
            # it is not: a terminal can have room for less than one character and its line end
            self._ready = False
            self._wait(None, PAUSE_NS)
            return
        self._ready = self._wait(self._sink.fileno(), None)

    def _wait(
        self, descriptor: int | None, most_ns: int | None, events: int = select.POLLOUT
    ) -> bool:
        """Wait until woken, or for a descriptor; say whether that is ready."""
        if descriptor is not None:
            self._poller.register(descriptor, events)
        found = [number for number, _ in self._poller.poll(most_ns and most_ns / 1e6)]
        if descriptor is not None:
            self._poller.unregister(descriptor)
        if self._waker in found:
            os.eventfd_read(self._waker)
        return descriptor in found
