# SPDX-License-Identifier: Apache-2.0
"""The terminal: another screen on standard output, keys one by one, all as before at the end."""

import os
import termios
from contextlib import suppress
from typing import IO, Any, Self, cast

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live

from kflowd import streams
from kflowd.closeable import Closeable
from kflowd.top.draw import HEIGHT, WIDTH

PATH = "/dev/tty"
STDIN = 0
# A terminal that stands still (Ctrl-S) costs a picture no more; the next one is drawn as a whole.
PATIENCE_S = 0.2
MOST_KEYS = 1024
# of tcgetattr(3)
LOCAL, CONTROLS = 3, 6


def is_screen() -> bool:
    """Say whether standard output is a terminal that can be drawn on."""
    return os.isatty(streams.STDOUT) and os.environ.get("TERM", "dumb") != "dumb"


class Out:
    """Standard output as a file that never waits long.

    Attributes:
        gone: The terminal is closed.
    """

    encoding = "utf-8"

    def __init__(self) -> None:
        self.gone = False
        self._text: list[str] = []

    def write(self, text: str) -> int:
        """Keep text until it is flushed."""
        self._text.append(text)
        return len(text)

    def flush(self) -> None:
        """Write what there is."""
        text, self._text = "".join(self._text), []
        try:
            if text and not self.gone:
                data = text.encode("utf-8", "backslashreplace")
                streams.write(streams.STDOUT, data, PATIENCE_S)
        except OSError:
            self.gone = True

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True


class Terminal(Closeable):
    """The terminal of this process, taken on entry of the block and given back at its end."""

    def __init__(self) -> None:
        self._out = Out()
        self._console = Console(
            file=cast("IO[str]", self._out), force_terminal=True, width=WIDTH, height=HEIGHT,
            markup=False, emoji=False, highlight=False, legacy_windows=False,
        )  # fmt: skip
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._keys = _open_keys()
        self._before: list[Any] | None = None

    @property
    def gone(self) -> bool:
        """Whether it is closed."""
        return self._out.gone

    def fileno(self) -> int:
        """Return where keys come from, -1: from nowhere."""
        return self._keys

    def __enter__(self) -> Self:
        with suppress(termios.error):
            before = termios.tcgetattr(self._keys)
            wanted = termios.tcgetattr(self._keys)
            wanted[LOCAL] &= ~(termios.ICANON | termios.ECHO)
            # Ctrl-Z would leave the shell with our screen
            wanted[CONTROLS][termios.VSUSP] = b"\0"
            termios.tcsetattr(self._keys, termios.TCSADRAIN, wanted)
            self._before = before
        self._live.start()
        return self

    def size(self) -> tuple[int, int]:
        """Return cells of a line, and lines."""
        try:
            width, height = os.get_terminal_size(streams.STDOUT)
        except OSError:
            return WIDTH, HEIGHT
        return (width, height) if width and height else (WIDTH, HEIGHT)

    def show(self, picture: RenderableType, size: tuple[int, int]) -> None:
        """Draw on the whole screen."""
        self._console.size = ConsoleDimensions(*size)
        self._live.update(picture, refresh=True)

    def read(self) -> bytes:
        """Return what was typed; b"": the terminal is closed."""
        try:
            return os.read(self._keys, MOST_KEYS)
        except OSError:
            return b""

    def close(self) -> None:
        """Give it back as it was."""
        if self._keys == -1 and not self._live.is_started:
            return
        self._live.stop()
        if self._before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)
            self._before = None
        if self._keys >= 0:
            os.close(self._keys)
            self._keys = -1


def _open_keys() -> int:
    """Return where keys come from: our terminal, also where standard input has records."""
    try:
        return os.open(PATH, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # it is not our controlling terminal
        return os.dup(STDIN) if os.isatty(STDIN) else -1
