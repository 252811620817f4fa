# SPDX-License-Identifier: Apache-2.0
"""The interfaces of a network namespace, as rtnetlink lists them.

The one reader for all namespaces: its answer is of the calling thread's, whatever sysfs is mounted,
and has each address whole: those of tunnels have four bytes, those of InfiniBand twenty.
"""

import socket
import struct
from collections.abc import Iterator
from itertools import islice

# (number, name, address); the address is "" if there is none
Interface = tuple[int, str, str]

NLMSG_ERROR, NLMSG_DONE, RTM_NEWLINK, RTM_GETLINK = 2, 3, 16, 18
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
IFLA_ADDRESS, IFLA_IFNAME = 1, 3
TYPE_BITS = 0x3FFF  # of an attribute; the others are flags
HEAD = struct.Struct("=IHHII")  # struct nlmsghdr: size, type, flags, number, sender
LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
ATTRIBUTE = struct.Struct("=HH")  # struct nlattr: size, type
# a part of the answer has 32 KiB at most
ANSWER_BYTES = 64 << 10


def interfaces_here(limit: int) -> list[Interface]:
    """Return the interfaces of the calling thread's namespace, so many at most.

    Raises:
        OSError: They cannot be listed.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        size = HEAD.size + LINK.size
        head = HEAD.pack(size, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
        asked.send(head + LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
        return list(islice(_answers(asked), limit))


def _answers(asked: socket.socket) -> Iterator[Interface]:
    while True:
        part = asked.recv(ANSWER_BYTES)
        for kind, message in messages(part):
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                raise OSError("rtnetlink refused to list the interfaces")
            if kind == RTM_NEWLINK:
                yield interface_of(message)


def messages(part: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and payload of the messages in a part of an answer."""
    at = 0
    while at + HEAD.size <= len(part):
        size, kind, *_ = HEAD.unpack_from(part, at)
        yield kind, part[at + HEAD.size : at + size]
        at += _aligned(max(size, HEAD.size))


def interface_of(message: bytes) -> Interface:
    """Return the interface that an RTM_NEWLINK tells of; a name may be any bytes."""
    _, _, number, _, _ = LINK.unpack_from(message)
    found, at = {}, LINK.size
    while at + ATTRIBUTE.size <= len(message):
        size, kind = ATTRIBUTE.unpack_from(message, at)
        found[kind & TYPE_BITS] = message[at + ATTRIBUTE.size : at + size]
        at += _aligned(max(size, ATTRIBUTE.size))
    name = found.get(IFLA_IFNAME, b"").rstrip(b"\0").decode("utf-8", "replace")
    return number, name, found.get(IFLA_ADDRESS, b"").hex(":")


def _aligned(size: int) -> int:
    return size + -size % 4
