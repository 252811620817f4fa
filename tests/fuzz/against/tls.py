# SPDX-License-Identifier: Apache-2.0
"""Hellos of handshakes between two ends of OpenSSL, of which each has settings of its own."""

import ssl
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any

from kflowd.protocols.tls import Tls
from tests.unit.protocols.tls.make import RX, TX, certificate

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NAMES = {V12: "TLS 1.2", V13: "TLS 1.3"}
ALPN = ((), ("h2",), ("h2", "http/1.1"), ("http/1.1", "h2", "x"), ("a" * 255, "\\ \x01"))
# the client offers a share of X25519 alone: others need a second hello
CURVES = ("", "", "prime256v1", "secp384r1")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@cache
def _client(
    lowest: ssl.TLSVersion, highest: ssl.TLSVersion, alpn: tuple[str, ...]
) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.minimum_version, made.maximum_version = lowest, highest
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


@cache
def _server(highest: ssl.TLSVersion, alpn: tuple[str, ...], curve: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*certificate())
    made.maximum_version = highest
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if curve:
        made.set_ecdh_curve(curve)
    return made


def _hello(end: ssl.SSLObject, out: ssl.MemoryBIO) -> bytes:
    with suppress(ssl.SSLError):  # most wait for what the other one says
        end.do_handshake()
    return out.read()


def _fed(random: Random, talk: Any, way: Any, data: bytes) -> list[dict[str, Any]]:
    made, at = [], 0
    most = random.choice((5, 100, 5000))
    while at < len(data):
        size = random.randint(1, most)
        made += talk.feed(way, data[at : at + size], 1)
        at += size
    assert all(it.direction is way and not it.notes for it in made)
    return [{key: value for key, value in it.members.items() if key != "Ja4"} for it in made]


def compare(random: Random) -> int:
    """Compare the hellos of a handshake, as far as both are in clear."""
    lowest = random.choice((V12, V12, V13))
    highest = random.choice((V12, V13)) if lowest is V12 else V13
    offered, wanted = random.choice(ALPN), random.choice(ALPN)
    curve, most = random.choice(CURVES), random.choice((V12, V13, V13))
    name = ".".join("".join(random.choices(LETTERS, k=random.randint(1, 20))) for _ in range(3))
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = _client(lowest, highest, offered).wrap_bio(
        down, up, server_hostname=name if random.random() < 0.8 else None
    )
    server = _server(most, wanted, curve).wrap_bio(up, down, server_side=True)
    talk, said = Tls().conversation(joined=False), []
    heard: list[dict[str, Any]] = []
    for _ in range(2):
        data = _hello(client, up)
        up.write(data)
        said += _fed(random, talk, TX, data)
        data = _hello(server, down)
        down.write(data)
        heard += _fed(random, talk, RX, data)
        if "Retry" not in heard[-1]:
            break
    up.write(_hello(client, up))
    down.write(_hello(server, down))
    _hello(client, up)  # its version is known when all is said
    offer: dict[str, Any] = {"Version": NAMES[highest]}
    if client.server_hostname:
        offer["Sni"] = client.server_hostname
    if offered:
        offer["Alpn"] = [_shown(it) for it in offered]
    again = len(heard)
    assert said == [offer] * again, (said, offer)
    version = client.version()
    if lowest is V13 and most is V12:
        assert heard == [{"Alert": "protocol_version"}], heard
    else:
        common = min(highest, most)
        answer: dict[str, Any] = {"Version": NAMES[common]}
        assert version == NAMES[common].replace("TLS ", "TLSv")
        if common is V12 and (protocol := client.selected_alpn_protocol()):
            answer["Alpn"] = [_shown(protocol)]
        assert heard[-1] == answer, (heard, answer)
        retried = common is V13 and curve != ""
        assert heard[:-1] == [{"Version": "TLS 1.3", "Retry": True}] * retried
    return len(said) + len(heard)


def _shown(text: str) -> str:
    return "".join(it if " " < it < "\x7f" and it != "\\" else "".join(
        f"\\{byte:03}" for byte in it.encode()) for it in text)  # fmt: skip
