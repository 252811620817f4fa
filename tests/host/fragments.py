# SPDX-License-Identifier: Apache-2.0
"""Datagrams that are larger than the link: a workload in a network namespace of its own."""

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

from tests.host.workloads import Facts

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFMTU, IFF_UP = 0x8913, 0x8914, 0x8922, 1
MTU = 1500
LARGE, LARGE_BYTES = 7, 4001
SMALL, SMALL_BYTES = 5, 101
ADDRESSES = {"inet": "127.0.0.1", "inet6": "::1"}
LOCKDOWN = Path("/sys/kernel/security/lockdown")


def udp_fragments(family: str) -> Facts:
    """Send large and small datagrams to ourselves over a loopback with a small MTU."""
    kind = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}[family]
    own_network(MTU)
    with socket.socket(kind, socket.SOCK_DGRAM) as to, socket.socket(kind, socket.SOCK_DGRAM) as by:
        to.bind((ADDRESSES[family], 0))
        to.settimeout(30)
        by.connect(to.getsockname())
        for size, count in ((LARGE_BYTES, LARGE), (SMALL_BYTES, SMALL)):
            for _ in range(count):
                by.send(b"f" * size)
                assert len(to.recv(8192)) == size
        return {"port": to.getsockname()[1], "sender": by.getsockname()[1]}


def known() -> bool:
    """Say whether the kernel lets kflowd look for fragments: it is not locked down entirely."""
    return not LOCKDOWN.exists() or "[confidentiality]" not in LOCKDOWN.read_text()


def own_network(mtu: int = 65536) -> None:
    """From now on be in a network namespace of its own, whose loopback has this MTU."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si20x", b"lo", mtu))
        asked = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sh22x", b"lo", 0))
        _, flags = struct.unpack_from("16sh", asked)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))
