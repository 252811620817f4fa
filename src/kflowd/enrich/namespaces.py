# SPDX-License-Identifier: Apache-2.0
"""Interfaces of other network namespaces, looked up by a thread that goes there.

Nothing waits for it: who asks gets the answer later, by `news`. The thread goes back at once and
holds no namespace, so that none lives longer for our sake.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from kflowd.enrich.interfaces import MAX_OWN, Found
from kflowd.enrich.links import Interface, interfaces_here
from kflowd.enrich.turns import Turns

Enter = Callable[[int], None]

PROC = Path("/proc")
# Where `ip netns` and Docker keep namespaces that have a name, whoever lives in them.
NAMED = (Path("/run/netns"), Path("/run/docker/netns"))
OWN = "/proc/self/ns/net"
# Others can make namespaces and interfaces without end: what is asked beyond this is not answered,
# counted, and asked again with a later record.
MAX_ASKED = 256
MAX_NAMED = 1024
MAX_INTERFACES = 1024
# Of one core at most a sixth: so many times as long as a look-up took, it pauses.
PAUSES = 5
MAX_PAUSE_S = 0.2


class Namespaces:
    """Looks interfaces up.

    Args:
        enter: Moves the calling thread into the namespace of a descriptor.
    """

    def __init__(self, enter: Enter) -> None:
        self._enter = enter
        self._asked: Turns[tuple[int, int, int]] = Turns(MAX_ASKED)
        self._found: SimpleQueue[Found] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def lost(self) -> int:
        """How often there was no room for a question."""
        return self._asked.lost

    def ask(self, net_ns: int, pid: int, user: int) -> None:
        """Ask for the interfaces of a namespace that a process of a user is in."""
        self._asked.put(user, (net_ns, pid, user))
        if self._thread is None:
            # most hosts never need it
            self._thread = threading.Thread(target=self._run, name="namespaces", daemon=True)
            self._thread.start()

    def news(self) -> Iterator[Found]:
        """Yield what was found since; what is not taken stays for the next time."""
        while not self._found.empty():
            try:
                yield self._found.get_nowait()
            except Empty:
                return

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            net_ns, pid, user = self._asked.get()
            began = time.monotonic()
            found = look_up(net_ns, pid, self._enter)
            if found is not None:
                self._found.put((net_ns, user, found))
            time.sleep(min(MAX_PAUSE_S, PAUSES * (time.monotonic() - began)))


def look_up(net_ns: int, pid: int, enter: Enter) -> list[Interface] | None:
    """Return the interfaces of a namespace; None if there is no way into it (any more).

    The calling thread is in its process's namespace afterwards.
    """
    try:
        descriptor = _open(net_ns, pid)
    except OSError:
        return None
    if descriptor is None:
        return None
    try:
        # the way back first: without a descriptor left there would be none
        own = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter(descriptor)
            try:
                return interfaces_here(MAX_OWN if _inode(own) == net_ns else MAX_INTERFACES)
            finally:
                enter(own)
        finally:
            os.close(own)
    except Exception:  # noqa: BLE001 - unknown then: a privilege or a descriptor is missing
        return None
    finally:
        os.close(descriptor)


def _open(net_ns: int, pid: int) -> int | None:
    """Open a namespace by a process in it, or by its name; None if neither is there."""
    for path in (PROC / str(pid) / "ns/net", *_named()):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            continue
        # the process may be another one by now, or may have moved
        if _inode(descriptor) == net_ns:
            return descriptor
        os.close(descriptor)
    return None


def _inode(descriptor: int) -> int:
    return os.fstat(descriptor).st_ino


def _named() -> Iterator[Path]:
    for folder in NAMED:
        try:
            names = os.listdir(folder)[:MAX_NAMED]
        except OSError:
            continue
        for name in names:
            yield folder / name
