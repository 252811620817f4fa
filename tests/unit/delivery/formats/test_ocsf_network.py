# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

import msgspec
import pytest

from kflowd.delivery.formats import FORMATS
from kflowd.model import EnrichedSocket, Role, SocketFlag
from tests.unit.delivery.formats.ocsf_schema import event
from tests.unit.make import actor, direction, flow, named_unix, socket
from tests.unit.serialize.text import builder

AS_JSON = FORMATS["json-min"]()
SYN, SYN_ACK, RST, RST_ACK, FIN_ACK = 2, 18, 4, 20, 17


@pytest.mark.parametrize(
    ("sent", "received", "changes", "name"),
    [
        ((SYN, FIN_ACK), (SYN_ACK, FIN_ACK), {}, "Close"),
        ((SYN, RST), (SYN_ACK, FIN_ACK), {}, "Reset"),
        ((SYN,), (SYN_ACK, RST_ACK), {}, "Reset"),
        ((SYN,), (RST_ACK,), {}, "Refuse"),
        ((SYN,), (), {}, "Fail"),
        ((FIN_ACK,), (), {}, "Close"),
        ((SYN_ACK,), (SYN, RST), {"role": Role.SERVER}, "Reset"),
        ((SYN,), (SYN_ACK,), {"state": 1, "flags": 0}, "Traffic"),
        ((SYN,), (RST_ACK,), {"flags": 0}, "Traffic"),
        ((), (), {"flags": SocketFlag.FOLDED}, "Traffic"),
    ],
)
def test_how_a_connection_ended(
    sent: tuple[int, ...], received: tuple[int, ...], changes: dict[str, Any], name: str
) -> None:
    """By the flags that were seen; what goes on, or is many, is traffic."""

    def flags(bits: tuple[int, ...]) -> Any:
        counts = tuple(int(at < len(bits)) for at in range(12))
        return direction(
            packets=len(bits), flag_bits=bytes(bits) + bytes(12 - len(bits)), flag_counts=counts
        )

    base = {"state": 7, "role": Role.CLIENT, "flags": SocketFlag.FINAL}
    aggregate = socket(tx=flags(sent), rx=flags(received), **(base | changes))
    made = event(builder().socket(EnrichedSocket(actor(), aggregate)))
    assert made["activity_name"] == name
    assert made["status_id"] == (2 if name in ("Fail", "Refuse") else 1)


def flow_event(remote: bytes, role: int) -> dict[str, Any]:
    """Return the event of a connection with an address and a port of the documentation."""
    ends = flow(
        local_addr=bytes([192, 0, 2, 1]) + bytes(12), local_port=1025,
        remote_addr=remote + bytes(12), remote_port=443,
    )  # fmt: skip
    aggregate = socket(
        flow=ends, role=role, tx=direction(packets=3, payload_bytes=70),
        rx=direction(packets=2, payload_bytes=9000),
    )  # fmt: skip
    return event(builder().socket(EnrichedSocket(actor(), aggregate)))


def test_the_two_ends_of_a_connection() -> None:
    """The client is the source, whoever has sent more; what is not known is said to be so."""
    remote = bytes([198, 51, 100, 2])
    ours, theirs = {"ip": "192.0.2.1", "port": 1025}, {"ip": "198.51.100.2", "port": 443}
    client, server, neither = (flow_event(remote, it) for it in (Role.CLIENT, Role.SERVER, 0))
    assert (client["src_endpoint"], client["dst_endpoint"]) == (ours, theirs)
    assert (server["src_endpoint"], server["dst_endpoint"]) == (theirs, ours)
    assert (neither["src_endpoint"], neither["dst_endpoint"]) == (ours, theirs)
    assert client["traffic"] == {
        "bytes": 9070, "bytes_out": 70, "bytes_in": 9000,
        "packets": 5, "packets_out": 3, "packets_in": 2,
    }  # fmt: skip
    assert (server["traffic"]["bytes_out"], server["traffic"]["bytes_in"]) == (9000, 70)
    made = (client, server, neither)
    assert [it["connection_info"]["direction_id"] for it in made] == [2, 1, 0]
    assert [it["observation_point_id"] for it in made] == [1, 2, 0]
    assert [it["is_src_dst_assignment_known"] for it in made] == [True, True, False]
    for here in (bytes([127, 0, 0, 1]), bytes([192, 0, 2, 1])):
        assert flow_event(here, Role.CLIENT)["connection_info"]["direction_id"] == 4


def test_a_unix_socket() -> None:
    """The path is the server's; what is not named is this host."""
    made = event(builder().unix(named_unix()))
    path = json.loads(AS_JSON(builder().unix(named_unix())))["SockAddress"]
    assert made["dst_endpoint"] == {"name": path}
    assert "hostname" in made["src_endpoint"]
    assert made["connection_info"] == {"direction_id": 4}
    base = named_unix()
    nameless = msgspec.structs.replace(base.aggregate, address="")
    made = event(builder().unix(msgspec.structs.replace(base, aggregate=nameless)))
    assert "hostname" in made["dst_endpoint"]
