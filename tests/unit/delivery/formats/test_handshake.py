# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

import pytest

from kflowd.delivery.formats import FORMATS
from kflowd.delivery.formats.handshake import Handshake, handshake
from kflowd.model import Messages, Role
from kflowd.protocols import Direction, Message
from kflowd.serialize.record import SocketRecord
from tests.unit.make import named_socket
from tests.unit.serialize.text import builder

TX, RX = Direction.TX, Direction.RX
CLIENT = {"Version": "TLS 1.3", "Sni": "kf.example", "Alpn": ["h2", "http/1.1"], "Ja4": "t13"}
SERVER = {"Version": "TLS 1.2", "Alpn": ["h2"]}
RETRY = {"Version": "TLS 1.3", "Retry": True}


def record(*said: tuple[Direction, dict[str, Any]], role: int = Role.CLIENT) -> SocketRecord:
    """Return the record of a socket over which hellos went."""
    those = tuple(Message(1, direction, members) for direction, members in said)
    messages = Messages(app="TLS", key="Tls", stamped=True, messages=those)
    made = builder().socket(named_socket(messages=messages, role=role))
    assert isinstance(made, SocketRecord)
    return made


@pytest.mark.parametrize(
    ("said", "known", "text"),
    [
        (
            [(TX, CLIENT), (RX, SERVER)],
            Handshake("TLS 1.3", "TLS 1.2", "kf.example", "h2"),
            "TLS 1.2 kf.example",
        ),
        ([(TX, CLIENT)], Handshake("TLS 1.3", name="kf.example"), "TLS 1.3 kf.example"),
        ([(RX, SERVER)], Handshake(chosen="TLS 1.2", protocol="h2"), "TLS 1.2"),
        (
            [(TX, CLIENT), (RX, RETRY), (TX, CLIENT), (RX, {"Version": "TLS 1.3"})],
            Handshake("TLS 1.3", "TLS 1.3", "kf.example"),
            "TLS 1.3 kf.example",
        ),
        (
            [(TX, CLIENT), (RX, {"Alert": "handshake_failure"})],
            Handshake("TLS 1.3", name="kf.example", trouble="handshake_failure"),
            "TLS 1.3 kf.example handshake_failure",
        ),
        (
            [(TX, {"_Exception": "TLS Message Decoder"})],
            Handshake(trouble="TLS Message Decoder"),
            "TLS Message Decoder",
        ),
    ],
)
def test_what_both_have_agreed_on(
    said: list[tuple[Direction, dict[str, Any]]], known: Handshake, text: str
) -> None:
    """Seen from either end; the forms for people have it in short."""
    client = record(*said)
    other = record(*((Direction(1 - way), it) for way, it in said), role=Role.SERVER)
    for each in (client, other):
        assert handshake(each) == known
        assert str(known) == text
        (made,) = FORMATS["compact"]()(each).decode().splitlines()
        shown = f'"{text}"' if " " in text else text
        assert f" app=TLS said={shown}" in made


def test_a_document_has_what_was_chosen() -> None:
    """In the fields that ECS has for it."""
    made = json.loads(FORMATS["ecs"]()(record((TX, CLIENT), (RX, SERVER))))
    assert made["network"]["protocol"] == "tls"
    assert made["tls"] == {
        "version": "1.2",
        "version_protocol": "tls",
        "client": {"server_name": "kf.example"},
        "next_protocol": "h2",
    }
    draft = json.loads(FORMATS["ecs"]()(record((RX, {"Version": "TLS 1.3 draft 28"}))))
    assert draft["tls"] == {"version": "1.3", "version_protocol": "tls"}
    odd = json.loads(FORMATS["ecs"]()(record((RX, {"Version": "0x0305"}))))
    assert odd["tls"] == {"version": "0x0305"}
    nothing = json.loads(FORMATS["ecs"]()(record((TX, {"Alert": "close_notify"}))))
    assert "tls" not in nothing
