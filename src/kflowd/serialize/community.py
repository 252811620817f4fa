# SPDX-License-Identifier: Apache-2.0
"""Community ID: a name of a flow that other tools give it too, whichever end they look from. Pure.

Source: Community ID Flow Hashing, version 1 (corelight/community-id-spec).
"""

import hashlib
from binascii import b2a_base64

from kflowd.constants import AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP
from kflowd.model import Flow

VERSION = "1:"
# Two bytes ahead of the flow. Tools agree on an ID if they have the same, and 0 is everyone's.
SEED = bytes(2)
MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:a.b.c.d
UNKNOWN = frozenset([b"", bytes(4), bytes(16)])
WITH_PORTS = frozenset([IPPROTO_TCP, IPPROTO_UDP])


def community_id(flow: Flow) -> str | None:
    """Return `1:` and 28 characters for a flow of TCP or UDP, None if an end of it is not known.

    Not known is a wildcard address, port 0, and an IPv6 address opposite an IPv4 one. IPv4 that a
    socket of IPv6 speaks (::ffff:a.b.c.d) is IPv4 on the wire, and here.
    """
    local, remote = _on_wire(flow.family, flow.local_addr), _on_wire(flow.family, flow.remote_addr)
    if local in UNKNOWN or remote in UNKNOWN or len(local) != len(remote):
        return None
    if not flow.local_port or not flow.remote_port or flow.protocol not in WITH_PORTS:
        return None
    # network order is that of numbers: the addresses are compared, and the ports if they are equal
    low, high = sorted(((local, flow.local_port), (remote, flow.remote_port)))
    protocol, ports = flow.protocol << 8, low[1] << 16 | high[1]
    flow_bytes = low[0] + high[0] + protocol.to_bytes(2, "big") + ports.to_bytes(4, "big")
    digest = hashlib.sha1(SEED + flow_bytes, usedforsecurity=False).digest()
    return VERSION + b2a_base64(digest, newline=False).decode()


def _on_wire(family: int, address: bytes) -> bytes:
    """Return an address as packets have it, of 4 or 16 bytes."""
    if family == AF_INET:
        return address[:4]
    if family == AF_INET6:
        return address[12:] if address.startswith(MAPPED) else address
    return b""
