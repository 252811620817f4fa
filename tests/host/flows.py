# SPDX-License-Identifier: Apache-2.0
"""The Community ID that a socket record must have, by its addresses as text.

Written from the specification alone: no line of it is kflowd's.
"""

import base64
import hashlib
import ipaddress
import struct

from tests.host.agent import Record

NUMBERS = {"TCP": 6, "UDP": 17}
ENDS = (("SockLocalIP", "SockLocalPort"), ("SockRemoteIP", "SockRemotePort"))


def flow_id(protocol: str, *ends: tuple[str, int]) -> str:
    """Return the ID of a flow between two ends, in any order; absent ends give "absent"."""
    packed = []
    for text, port in ends:
        address = ipaddress.ip_address(text)
        address = getattr(address, "ipv4_mapped", None) or address
        if address.is_unspecified or not port:
            return "absent"
        packed.append(address.packed + struct.pack(">H", port))
    low, high = sorted(packed)
    numbers = struct.pack(">BB", NUMBERS[protocol], 0)
    hashed = struct.pack(">H", 0) + low[:-2] + high[:-2] + numbers + low[-2:] + high[-2:]
    return "1:" + base64.b64encode(hashlib.sha1(hashed).digest()).decode()


def wanted_id(record: Record) -> str:
    """Return the ID of a record of TCP or UDP; "absent" if it may have none."""
    if "FOLDED" in record.get("SockNotes", ()):
        return "absent"
    ends = [(record[address], record[port]) for address, port in ENDS]
    return flow_id(record["SockProtocol"], *ends)


def wrong_ids(records: list[Record]) -> list[Record]:
    """Return the records with another ID than they must have, and what has one without a flow."""
    return [
        record
        for record in records
        if record.get("SockCommunityID", "absent")
        != (wanted_id(record) if "SockProtocol" in record else "absent")
    ]
