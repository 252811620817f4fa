# SPDX-License-Identifier: Apache-2.0
"""Holds a scan back while others wait for a CPU or a disk, by the kernel's pressure (PSI)."""

import re
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = Path("/proc/pressure")
RESOURCES = ("cpu", "io")
_SHARE = re.compile(r"^some avg10=([0-9]+)\.([0-9]+)", re.MULTILINE)
# Of the last ten seconds the share in which somebody waited, in percent, and how long a scan rests
# for each second that it works. It always goes on: a busy host is to be compared, too.
RESTS = ((60.0, 2.0), (30.0, 1.0), (10.0, 0.25))
# It rests that often, so that nobody waits long for it.
INTERVAL_S = 0.2


def pressure(folder: Path = FOLDER) -> float:
    """Return the larger share of CPU and I/O, in percent; 0 where the kernel does not tell."""
    found = [0.0]
    for name in RESOURCES:
        try:
            match = _SHARE.search((folder / name).read_text())
        except OSError:
            continue
        if match:
            found.append(float(f"{match[1]}.{match[2]}"))
    return max(found)


class Throttle:
    """Rests between pieces of work.

    Args:
        look: Returns the pressure.
        clock: Returns a time in seconds.
        rest: Sleeps for so many seconds.
    """

    def __init__(
        self,
        look: Callable[[], float] = pressure,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._look = look
        self._clock = clock
        self._rest = rest
        self._since = clock()

    def __call__(self) -> None:
        """Rest if it is time to, and others wait."""
        worked = self._clock() - self._since
        if worked < INTERVAL_S:
            return
        share = self._look()
        factor = next((rest for least, rest in RESTS if share >= least), 0.0)
        if factor:
            self._rest(worked * factor)
        self._since = self._clock()
