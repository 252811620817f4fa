# SPDX-License-Identifier: Apache-2.0
"""Tells whoever started kflowd how it stands, by the protocol of sd_notify(3).

The starter names a datagram socket in NOTIFY_SOCKET: systemd for Type=notify, the host tests too.
"""

import os
import socket
import time
from contextlib import suppress

READY = "READY=1"
STOPPING = "STOPPING=1"


def reloading() -> str:
    """Return the state of one that reads its settings again; READY ends it."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def send(state: str) -> None:
    """Send a state if somebody listens; a listener that went away is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # an abstract name is written with "@" in place of its NUL
    target = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(state.encode(), socket.MSG_DONTWAIT, target)
