# SPDX-License-Identifier: Apache-2.0
"""UNIX sockets whose bytes are easily told of another: many destinations, descriptors that change.

As in tests/host/workloads.py, each workload has an exactly known outcome.
"""

import ctypes
import os
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tests.host.operations import _Message, _Piece
from tests.host.workloads import Facts

# messages to each of these in their order; nobody is at the one that is called nowhere
ORDER = ("a", "b", "a", "c", "", "nowhere", "b")
SIZES = (2, 3, 5, 7, 11, 13, 17)
SENT = 5  # so many of them
LATER_BYTES = 41


def _address(path: str) -> bytes:
    return socket.AF_UNIX.to_bytes(2, "little") + os.fsencode(path)


def many_destinations(base: str) -> Facts:
    """Send seven datagrams to several addresses by one sendmmsg(2), which fails at the sixth.

    The fifth has no address: it goes to where the socket is connected.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    messages = (_Message * len(ORDER))()
    hold: list[object] = []
    with ExitStack() as stack:
        for name in ("a", "b", "c", "connected"):
            receiver = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            receiver.bind(f"{base}-{name}")
        sender = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        sender.connect(f"{base}-connected")
        for message, name, size in zip(messages, ORDER, SIZES, strict=True):
            room = ctypes.create_string_buffer(size)
            piece = _Piece(ctypes.addressof(room), size)
            message.pieces, message.piece_count = ctypes.addressof(piece), 1
            address = ctypes.create_string_buffer(_address(f"{base}-{name}"))
            if name:
                message.name, message.name_length = ctypes.addressof(address), len(address) - 1
            hold += [room, piece, address]
        assert libc.sendmmsg(sender.fileno(), messages, len(messages), 0) == SENT
    return {}


def _asleep(thread: int) -> bool:
    text = Path(f"/proc/self/task/{thread}/stat").read_text()
    return text.rpartition(") ")[2][0] == "S"


def replaced_descriptor() -> Facts:
    """Receive in a thread over a socket whose descriptor becomes that of another one meanwhile."""
    left, right = socket.socketpair()
    other, _ = os.pipe()
    threads: list[int] = []
    received: list[int] = []

    def receive() -> None:
        threads.append(threading.get_native_id())
        received.append(len(right.recv(LATER_BYTES)))

    thread = threading.Thread(target=receive)
    thread.start()
    while not threads or not _asleep(threads[0]):
        time.sleep(0.02)
    os.dup2(other, right.fileno())
    left.send(b"l" * LATER_BYTES)
    thread.join()
    assert received == [LATER_BYTES]
    return {}
