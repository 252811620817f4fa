# SPDX-License-Identifier: Apache-2.0
"""Control groups of a test, of any hierarchy."""

import os
import time
from contextlib import suppress
from pathlib import Path


class Groups:
    """Groups of a hierarchy below one of the test's own, which is a unit: `outer`."""

    def __init__(self, root: Path) -> None:
        self.outer = f"kf-{os.getpid()}.service"
        self._top = root / self.outer

    def make(self, name: str) -> Path:
        """Make a group and those above it."""
        path = self._top / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def remove(self) -> None:
        """Remove them all; who is in them has ended, which the kernel may take a moment for."""
        until = time.monotonic() + 30
        while self._top.exists():
            for folder, _, _ in os.walk(self._top, topdown=False):
                with suppress(OSError):
                    os.rmdir(folder)
            assert time.monotonic() < until, "a group has somebody in it"
            time.sleep(0.05)
