# SPDX-License-Identifier: Apache-2.0
"""Reads, adds up and draws until the user has seen enough."""

import select
import time

from kflowd.top.draw import Picture, screen
from kflowd.top.history import rate
from kflowd.top.keys import Keys
from kflowd.top.rows import Row, chosen, rows_of
from kflowd.top.sources import END_S, Source
from kflowd.top.split import Splitter
from kflowd.top.terminal import Terminal
from kflowd.top.totals import Totals
from kflowd.top.view import View
from kflowd.top.wake import Wake

DRAW_S = 0.5


class Loop:
    """One run of the table.

    Args:
        source: Where records come from.
        wake: Tells of signals.
        terminal: What to draw on; None: on nothing, until all records are read.
    """

    def __init__(self, source: Source, wake: Wake, terminal: Terminal | None) -> None:
        self._source = source
        self._wake = wake
        self._terminal = terminal
        self._totals = Totals()
        self._view = View()
        self._keys = Keys()
        self._splitter = Splitter()
        self._rows: list[Row] = []
        self._closed = False
        self._end_s: float | None = None  # when the end is given up
        self._drawn_s = float("-inf")

    def run(self) -> None:
        """Go on until the user or a signal asks for the end, and the source has ended.

        Raises:
            KflowdError: The source cannot be read.
        """
        while not self._is_over():
            now_s = time.monotonic()
            if self._terminal is not None and now_s - self._drawn_s >= DRAW_S:
                self._draw(self._terminal)
                self._drawn_s = time.monotonic()
            ready = self._wait(max(0.0, self._drawn_s + DRAW_S - time.monotonic()))
            for number in self._source.descriptors():
                if number in ready:
                    self._feed(self._source.read(number))
            if self._wake.fileno() in ready:
                self._wake.clear()
                self._drawn_s = float("-inf")
            if self._terminal is not None:
                self._press(self._terminal, typed=self._terminal.fileno() in ready)
        self._totals.take(self._splitter.end(), self._second())
        self._totals.bad += self._splitter.too_long

    def picture(self) -> Picture:
        """Return what is to be seen now; while it is paused the rows are those of before."""
        second = self._second()
        if second is None:
            second = self._totals.now
        if not self._view.paused:
            self._rows = rows_of(self._totals.processes(), second)
        source = self._source
        return Picture(
            source=f"{source.title} (end)" if source.ended else source.title,
            rows=chosen(self._rows, self._view.sort, self._view.filter),
            kept=len(self._rows),
            rate=rate(self._totals.history.last(second)),
            totals=self._totals,
            view=self._view,
        )

    def _is_over(self) -> bool:
        """Say whether to end; tell the source once that it is to."""
        asked = self._wake.asked + self._view.done + self._is_gone()
        source = self._source
        if self._end_s is None and asked:
            self._end_s = time.monotonic() + END_S
            source.stop()
        if self._end_s is not None:
            return source.ended or asked > 1 or time.monotonic() >= self._end_s
        return source.ended and not (source.stays and self._terminal is not None)

    def _is_gone(self) -> bool:
        return self._closed or (self._terminal is not None and self._terminal.gone)

    def _wait(self, wait_s: float) -> set[int]:
        """Return which descriptors are ready, after a while at most."""
        poller = select.poll()
        numbers = [self._wake.fileno(), *self._source.descriptors()]
        if self._terminal is not None and self._terminal.fileno() >= 0 and not self._closed:
            numbers.append(self._terminal.fileno())
        for number in numbers:
            poller.register(number, select.POLLIN)
        return {number for number, _ in poller.poll(wait_s * 1000 if self._terminal else 1000)}

    def _feed(self, data: bytes) -> None:
        self._totals.take(self._splitter.feed(data), self._second())

    def _second(self) -> int | None:
        """Return the second of now; None: that of the records counts."""
        return int(time.monotonic()) if self._source.live else None

    def _press(self, terminal: Terminal, *, typed: bool) -> None:
        data = terminal.read() if typed else b""
        self._closed |= typed and not data
        pressed = self._keys.feed(data) if data else []
        if not typed and time.monotonic() - self._drawn_s >= DRAW_S:
            pressed = self._keys.flush()
        for key in pressed:
            self._view.press(key)
            self._drawn_s = float("-inf")

    def _draw(self, terminal: Terminal) -> None:
        size = terminal.size()
        terminal.show(screen(self.picture(), *size), size)
