# SPDX-License-Identifier: Apache-2.0
"""Sets the wall clock in all ways there are, and notes by it when each file and socket was used.

For a virtual machine, whose clock is its own. `python -m tests.host.clock_steps FOLDER [STEP...]`
prints a JSON object: of each name the wall time before its use and behind it, ns, by the clock of
then.
"""

import ctypes
import errno
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECOND = 1_000_000_000
ADJ_SETOFFSET, ADJ_NANO = 0x0100, 0x2000
TIMEX_BYTES = 208
# of TIME_ZONE; the kernel moves the clock by it at the first call
WEST_MINUTES = 61
# x86: settimeofday, adjtimex, clock_settime, clock_adjtime
NUMBERS = {"x86_64": (164, 159, 227, 305), "aarch64": (170, 171, 112, 266)}
Times = dict[str, tuple[int, int]]


def call(number: int, *arguments: object) -> None:
    """Make a system call that must succeed."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number, *arguments)
    assert result >= 0, errno.errorcode[ctypes.get_errno()]


def timex(change_ns: int) -> ctypes.Array[ctypes.c_char]:
    """Return a struct timex that sets the clock forward or back."""
    data = bytearray(TIMEX_BYTES)
    struct.pack_into("=I", data, 0, ADJ_SETOFFSET | ADJ_NANO)
    struct.pack_into("=qq", data, 72, *divmod(change_ns, SECOND))
    return ctypes.create_string_buffer(bytes(data), TIMEX_BYTES)


def by_zone(_change_ns: int) -> None:
    """Let the kernel take the hardware's clock for local time, as at boot."""
    zone = struct.pack("=ii", WEST_MINUTES, 0)
    call(NUMBERS[os.uname().machine][0], None, zone)


def by_settimeofday(change_ns: int) -> None:
    """Set seconds and microseconds."""
    now = time.time_ns() + change_ns
    value = struct.pack("=qq", now // SECOND, now % SECOND // 1000)
    call(NUMBERS[os.uname().machine][0], value, None)


def by_adjtimex(change_ns: int) -> None:
    """Move the clock."""
    call(NUMBERS[os.uname().machine][1], timex(change_ns))


def by_clock_settime(change_ns: int) -> None:
    """Set seconds and nanoseconds."""
    now = time.time_ns() + change_ns
    call(NUMBERS[os.uname().machine][2], 0, struct.pack("=qq", *divmod(now, SECOND)))


def by_clock_adjtime(change_ns: int) -> None:
    """Move the clock that is named."""
    call(NUMBERS[os.uname().machine][3], 0, timex(change_ns))


STEPS: dict[str, tuple[Callable[[int], None], int]] = {
    # the first synchronisation, from a clock of 1971
    "first": (by_clock_settime, 54 * 365 * 86400 * SECOND),
    "zone": (by_zone, 0),
    "hour": (by_clock_settime, 3607 * SECOND + 123_456_789),
    "back": (by_clock_settime, -86413 * SECOND),
    "day": (by_settimeofday, 86399 * SECOND),
    "little": (by_settimeofday, -29_000_000),
    "moved": (by_adjtimex, 613 * SECOND + 7),
    "moved-back": (by_clock_adjtime, -1223 * SECOND - 999_999_937),
    "tiny": (by_clock_adjtime, 5_000_011),
}


def use(folder: Path, name: str) -> Times:
    """Use a file, a UNIX socket and a UDP socket, which are of this moment alone."""
    times = {}
    begin = time.time_ns()
    (folder / name).write_text(name)
    times[name] = (begin, time.time_ns())
    path = f"\0{folder.name}-{name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        begin = time.time_ns()
        client.connect(path)
        client.send(name.encode())
        client.close()
        times[f"@{path[1:]}"] = (begin, time.time_ns())
    return times


def run(folder: Path, steps: list[str]) -> Times:
    """Make the steps, as fast as that goes, and use something before and behind each."""
    times = use(folder, "begin")
    for name in steps:
        step, change_ns = STEPS[name]
        times |= use(folder, f"before-{name}")
        step(change_ns)
        times |= use(folder, f"behind-{name}")
    # one that stands for a while
    if steps:
        time.sleep(1.3)
    return times | use(folder, "end")


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), sys.argv[2:])))
