# SPDX-License-Identifier: Apache-2.0
"""Which ports programs capture the payload of."""

from collections.abc import Iterable

from kflowd.bpf.loading.parameters import ring_size
from kflowd.settings.applications import MAX_PORT, Port

# Bits of kf_payload_ports: those of TCP, then those of UDP.
_FIRST_BIT = {"tcp": 0, "udp": MAX_PORT + 1}


def constants(ports: Iterable[Port], ring_bytes: int) -> dict[str, int]:
    """Return the constants of the objects by name.

    Args:
        ports: Whose payload is captured.
        ring_bytes: Size of the ring that was asked for: half of it is for payload, too.
    """
    bits = 0
    for port in ports:
        bits |= 1 << (_FIRST_BIT[port.protocol] + port.number)
    fill = ring_size(ring_bytes) // 2
    return {
        "kf_payload_ports": bits,
        "kf_captures": int(bits != 0),
        "kf_payload_fill": fill,
        "kf_payload_share": fill // 2,
    }
